//! The near side of `benches/peers/data_dedup.py`: every stage of MinHash over files of documents, and its speed.
//!
//! `dedup files WORDS OPTIONS.json OUT RANK.jsonl …` writes `OUT/sigs`, `OUT/dups` and `OUT/out`.
//! `dedup speed WORDS OPTIONS.json DOCUMENTS.jsonl` prints, for every line of standard input, the seconds of signing all documents once.
//! WORDS are `spaces` or `english`.

use aquifer_data::dedup::minhash::{
    ClusterOptions, MinHash, MinHashOptions, PairOptions, SignatureFiles, cluster, find_pairs,
};
use aquifer_data::dedup::spill::Spill;
use aquifer_text::shingles;
use aquifer_text::words::Language;
use std::error::Error;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["files", words, options, out, ref ranks @ ..] => files(&scheme(words, options)?, Path::new(out), ranks),
        ["speed", words, options, documents] => speed(&scheme(words, options)?, documents),
        _ => {
            let usage =
                "dedup files WORDS OPTIONS.json OUT RANK.jsonl …, or dedup speed WORDS OPTIONS.json DOCUMENTS.jsonl";
            Err(format!("usage: {usage}").into())
        }
    }
}

fn scheme(words: &str, options: &str) -> Result<MinHash, Box<dyn Error>> {
    let options: MinHashOptions = serde_json::from_slice(&std::fs::read(options)?)?;
    let words = match words {
        "spaces" => shingles::white_space_words(),
        _ => shingles::words(Language::English),
    };
    Ok(MinHash::of_words(&options, words))
}

fn texts(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut texts = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        texts.push(serde_json::from_str(line)?);
    }
    Ok(texts)
}

fn files(minhash: &MinHash, out: &Path, ranks: &[&str]) -> Result<(), Box<dyn Error>> {
    let signatures = SignatureFiles::at(out.join("sigs"));
    for (rank, path) in (0..).zip(ranks) {
        signatures.write(rank, minhash, texts(path)?.iter().map(String::as_str), &Spill::to_temporary(1 << 24))?;
    }
    for bucket in 0..minhash.shape().0 {
        find_pairs(&signatures, minhash, &out.join("dups"), &PairOptions::bucket(bucket))?;
    }
    let all = ClusterOptions { save_ids: true, save_sizes: true, ignore_index: false };
    println!("{:?}", cluster(&out.join("dups"), &out.join("out"), &all)?);
    Ok(())
}

fn speed(minhash: &MinHash, documents: &str) -> Result<(), Box<dyn Error>> {
    let texts = texts(documents)?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let signed = texts.iter().filter(|text| minhash.sign(text).is_some()).count();
        println!("{} {signed}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
