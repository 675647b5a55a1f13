use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Write};

fn stream(bytes: &[u8], format: Format, options: &ReadOptions) -> Vec<Result<Document, Skipped>> {
    read_stream(Cursor::new(bytes.to_vec()), "f", Some(format), options).unwrap().collect()
}

fn jsonl(text: &str) -> Vec<Result<Document, Skipped>> {
    stream(text.as_bytes(), Format::Jsonl, &ReadOptions::default())
}

fn skip_of(text: &str) -> String {
    jsonl(text).pop().unwrap().unwrap_err().to_string()
}

#[test]
fn every_bad_line_is_skipped_with_its_place_and_reason() {
    let rows = jsonl("{\"text\":\"a\"}\n\nnot json\n{\"content\":\"b\",\"id\":7,\"lang\":\"en\"}\n[1]\n");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0].as_ref().unwrap().id, "f#1");
    assert!(rows[1].as_ref().unwrap_err().to_string().starts_with("f:3: not JSON"));
    let b = rows[2].as_ref().unwrap();
    assert_eq!((b.id.as_str(), b.text.as_str(), b.metadata["lang"].as_str()), ("7", "b", Some("en")));
    assert!(rows[3].as_ref().unwrap_err().reason.contains("a list"));
    assert!(skip_of("{\"book\":\"x\"}").contains("--text-field"));
    assert!(skip_of("{\"text\":3}").contains("`text` should be a string, it is a number"));
    assert!(skip_of("{\"text\":\" \"}").contains("empty"));
    assert!(skip_of("{\"messages\":[{\"role\":1}]}").contains("messages"));
    assert!(skip_of("{\"text\":\"a\"").contains("not JSON"));
}

#[test]
fn other_fields_and_dialogues_are_read() {
    let options = ReadOptions { text_field: Some("modern".to_owned()), ..Default::default() };
    let rows = stream(br#"{"book":"x","modern":"y"}"#, Format::Jsonl, &options);
    assert_eq!(rows[0].as_ref().unwrap().text, "y");
    let rows = jsonl(r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}"#);
    assert_eq!(rows[0].as_ref().unwrap().text, "Hi\nHo");
    assert_eq!(rows[0].as_ref().unwrap().messages().unwrap().len(), 2);
    let rows = jsonl(r#"{"name":"n","html":"<p>Rain"}"#);
    let page = rows[0].as_ref().unwrap();
    assert_eq!((page.text.as_str(), page.metadata["content_type"].as_str()), ("<p>Rain", Some("text/html")));
}

#[test]
fn long_lines_and_bad_bytes_do_not_end_the_file() {
    let options = ReadOptions { max_line_bytes: 30, ..Default::default() };
    let long = format!("{{\"text\":\"{}\"}}\n{{\"text\":\"ok\"}}\n", "x".repeat(50));
    let rows = stream(long.as_bytes(), Format::Jsonl, &options);
    assert!(rows[0].as_ref().unwrap_err().reason.contains("longer"));
    assert_eq!(rows[1].as_ref().unwrap().text, "ok");
    let rows = stream(b"{\"text\":\"\xFF\"}\n{\"text\":\"ok\"}", Format::Jsonl, &ReadOptions::default());
    assert!(rows[0].as_ref().unwrap_err().reason.contains("0xFF"));
    assert_eq!(rows[1].as_ref().unwrap().id, "f#2");
}

#[test]
fn texts_are_whole_or_numbered_and_bad_ones_named() {
    let whole = stream("一行\n两行\n".as_bytes(), Format::Text, &ReadOptions::default());
    assert_eq!((whole.len(), whole[0].as_ref().unwrap().id.as_str()), (1, "f"));
    let small = ReadOptions { max_text_bytes: 20, ..Default::default() };
    let pieces = stream(b"first part\n\nsecond part\n\nthird part\n", Format::Text, &small);
    let ids: Vec<_> = pieces.iter().map(|p| p.as_ref().unwrap().id.clone()).collect();
    assert_eq!(ids, ["f#1", "f#2", "f#3"]);
    assert_eq!(pieces[2].as_ref().unwrap().metadata["line"], 5);
    let binary = stream(b"\x7FELF\0\0\0", Format::Text, &ReadOptions::default());
    assert!(binary[0].as_ref().unwrap_err().reason.contains("binary"));
    let bad = stream(b"good\nb\xC3(d\n", Format::Text, &ReadOptions::default());
    assert!(bad[0].as_ref().unwrap_err().to_string().starts_with("f:2: invalid UTF-8 (byte 0xC3)"));
    let utf16 = stream(b"\xFF\xFEh\0i\0", Format::Text, &ReadOptions::default());
    assert!(utf16[0].as_ref().unwrap_err().reason.contains("UTF-16"));
}

#[test]
fn folders_are_read_in_order_through_every_compression() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("b/c")).unwrap();
    crate::write_documents(&at("b/c/rows.jsonl.zst"), [Document::new("z", "zst")]).unwrap();
    crate::write_documents(&at("b/rows.jsonl.gz"), [Document::new("g", "gz")]).unwrap();
    crate::write_documents(&at("rows.jsonl"), [Document::new("p", "plain")]).unwrap();
    let mut gz = flate2::write::GzEncoder::new(std::fs::File::create(at("a.TXT.gz")).unwrap(), Default::default());
    gz.write_all(b"text").unwrap();
    gz.finish().unwrap();
    std::fs::write(at("note.md"), "no").unwrap();
    std::fs::write(at(".hidden.txt"), "no").unwrap();
    let collected = collect_documents(
        read_documents(dir.path(), &ReadOptions::default()).unwrap(),
        &aquifer_record::Silent,
        &Stop::new(),
    )
    .unwrap();
    let ids: Vec<_> = collected.documents.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(ids, ["a.TXT.gz", "z", "g", "p"]);
    assert_eq!((collected.skipped_count, collected.skipped[0].file.as_str()), (1, "note.md"));
}

