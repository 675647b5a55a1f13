//! Grains of a mixture: whose turn it is, and what that source's packer puts into it.

use super::{Interleave, Mixture, Turn};
use crate::{Order, Packer, TrainError};
use aquifer_model::TokenBatch;
use aquifer_record::manifest::SourceUse;
use aquifer_tensor::random::Stream;
use std::sync::Arc;

/// Packs a [`Mixture`] into grains numbered from 0 without end, each from one source.
pub struct Mixer {
    names: Vec<String>,
    packers: Vec<Packer>,
    interleave: Arc<Interleave>,
}

impl Mixer {
    /// A mixer of grains of `grain_len` rows. A mixture of one source is packed as that source alone.
    ///
    /// # Errors
    /// [`TrainError::Config`] if a source has no document of two tokens, since there is then nothing to predict.
    ///
    /// # Panics
    /// If `grain_len` is zero.
    pub fn new(mixture: &Mixture, grain_len: usize, seed: u64) -> Result<Self, TrainError> {
        let (mut names, mut packers) = (Vec::new(), Vec::new());
        for (at, (name, source)) in mixture.sources.iter().enumerate() {
            let packer = Packer::new(source.clone(), grain_len, Order::Shuffled(source_seed(seed, at)));
            packers.push(packer.ok_or_else(|| {
                let which = if mixture.sources.len() > 1 { format!(" of `{name}`") } else { String::new() };
                let what = format!("no training document{which} holds two tokens, so there is nothing to predict");
                TrainError::Config(what)
            })?);
            names.push(name.clone());
        }
        Ok(Mixer { names, packers, interleave: mixture.interleave.clone() })
    }

    /// The source of grain `grain`, and how many grains of that source come before it.
    pub fn turn(&self, grain: u64) -> Turn {
        self.interleave.at(grain)
    }

    /// The ids of the documents in these grains, in order of appearance, each once.
    pub fn ids(&mut self, first_grain: u64, grains: usize) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let mut found = Vec::new();
        for grain in first_grain..first_grain + grains as u64 {
            let Turn { source, nth } = self.turn(grain);
            found.extend(self.packers[source].ids(nth, 1).into_iter().filter(|id| seen.insert((source, id.clone()))));
        }
        found
    }

    /// Grains `first_grain ..` as one batch, as [`Packer::batch`] makes it. What was read of each source is added to
    /// `used`, which begins empty.
    pub fn batch(
        &mut self,
        first_grain: u64,
        grains: usize,
        number_in_step: usize,
        used: &mut Vec<SourceUse>,
    ) -> TokenBatch {
        if used.is_empty() {
            used.extend(self.names.iter().map(|name| SourceUse { name: name.clone(), ..SourceUse::default() }));
        }
        let mut batch = self.packers[0].empty_batch(grains, number_in_step);
        for grain in first_grain..first_grain + grains as u64 {
            let Turn { source, nth } = self.turn(grain);
            let (packer, used) = (&mut self.packers[source], &mut used[source]);
            used.tokens += packer.append(nth, &mut batch);
            used.documents = packer.documents(nth + 1);
            used.epochs = packer.epochs(nth + 1);
        }
        batch
    }
}

/// The first source keeps the seed, so that a mixture of one is that one. The others have their own, so that two sources
/// that lie side by side, such as a text and its translation, are not read side by side.
fn source_seed(seed: u64, at: usize) -> u64 {
    if at == 0 {
        return seed;
    }
    let words = Stream::new(seed, "mixture", &at.to_string()).block(0, 0);
    u64::from(words[0]) << 32 | u64::from(words[1])
}
