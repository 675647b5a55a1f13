//! Dialogues and question-and-answer pages, so that the model learns how a question is asked and answered. Only facts
//! that are not held out are ever asked about.

use super::WorldOptions;
use super::arithmetic::{self, Arithmetic};
use super::facts::Facts;
use super::lexicon::SMALL_TALK;
use aquifer_corpus::Message;
use aquifer_tensor::random::{Sequence, Stream};

/// A talk is dialogue (`Ok`) or a page of questions and answers (`Err`).
pub(super) type Talk = Result<Vec<Message>, String>;

pub(super) fn talk(facts: &Facts, sums: &Arithmetic, options: &WorldOptions) -> Vec<Talk> {
    let mut talks = Vec::new();
    for language in 0..2 {
        let name = ["english", "chinese"][language];
        let mut draw = Stream::new(options.seed, "small world talk", name).sequence(0);
        let mut asked = asked(facts, sums, language, options);
        draw.shuffle(&mut asked);
        let mut at = 0;
        while at < asked.len() {
            let take = 1 + draw.below(3) as usize;
            let some = &asked[at..asked.len().min(at + take)];
            // One short exchange alone would look like a copy of another about the same person.
            let page = some.len() > 1 && draw.below(4) == 0;
            talks.push(if page { Err(as_page(some, language)) } else { Ok(as_dialogue(some, language, &mut draw)) });
            at += take;
        }
        talks.extend(small_talk(language, options, &mut draw));
    }
    talks
}

fn asked(facts: &Facts, sums: &Arithmetic, language: usize, options: &WorldOptions) -> Vec<[String; 2]> {
    let mut asked = Vec::new();
    for (i, fact) in facts.facts.iter().enumerate().filter(|(_, f)| !f.held_out && facts.told_in(f, language)) {
        for nth in 0..options.dialogues_per_fact {
            asked.push([facts.question(fact, language, i + nth), facts.statement(fact, language, 0)]);
        }
    }
    for (sum, pairs) in &sums.trained {
        for (nth, &(a, b)) in pairs.iter().cycle().take(options.dialogues_per_sum).enumerate() {
            asked.push([arithmetic::ask(a, b, language, nth / pairs.len()), arithmetic::state(a, b, *sum, language)]);
        }
    }
    asked
}

fn turns(exchange: &[impl AsRef<str>; 2]) -> [Message; 2] {
    [Message::new("user", exchange[0].as_ref()), Message::new("assistant", exchange[1].as_ref())]
}

fn as_dialogue(exchanges: &[[String; 2]], language: usize, draw: &mut Sequence) -> Vec<Message> {
    let mut dialogue = Vec::new();
    if draw.below(4) == 0 {
        dialogue.extend(turns(draw.pick(SMALL_TALK[language])));
    }
    dialogue.extend(exchanges.iter().flat_map(turns));
    dialogue
}

fn as_page(exchanges: &[[String; 2]], language: usize) -> String {
    let labels = [["Question: ", "Answer: "], ["问：", "答："]][language];
    let lines = exchanges.iter().map(|[q, a]| format!("{}{q}\n{}{a}", labels[0], labels[1]));
    lines.collect::<Vec<_>>().join("\n")
}

/// Two exchanges of small talk in every order, up to the number asked for.
fn small_talk(language: usize, options: &WorldOptions, draw: &mut Sequence) -> Vec<Talk> {
    let all = SMALL_TALK[language];
    let pairs = (0..all.len()).flat_map(|i| (0..all.len()).filter(move |&j| j != i).map(move |j| [i, j]));
    let mut pairs: Vec<_> = pairs.collect();
    draw.shuffle(&mut pairs);
    let some = pairs.into_iter().take(options.small_talks);
    some.map(|pair| Ok(pair.iter().flat_map(|&i| turns(&all[i])).collect())).collect()
}
