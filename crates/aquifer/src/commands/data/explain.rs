//! `aquifer data explain`

use crate::context::Context;
use anyhow::Context as _;
use aquifer_data::pipeline::{Explained, Measured, Pipeline};
use aquifer_data::rules::Value;
use aquifer_record::figures;
use std::path::PathBuf;

/// Say why a document stayed or was dropped: every rule, its value, its bound, and the text behind it
///
/// The document is read from its input file again and every rule asked, also those behind the one that dropped it.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data explain clean 'crawl.warc.gz#12'")]
pub(crate) struct Args {
    /// Folder of the run
    run: PathBuf,
    /// Id of the document, or FILE#n for the n-th document of an input file
    id: String,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let pipeline = Pipeline::reopen(&args.run)?;
    let explained = pipeline.explain(&args.id, ctx.stop())?;
    ctx.go_on("stopped")?;
    let explained =
        explained.with_context(|| format!("the run in `{}` met no document `{}`", args.run.display(), args.id))?;
    if ctx.json {
        return ctx.print_json(&explained);
    }
    print!("{}", told(&explained));
    if explained.of_this_id > 1 {
        let n = explained.of_this_id;
        ctx.say(format!("{n} documents of the run have this id, this is the first; FILE#n names any by its place"));
    }
    Ok(())
}

fn told(explained: &Explained) -> String {
    let Explained { id, file, dropped_by, stages, .. } = explained;
    let mut out = format!("{id}, from {file}: ");
    out += &dropped_by.as_ref().map_or("it stays".to_owned(), |stage| format!("dropped by {stage}"));
    out.push('\n');
    let columns = stages.iter().flat_map(|stage| &stage.columns);
    let width = columns.map(|column| column.column.len()).max().unwrap_or(0);
    for stage in stages {
        out += &stage.columns.iter().map(|column| line(column, width)).collect::<String>();
        if let Some((before, after)) = stage.edited {
            out += &format!("  {} changed the text: {before} characters before, {after} after\n", stage.stage);
        }
    }
    out
}

fn line(measured: &Measured, width: usize) -> String {
    let Measured { column, value, bound, holds, places, .. } = measured;
    let value = match value {
        None => "–".to_owned(),
        Some(Value::Number(x)) => figures::number(*x),
        Some(Value::Label(name)) => name.clone(),
    };
    let mark = if *holds { ' ' } else { '✗' };
    let mut out = format!("{mark} {column:<width$}  {value:>10}  {bound}\n");
    for place in places {
        out += &format!("    | {}\n", place.replace('\n', " ⏎ "));
    }
    out
}
