//! The near side of `benches/peers/data_models.py`: fastText's models over the lines of a file.
//!
//! `classify predict MODEL TEXTS K` prints labels and probabilities, one JSON array a line. `classify speed MODEL TEXTS`
//! prints, for every line of standard input, the seconds of predicting all texts once. `classify train TEXTS OUT.bin
//! OPTIONS.json` learns from lines as fastText reads them and prints the seconds.

use aquifer_record::{Silent, Stop};
use aquifer_text::fasttext::{Example, FastText, LABEL_PREFIX, Loss, Scratch, TrainOptions};
use serde_json::{Value, json};
use std::error::Error;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["predict", model, texts, k] => predict(model, texts, k.parse()?),
        ["speed", model, texts] => speed(model, texts),
        ["train", texts, out, options] => train(texts, out, &serde_json::from_slice(&std::fs::read(options)?)?),
        _ => Err("usage: classify predict|speed|train …, as data_models.py does".into()),
    }
}

fn predict(model: &str, texts: &str, k: usize) -> Result<(), Box<dyn Error>> {
    let model = FastText::load(Path::new(model))?;
    let mut scratch = Scratch::default();
    for text in std::fs::read_to_string(texts)?.split_terminator('\n') {
        let found = model.predict_with(text, k, 0.0, &mut scratch);
        println!("{}", json!(found.iter().map(|p| (p.label, p.probability)).collect::<Vec<_>>()));
    }
    Ok(())
}

fn speed(model: &str, texts: &str) -> Result<(), Box<dyn Error>> {
    let model = FastText::load(Path::new(model))?;
    let texts = std::fs::read_to_string(texts)?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let (start, mut scratch, mut sum) = (Instant::now(), Scratch::default(), 0.0);
        for text in texts.split_terminator('\n') {
            sum += model.predict_with(text, 1, 0.0, &mut scratch).first().map_or(0.0, |p| p.probability);
        }
        println!("{} {sum}", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn train(texts: &str, out: &str, options: &Value) -> Result<(), Box<dyn Error>> {
    let texts = std::fs::read_to_string(texts)?;
    let examples: Vec<Example> = texts.lines().map(example).collect();
    let number = |name: &str, default: f64| options[name].as_f64().unwrap_or(default);
    let count = |name, default: u32| number(name, f64::from(default)) as usize;
    let options = TrainOptions {
        dim: count("dim", 100),
        epochs: count("epoch", 5),
        learning_rate: number("lr", 0.1) as f32,
        word_ngrams: count("wordNgrams", 1),
        char_ngrams: (count("minn", 0), count("maxn", 0)),
        buckets: count("bucket", 2_000_000) as u32,
        loss: if options["loss"] == "hs" { Loss::HierarchicalSoftmax } else { Loss::Softmax },
        ..TrainOptions::default()
    };
    let start = Instant::now();
    FastText::train(&examples, &options, &Silent, &Stop::new())?.save(Path::new(out))?;
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

fn example(line: &str) -> Example<'_> {
    let (labels, text) = line.split_once(' ').unwrap_or((line, ""));
    Example { labels: labels.strip_prefix(LABEL_PREFIX).into_iter().collect(), text }
}
