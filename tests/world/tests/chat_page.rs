//! The chat page in a real browser. With `AQUIFER_SCREENSHOTS=DIR`, pictures are left there to look at.
#![allow(clippy::unwrap_used)]

mod common;

use common::Server;
use common::browser::Browser;
use serde_json::json;

const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const UP: &str = "\u{E013}";

/// A small decoder of base64, so that a picture can be looked at.
fn keep(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("AQUIFER_SCREENSHOTS") else { return };
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = browser.screenshot();
    let sextets: Vec<u32> = text.bytes().filter(|c| *c != b'=').map(|c| u32::from(value(c))).collect();
    let mut bytes = Vec::new();
    for four in sextets.chunks(4) {
        let word = four.iter().enumerate().fold(0, |word, (i, s)| word | s << (18 - 6 * i));
        bytes.extend_from_slice(&word.to_be_bytes()[1..four.len()]);
    }
    std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
}

const IDLE: &str = "document.getElementById('stop').hidden";

#[test]
#[ignore = "needs Chromium: cargo xtask world"]
fn a_conversation_can_be_held() {
    let server = Server::start(&[]);
    let page = Browser::open(1000, 800, false);
    page.go(&server.url);
    page.wait("document.getElementById('model').textContent === 'tiny'");
    keep(&page, "empty.png");
    assert_eq!(page.run("return document.getElementById('send').disabled"), json!(true));
    page.click("#toggle");
    page.run("document.getElementById('max-tokens').value = 40; document.getElementById('seed').value = 5");
    keep(&page, "settings.png");
    page.click("#toggle");

    // Enter sends; the answer streams in and says what the endpoint says.
    page.keys("#input", &format!("Where does the river go?{ENTER}"));
    page.wait("document.querySelector('.turn.assistant .about')");
    page.wait(IDLE);
    let shown = page.text(".turn.assistant .about");
    assert!(shown.contains("seed 5") && shown.contains("tokens"), "{shown}");
    assert_eq!(page.run("return turns.length"), json!(2));
    assert_eq!(page.run("return document.activeElement.id"), json!("input"), "one can go on typing");

    // A second turn sends the first along; the same seed tried again gives the same answer.
    page.keys("#input", &format!("And then?{ENTER}"));
    page.wait("turns.length === 4");
    let first = page.run("return turns[3].content");
    page.click(".again");
    page.wait("turns.length === 4 && document.getElementById('stop').hidden");
    assert_eq!(page.run("return turns[3].content"), first);
    keep(&page, "conversation.png");

    // The up arrow brings the last message back; a new chat forgets.
    page.keys("#input", UP);
    assert_eq!(page.run("return document.getElementById('input').value"), json!("And then?"));
    page.click("#reset");
    assert_eq!(page.run("return [turns.length, document.querySelectorAll('.turn.user').length]"), json!([0, 0]));
    assert_eq!(page.complaints(), Vec::<String>::new());
    assert_eq!(page.run("return localStorage.length + sessionStorage.length"), json!(0));
}

#[test]
#[ignore = "needs Chromium: cargo xtask world"]
fn an_answer_can_be_stopped() {
    let server = Server::reading(20_000, &[]);
    let page = Browser::open(1000, 800, true);
    page.go(&server.url);
    for by_key in [false, true] {
        // A long answer, handed to the page piece by piece: this model writes faster than a busy machine clicks.
        page.run(
            "window.realFetch ??= window.fetch; window.fetch = async (url, init) => {
               if (!init?.body) return realFetch(url, init);
               const body = JSON.parse(init.body);
               body.ignore_eos = true; body.max_tokens = 15000; init.body = JSON.stringify(body);
               const answer = await realFetch(url, init), reader = answer.body.getReader();
               const pull = async (out) => {
                 await new Promise((done) => setTimeout(done, 300));
                 const { done, value } = await reader.read();
                 if (done) out.close(); else out.enqueue(value);
               };
               return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), answer);
             }",
        );
        page.keys("#input", &format!("Tell me everything{ENTER}"));
        page.wait("!document.getElementById('stop').hidden && document.querySelector('.writing .said')?.textContent");
        if by_key {
            page.keys("body", ESCAPE);
        } else {
            page.click("#stop");
        }
        page.wait(IDLE);
        let about = page.run("return [...document.querySelectorAll('.about')].pop().textContent");
        let text = about.as_str().unwrap();
        assert!(text.contains("stopped") || text.contains("cut off"), "{text}");
    }
    keep(&page, "stopped-dark.png");
}

#[test]
#[ignore = "needs Chromium: cargo xtask world"]
fn what_a_model_writes_stays_text() {
    let server = Server::start(&[]);
    let page = Browser::open(900, 900, false);
    page.go(&server.url);
    let nasty = r#"# Heading <img src=x onerror="window.hit=1">

<script>window.hit = 1</script> **bold <b>x</b>** and *soft* `code <i>` [x](javascript:window.hit=1) javascript:window.hit=1
https://example.org/"onmouseover="window.hit=1

1. one
2. two <svg onload=window.hit=1>

- a
- b

> quoted

```html
<script>window.hit = 1</script>
```
and an unclosed one
```
let x = 1; // 河流"#;
    page.run(&format!("drawMarkdown(add('assistant').appendChild(element('div', 'said')), {})", json!(nasty)));
    keep(&page, "markdown.png");
    let count = |css: &str| page.run(&format!("return document.querySelectorAll('.said {css}').length"));
    for css in ["img", "script", "b", "i", "svg", "[onerror]", "[onload]", "[onmouseover]"] {
        assert_eq!(count(css), json!(0), "{css}");
    }
    let links = page.run("return [...document.querySelectorAll('.said a')].map((a) => a.protocol)");
    assert_eq!(links, json!(["https:"]));
    for (css, n) in [("h2", 1), ("strong", 1), ("em", 1), ("ol li", 2), ("ul li", 2), ("blockquote", 1), ("pre", 2)] {
        assert_eq!(count(css), json!(n), "{css}");
    }
    assert!(page.text(".said").contains("<script>window.hit = 1</script>"));
    assert_eq!(page.run("return window.hit ?? null"), json!(null));
}

#[test]
#[ignore = "needs Chromium: cargo xtask world"]
fn failures_are_told_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "sesame\n").unwrap();
    let server = Server::start(&["--api-key-file", keys.to_str().unwrap()]);
    let page = Browser::open(420, 800, false);
    page.go(&server.url);
    page.wait("document.getElementById('model').textContent === 'tiny'");
    page.keys("#input", &format!("Hello{ENTER}"));
    page.wait("document.querySelector('.turn.error')");
    assert!(page.text(".turn.error").contains("API key"));
    assert_eq!(page.run("return document.getElementById('input').value"), json!("Hello"), "the message comes back");
    keep(&page, "narrow-key.png");
    page.keys("#key", "sesame");
    page.keys("#input", ENTER);
    page.wait("turns.length === 2");

    // A conversation beyond the model's 512 tokens goes on without its beginning.
    page.run("for (let i = 0; i < 40; i++) turns.push({role: 'user', content: 'the river flows'}, {role: 'assistant', content: 'to the sea'})");
    page.keys("#input", &format!("And?{ENTER}"));
    page.wait("document.querySelector('.turn.note')?.textContent.includes('no longer fit')");
    page.wait(IDLE);

    // A server that is gone.
    drop(server);
    page.keys("#input", &format!("Still there?{ENTER}"));
    page.wait("[...document.querySelectorAll('.turn.error')].some((e) => e.textContent.includes('cannot be reached'))");
}
