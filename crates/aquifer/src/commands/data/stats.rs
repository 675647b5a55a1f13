//! `aquifer data stats`

use super::Input;
use crate::context::Context;
use crate::input::Work;
use aquifer_data::stats::stats;

/// Count documents, bytes, characters, words and scripts
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data stats novels/ --json")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let collected = args.input.read(Work::Look, ctx)?;
    let stats = stats(&collected.documents);
    if ctx.json {
        return ctx.print_json(&stats);
    }
    for (name, value) in [
        ("documents", stats.documents),
        ("dialogues", stats.dialogues),
        ("bytes", stats.bytes),
        ("characters", stats.characters),
        ("words", stats.words),
        ("bytes of the longest", stats.longest),
        ("skipped", collected.skipped_count),
    ] {
        println!("{name:<22}{value:>15}");
    }
    for (script, documents) in &stats.scripts {
        println!("{:<22}{documents:>15}", format!("documents in {script}"));
    }
    Ok(())
}
