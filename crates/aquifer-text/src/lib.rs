//! Tokenizers, chat templates, normalisation and n-gram models.
