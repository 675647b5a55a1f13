//! The documents a person names: a file, a folder, or `-` for standard input.

use crate::context::Context;
use aquifer_corpus::{Collected, ReadOptions, collect_documents, read_documents, read_stream};
use std::path::Path;

/// Reads all documents of `path`; what had to be skipped is counted and, the first few, listed.
pub(crate) fn collect(path: &Path, options: &ReadOptions, ctx: &Context) -> anyhow::Result<Collected> {
    let documents = match path == Path::new("-") {
        true => read_stream(std::io::stdin(), "stdin", None, options)?,
        false => read_documents(path, options)?,
    };
    Ok(collect_documents(documents, ctx.progress(), ctx.stop())?)
}
