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

/// A table; cells are HTML already. Columns named in `numeric` are set flush right. On a narrow screen every row becomes
/// a card, and each cell says what it is.
pub(crate) fn table(head: &[&str], numeric: &[usize], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let class = |column: usize| if numeric.contains(&column) { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"scroll\"><table>\n");
    if head.iter().any(|name| !name.is_empty()) {
        out.push_str("<thead><tr>");
        for (column, name) in head.iter().enumerate() {
            let _ = write!(out, "<th{}>{}</th>", class(column), escape(name));
        }
        out.push_str("</tr></thead>\n");
    }
    out.push_str("<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let label = head.get(column).filter(|name| !name.is_empty() && !cell.is_empty());
            let label = label.map_or(String::new(), |name| format!(" data-label=\"{}\"", escape(name)));
            let _ = write!(out, "<td{}{label}>{cell}</td>", class(column));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody></table></div>\n"
}

/// A horizontal bar filling `share` of its track, with text beside it.
pub(crate) fn bar(share: f64, text: impl Display) -> String {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    format!(
        "<span class=\"bar\"><span class=\"track\"><span class=\"fill\" style=\"width:{percent:.2}%\"></span></span>\
         <span>{text}</span></span>"
    )
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7c; --line: #dfe5ec; --card: #fff; --page: #f4f6f9; --water: #1f77b4; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa8b8; --line: #2c3644; --card: #18202b; --page: #10161e; --water: #5aa9e6; --good: #57c78a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; } h2 { font-size: 19px; margin: 0 0 4px; } h3 { font-size: 15px; margin: 24px 0 4px; } h2 + h3, .lead + h3 { margin-top: 8px; }
.lead, .sub { color: var(--soft); margin: 0 0 14px; } h3 + p { margin: 0 0 6px; } footer { color: var(--soft); font-size: 13px; text-align: center; margin-top: 28px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; margin: 18px 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0; }
.tile { flex: 1 1 calc(100% / var(--per-row) - 12px); background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.3; font-variant-numeric: tabular-nums; white-space: nowrap; } .tile span { color: var(--soft); font-size: 13px; line-height: 1.35; display: block; }
.scroll { overflow-x: auto; margin: 6px 0; } .scroll + .scroll { margin-top: 20px; } table { border-collapse: collapse; width: 100%; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; } th, td { padding: 7px 16px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; } th:last-child, td:last-child { padding-right: 0; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } tr:last-child td { border-bottom: 0; } td { overflow-wrap: break-word; }
.bar { display: inline-flex; align-items: center; gap: 8px; white-space: nowrap; font-variant-numeric: tabular-nums; } .track { width: 100px; height: 9px; border-radius: 5px; background: var(--line); overflow: hidden; } .fill { display: block; height: 100%; background: var(--water); }
.good { color: var(--good); white-space: nowrap; } .bad { color: var(--bad); white-space: nowrap; } .error { color: var(--bad); overflow-wrap: anywhere; } .soft { color: var(--soft); } .note { border-left: 3px solid var(--water); padding: 2px 0 2px 12px; margin: 8px 0; }
.why { color: var(--soft); font-size: 13px; white-space: nowrap; } .scores .track { width: 180px; } .scores td:first-child { width: 170px; }
.plot { background: #fff; border-radius: 8px; padding: 6px; overflow-x: auto; } .plot svg { width: 100%; min-width: 540px; height: auto; display: block; }
.said { margin: 10px 0; padding: 10px 14px; border-left: 3px solid var(--water); background: color-mix(in srgb, var(--water) 5%, var(--card)); border-radius: 0 8px 8px 0; white-space: pre-wrap; overflow-wrap: anywhere; } .given { color: var(--soft); border-bottom: 1px dotted var(--soft); }
.talk { margin: 14px 0; display: flex; flex-direction: column; align-items: flex-start; gap: 4px; } .talk div { padding: 8px 14px; border-radius: 14px; max-width: 80%; white-space: pre-wrap; overflow-wrap: anywhere; }
.talk .user { background: var(--line); align-self: flex-end; } .talk .model { background: color-mix(in srgb, var(--water) 18%, var(--card)); } .talk span { font-size: 13px; padding-left: 14px; white-space: normal; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 14px; } figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; padding: 4px 2px; } .figures .plot svg { min-width: 0; }
.beside { display: grid; grid-template-columns: 1fr 1fr; gap: 22px; } .beside .said { max-height: 180px; overflow: auto; font-size: 13px; } @media (max-width: 640px) { .beside { grid-template-columns: 1fr; } }
code, pre { font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; } code { overflow-wrap: anywhere; } pre { overflow-x: auto; margin: 8px 0 0; } details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); } summary:hover { color: var(--ink); }
@media (max-width: 640px) {
  main { padding: 20px 12px 32px; } section { padding: 16px 14px; border-radius: 10px; } .tile { flex-basis: calc(50% - 12px); padding: 10px 12px; } .tile b { font-size: 20px; }
  thead { display: none; } table, tbody, tr, td { display: block; } tr { padding: 8px 0; border-bottom: 1px solid var(--line); } tr:last-child { border-bottom: 0; }
  td, td.n { border: 0; padding: 1px 0; text-align: left; white-space: normal; } td:empty { display: none; } td:first-child { font-weight: 600; } td[data-label]:not(:first-child)::before { content: attr(data-label) ': '; color: var(--soft); }
  .talk div { max-width: 92%; } .bar { flex-wrap: wrap; white-space: normal; row-gap: 0; } .scores .track { width: 140px; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let shown = section("<b>", "a & b", &escape("<script>alert('x')</script>"));
        assert!(!shown.contains("<script>") && shown.contains("&lt;b&gt;"));
    }
}
