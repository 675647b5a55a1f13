//! What cleaning caught, against what was planted.

use super::{Planted, World};
use aquifer_corpus::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// One kind of planted defect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantedScore {
    /// Which kind.
    pub planted: Planted,
    /// How many there were.
    pub count: usize,
    /// How many were removed, or repaired to the very text they had before. For [`Planted::Clean`]: how many were
    /// lost although nothing was wrong with them.
    pub caught: usize,
    /// For [`Planted::Clean`]: how many stayed but had their text changed.
    pub changed: usize,
}

/// Compares what is left after cleaning with the truth.
pub fn score(world: &World, kept: &[Document]) -> Vec<PlantedScore> {
    let kept: HashMap<&str, &str> = kept.iter().map(|d| (d.id.as_str(), d.text.as_str())).collect();
    let mut scores: BTreeMap<Planted, PlantedScore> = BTreeMap::new();
    for truth in &world.truth {
        let score = scores.entry(truth.planted).or_insert(PlantedScore {
            planted: truth.planted,
            count: 0,
            caught: 0,
            changed: 0,
        });
        score.count += 1;
        let text = kept.get(truth.id.as_str());
        let same = text.is_some_and(|text| truth.text.as_deref().is_some_and(|before| before.trim() == text.trim()));
        score.caught += usize::from(match truth.planted {
            Planted::BoilerplateLines | Planted::BrokenEncoding => same,
            _ => text.is_none(),
        });
        score.changed += usize::from(truth.planted == Planted::Clean && text.is_some() && !same);
    }
    scores.into_values().collect()
}
