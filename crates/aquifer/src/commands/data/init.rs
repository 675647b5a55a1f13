//! `aquifer data init`

use crate::context::Context;
use aquifer_data::pipeline::{ENDING, PRESETS};
use aquifer_data::rules::RULES;
use aquifer_record::write_atomic_bytes;
use std::path::PathBuf;

/// Write a recipe for `aquifer data run` to start from
///
/// Without a name, lists the recipes there are, and the rules their stages can name. The file says what each stage does and where its bounds come from; edit it.
#[derive(clap::Args)]
#[command(after_help = "Example: aquifer data init fineweb --out web.toml")]
pub(crate) struct Args {
    /// Which recipe
    preset: Option<String>,
    /// File to write [default: NAME.toml]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is already there
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    let Some(name) = args.preset else {
        if ctx.json {
            let names: Vec<_> = PRESETS.iter().map(|p| serde_json::json!({"name": p.name, "about": p.about})).collect();
            return ctx.print_json(&names);
        }
        for preset in PRESETS {
            println!("{:<12} {}", preset.name, preset.about);
        }
        println!("\nRules for the stages of a recipe:");
        for rule in RULES {
            println!("  {:<18} {}", rule.name, rule.about);
        }
        return Ok(());
    };
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        anyhow::bail!("there is no recipe called `{name}`; there are {}", names.join(", "));
    };
    let path = args.out.unwrap_or_else(|| PathBuf::from(format!("{name}.toml")));
    anyhow::ensure!(args.force || !path.exists(), "`{}` is there already; choose --out or say --force", path.display());
    write_atomic_bytes(&path, format!("{}{ENDING}", preset.text).as_bytes())?;
    ctx.say(format!("wrote {0}; run it with:\n  aquifer data run {0} INPUT --out FOLDER", path.display()));
    Ok(())
}
