//! Labels from a model that does not always behave.

use super::*;
use aquifer_client::{Answer, Finish};
use std::sync::Mutex;

fn documents(n: usize) -> Vec<Document> {
    let document = |i: usize| {
        let mut document = Document::new(format!("d{i}"), format!("text number {i}"));
        document.metadata.insert("source".into(), ["web", "book", "wiki"][(i * i + 1) % 3].into());
        document
    };
    (0..n).map(document).collect()
}

fn shipped(name: &str) -> Rubric {
    let (_, _, text) = RUBRICS.iter().find(|(known, ..)| *known == name).unwrap();
    Rubric::parse(text, name).unwrap()
}

#[test]
fn the_shipped_rubrics_ask_what_they_should() {
    let quality = shipped("quality").question("It rained {low}.", "m");
    assert!(quality.prompt.contains("It rained {low}.") && quality.prompt.contains("number from 0 to 5}"));
    let industry = shipped("industry");
    assert_eq!(industry.classes.len(), 19);
    assert!(industry.question("x", "m").prompt.contains("- medicine: diseases"));
    let long = shipped("quality").question(&"雨".repeat(10_000), "m").prompt;
    assert_eq!(long.matches('雨').count(), 6000);
}

#[test]
fn answers_are_read_however_they_are_wrapped() {
    let quality = shipped("quality");
    let score = |said: &str| quality.read(said).map(|verdict| verdict.score.unwrap());
    for said in [
        r#"{"why": "clear", "score": 4}"#,
        "Sure!\n```json\n{\"score\": \"4\"}\n```",
        r#"first {"score": 2}, no: {"why": "{", "score": 4.0} "#,
        r#"{"score": "4/5"}"#,
    ] {
        assert_eq!(score(said), Ok(4.0), "{said}");
    }
    for (said, why) in [
        ("I cannot rate this.", "no JSON object"),
        (r#"{"score": 4"#, "no JSON object"),
        (r#"{"score": 9}"#, "off the scale"),
        (r#"{"score": 3.5}"#, "whole"),
        (r#"{"score": null}"#, "no number"),
        (r#"{"score": "NaN"}"#, "no number"),
    ] {
        assert!(score(said).unwrap_err().contains(why), "{said}");
    }
    let industry = shipped("industry");
    let class = |said: &str| industry.read(said).map(|verdict| verdict.name);
    assert_eq!(class(r#"{"industry": "Artificial Intelligence"}"#).unwrap(), "artificial_intelligence");
    assert!(class(r#"{"industry": "magic"}"#).is_err());
    let words = "name='n'\nprompt='{text}'\n[answer]\nafter='Score:'\n[scale]\nlow=1\nhigh=10\nfractions=true";
    let words = Rubric::parse(words, "r").unwrap();
    assert_eq!(words.read("Score: 1\n…\n**Score:** 7").unwrap().name, "7");
    assert_eq!(words.read("Score: high").unwrap_err(), "the score is no number");
    assert_eq!(words.read("Score: 1 \n… Score: 7.5.\nbye").unwrap().name, "7.5");
}

#[test]
fn a_rubric_that_is_none_says_where() {
    let whole = "name='n'\nprompt='{text}'\n[answer]\nfield='s'\n";
    let scale = "[scale]\nlow=0\nhigh=5\n";
    for (text, why) in [
        (whole.to_owned(), "no answers"),
        (format!("{whole}{scale}[[class]]\nname='a'"), "one of them must go"),
        (format!("{whole}[[class]]\nname='a'"), "only class"),
        (format!("{whole}[[class]]\nname='a b'\n[[class]]\nname='A-B'"), "two classes"),
        (format!("{whole}[scale]\nlow=5\nhigh=0"), "below"),
        (format!("{whole}{scale}").replace("{text}", "{txt}"), "{txt}"),
        (format!("{whole}{scale}").replace("{text}", "it"), "{text}"),
        (format!("{whole}{scale}").replace("field", "feild"), "feild"),
        (format!("{whole}{scale}").replace("field='s'", ""), "[answer]"),
    ] {
        let error = Rubric::parse(&text, "r.toml").unwrap_err().to_string();
        assert!(error.contains(why) && error.starts_with("r.toml"), "{error}");
    }
}

#[test]
fn unreadable_answers_are_asked_for_again_and_refusals_are_counted() {
    let asked = Mutex::new(0);
    let model = |question: &Question| {
        *asked.lock().unwrap() += 1;
        let number: usize =
            question.prompt.split("text number ").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
        let score = format!("{{\"why\": \"w\", \"score\": {}}}", number % 6);
        match number % 5 {
            1 if question.seed == 0 => Reply::Said(Answer::new("Well…")),
            2 => Reply::Said(Answer::new("I am sorry, no.")),
            3 => Reply::Refused("400: too long".into()),
            4 => Reply::Said(Answer { finish: Finish::Length, ..Answer::new(score + " and further") }),
            _ => Reply::Said(Answer::new(score)),
        }
    };
    let (documents, rubric) = (documents(20), shipped("quality"));
    let labelled = label(&documents, &rubric, "m", 3, &model).unwrap();
    assert_eq!(*asked.lock().unwrap(), 20 + 8 + 4);
    assert_eq!(
        labelled.failures().into_iter().collect::<Vec<_>>(),
        [("400: too long", 4), ("no JSON object with `score` in the answer", 4)]
    );
    assert_eq!(labelled.counts().values().sum::<usize>(), 12);
    let first = row(&documents[1], labelled.labels[1].as_ref().unwrap(), &rubric, "m");
    assert_eq!((first.id.as_str(), &first.metadata["label"]), ("d1", &json!("1")));
    assert_eq!(first.metadata["labelled_by"]["request"].as_str().unwrap().len(), 64);
}

#[test]
fn samples_are_even_over_strata_and_nested() {
    let documents = documents(300);
    let small = sample(&documents, 20, 7, None);
    let large = sample(&documents, 60, 7, None);
    assert!(small.len() == 20 && small.iter().all(|at| large.contains(at)) && small.is_sorted());
    assert_ne!(small, sample(&documents, 20, 8, None));
    let of =
        |taken: &[usize], source: &str| taken.iter().filter(|&&at| documents[at].metadata["source"] == source).count();
    let even = sample(&documents, 40, 7, Some("source"));
    // Of 300 documents 100 are books and 200 from the wiki, none from the web.
    assert_eq!((of(&even, "book"), of(&even, "wiki")), (20, 20));
    assert_eq!(sample(&documents, 1000, 7, Some("source")).len(), 300);
}
