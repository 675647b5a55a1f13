//! The loss on held-out documents.

use crate::{IGNORE, Order, Packer, TokenSource, TrainError};
use aquifer_model::Decoder;
use aquifer_record::Stop;
use std::sync::Arc;

/// Held-out documents, cut into windows of one grain in stored order: each token is predicted once, from the
/// tokens before it in its own window and document.
pub struct HeldOut {
    packer: Packer,
    grains_at_once: usize,
}

/// What an evaluation found.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct HeldOutLoss {
    /// Sum of losses, nats.
    pub nats: f64,
    /// Tokens predicted.
    pub tokens: u64,
    /// UTF-8 bytes of the texts, where the source knows them and every grain was looked at.
    pub bytes: Option<u64>,
}

impl HeldOutLoss {
    /// Nats a token.
    pub fn mean(&self) -> f64 {
        self.nats / self.tokens.max(1) as f64
    }

    /// Bits a byte of text.
    pub fn bits_per_byte(&self) -> Option<f64> {
        self.bytes.filter(|bytes| *bytes > 0).map(|bytes| self.nats / std::f64::consts::LN_2 / bytes as f64)
    }
}

impl HeldOut {
    /// `None` if the documents hold nothing to predict.
    pub fn new(source: Arc<dyn TokenSource>, grain_len: usize, grains_at_once: usize) -> Option<Self> {
        let packer = Packer::new(source, grain_len, Order::AsStored)?;
        Some(HeldOut { packer, grains_at_once: grains_at_once.max(1) })
    }

    /// Grains in all.
    pub fn grains(&mut self) -> u64 {
        self.packer.grains_in_epoch(0)
    }

    /// One batch of every size that evaluations of `at_most` grains, and of all, will have: for plans of memory.
    pub(crate) fn rehearse(&mut self, decoder: &Decoder, at_most: u64) -> Result<(), TrainError> {
        let (all, at_once) = (self.grains(), self.grains_at_once as u64);
        for grains in [all.min(at_most), all] {
            for count in [grains.min(at_once), grains % at_once] {
                if count > 0 {
                    decoder.losses(&self.packer.batch(0, count as usize, 0))?;
                }
            }
        }
        Ok(())
    }

    /// The loss over the first `at_most` grains; `None` if a stop was requested on the way.
    ///
    /// # Errors
    /// Those of the model.
    pub fn loss(&mut self, decoder: &Decoder, at_most: u64, stop: &Stop) -> Result<Option<HeldOutLoss>, TrainError> {
        let all = self.grains();
        let grains = all.min(at_most);
        let mut found = HeldOutLoss::default();
        let mut first = 0;
        while first < grains {
            if stop.requested() {
                return Ok(None);
            }
            let count = self.grains_at_once.min((grains - first) as usize);
            let batch = self.packer.batch(first, count, 0);
            let losses = decoder.losses(&batch)?;
            for (loss, _) in losses.iter().zip(&batch.targets).filter(|(_, target)| **target != IGNORE) {
                found.nats += f64::from(*loss);
                found.tokens += 1;
            }
            first += count as u64;
        }
        found.bytes = self.packer.source().text_bytes().filter(|_| grains == all);
        Ok(Some(found))
    }
}
