//! Cleaning, document by document: encoding repair, then the filters of a preset. Nothing disappears without a reason.

use crate::encoding::repair;
use crate::extract;
use crate::filters::{NOTHING_LEFT, Preset, Verdict, judge, notices};
use crate::parallel;
use aquifer_corpus::{Document, Message};
use std::collections::BTreeMap;

/// What cleaning did.
#[derive(Clone, Debug, Default)]
pub struct Cleaned {
    /// The documents that stay, in order.
    pub kept: Vec<Document>,
    /// The documents that were dropped, and why.
    pub dropped: Vec<(Verdict, Document)>,
    /// Ids of documents that stay but were changed, with what was changed and their text before.
    pub changed: Vec<Changed>,
}

/// A document whose text was repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub id: String,
    /// What was done: `main text` (taken out of a page), `misread encoding`, `byte-order mark`, `control characters`, `composed`, `notices`.
    pub what: Vec<&'static str>,
    /// The beginning of the text before.
    pub before: String,
    /// The beginning of the text after.
    pub after: String,
}

impl Cleaned {
    /// Documents dropped, by rule.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        tally(self.dropped.iter().map(|(verdict, _)| verdict.rule.as_str()))
    }

    /// Documents that stay changed, by kind of repair; one may count under several.
    pub fn repairs(&self) -> BTreeMap<String, u64> {
        tally(self.changed.iter().flat_map(|changed| changed.what.iter().copied()))
    }
}

fn tally<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    names.for_each(|name| *counts.entry(name.to_owned()).or_default() += 1);
    counts
}

/// Cleans every document, in parallel; the result does not depend on how many threads do it.
pub fn clean(documents: Vec<Document>, preset: Preset) -> Cleaned {
    let outcomes = parallel::map(documents.len(), |i| clean_one(&documents[i], preset));
    let mut cleaned = Cleaned::default();
    for (mut document, outcome) in documents.into_iter().zip(outcomes) {
        match outcome {
            Outcome::AsItWas => cleaned.kept.push(document),
            Outcome::Changed(now, what) => {
                let (before, after) = (beginning(&document.text), beginning(&now.text));
                cleaned.changed.push(Changed { id: document.id.clone(), what, before, after });
                document = now;
                cleaned.kept.push(document);
            }
            Outcome::Dropped(verdict) => cleaned.dropped.push((verdict, document)),
        }
    }
    cleaned
}

/// The first 160 characters, for people.
pub(crate) fn beginning(text: &str) -> String {
    text.chars().take(160).collect()
}

enum Outcome {
    AsItWas,
    Changed(Document, Vec<&'static str>),
    Dropped(Verdict),
}

fn clean_one(document: &Document, preset: Preset) -> Outcome {
    let mut what = Vec::new();
    let extracted = extract::is_page(document).then(|| extract::document(document, extract::Format::Text));
    if extracted.is_some() {
        what.push("main text");
    }
    let document = extracted.as_ref().unwrap_or(document);
    let text = clean_text(&document.text, preset, &mut what);
    let turns = document.messages().map(|turns| {
        let clean =
            |turn: Message| Message { content: clean_text(&turn.content, preset, &mut what).into_owned(), ..turn };
        turns.into_iter().map(clean).collect::<Vec<_>>()
    });
    what.sort_unstable();
    what.dedup();
    if text.trim().is_empty() {
        let value = document.text.chars().filter(|c| !c.is_whitespace()).count() as f64;
        return Outcome::Dropped(Verdict { rule: NOTHING_LEFT.to_owned(), value, threshold: 0.0 });
    }
    if let Some(verdict) = judge(&text, preset) {
        return Outcome::Dropped(verdict);
    }
    if what.is_empty() {
        return Outcome::AsItWas;
    }
    let mut now = Document { id: document.id.clone(), text: text.into_owned(), metadata: document.metadata.clone() };
    if let Some(turns) = turns {
        let said = Document::dialogue("", &turns).metadata.remove("messages");
        now.metadata.insert("messages".to_owned(), said.unwrap_or_default());
    }
    Outcome::Changed(now, what)
}

fn clean_text<'a>(text: &'a str, preset: Preset, what: &mut Vec<&'static str>) -> std::borrow::Cow<'a, str> {
    let (text, repairs) = repair(text);
    for (found, name) in [
        (repairs.misread_lines > 0, "misread encoding"),
        (repairs.marks > 0, "byte-order mark"),
        (repairs.controls > 0, "control characters"),
        (repairs.composed, "composed"),
    ] {
        if found {
            what.push(name);
        }
    }
    match if preset == Preset::Plain { None } else { notices::without_notices(&text) } {
        Some((without, _)) => {
            what.push("notices");
            without.into()
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_stays_changes_or_goes_with_a_reason() {
        let dialogue = Document::dialogue("d", &[Message::new("user", "cafÃ©?"), Message::new("assistant", "Yes.")]);
        let documents = vec![
            Document::new("a", "Fine."),
            Document::new("b", "\u{FEFF}"),
            dialogue,
            Document::new("c", "&&& %% $$"),
        ];
        let cleaned = clean(documents.clone(), Preset::Plain);
        assert_eq!(cleaned.kept.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(), ["a", "d", "c"]);
        assert_eq!(cleaned.kept[1].messages().unwrap()[0].content, "café?");
        assert_eq!(cleaned.kept[1].text, "café?\nYes.");
        assert_eq!(cleaned.dropped[0].0.rule, "nothing left");
        let cleaned = clean(documents, Preset::Short);
        assert_eq!(
            cleaned.dropped.iter().map(|(v, _)| v.rule.as_str()).collect::<Vec<_>>(),
            ["nothing left", "noise/letters"]
        );
        assert_eq!(cleaned.reasons(), [("nothing left".to_owned(), 1), ("noise/letters".to_owned(), 1)].into());
        assert_eq!(cleaned.repairs(), [("misread encoding".to_owned(), 1)].into());
    }
}
