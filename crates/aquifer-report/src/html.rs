//! The frame every page shares: one file, no outside resources, light and dark.

use std::fmt::{Display, Write};

/// Text made safe to stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A whole page around its body.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// A section with a heading, a sentence that says how to read it, and its content. Nothing without content.
pub(crate) fn section(title: &str, how_to_read: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    let lead =
        if how_to_read.is_empty() { String::new() } else { format!("<p class=\"lead\">{}</p>\n", escape(how_to_read)) };
    format!("<section>\n<h2>{}</h2>\n{lead}{content}</section>\n", escape(title))
}

/// A table; cells are HTML already. Columns named in `numeric` are set flush right.
pub(crate) fn table(head: &[&str], numeric: &[usize], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |column: usize| if numeric.contains(&column) { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
    for (column, name) in head.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(column), escape(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{cell}</td>", class(column));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody></table></div>\n"
}

/// A horizontal bar filling `share` of its track, with text beside it.
pub(crate) fn bar(share: f64, text: impl Display) -> String {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    format!("<span class=\"track\"><span class=\"fill\" style=\"width:{percent:.2}%\"></span></span> {text}")
}

/// `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `3.2 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// `4.2 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(s: f64) -> String {
    let whole = s.round() as u64;
    match whole {
        0..90 => format!("{s:.1} s"),
        90..5400 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7c; --line: #dfe5ec; --card: #fff; --page: #f4f6f9; --water: #1f77b4; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa8b8; --line: #2c3644; --card: #18202b; --page: #10161e; --water: #5aa9e6; --good: #57c78a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0 0 6px; }
.lead, .sub { color: var(--soft); margin: 0 0 14px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin: 18px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; } .scroll + .scroll { margin-top: 18px; } h3 { font-size: 15px; margin: 18px 0 0; } table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: 13px; } th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } tr:last-child td { border-bottom: 0; } td { overflow-wrap: anywhere; }
.track { display: inline-block; width: 140px; height: 9px; border-radius: 5px; background: var(--line); overflow: hidden; vertical-align: middle; } .fill { display: block; height: 100%; background: var(--water); }
.good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
.plot { background: #fff; border-radius: 8px; padding: 6px; overflow-x: auto; } .plot svg { max-width: 100%; height: auto; display: block; }
blockquote { margin: 10px 0; padding: 8px 14px; border-left: 3px solid var(--water); white-space: pre-wrap; overflow-wrap: anywhere; } blockquote .given { color: var(--soft); }
.talk { margin: 12px 0; } .talk div { padding: 8px 12px; border-radius: 12px; margin: 4px 0; max-width: 80%; width: fit-content; white-space: pre-wrap; overflow-wrap: anywhere; }
.user { background: var(--line); margin-left: auto !important; } .model { background: color-mix(in srgb, var(--water) 18%, var(--card)); }
code, pre { font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; } pre { overflow-x: auto; margin: 0; } details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let shown = section("<b>", "a & b", &escape("<script>alert('x')</script>"));
        assert!(!shown.contains("<script>") && shown.contains("&lt;b&gt;"));
    }

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!((count(1_234_567), count(999)), ("1,234,567".into(), "999".into()));
        assert_eq!(
            (seconds(61.24), seconds(200.0), seconds(7500.0)),
            ("61.2 s".into(), "3 min 20 s".into(), "2 h 5 min".into())
        );
        assert_eq!((bytes(10), bytes(3 << 20)), ("10 B".into(), "3.0 MiB".into()));
    }
}
