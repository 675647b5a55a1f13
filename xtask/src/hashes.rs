//! Does a quickstart end with the weights that README.md promises for this machine's order of bf16 sums?

use crate::shell::root;
use anyhow::{Context, ensure};
use std::path::PathBuf;

/// What is compared
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run folder of a quickstart on built-in data
    run: PathBuf,
    /// The row of README.md's table: `quickstart` or `quickstart --fast`
    #[arg(long, default_value = "quickstart --fast")]
    row: String,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let path = args.run.join("manifest.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let precision = manifest["precision"].as_str().context("the manifest names no precision")?;
    let found = manifest["hashes"]["weights"].as_str().context("the run never finished: it has no weights hash")?;
    let readme = std::fs::read_to_string(root().join("README.md")).context("reading README.md")?;
    let promised = promised(&readme, &args.row, precision)
        .with_context(|| format!("README.md has no hash of `{}` for {precision}", args.row))?;
    ensure!(
        found == promised,
        "`{}` ended with other weights than README.md promises for {precision}:\n  promised {promised}\n  found    {found}\n\
         if the change is meant, put the new hash there and say so in CHANGELOG.md",
        args.row
    );
    eprintln!("── weights of `{}` in {precision} are those README.md promises", args.row);
    Ok(())
}

/// The cell of README's table at this row and order.
fn promised<'a>(readme: &'a str, row: &str, precision: &str) -> Option<&'a str> {
    let cells = |line: &'a str| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
    let column = match precision {
        "bf16/pair" => 2,
        "bf16/tile" => 3,
        _ => return None,
    };
    readme.lines().map(cells).find(|cells| cells.get(1) == Some(&row))?.get(column).copied()
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_are_found_by_row_and_order() {
        let table = "| run | `pair` | `tile` |\n|---|---|---|\n| `quickstart` | `aa` | `bb` |\n| `quickstart --fast` | `cc` | `dd` |";
        assert_eq!(super::promised(table, "quickstart --fast", "bf16/tile"), Some("dd"));
        assert_eq!(super::promised(table, "quickstart", "bf16/pair"), Some("aa"));
        assert_eq!(super::promised(table, "quickstart", "f32"), None);
    }
}
