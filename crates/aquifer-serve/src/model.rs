//! What a server serves: a network, its vocabulary and its name.

use aquifer_infer::Network;
use aquifer_text::Tokenizer;
use std::sync::Arc;

/// One model under the name clients ask for.
pub struct ServedModel {
    /// As in `"model": …` of requests.
    pub name: String,
    /// The network.
    pub network: Arc<dyn Network>,
    /// Its vocabulary and chat template.
    pub tokenizer: Arc<Tokenizer>,
    /// Tokens that end an answer.
    pub stop_tokens: Vec<u32>,
    /// Says which weights, arithmetic and version answer; returned as `system_fingerprint`.
    pub fingerprint: String,
}

impl ServedModel {
    /// A model that stops where its tokenizer says.
    pub fn new(name: impl Into<String>, network: Arc<dyn Network>, tokenizer: Arc<Tokenizer>) -> Self {
        ServedModel {
            name: name.into(),
            network,
            stop_tokens: tokenizer.stop_ids(),
            tokenizer,
            fingerprint: concat!("aquifer-", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}
