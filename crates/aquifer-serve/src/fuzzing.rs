//! The readers of request bodies as a function of bytes, for fuzzing.

use crate::model::ServedModel;
use crate::openai::{chat, completions};
use crate::server::ServeConfig;
use crate::state::State;
use aquifer_infer::Network;
use aquifer_text::Tokenizer;
use std::sync::Arc;

/// Reads bodies as a server of this model would, and runs none.
pub struct BodyReader(State);

impl BodyReader {
    /// A reader for this model.
    pub fn new(network: Arc<dyn Network>, tokenizer: Arc<Tokenizer>) -> Self {
        BodyReader(State::new(ServedModel::new("model", network, tokenizer), ServeConfig::default()))
    }

    /// Reads a body as a conversation and as prompts; says which of the two it could be.
    pub fn read(&self, body: &[u8]) -> (bool, bool) {
        (chat::prepare(&self.0, body).is_ok(), completions::prepare(&self.0, body).is_ok())
    }
}
