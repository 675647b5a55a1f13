//! Several sources read in turn, each by its part.
//!
//! The grains of a run are numbered; an [`Interleave`] says which source grain `i` comes from and how many of that source
//! came before it, and the source's own [`Packer`](crate::Packer), epoch after epoch, says what is in it. So the documents
//! of any grain follow from the seed, the mixture and the grain's number, and nothing else: a run goes on anywhere.

mod interleave;
mod mixer;

pub use interleave::{Interleave, Turn, weights_by_size};
pub use mixer::Mixer;

use crate::TokenSource;
use std::sync::Arc;

/// Why sources cannot be mixed as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MixtureError {
    /// No source at all.
    #[error("a mixture needs at least one source")]
    Empty,
    /// A weight that means nothing.
    #[error("the weight of source {} of a mixture should be above 0 and finite, but is {weight}: leave the source out", at + 1)]
    Weight {
        /// Which source, from 0.
        at: usize,
        /// Its weight.
        weight: f64,
    },
    /// A source so small beside the others that it would never be read.
    #[error("source {} of a mixture would get {part:.1e} of it; less than a millionth is never read: leave it out, raise its weight, or raise the temperature", at + 1)]
    TooSmall {
        /// Which source, from 0.
        at: usize,
        /// The part of the mixture it would be.
        part: f64,
    },
}

/// One source of a mixture.
#[derive(Clone)]
pub struct Source {
    /// What reports call it.
    pub name: String,
    /// Its documents.
    pub tokens: Arc<dyn TokenSource>,
    /// Its part of the grains, and so of the tokens, in any unit.
    pub weight: f64,
}

/// What a run reads: one source, or several in turn.
#[derive(Clone)]
pub struct Mixture {
    sources: Vec<(String, Arc<dyn TokenSource>)>,
    interleave: Arc<Interleave>,
}

impl Mixture {
    /// Sources by weight.
    ///
    /// # Errors
    /// [`MixtureError`] if a weight is not above 0 or next to nothing beside the others.
    pub fn new(sources: Vec<Source>) -> Result<Self, MixtureError> {
        let weights: Vec<f64> = sources.iter().map(|source| source.weight).collect();
        let interleave = Arc::new(Interleave::new(&weights)?);
        let sources = sources.into_iter().map(|source| (source.name, source.tokens)).collect();
        Ok(Mixture { sources, interleave })
    }

    /// Turns of each source in a period of the interleaving; their proportions are those of the mixture.
    pub fn shares(&self) -> &[u64] {
        self.interleave.shares()
    }

    /// Tokens of all documents of all sources.
    pub fn tokens(&self) -> u64 {
        self.sources.iter().map(|(_, source)| source.tokens()).sum()
    }
}

impl From<Arc<dyn TokenSource>> for Mixture {
    fn from(tokens: Arc<dyn TokenSource>) -> Self {
        Mixture::new(vec![Source { name: "data".to_owned(), tokens, weight: 1.0 }]).expect("one source, all of it")
    }
}

impl<S: TokenSource + 'static> From<Arc<S>> for Mixture {
    fn from(tokens: Arc<S>) -> Self {
        Mixture::from(tokens as Arc<dyn TokenSource>)
    }
}

#[cfg(test)]
mod tests;
