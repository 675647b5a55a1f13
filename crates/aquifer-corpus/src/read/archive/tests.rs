use super::*;
use crate::{read_documents, read_stream};
use proptest::prelude::*;
use std::io::{Cursor, Write};

fn record(kind: &str, id: u32, body: &str) -> String {
    let media = if kind == "response" { "application/http; msgtype=response" } else { "text/plain" };
    format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{id}>\r\nWARC-Target-URI: http://a.org/{id}\r\n\
         WARC-Date: 2020-01-01T00:00:00Z\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}\r\n\r\n",
        body.len()
    )
}

fn page(id: u32) -> String {
    record("response", id, &format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Page {id}</p>"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn read(bytes: &[u8]) -> Vec<Result<Document, Skipped>> {
    let options = ReadOptions { max_page_bytes: 4000, ..Default::default() };
    read_stream(Cursor::new(bytes.to_vec()), "w", None, &options).unwrap().collect()
}

/// Ids of what was read, `!` before reasons.
fn told(rows: &[Result<Document, Skipped>]) -> Vec<String> {
    let told = |row: &Result<Document, Skipped>| match row {
        Ok(document) => document.id.clone(),
        Err(skipped) => format!("!{}", skipped.reason),
    };
    rows.iter().map(told).collect()
}

#[test]
fn pages_come_with_their_address_and_other_records_are_passed_over() {
    let file = [
        record("warcinfo", 0, "software: x"),
        page(1),
        record("request", 2, "GET /"),
        record("conversion", 3, "Plain text."),
    ];
    let rows = read(file.concat().as_bytes());
    assert_eq!(told(&rows), ["<urn:uuid:1>", "<urn:uuid:3>"]);
    let first = rows[0].as_ref().unwrap();
    assert_eq!(first.text, "<p>Page 1</p>");
    assert_eq!(
        (first.metadata["url"].as_str(), first.metadata["content_type"].as_str()),
        (Some("http://a.org/1"), Some("text/html"))
    );
    assert_eq!(rows[1].as_ref().unwrap().metadata["content_type"], "text/plain");
    let members: Vec<u8> = file.iter().flat_map(|record| gzip(record.as_bytes())).collect();
    assert_eq!(read(&members), rows, "a member each");
    assert_eq!(read(&gzip(file.concat().as_bytes())), rows, "one member for all");
    assert_eq!(read(&zstd::encode_all(file.concat().as_bytes(), 1).unwrap()), rows);
}

#[test]
fn what_is_no_page_says_why() {
    let picture = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nPNG";
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>No";
    let empty = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n ";
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5000));
    let file: String =
        [picture, missing, empty, &long].iter().zip(1..).map(|(body, id)| record("response", id, body)).collect();
    let reasons = told(&read((file + &page(9)).as_bytes()));
    let found = ["image/png", "status 404", "empty", "more than the 4000 allowed", "<urn:uuid:9>"];
    assert!(reasons.len() == 5 && reasons.iter().zip(found).all(|(reason, part)| reason.contains(part)), "{reasons:?}");
}

#[test]
fn damage_costs_the_record_it_lies_in() {
    let [one, two, three] = [page(1), page(2), page(3)];
    let no_length = two.replace("Content-Length", "Content-Height");
    let wrong = two.replace("Content-Length: ", "Content-Length: x");
    for bad in [&no_length, &wrong, &"scrap\r\nof paper\r\n".to_owned()] {
        let told = told(&read([&one, bad, &three].map(String::as_str).concat().as_bytes()));
        assert_eq!((told[0].as_str(), told.last().unwrap().as_str()), ("<urn:uuid:1>", "<urn:uuid:3>"), "{told:?}");
        assert!(told[1].starts_with('!'));
    }
    let mut broken = gzip(two.as_bytes());
    let middle = broken.len() / 2;
    broken[middle..middle + 8].fill(0xFF);
    let short = &gzip(two.as_bytes())[..middle];
    for bad in [broken.as_slice(), short, b"not gzip at all"] {
        let told = told(&read(&[gzip(one.as_bytes()).as_slice(), bad, &gzip(three.as_bytes())].concat()));
        assert_eq!((told[0].as_str(), told.last().unwrap().as_str()), ("<urn:uuid:1>", "<urn:uuid:3>"), "{told:?}");
        assert!(told[1].starts_with('!'));
    }
    let cut = &one.as_bytes()[..one.len() - 12];
    assert!(told(&read(cut))[0].contains("cut short"));
}

