//! The near side of `benches/peers/data_rules.py`: rules over documents, what they decide and how fast.
//!
//! `rules decide STAGES.toml DOCUMENTS.jsonl` asks every stage about every document and prints a line for each document: per
//! stage, datatrove's name for what broke (empty if nothing did) and the text as it goes on.
//! `rules speed STAGES.toml DOCUMENTS.jsonl` reads numbers of stages, a line at a time (`0 2`), runs all documents through those
//! stages and prints the seconds and how many documents were left.
//! `rules words LANGUAGE` reads texts, a JSON string a line, and prints the words of each.

use aquifer_corpus::Document;
use aquifer_data::rules::{Answer, Page, Stage, Value};
use aquifer_text::words::{Language, Splitter};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [what, language] = &args[..]
        && what == "words"
    {
        return words(serde_json::from_value(language.as_str().into())?);
    }
    let [what, stages, documents] = &args[..] else {
        return Err("usage: rules decide|speed STAGES.toml DOCUMENTS.jsonl, or rules words LANGUAGE".into());
    };
    let stages = read_stages(stages)?;
    let documents = read_documents(documents)?;
    match what.as_str() {
        "decide" => decide(&stages, &documents),
        "speed" => speed(&stages, &documents),
        _ => Err("the first argument should be `decide` or `speed`".into()),
    }
}

fn read_stages(path: &str) -> Result<Vec<Stage>, Box<dyn Error>> {
    let recipe: toml::Table = std::fs::read_to_string(path)?.parse()?;
    let stages = recipe["stage"].as_array().ok_or("`stage` should be a list of tables")?;
    let stage = |table: &toml::Value| Stage::build(table.as_table().cloned().unwrap_or_default()).map_err(Into::into);
    stages.iter().map(stage).collect()
}

fn read_documents(path: &str) -> Result<Vec<Document>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut documents = Vec::new();
    // A line feed ends a row, and nothing else does.
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        documents.push(serde_json::from_str(line)?);
    }
    Ok(documents)
}

fn decide(stages: &[Stage], documents: &[Document]) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for document in documents {
        let page = Page::new(document);
        let said = stages.iter().map(|stage| {
            let answer = stage.ask(&page, false);
            (reason(stage, &answer), answer.text)
        });
        writeln!(out, "{}", serde_json::to_string(&said.collect::<Vec<_>>())?)?;
    }
    Ok(())
}

/// datatrove's name for the bound that broke.
fn reason(stage: &Stage, answer: &Answer) -> String {
    let Some(broken) = &answer.verdict else { return String::new() };
    let at = stage.column_names().iter().position(|name| *name == broken.column).unwrap_or_default();
    let below = matches!((&broken.value, broken.bound.at_least), (Value::Number(x), Some(least)) if *x < least);
    stage.columns()[at].peer[usize::from(!below)].to_owned()
}

fn words(language: Language) -> Result<(), Box<dyn Error>> {
    let mut splitter = Splitter::new(language);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let tokens = splitter.split(&text);
        let words: Vec<&str> = tokens.iter().filter(|token| !token.is_space()).map(|token| token.of(&text)).collect();
        writeln!(out, "{}", serde_json::to_string(&words)?)?;
    }
    Ok(())
}

fn speed(stages: &[Stage], documents: &[Document]) -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let chain: Vec<&Stage> =
            line.split_whitespace().map(|i| Ok(&stages[i.parse::<usize>()?])).collect::<Result<_, Box<dyn Error>>>()?;
        let start = Instant::now();
        let left = documents.iter().filter(|document| passes(&chain, document)).count();
        println!("{} {left}", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn passes(chain: &[&Stage], document: &Document) -> bool {
    let page = Page::new(document);
    for (i, stage) in chain.iter().enumerate() {
        let answer = stage.ask(&page, false);
        if answer.verdict.is_some() {
            return false;
        }
        if let Some(text) = answer.text {
            return passes(&chain[i + 1..], &Document { text, ..document.clone() });
        }
    }
    true
}
