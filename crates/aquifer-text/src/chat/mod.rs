//! Chat templates: from messages to the text, and the ids, a model was taught to read.

mod encode;
mod json;
mod provenance;
mod strftime;
mod template;

pub use encode::ChatIds;
pub use strftime::Clock;
pub use template::ChatTemplate;

pub use aquifer_corpus::Message;
