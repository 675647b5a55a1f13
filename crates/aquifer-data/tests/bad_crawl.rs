//! What a crawl brings along: each kind of bad input is counted and left out with a reason, in bounded time and memory, and the
//! documents beside it stay.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use aquifer_corpus::{Document, ReadOptions, read_documents, zstd_lines};
use aquifer_data::pipeline::{Pipeline, Recipe, RunOptions};
use aquifer_record::{Silent, Stop};
use aquifer_tensor::random::Stream;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Every rule of a crawl's recipe, and every way to find copies.
const RECIPE: &str = r#"
[[stage]]
rule = "extract"
[[stage]]
rule = "repair"
[[stage]]
rule = "language"
[[stage]]
rule = "gopher_repetition"
[[stage]]
rule = "gopher_quality"
words = { at_least = 5 }
[[stage]]
rule = "c4_quality"
sentences = { at_least = 1 }
[[stage]]
rule = "line_corrections"
[[stage]]
rule = "privacy"
[[stage]]
dedup = "minhash"
[[stage]]
dedup = "near"
[[stage]]
dedup = "lines"
"#;

/// Mebibytes that a run may hold at its peak: the program, its tables and models, and two threads' batches.
const MOST: u64 = 700;
const LONGEST: Duration = Duration::from_secs(60);

fn good() -> String {
    let text = "The ferry left the island at nine, and nobody on board had seen the keeper of the lighthouse for a week. \
                That was strange, because the lamp had burned every night. The captain asked the harbour about it twice.";
    serde_json::json!({ "id": "good", "text": text }).to_string() + "\n"
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn warc(page: &[u8]) -> Vec<u8> {
    let head = format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        page.len()
    );
    [head.as_bytes(), page, b"\r\n\r\n"].concat()
}

/// What a run made of its input.
struct Said {
    skipped: u64,
    dropped: u64,
    /// Why the first row was skipped.
    why: String,
}

/// Runs the recipe over a file and a good one, in a process of its own.
fn run(name: &str, content: &[u8]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in/a");
    std::fs::create_dir_all(&input).unwrap();
    std::fs::write(input.join(name), content).unwrap();
    std::fs::write(folder.path().join("in/b.jsonl"), good()).unwrap();
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "one_run", "--ignored", "--nocapture"]).env(FOLDER, folder.path());
    let said = child.stderr(Stdio::inherit()).output().unwrap();
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let words = said.lines().find_map(|line| line.strip_prefix(SAID)).unwrap_or_else(|| panic!("{name}: {said}"));
    let mut words = words.splitn(4, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (peak, skipped, dropped) = (number(), number(), number());
    let said = Said { skipped, dropped, why: words.next().unwrap().to_owned() };
    eprintln!("{name}: {took:?}, {peak} MiB, skipped {skipped}, dropped {dropped}: {}", said.why);
    assert!(took < LONGEST, "{name} took {took:?}");
    assert!(peak < MOST, "{name} held {peak} MiB");
    said
}

/// Names the folder that [`one_run`] works in.
const FOLDER: &str = "AQUIFER_TEST_FOLDER";
const SAID: &str = "one run: ";

#[test]
#[ignore = "it is what the other tests run, each in a process of its own"]
fn one_run() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let recipe = Recipe::parse(RECIPE, "test").unwrap();
    let pipeline = Pipeline::open(recipe, &[folder.join("in")], &folder.join("out")).unwrap();
    let options = RunOptions { threads: 2, memory: 64 << 20, ..RunOptions::default() };
    let outcome = pipeline.run(&options, &Silent, &Stop::new()).unwrap().unwrap();
    assert!(ids(&outcome.documents).contains(&"good".to_owned()), "the good document is gone");
    let dropped: u64 = outcome.report.stages.iter().flat_map(|stage| stage.reasons.values()).sum();
    let why = outcome.report.skipped.first().map_or("", |skipped| skipped.why.as_str());
    println!("\n{SAID}{} {} {dropped} {}", peak_mebibytes(), outcome.report.skipped_total, why.replace('\n', " "));
}

fn ids(folder: &Path) -> Vec<String> {
    read_documents(folder, &ReadOptions::default()).unwrap().map(|document| document.unwrap().id).collect()
}

/// The most that this process held.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Bytes that no compression shortens and no reader takes for text.
fn noise(n: usize) -> Vec<u8> {
    let stream = Stream::new(7, "bad crawl", "noise");
    (0..n.div_ceil(4) as u64).flat_map(|i| stream.word(0, i).to_le_bytes()).take(n).collect()
}

