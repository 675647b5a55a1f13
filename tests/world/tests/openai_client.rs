//! The `openai` Python package and `curl`, unmodified.
#![allow(clippy::unwrap_used)]

mod common;

use common::Server;
use serde_json::Value;
use std::process::Command;

#[test]
#[ignore = "needs Python with openai: cargo xtask world"]
fn the_openai_package_works_unmodified() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "sesame\n").unwrap();
    let server = Server::start(&["--api-key-file", keys.to_str().unwrap()]);
    let python = std::env::var_os("AQUIFER_PYTHON").expect("AQUIFER_PYTHON names a Python: cargo xtask world");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openai_client.py");
    let out = Command::new(python).args([script, &server.url, "sesame"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn curl(arguments: &[&str]) -> String {
    let out = Command::new("curl").args(["-sS", "--max-time", "30"]).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
#[ignore = "needs curl: cargo xtask world"]
fn curl_works_as_in_the_documentation() {
    let server = Server::start(&[]);
    let chat = format!("{}/v1/chat/completions", server.url);
    let body = r#"{"model": "tiny", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 12, "seed": 1}"#;
    let whole: Value =
        serde_json::from_str(&curl(&[&chat, "-H", "Content-Type: application/json", "-d", body])).unwrap();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    let streamed = curl(&[&chat, "-N", "-d", &body.replace("\"seed\"", "\"stream\": true, \"seed\"")]);
    let data: Vec<&str> = streamed.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.last(), Some(&"[DONE]"));
    let pieces: String = data[..data.len() - 1]
        .iter()
        .filter_map(|d| {
            serde_json::from_str::<Value>(d).unwrap()["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(pieces, text);
    // A body beyond the limit is turned away before it is read.
    let folder = tempfile::tempdir().unwrap();
    let big = folder.path().join("big");
    std::fs::write(&big, vec![b' '; 5 << 20]).unwrap();
    let at_big = format!("@{}", big.display());
    let status = curl(&[&chat, "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", &at_big]);
    assert_eq!(status, "413");
    assert!(
        curl(&[&format!("{}/metrics", server.url)])
            .contains("aquifer_requests_total{endpoint=\"chat\",status=\"413\"} 1")
    );
}
