//! The near side of `benches/peers/data_models.py`: n-gram models of words over the lines of a file.
//!
//! `ngrams score MODEL TEXTS` prints log₁₀ of each line's probability. `ngrams speed MODEL TEXTS` prints, for every line of
//! standard input, the seconds of scoring all lines once. `ngrams train TEXTS OUT.arpa ORDER [PRUNE …]` learns a model.

use aquifer_record::Stop;
use aquifer_text::kenlm::{KenLm, NgramOptions, train_ngrams};
use std::error::Error;
use std::io::{BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["score", model, texts] => {
            let (model, texts) = (KenLm::load(Path::new(model))?, std::fs::read_to_string(texts)?);
            let mut out = BufWriter::new(std::io::stdout());
            for line in texts.split_terminator('\n') {
                writeln!(out, "{}", model.score(line, true, true))?;
            }
        }
        ["speed", model, texts] => {
            let (model, texts) = (KenLm::load(Path::new(model))?, std::fs::read_to_string(texts)?);
            for line in std::io::stdin().lock().lines() {
                line?;
                let start = Instant::now();
                let sum: f64 = texts.split_terminator('\n').map(|line| f64::from(model.score(line, true, true))).sum();
                println!("{} {sum}", start.elapsed().as_secs_f64());
            }
        }
        ["train", texts, out, order, ref prune @ ..] => {
            let prune = prune.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
            let options = NgramOptions { prune, ..NgramOptions::new(order.parse()?) };
            train_ngrams(std::fs::read_to_string(texts)?.lines(), &options, &Stop::new())?.save(Path::new(out))?;
        }
        _ => return Err("usage: ngrams score|speed|train …, as data_models.py does".into()),
    }
    Ok(())
}
