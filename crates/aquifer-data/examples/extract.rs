//! The near side of `benches/peers/data_extract.py`: main texts of pages, and how fast they are found.
//!
//! `extract texts PAGES.jsonl` prints the main text of each page (`html`) as a line of JSON. `extract speed PAGES.warc` takes
//! the text out of all pages of an archive, bytes in memory, on one thread, whenever a line is read, and prints the seconds.

use aquifer_corpus::{Format as Kind, ReadOptions, read_stream};
use aquifer_data::extract::{Format, extract};
use std::error::Error;
use std::io::{BufRead, Cursor, Write};
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, path] = &args[..] else { return Err("usage: extract texts|speed PAGES.jsonl".into()) };
    let mut out = std::io::stdout().lock();
    match what.as_str() {
        "texts" => {
            for line in std::fs::read_to_string(path)?.split('\n').filter(|line| !line.is_empty()) {
                let row: serde_json::Value = serde_json::from_str(line)?;
                let page = row["html"].as_str().ok_or("a row has no `html`")?;
                writeln!(out, "{}", serde_json::to_string(&extract(page, Format::Text).text)?)?;
            }
        }
        "speed" => {
            let archive: Arc<[u8]> = std::fs::read(path)?.into();
            for line in std::io::stdin().lock().lines() {
                line?;
                let start = Instant::now();
                let (mut pages, mut bytes) = (0, 0);
                let stream = Cursor::new(Arc::clone(&archive));
                for page in read_stream(stream, path, Some(Kind::Archive), &ReadOptions::default())? {
                    bytes += extract(&page.map_err(|skipped| skipped.to_string())?.text, Format::Text).text.len();
                    pages += 1;
                }
                writeln!(out, "{} {pages} {bytes}", start.elapsed().as_secs_f64())?;
                out.flush()?;
            }
        }
        _ => return Err("the first argument should be `texts` or `speed`".into()),
    }
    Ok(())
}
