//! Tables, books and LZ4 as other programs write them. `tests/golden/readers/make.py` makes the files.
#![allow(clippy::unwrap_used)]

use aquifer_corpus::{Document, ReadOptions, Skipped, read_documents};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/readers").join(name)
}

fn read_with(path: &Path, options: &ReadOptions) -> Vec<Result<Document, Skipped>> {
    read_documents(path, options).unwrap().collect()
}

fn read(path: &Path) -> Vec<Result<Document, Skipped>> {
    read_with(path, &ReadOptions::default())
}

fn reason(row: &Result<Document, Skipped>) -> &str {
    &row.as_ref().unwrap_err().reason
}

#[test]
fn tables_give_the_rows_that_were_written() {
    let rows: Vec<Document> = serde_json::from_slice(&std::fs::read(golden("rows.json")).unwrap()).unwrap();
    for name in ["rows.csv", "rows.csv.lz4", "rows.csv.gz"] {
        let found: Vec<Document> = read(&golden(name)).into_iter().map(Result::unwrap).collect();
        assert_eq!(found, rows, "{name}");
    }
    // Tabs and line ends became spaces when the table was written.
    let plain: Vec<String> = rows.iter().map(|row| row.text.replace(['\t', '\n', '\r'], " ")).collect();
    let found: Vec<String> = read(&golden("rows.tsv")).into_iter().map(|row| row.unwrap().text).collect();
    assert_eq!(found, plain);
}

#[test]
fn bad_rows_are_named_and_a_quote_without_end_ends_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    let write = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
    write(b"\xEF\xBB\xBFid,text\n1,one\n2\n3,th\xFFree\n4,four,4\n5,\" \"\n6,six\n");
    let rows = read(&path);
    let texts: Vec<&str> = rows.iter().flatten().map(|row| row.text.as_str()).collect();
    assert_eq!((texts, rows[0].as_ref().unwrap().id.as_str()), (vec!["one", "six"], "1"));
    assert_eq!(reason(&rows[1]), "it has 1 fields, the first row 2");
    assert_eq!(rows[1].as_ref().unwrap_err().line, Some(3));
    assert!(reason(&rows[2]).contains("0xFF in `text`") && reason(&rows[4]).contains("empty"));
    write(b"name,body\n1,one\n");
    assert!(reason(&read(&path)[0]).contains("it has no column `text`"));
    let options = ReadOptions { text_field: Some("body".to_owned()), ..ReadOptions::default() };
    assert_eq!(read_with(&path, &options)[0].as_ref().unwrap().text, "one");
    let mut endless = b"text\nfirst\n\"never closed ".to_vec();
    endless.resize(1 << 20, b'x');
    write(&endless);
    let rows = read_with(&path, &ReadOptions { max_line_bytes: 100_000, ..ReadOptions::default() });
    assert_eq!(rows.len(), 2);
    assert!(reason(&rows[1]).contains("never closed"), "{}", reason(&rows[1]));
    write(b"");
    assert!(reason(&read(&path)[0]).contains("empty"));
}

#[test]
fn lz4_may_have_many_frames_and_be_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.txt.lz4");
    let whole = std::fs::read(golden("frames.txt.lz4")).unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(read(&path)[0].as_ref().unwrap().text, "first frame, second frame, third frame");
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    assert!(reason(&read(&path)[0]).contains("cannot be read to the end"));
}

#[test]
fn a_book_is_its_chapters_in_reading_order() {
    let rows = read(&golden("book.epub"));
    let expected = std::fs::read_to_string(golden("book.txt")).unwrap();
    assert_eq!(rows.len(), 2);
    let skipped = rows[0].as_ref().unwrap_err();
    assert!(skipped.reason.contains("`OEBPS/lost.xhtml`"), "{skipped}");
    let book = rows[1].as_ref().unwrap();
    assert_eq!(book.text, expected.trim_end());
    assert_eq!(book.id, "book.epub");
    let about = ["title", "author", "language"].map(|key| book.metadata[key].as_str().unwrap());
    assert_eq!(about, ["Rain & Other Weather", "A. Writer", "en"]);
    // A long one comes in pieces.
    let pieces = read_with(&golden("book.epub"), &ReadOptions { max_text_bytes: 40, ..ReadOptions::default() });
    assert!(pieces.len() > 3 && pieces[1].as_ref().unwrap().id == "book.epub#1");
}

#[test]
fn broken_books_are_skipped_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.epub");
    let whole = std::fs::read(golden("book.epub")).unwrap();
    for bytes in [&whole[..whole.len() / 2], b"", b"PK\x03\x04", b"no zip at all"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(reason(&read(&path)[0]).contains("no readable EPUB"), "{}", reason(&read(&path)[0]));
    }
    // Ten megabytes of nothing in ten kilobytes.
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let files = [
        ("META-INF/container.xml", "<container><rootfile full-path='p.opf'/></container>".to_owned()),
        ("p.opf", "<package><item id='a' href='a.xhtml'/><itemref idref='a'/></package>".to_owned()),
        ("a.xhtml", " ".repeat(10 << 20)),
    ];
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().rewind().unwrap();
    let rows = read_with(&path, &ReadOptions { max_page_bytes: 1 << 20, ..ReadOptions::default() });
    assert!(reason(&rows[0]).contains("unpacks to more than"), "{}", reason(&rows[0]));
}

#[cfg(feature = "pdf")]
mod pdf {
    use super::*;

    #[test]
    fn a_paper_reads_as_it_is_drawn() {
        for name in ["reportlab", "fpdf2"] {
            let rows = read(&golden(&format!("{name}.pdf")));
            let expected = std::fs::read_to_string(golden(&format!("{name}.txt"))).unwrap();
            assert_eq!(rows.len(), 1, "{name}");
            assert_eq!(rows[0].as_ref().unwrap().text, expected.trim_end(), "{name}");
        }
    }

    #[test]
    fn broken_papers_are_skipped_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.pdf");
        let whole = std::fs::read(golden("reportlab.pdf")).unwrap();
        for bytes in [&whole[..whole.len() / 3], b"", b"%PDF-1.7\n%%EOF"] {
            std::fs::write(&path, bytes).unwrap();
            let rows = read(&path);
            assert!(rows.len() == 1 && rows[0].is_err());
        }
        let mut zeroed = whole.clone();
        for at in (100..whole.len()).step_by(37) {
            zeroed[at] = 0;
            std::fs::write(&path, &zeroed).unwrap();
            let _ = read(&path);
        }
    }
}