#[test]
fn damaged_compression_is_a_skip_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["r.jsonl.zst", "r.jsonl.gz"] {
        let path = dir.path().join(name);
        let text: String = (0..20_000_u64).map(|i| format!("{:x} ", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
        crate::write_documents(&path, [Document::new("a", "short"), Document::new("b", text)]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let last = read_documents(&path, &ReadOptions::default()).unwrap().last().unwrap();
        assert!(last.unwrap_err().reason.contains("cannot be read further"));
    }
}

#[test]
fn hopeless_inputs_are_errors_that_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| read_documents(path, &ReadOptions::default()).err().unwrap().to_string();
    assert!(error(dir.path()).contains("empty"));
    std::fs::write(dir.path().join("x.doc"), "x").unwrap();
    assert!(error(dir.path()).contains("1 other file"));
    assert!(error(&dir.path().join("x.doc")).contains("unknown extension"));
    assert!(error(&dir.path().join("absent.txt")).contains("absent.txt"));
    #[cfg(not(feature = "parquet"))]
    {
        std::fs::write(dir.path().join("x.parquet"), "x").unwrap();
        assert!(error(&dir.path().join("x.parquet")).contains("feature `parquet`"));
    }
    let path = dir.path().join("bad.jsonl");
    std::fs::write(&path, "oops\n{}\n").unwrap();
    let documents = read_documents(&path, &ReadOptions::default()).unwrap();
    let error = collect_documents(documents, &aquifer_record::Silent, &Stop::new()).unwrap_err().to_string();
    assert!(error.contains("bad.jsonl:1: not JSON") && error.contains("bad.jsonl:2"), "{error}");
}

#[test]
fn streams_are_sniffed() {
    let read = |bytes: Vec<u8>| {
        read_stream(Cursor::new(bytes), "-", None, &ReadOptions::default()).unwrap().collect::<Vec<_>>()
    };
    assert_eq!(read(b"  {\"text\": \"row\"}\n".to_vec())[0].as_ref().unwrap().text, "row");
    assert_eq!(read(b"{curly prose}".to_vec())[0].as_ref().unwrap().text, "{curly prose}");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    gz.write_all(b"{\"text\":\"row\"}").unwrap();
    assert_eq!(read(gz.finish().unwrap())[0].as_ref().unwrap().text, "row");
    assert!(read(Vec::new()).is_empty());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), max in 16_usize..64) {
        let options = ReadOptions { max_text_bytes: max, max_line_bytes: max, ..Default::default() };
        for format in [None, Some(Format::Text), Some(Format::Jsonl)] {
            for magic in [&b""[..], &b"\x1F\x8B\x08"[..], &b"\x28\xB5\x2F\xFD"[..]] {
                let stream = Cursor::new([magic, &bytes].concat());
                if let Ok(documents) = read_stream(stream, "f", format, &options) {
                    prop_assert!(documents.take(1000).count() < 1000, "it ends");
                }
            }
        }
    }

    #[test]
    fn a_text_read_in_pieces_is_the_text(text in "(?s)[a文\n .]{1,200}", max in 16_usize..64) {
        let options = ReadOptions { max_text_bytes: max, ..Default::default() };
        let joined: String = stream(text.as_bytes(), Format::Text, &options).into_iter().flatten().map(|d| d.text).collect();
        let bare = |s: &str| s.split_whitespace().collect::<String>();
        prop_assert_eq!(bare(&joined), bare(&text));
    }
}
