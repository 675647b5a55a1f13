//! A small invented world, written out in English and Chinese: people, works, towns, years and sums, told in prose,
//! asked about in dialogues, with planted defects and with held-out questions, all from one seed.
//!
//! Because everything is made here, everything can be checked: what the cleaners should catch ([`score`]), and that a
//! model can answer a held-out question only by having read the fact elsewhere ([`check()`]).
//!
//! The wordings are this project's own; any likeness to real people or places is chance.

mod arithmetic;
mod check;
mod facts;
mod lexicon;
mod plant;
mod prose;
mod questions;
mod score;
mod talk;

pub use check::{WorldCheck, check};
pub use plant::{Planted, Truth};
pub use questions::Question;
pub use score::{PlantedScore, score};

use crate::dedup::exact::normalised;
use aquifer_corpus::Document;
use arithmetic::Arithmetic;
use facts::Facts;
use lexicon::ATTRIBUTES;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// How large the world is and how much is said about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldOptions {
    /// Everything follows from it.
    pub seed: u64,
    /// People; a multiple of 16 up to 144. Each has a home, a trade, a pet, a favourite food and a birth year.
    pub n_people: usize,
    /// Works; 0 or 32. Each has a form, a town where it is kept and a year.
    pub n_works: usize,
    /// Share of the people who are also told about in Chinese (works and towns always are).
    pub chinese_share: f32,
    /// Share of the facts whose questions are held out.
    pub held_out_share: f32,
    /// How often each fact is told in prose, in each language it is told in.
    pub mentions_per_fact: usize,
    /// How often each fact that is not held out is asked about, in each language; up to 4 are different wordings.
    pub dialogues_per_fact: usize,
    /// How often each of the 20 sums is told in prose, in each language.
    pub statements_per_sum: usize,
    /// How often each of the 20 sums is asked about, in each language.
    pub dialogues_per_sum: usize,
    /// Dialogues that are nothing but small talk, in each language (at most 56).
    pub small_talks: usize,
    /// Planted defects, as a multiple of the usual amount; 0 for a clean world.
    pub defects: f32,
}

/// Two sizes that are known to be learnable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorldSize {
    /// For checks in seconds.
    Fast,
    /// For the quickstart.
    Standard,
}

impl WorldSize {
    /// The options of this size.
    pub fn options(self, seed: u64) -> WorldOptions {
        let standard = WorldOptions {
            seed,
            n_people: 144,
            n_works: 32,
            chinese_share: 0.5,
            held_out_share: 4.0 / 9.0,
            mentions_per_fact: 8,
            dialogues_per_fact: 3,
            statements_per_sum: 20,
            dialogues_per_sum: 12,
            small_talks: 30,
            defects: 1.0,
        };
        match self {
            WorldSize::Standard => standard,
            WorldSize::Fast => WorldOptions {
                n_people: 48,
                n_works: 0,
                chinese_share: 0.34,
                held_out_share: 1.0 / 3.0,
                statements_per_sum: 8,
                dialogues_per_sum: 4,
                small_talks: 12,
                ..standard
            },
        }
    }
}

impl Default for WorldOptions {
    fn default() -> Self {
        WorldSize::Standard.options(0)
    }
}

/// The world, written out.
#[derive(Clone, Debug)]
pub struct World {
    /// What it was made from.
    pub options: WorldOptions,
    /// Raw documents in their order, defects among them.
    pub documents: Vec<Document>,
    /// What is true of each of them, in the same order. Not for the cleaners' eyes.
    pub truth: Vec<Truth>,
    /// Clean prose that is not trained on, about a twentieth of the whole, for bits per byte.
    pub held_out: Vec<Document>,
    /// Questions never asked in training.
    pub questions: Vec<Question>,
    /// Every question about the world that may be asked in training, in every wording, with its kind.
    wordings: BTreeMap<String, String>,
    /// Every name of everybody.
    names: Vec<String>,
}

/// Writes the world out. Equal options give equal worlds on every machine.
pub fn generate(options: &WorldOptions) -> World {
    let facts = Facts::new(options);
    let sums = Arithmetic::new(options);
    let pages = prose::tell(&facts, &sums, options).into_iter().map(|text| Document::new("", text));
    let talks = talk::talk(&facts, &sums, options).into_iter().map(|talk| match talk {
        Ok(turns) => Document::dialogue("", &turns),
        Err(page) => Document::new("", page),
    });
    // By chance two short talks can come out the same; a duplicate that nobody planted would blur the score.
    let mut seen = HashSet::new();
    let clean: Vec<Document> = pages.chain(talks).filter(|d| seen.insert(normalised(&d.text))).collect();
    let (documents, truth) = plant::plant(clean, options);
    let held_out = prose::tell_held_out(&facts, options).into_iter().enumerate();
    let held_out = held_out.map(|(i, text)| Document::new(format!("held-out-{i:04}"), text)).collect();

    let mut wordings = BTreeMap::new();
    for fact in facts.facts.iter().filter(|fact| !fact.held_out) {
        for (language, wording) in (0..2).flat_map(|language| (0..4).map(move |wording| (language, wording))) {
            wordings.insert(facts.question(fact, language, wording), ATTRIBUTES[fact.attribute].name.to_owned());
        }
    }
    let names = facts.entities.iter().flat_map(|entity| entity.names.clone()).collect();
    let questions = questions::ask(&facts, &sums, options);
    World { options: options.clone(), documents, truth, held_out, questions, wordings, names }
}

#[cfg(test)]
mod tests;
