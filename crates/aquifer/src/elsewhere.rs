//! Addresses such as `s3://bucket/prefix`, for the commands that take them.

use anyhow::Context as _;
use aquifer_data::pipeline::Elsewhere;
use aquifer_record::storage::{Storage, is_address};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What the addresses among these paths mean, and a folder in `scratch` for what is brought from there, which is gone when
/// dropped; `None` where there are none.
pub(crate) fn elsewhere<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    scratch: Option<&Path>,
) -> anyhow::Result<Option<(Elsewhere, TempDir)>> {
    let Some(address) = paths.into_iter().find(|path| is_address(path)) else { return Ok(None) };
    let storage = storage(address)?;
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("aquifer-");
    let folder = match scratch {
        Some(scratch) => builder.tempdir_in(scratch),
        None => builder.tempdir(),
    };
    let folder = folder.context("making a folder for what is brought from the store")?;
    Ok(Some((Elsewhere { storage, scratch: folder.path().to_path_buf() }, folder)))
}

#[cfg(feature = "s3")]
fn storage(_: &Path) -> anyhow::Result<Arc<dyn Storage>> {
    let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((key.into_string().ok()?, value.into_string().ok()?))
    };
    let settings = std::env::vars_os().filter_map(text).filter(|(key, _)| key.starts_with("AWS_"));
    Ok(Arc::new(aquifer_cluster::S3::new(settings)?))
}

#[cfg(not(feature = "s3"))]
fn storage(address: &Path) -> anyhow::Result<Arc<dyn Storage>> {
    anyhow::bail!(
        "`{}` is in an object store, which needs the feature `full`: build with `cargo build --release --features full`",
        address.display()
    )
}
