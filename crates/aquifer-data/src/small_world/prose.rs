//! The documents in which the facts are told: one page about somebody, and stories that mix many.

use super::WorldOptions;
use super::arithmetic::{self, Arithmetic};
use super::facts::{ENGLISH, Fact, Facts};
use super::lexicon::ATTRIBUTES;
use super::lexicon::{CLOSINGS, FILLERS, Kind, OPENINGS};
use aquifer_tensor::random::{Sequence, Stream};
use std::collections::BTreeMap;

/// Every page and story for training: each fact `mentions` times in every language it is told in.
pub(super) fn tell(facts: &Facts, sums: &Arithmetic, options: &WorldOptions) -> Vec<String> {
    let mut texts = Vec::new();
    for language in 0..2 {
        let name = ["english", "chinese"][language];
        let mut draw = Stream::new(options.seed, "small world prose", name).sequence(0);
        let mut loose = Vec::new();
        for mention in 0..options.mentions_per_fact {
            if mention % 2 == 0 {
                texts.extend(pages(facts, language, mention, &mut draw));
            } else {
                loose.extend(statements(facts, language, mention, |_| true));
            }
        }
        texts.extend(stories(loose, language, &mut draw));
        texts.extend(sum_pages(sums, language, options, &mut draw));
    }
    texts
}

/// Stories that are not trained on: an eighth of the facts once more, in further wordings.
pub(super) fn tell_held_out(facts: &Facts, options: &WorldOptions) -> Vec<String> {
    let mut texts = Vec::new();
    for language in 0..2 {
        let name = ["english", "chinese"][language];
        let mut draw = Stream::new(options.seed, "small world held-out prose", name).sequence(0);
        let some = statements(facts, language, options.mentions_per_fact, |i| i % 8 == 0);
        texts.extend(stories(some, language, &mut draw));
    }
    texts
}

/// Every third mention is worded as an answer would be; the others go round the other wordings. Facts take turns, so
/// that two pages about one person do not come out as copies of each other.
fn wording(turn: usize, mention: usize) -> usize {
    if (turn + mention).is_multiple_of(3) { 0 } else { 1 + (turn + mention) % 7 }
}

fn statements(facts: &Facts, language: usize, mention: usize, keep: impl Fn(usize) -> bool) -> Vec<String> {
    let told = facts.facts.iter().enumerate().filter(|(i, fact)| keep(*i) && facts.told_in(fact, language));
    told.map(|(i, fact)| facts.statement(fact, language, wording(i + fact.attribute, mention))).collect()
}

/// One page a person, two works or four towns: everything about them, in any order.
fn pages(facts: &Facts, language: usize, mention: usize, draw: &mut Sequence) -> Vec<String> {
    let mut of: BTreeMap<usize, Vec<(usize, &Fact)>> = BTreeMap::new();
    for (i, fact) in facts.facts.iter().enumerate().filter(|(_, fact)| facts.told_in(fact, language)) {
        of.entry(fact.entity).or_default().push((i, fact));
    }
    let mut pages = Vec::new();
    for kind in [Kind::Person, Kind::Work, Kind::Town] {
        let kind_of = |facts: &[(usize, &Fact)]| ATTRIBUTES[facts[0].1.attribute].kind;
        let mut entities: Vec<_> = of.values().filter(|facts| kind_of(facts) == kind).collect();
        draw.shuffle(&mut entities);
        let per_page = match kind {
            Kind::Person => 1,
            Kind::Work => 2,
            Kind::Town => 4,
        };
        for group in entities.chunks(per_page) {
            let mut told: Vec<&(usize, &Fact)> = group.iter().flat_map(|facts| facts.iter()).collect();
            draw.shuffle(&mut told);
            let page =
                told.iter().map(|(i, fact)| facts.statement(fact, language, wording(*i + fact.attribute, mention)));
            pages.push(join(&page.collect::<Vec<_>>(), language));
        }
    }
    pages
}

/// Four to six statements about anybody, framed as a story.
fn stories(mut statements: Vec<String>, language: usize, draw: &mut Sequence) -> Vec<String> {
    draw.shuffle(&mut statements);
    let (mut stories, mut at) = (Vec::new(), 0);
    while at < statements.len() {
        let take = 4 + draw.below(3) as usize;
        let mut story = vec![(*draw.pick(OPENINGS[language])).to_owned()];
        for statement in &statements[at..statements.len().min(at + take)] {
            story.push(statement.clone());
            if draw.below(3) == 0 {
                story.push((*draw.pick(FILLERS[language])).to_owned());
            }
        }
        if draw.below(2) == 0 {
            story.push((*draw.pick(CLOSINGS[language])).to_owned());
        }
        stories.push(join(&story, language));
        at += take;
    }
    stories
}

fn sum_pages(sums: &Arithmetic, language: usize, options: &WorldOptions, draw: &mut Sequence) -> Vec<String> {
    let mut told = Vec::new();
    for (sum, pairs) in &sums.trained {
        let pairs = pairs.iter().cycle().take(options.statements_per_sum);
        told.extend(pairs.map(|&(a, b)| arithmetic::state(a, b, *sum, language)));
    }
    draw.shuffle(&mut told);
    told.chunks(5).map(|page| join(page, language)).collect()
}

pub(super) fn join(sentences: &[String], language: usize) -> String {
    sentences.join(if language == ENGLISH { " " } else { "" })
}
