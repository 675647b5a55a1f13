use super::*;
use proptest::prelude::*;

fn markdown(html: &str) -> String {
    extract(html, Format::Markdown).text
}

const STORY: &str = "<p>The ferry left the island at nine, and nobody on board had seen the keeper of the lighthouse for \
                     more than a week, which the captain found strange.</p><p>The lamp, after all, had burned every night, \
                     and a lamp, as he used to say, does not light itself.</p>";

#[test]
fn what_surrounds_a_text_is_left_out() {
    let page = format!(
        "<html><head><title>Ferry &amp; lamp</title><style>p {{ color: red }}</style></head><body><nav><ul><li><a href=/>Home</a>\
         <li><a href=/news>News</a></ul></nav><div class=sidebar><p>Buy our lamps, they burn every night.</p></div>\
         <div class='post-content'><h1>The lamp</h1>{STORY}<div class=share-buttons>Share this</div><h3>Related</h3><ul>\
         <li><a href=1>Another ferry</a></li><li><a href=2>Another lamp</a></li></ul></div>\
         <div id=comments><p>First! I knew the keeper well, he was my uncle, and so on.</p></div>\
         <footer>Copyright 1999</footer><script>var lamp = '<p>none</p>';</script></body></html>"
    );
    let text = extract(&page, Format::Text);
    let lines: Vec<&str> = text.text.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0] == "The lamp" && lines[1].starts_with("The ferry") && lines[2].ends_with("light itself."));
    assert_eq!(text.title.as_deref(), Some("Ferry & lamp"));
}

#[test]
fn a_page_without_marks_is_judged_by_its_paragraphs() {
    let links = "<a href=x>One</a> <a href=y>Two</a> ".repeat(20);
    let page = format!("<table><tr><td>{links}</td><td>{STORY}</td></tr></table>");
    let text = extract(&page, Format::Text).text;
    assert!(text.starts_with("The ferry") && !text.contains("Two"), "{text}");
}

#[test]
fn markdown_keeps_what_the_markup_meant() {
    for (html, want) in [
        ("<h2>On <em>rain</em></h2><p>One<br>two", "## On *rain*\n\nOne\ntwo"),
        ("<ul><li>a<ul><li>b<li>c</ul><li>d</ul>", "- a\n  - b\n  - c\n- d"),
        ("<ol start=3><li><p>three</p><p>more</p><li>four</ol>", "3. three\n\n   more\n4. four"),
        ("<blockquote><p>q</p><p>r</p></blockquote><p>s", "> q\n>\n> r\n\ns"),
        ("<pre><code>fn f() {\n    1 &lt; 2\n}\n</code></pre>", "```\nfn f() {\n    1 < 2\n}\n```"),
        ("<p>Use <code>a &amp;&amp; b</code>, <strong>always</strong>.", "Use `a && b`, **always**."),
        ("<table><tr><th>k<th>v<tr><td>1<td>x|y</table>", "| k | v |\n| --- | --- |\n| 1 | x\\|y |"),
        (
            "<p>Then <math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation></semantics></math> is",
            "Then $x^2$ is",
        ),
        ("<p>So <script type='math/tex'>a+b</script>.", "So $a+b$."),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢字"),
        ("<p>a<b> b</b>c<i>d </i>e", "a **b**c*d* e"),
        ("<p>x &lt; y &amp; z&nbsp;&eacute;&#233;&#x4e2d;", "x < y & z éé中"),
    ] {
        assert_eq!(markdown(html), want, "{html}");
    }
}

#[test]
fn a_text_without_marks_a_text_in_two_boxes_and_a_text_that_is_only_described() {
    let said = "The keepers of the mill wrote down how high the water stood, every morning, for forty years, and never missed one.";
    let links = "<div><a href=/a>Elsewhere</a> <a href=/b>Nowhere</a></div>";
    let plain = |html: &str| extract(html, Format::Text).text;
    let (first, second) = (format!("{said} First."), format!("{said} Second."));
    for (open, close) in [("<div>", "</div>"), ("<div class=entry-content>", "</div>")] {
        let page =
            format!("{links}<div>{open}<p>{first}</p><p>{first}</p>{close}{open}{second} {second}{close}</div>{links}");
        let text = plain(&page);
        assert_eq!((text.matches("First.").count(), text.matches("Second.").count()), (2, 2), "{text}");
        assert!(!text.contains("where"), "{text}");
    }
    let described = r#"{"@graph": [{"@type": "Article", "articleBody": "BODY"}]}"#.replace("BODY", &first);
    let page = |script: &str| format!("<script type='application/ld+json'>{script}</script><div>Loading.</div>");
    assert_eq!(plain(&page(&described)), first);
    assert_eq!(plain(&page("{\"articleBody\": ")), "Loading.");
    assert_eq!(plain("<p>Mit\u{AD}tel&shy;al\u{AD}ter, scho\u{308}n"), "Mittelalter, sch\u{F6}n");
}

/// Sixty pages of ours, tables, code, formulas, charsets of all kinds, as a person would copy them out.
#[test]
fn sixty_pages_say_what_a_reader_would_copy() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pages");
    let files = aquifer_corpus::input_files(&folder).unwrap();
    // Beside the pages lie what they say, and the script that made them.
    let page = |file: &aquifer_corpus::InputFile| [".html", ".warc"].iter().any(|end| file.name.ends_with(end));
    let files = files.into_iter().filter(page).collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in aquifer_corpus::read_files(files, &aquifer_corpus::ReadOptions::default()) {
        let page = page.unwrap();
        let name = page.id.trim_matches(['<', '>']).trim_end_matches(".html");
        let want = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap();
        let got = markdown(&page.text) + "\n";
        seen += 1;
        if got != want {
            wrong.push(format!("── {name}\n{got}── instead of\n{want}"));
        }
    }
    assert_eq!(seen, 60);
    assert!(wrong.is_empty(), "{} of 60 pages differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn hostile_nesting_is_bounded() {
    for open in ["<div>", "<b>", "<ul><li>", "<table><tr><td>", "<blockquote>", "<a href=x>", "<p><span>"] {
        let page = format!("{}deep{}", open.repeat(10_000), "</div>".repeat(10_000));
        assert!(markdown(&page).contains("deep"), "{open}");
    }
    assert_eq!(markdown(""), "");
    assert_eq!(markdown("<"), "<");
}

proptest! {
    #[test]
    fn no_markup_hurts(parts in prop::collection::vec(prop::sample::select(vec![
        "<p>", "</p>", "<div class=post-content>", "</div>", "<ul>", "<li>", "</ul>", "<table>", "<tr>", "<td>", "</table>", "<a href='", ">", "<!--",
        "-->", "<script>", "</script>", "<pre>", "text, text. ", "é中\u{A0}", "&amp;&#0;&#x110000;&notanentity", "<h2>", "</h2>", "<", "</", "=\"", "\0",
    ]), 0..60)) {
        let page = parts.concat();
        let (text, marked) = (extract(&page, Format::Text), markdown(&page));
        prop_assert!(text.text.len() <= 4 * page.len() && marked.len() <= 8 * page.len() + 64);
    }
}