#[test]
fn what_unpacks_without_end_is_left_behind() {
    let bomb = format!("WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 80000000\r\n\r\n{}", "0".repeat(80_000_000));
    let file = [gzip(page(1).as_bytes()), gzip(bomb.as_bytes()), gzip(page(2).as_bytes())].concat();
    let told = told(&read(&file));
    assert_eq!((told.len(), told[0].as_str(), told[2].as_str()), (3, "<urn:uuid:1>", "<urn:uuid:2>"), "{told:?}");
}

#[test]
fn arc_files_and_single_pages_are_read() {
    let body = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Old";
    let file = format!(
        "filedesc://a.arc 0.0.0.0 20140216050221 text/plain 3\n1 0\n\nhttp://a.org/with space 1.2.3.4 20140216050221 text/html {}\n{body}\n",
        body.len()
    );
    let rows = read(file.as_bytes());
    let document = rows[0].as_ref().unwrap();
    assert_eq!((rows.len(), document.id.as_str(), document.text.as_str()), (1, "w#2", "<p>Old"));
    assert_eq!(document.metadata["url"], "http://a.org/with space");
    let rows = read(b"<!DOCTYPE html><meta charset=latin1><p>d\xE9j\xE0");
    assert!(rows[0].as_ref().unwrap().text.ends_with("déjà"));
    assert_eq!(rows[0].as_ref().unwrap().metadata["charset"], "windows-1252");
}

/// Pages in the public fixtures of warcio and resiliparse, as those libraries' own tests count them.
#[test]
fn the_fixtures_of_other_readers_are_read() {
    let root = std::env::var_os("AQUIFER_DATA").map(std::path::PathBuf::from);
    let root = root.unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let folder = root.join("web_raw/warc");
    if !folder.exists() {
        eprintln!("skipped: `{}` is not there (set AQUIFER_DATA)", folder.display());
        return;
    }
    let rows = |name: &str| read_documents(&folder.join(name), &ReadOptions::default()).unwrap().collect::<Vec<_>>();
    for name in [
        "example.warc",
        "example.warc.gz",
        "example.arc.gz",
        "example-iana.org-chunked.warc",
        "example-wrong-chunks.warc.gz",
    ] {
        let rows = rows(name);
        let page = rows.iter().find_map(|row| row.as_ref().ok()).unwrap_or_else(|| panic!("{name}: {rows:?}"));
        assert!(page.text.contains("</html>") && page.metadata.contains_key("url"), "{name}");
    }
    assert_eq!(rows("warcfile.warc.gz").iter().filter(|row| row.is_ok()).count(), 16);
    let all = rows("clueweb-quirk.warc.gz");
    assert!(all.len() == 29 && all.iter().all(Result::is_ok), "headers that end in bare newlines");
    assert!(told(&rows("clipped.warc.gz"))[0].contains("cannot be read further"));
    assert!(told(&rows("post-test.warc.gz")).iter().all(|reason| reason.contains("application/json, not a page")));
    let cut = told(&rows("example-trunc.warc"));
    assert!(cut.len() == 2 && cut[0].starts_with("<urn") && cut[1].starts_with('!'), "{cut:?}");
}

proptest! {
    #[test]
    fn no_bytes_hurt(mut bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..600) {
        let file = [page(1), record("warcinfo", 2, "x")].concat();
        let at = at.min(file.len());
        bytes.splice(0..0, file.as_bytes()[..at].iter().copied());
        let _ = read(&bytes);
        let _ = read(&gzip(&bytes));
    }
}