#[test]
fn files_cut_short_or_broken_are_skipped_with_a_reason() {
    let lines: String =
        (0..3000).map(|i| format!("{{\"text\": \"line {i} of a file {}\"}}\n", i * 7919 % 1000)).collect();
    let pages: Vec<u8> =
        (0..300).flat_map(|i| warc(format!("Page {i} of an archive. It is short.").as_bytes())).collect();
    let members: Vec<u8> = (0..300).flat_map(|i| gzip(&warc(format!("Page {i} of an archive.").as_bytes()))).collect();
    let zstd = zstd_lines([Document::new("x", lines.clone())]).unwrap();
    // In the middle; of an archive in the middle of a header, for in a page it could not be told.
    let broken = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        let at = middle + bytes[middle..].windows(11).position(|w| w == b"Content-Typ").unwrap_or(0);
        bytes[at..at + 64].copy_from_slice(&noise(64));
        bytes
    };
    let cut = |bytes: &[u8]| bytes[..bytes.len() * 2 / 3].to_vec();
    // A record that claims to be longer than any file.
    let claim = &b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 18446744073709551615\r\n\r\nshort"[..];
    let long = [claim, &pages].concat();
    for (name, content) in [
        ("cut.jsonl.gz", cut(&gzip(lines.as_bytes()))),
        ("broken.jsonl.gz", broken(&gzip(lines.as_bytes()))),
        ("cut.jsonl.zst", cut(&zstd)),
        ("broken.jsonl.zst", broken(&zstd)),
        ("cut.warc", cut(&pages)),
        ("broken.warc", broken(&pages)),
        ("cut.warc.gz", cut(&members)),
        ("broken.warc.gz", broken(&members)),
        ("noise.warc.gz", noise(1 << 20)),
        ("noise.jsonl", noise(1 << 20)),
        ("noise.txt", noise(1 << 20)),
        ("long.warc", long),
        ("no.html", b"\0\0\0".to_vec()),
    ] {
        let Said { skipped, why, .. } = run(name, &content);
        assert!(skipped > 0 && !why.is_empty(), "{name}: {skipped} {why}");
    }
}

#[test]
fn what_unpacks_without_end_is_left_after_a_while() {
    // Members and frames of 16 MiB, so many that all together are more than a disk holds.
    let member = gzip(&vec![b'a'; 16 << 20]);
    let frame = zstd::encode_all(&vec![b' '; 16 << 20][..], 19).unwrap();
    for (name, content) in [
        ("bomb.jsonl.gz", member.repeat(512)),
        ("bomb.txt.gz", member.repeat(512)),
        ("bomb.html.gz", member.repeat(512)),
        ("bomb.warc.gz", member.repeat(64)),
        ("bomb.jsonl.zst", frame.repeat(4096)),
        ("bomb.warc.zst", frame.repeat(4096)),
    ] {
        let Said { skipped, why, .. } = run(name, &content);
        assert!(skipped > 0, "{name}: {why}");
    }
}

#[test]
fn lines_and_pages_beyond_measure_are_skipped() {
    let word = "word ".repeat(20 << 20);
    let page = |text: &str| format!("<html><body><p>{text}</p></body></html>");
    let deep = format!("<html><body>{}deep{}</body></html>", "<div>".repeat(10_000), "</div>".repeat(10_000));
    let tables = "<table><tr><td>".repeat(10_000);
    let open = "<b><i><a href=x><span>".repeat(10_000);
    for (name, content, skips) in [
        ("line.jsonl", format!("{{\"text\": \"{word}\"}}\n").into_bytes(), true),
        ("line.txt", word.clone().into_bytes(), false),
        ("line.html", page(&word).into_bytes(), true),
        ("line.warc", warc(page(&word).as_bytes()), true),
        ("deep.html", deep.into_bytes(), false),
        ("tables.html", tables.into_bytes(), false),
        ("open.html", open.into_bytes(), false),
        ("deep.jsonl", format!("{{\"text\": {}", "[".repeat(1 << 20)).into_bytes(), true),
    ] {
        let Said { skipped, dropped, why } = run(name, &content);
        assert!(
            if skips { skipped > 0 && !why.is_empty() } else { skipped + dropped > 0 },
            "{name}: {skipped} {dropped} {why}"
        );
    }
}

#[test]
fn texts_made_to_keep_rules_busy_do_not() {
    let text = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let hostile = [
        text("a"),
        text("("),
        text("aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
        text("\n"),
        text(". "),
        text("a.b@c-"),
        text("1.2.3.4."),
        text("http://"),
        text("e\u{301}\u{302}\u{303}"),
        text("\u{200D}\u{FE0F}"),
        text("<a <a <a "),
        text("&#x26;&amp;"),
        text("汉"),
        text("x\n\nx\n"),
        text("javascript lorem ipsum { "),
        text("\\u0000"),
        text("- • ... "),
        text("Ã¢â‚¬â„¢"),
    ];
    let lines: String = hostile
        .iter()
        .enumerate()
        .map(|(i, text)| serde_json::json!({ "id": i.to_string(), "text": text }).to_string() + "\n")
        .collect();
    let nul = "{\"text\": \"zero \\u0000 bytes\"}\n{\"text\": \"\0\"}\n";
    let invalid = b"{\"text\": \"\xff\xfe\"}\n{\"text\": \"\\ud800\"}\n";
    let Said { skipped, dropped, why } = run("texts.jsonl", &[lines.as_bytes(), nul.as_bytes(), invalid].concat());
    // A text of nothing but line ends is empty.
    assert!(skipped == 4 && dropped >= 15, "{skipped} {dropped} {why}");
}
