//! `aquifer bench import`

use crate::context::Context;
use anyhow::Context as _;
use aquifer_record::FileError;
use aquifer_record::perf::{self, import};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Read published tables into perf records
///
/// Known are FlagPerf's tables (JSON lines of file, area, section and row) and MLPerf's (training and inference, as
/// CSV), plain or packed by gzip. Rows without a measurement are counted and named, never guessed at.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tables
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the records go, one JSON object a line [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let mut records = Vec::new();
    for path in &args.files {
        let source = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let found = import::import(&text(path)?, &source).with_context(|| format!("reading `{}`", path.display()))?;
        ctx.say(format!("{source}: {} records", found.records.len()));
        for (reason, rows) in found.skipped {
            ctx.say(format!("  {rows:>5} rows gave none ({reason})"));
        }
        records.extend(found.records);
    }
    match &args.out {
        Some(path) => perf::write(path, &records).context("writing the records")?,
        None => records.iter().for_each(|record| println!("{}", perf::line(record))),
    }
    Ok(())
}

/// The text of a file, unpacked where it is packed.
fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    let unpacked = if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut unpacked = Vec::new();
        // Published tables are small; a file that unpacks to more is not one.
        const MOST: u64 = 1 << 30;
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .take(MOST)
            .read_to_end(&mut unpacked)
            .map_err(FileError::at("unpack", path))?;
        unpacked
    } else {
        bytes
    };
    String::from_utf8(unpacked).with_context(|| format!("`{}` is not text in UTF-8", path.display()))
}
