//! Pages fetched twice, told by their address.

use super::exact;
use aquifer_corpus::Document;

/// The address as it is compared: scheme, `www.`, fragment, a port that goes without saying and a slash at the end do not count, nor does
/// the case of the host. Path and query do as they stand.
pub fn normalised(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host.to_lowercase();
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let host = host.strip_suffix(port).unwrap_or(&host);
    let host = host.strip_prefix("www.").unwrap_or(host);
    format!("{host}{}", path.trim_end_matches('/'))
}

/// The address a document came from, by its metadata: `url`, else the `WARC-Target-URI` a crawl writes.
pub(crate) fn address(document: &Document) -> Option<&str> {
    ["url", "WARC-Target-URI"].into_iter().find_map(|key| document.metadata.get(key)?.as_str())
}

/// What pages of one address share; `None` for a document without one.
pub fn mark(document: &Document) -> Option<[u8; exact::MARK]> {
    let url = normalised(address(document)?);
    (!url.is_empty()).then(|| exact::digest(url.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_count() {
        for (url, same) in [
            ("https://www.Example.org/Path/?q=A#top", "example.org/Path/?q=A"),
            ("http://example.org:80/", "example.org"),
            ("HTTPS://EXAMPLE.org:443", "example.org"),
            ("http://example.org:443/a", "example.org:443/a"),
            ("example.org/a//", "example.org/a"),
            ("  ", ""),
            ("https://例え.jp?x#y", "例え.jp?x"),
        ] {
            assert_eq!(normalised(url), same, "{url}");
        }
        let mut document = Document::new("a", "text");
        assert_eq!(mark(&document), None);
        document.metadata.insert("url".to_owned(), "http://a.b/".into());
        assert_eq!(mark(&document), Some(exact::digest(b"a.b")));
    }
}
