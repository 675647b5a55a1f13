//! The host in an address, and the domain somebody registered for it: as the Python package tldextract (5.4) finds them.

use rustc_hash::FxHashSet;
use std::sync::LazyLock;

/// The host of an address, however it is written: no scheme, user, port, path or root stop.
pub(super) fn host(url: &str) -> String {
    let is_scheme = |scheme: &str| scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let rest = match url.split_once("//") {
        Some(("", rest)) => rest,
        Some((scheme, rest)) if scheme.strip_suffix(':').is_some_and(|s| !s.is_empty() && is_scheme(s)) => rest,
        _ => url,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim();
    host.trim_end_matches(['.', '。', '．', '｡']).replace(['。', '．', '｡'], ".")
}

/// The registered domain of a host: a public suffix and the label before it. `None` where there is no known suffix or nothing before
/// it. Suffixes that companies give out (`blogspot.com`) count as ordinary domains.
pub(super) fn registered(host: &str) -> Option<&str> {
    let small = host.to_lowercase();
    let labels: Vec<&str> = small.split('.').collect();
    let suffix = labels.len() - suffix_labels(&labels)?;
    // Small letters may take other bytes than the host's own, so labels are counted.
    let before: usize = host.split('.').take(suffix.checked_sub(1)?).map(|label| label.len() + 1).sum();
    let domain = &host[before..];
    (!domain.starts_with('.')).then_some(domain)
}

/// The whole name of a host with this domain: an empty label right before the domain is none.
pub(super) fn name<'a>(host: &'a str, domain: &str) -> &'a str {
    host.strip_prefix('.').filter(|rest| *rest == domain).unwrap_or(host)
}

/// How many labels at the end are the public suffix: the longest rule that fits, and of exceptions one less.
fn suffix_labels(labels: &[&str]) -> Option<usize> {
    static SUFFIXES: LazyLock<FxHashSet<&str>> =
        LazyLock::new(|| include_str!("public_suffixes.txt").lines().filter(|line| !line.starts_with("//")).collect());
    let known = |rule: String| SUFFIXES.contains(rule.as_str());
    // No rule has more labels than five.
    (labels.len().saturating_sub(6)..labels.len()).find_map(|at| {
        let (this, behind) = (labels[at..].join("."), labels[at + 1..].join("."));
        if known(format!("!{this}")) {
            Some(labels.len() - at - 1)
        } else {
            (known(this) || known(format!("*.{behind}"))).then_some(labels.len() - at)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_registered_domains_are_tldextracts() {
        let rows: Vec<[String; 3]> =
            serde_json::from_str(include_str!("../../../tests/golden/url/hosts.json")).unwrap();
        assert!(rows.len() > 60);
        for [url, domain, name] in rows {
            let host = host(&url);
            let found = registered(&host);
            assert_eq!(found.unwrap_or_default(), domain, "{url}");
            assert_eq!(found.map_or("", |domain| super::name(&host, domain)), name, "{url}");
        }
    }
}
