//! The endpoints of OpenAI's API that a language model needs, in the shapes its clients read.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod fields;
pub(crate) mod models;
pub(crate) mod options;
pub(crate) mod run;
