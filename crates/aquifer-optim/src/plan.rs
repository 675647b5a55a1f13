//! What a run will hold, found by going through it without its arithmetic.

use crate::{Mixture, TokenSource, TrainConfig, TrainError, Trainer};
use aquifer_model::{Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_tensor::memory::{self, Planned};
use std::sync::Arc;

/// Bytes that tensors and kernels will hold at the peak of a run, by purpose, for the number of threads at hand.
///
/// It is equal, to the byte, to the growth of [`memory::peak_bytes`] from before the model is made to after the last
/// evaluation, whatever the documents are. Not in it: documents, token ids, losses and lists of blocks, tasks and shapes,
/// which are ordinary memory and small beside it; and what others do between steps, such as drawing samples.
///
/// # Errors
/// [`TrainError::Config`] if the values do not fit together or there is nothing to predict.
pub fn plan_memory(
    config: &DecoderConfig,
    precision: Precision,
    train: &TrainConfig,
    source: impl Into<Mixture>,
    held_out: Option<Arc<dyn TokenSource>>,
) -> Result<Planned, TrainError> {
    let rehearse = || {
        let decoder = Decoder::init(config.clone(), 0, precision)?;
        Trainer::new(decoder, train.clone(), source, held_out, None, "plan")?.rehearse()
    };
    let (done, planned) = memory::plan(|| memory::count_as("activations", rehearse));
    done.map(|()| planned)
}
