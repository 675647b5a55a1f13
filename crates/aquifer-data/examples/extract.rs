//! The near side of `benches/peers/data_extract.py`: main texts of pages, and how fast they are found.
//!
//! `extract texts PAGES.jsonl` prints the main text of each page (`html`) as a line of JSON. `extract speed PAGES.jsonl` takes the
//! text out of all pages, on one thread, whenever a line is read, and prints the seconds.

use aquifer_data::extract::{Format, extract};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, path] = &args[..] else { return Err("usage: extract texts|speed PAGES.jsonl".into()) };
    let mut pages: Vec<String> = Vec::new();
    for line in std::fs::read_to_string(path)?.split('\n').filter(|line| !line.is_empty()) {
        let row: serde_json::Value = serde_json::from_str(line)?;
        pages.push(row["html"].as_str().ok_or("a row has no `html`")?.to_owned());
    }
    let mut out = std::io::stdout().lock();
    match what.as_str() {
        "texts" => {
            for page in &pages {
                writeln!(out, "{}", serde_json::to_string(&extract(page, Format::Text).text)?)?;
            }
        }
        "speed" => {
            for line in std::io::stdin().lock().lines() {
                line?;
                let start = Instant::now();
                let bytes: usize = pages.iter().map(|page| extract(page, Format::Text).text.len()).sum();
                writeln!(out, "{} {bytes}", start.elapsed().as_secs_f64())?;
                out.flush()?;
            }
        }
        _ => return Err("the first argument should be `texts` or `speed`".into()),
    }
    Ok(())
}
