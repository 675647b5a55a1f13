//! Who and what is in the world, what is true of them, and which facts are never asked about in training.

use super::WorldOptions;
use super::lexicon::{ATTRIBUTES, Attribute, FIRST_SYLLABLES, Kind, LAST_SYLLABLES, TITLES, TOWNS};
use aquifer_tensor::random::Stream;

/// Index of a language in every [`super::lexicon::Word`].
pub(super) const ENGLISH: usize = 0;
pub(super) const CHINESE: usize = 1;

pub(super) struct Entity {
    pub(super) names: [String; 2],
    /// Told in Chinese too.
    pub(super) chinese: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Fact {
    pub(super) entity: usize,
    pub(super) attribute: usize,
    pub(super) value: usize,
    pub(super) held_out: bool,
}

pub(super) struct Facts {
    pub(super) entities: Vec<Entity>,
    pub(super) facts: Vec<Fact>,
}

impl Facts {
    /// Entities come in blocks as large as a value set, and each block is given every value once. Whole blocks are held
    /// out (different ones for different attributes) and whole blocks are told in Chinese, so that every value stays
    /// exactly as frequent as every other.
    pub(super) fn new(options: &WorldOptions) -> Facts {
        let (mut entities, mut facts) = (Vec::new(), Vec::new());
        for kind in [Kind::Person, Kind::Work, Kind::Town] {
            let first = entities.len();
            entities.extend(named(kind, options));
            let n = entities.len() - first;
            let attributes = ATTRIBUTES.iter().enumerate().filter(|(_, a)| a.kind == kind);
            for (nth, (attribute, Attribute { name, values, .. })) in attributes.enumerate() {
                let blocks = n / values.len();
                let held = (blocks as f32 * options.held_out_share).round() as usize;
                let held = if blocks < 2 { 0 } else { held.clamp(1, blocks - 1) };
                for block in 0..blocks {
                    let mut order: Vec<usize> = (0..values.len()).collect();
                    let stream = Stream::new(options.seed, "small world facts", name);
                    stream.sequence(block as u64).shuffle(&mut order);
                    // Other blocks for every attribute, so that nobody has everything held out.
                    let turn = if blocks == 2 { nth } else { 2 * nth };
                    let held_out = (block + turn) % blocks < held;
                    for (at, value) in order.into_iter().enumerate() {
                        let entity = first + block * values.len() + at;
                        facts.push(Fact { entity, attribute, value, held_out });
                    }
                }
            }
        }
        Facts { entities, facts }
    }

    pub(super) fn statement(&self, fact: &Fact, language: usize, wording: usize) -> String {
        let attribute = &ATTRIBUTES[fact.attribute];
        self.state(fact, language, wording, attribute.values[fact.value][language])
    }

    /// [`Facts::statement`] with another value put in: an option of a question.
    pub(super) fn state(&self, fact: &Fact, language: usize, wording: usize, value: &str) -> String {
        let statements = ATTRIBUTES[fact.attribute].statements[language];
        fill(statements[wording % statements.len()], &self.entities[fact.entity].names[language], value)
    }

    pub(super) fn question(&self, fact: &Fact, language: usize, wording: usize) -> String {
        let questions = ATTRIBUTES[fact.attribute].questions[language];
        fill(questions[wording % questions.len()], &self.entities[fact.entity].names[language], "")
    }

    pub(super) fn told_in(&self, fact: &Fact, language: usize) -> bool {
        language == ENGLISH || self.entities[fact.entity].chinese
    }
}

fn fill(wording: &str, entity: &str, value: &str) -> String {
    wording.replace("{e}", entity).replace("{v}", value)
}

fn named(kind: Kind, options: &WorldOptions) -> Vec<Entity> {
    match kind {
        Kind::Person => {
            let syllables = FIRST_SYLLABLES.iter().flat_map(|a| LAST_SYLLABLES.iter().map(move |b| (a, b)));
            let name = |language: usize, a: &[&str; 2], b: &[&str; 2]| format!("{}{}", a[language], b[language]);
            let mut names: Vec<_> = syllables.map(|(a, b)| [name(ENGLISH, a, b), name(CHINESE, a, b)]).collect();
            Stream::new(options.seed, "small world names", "people").sequence(0).shuffle(&mut names);
            // Whole blocks of sixteen, as many as the share asks for, spread evenly.
            let share = options.chinese_share.clamp(0.0, 1.0);
            let told = |block: usize| ((block + 1) as f32 * share).round() > (block as f32 * share).round();
            let people = names.into_iter().take(options.n_people).enumerate();
            people.map(|(i, names)| Entity { names, chinese: told(i / 16) }).collect()
        }
        Kind::Work => {
            let titles = TITLES.iter().take(options.n_works);
            titles.map(|title| Entity { names: title.map(str::to_owned), chinese: true }).collect()
        }
        Kind::Town => TOWNS.iter().map(|town| Entity { names: town.map(str::to_owned), chinese: true }).collect(),
    }
}
