//! `aquifer data catalog …`

use crate::context::Context;
use crate::table::{facts, table};
use anyhow::{Context as _, ensure};
use aquifer_corpus::{ReadOptions, read_documents};
use aquifer_record::catalog::{CARD, Card, Catalog, Entry, Source};
use aquifer_record::figures::{bytes, count};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Know your data sets: licence, languages, sizes, hashes, and what each was made from
///
/// A data set's card is a file beside its shards, card.toml, to be read and edited by people. What lists and searches is an
/// index over the cards below a folder; it may be deleted at any time.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    aquifer data catalog add data/crawl --name crawl-2024 --licence CC-BY-4.0 --language zh --language en\n  \
    aquifer data catalog add data/clean --name clean-2024 --licence CC-BY-4.0 --language zh \\\n    \
    --from crawl-2024 --by 'aquifer data run web.toml' --count\n  \
    aquifer data catalog list\n  \
    aquifer data catalog show clean-2024 --verify\n  \
    aquifer data catalog search crawl --language zh")]
pub(crate) struct Args {
    /// Folder of the catalogue: cards are looked for below it
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    catalog: PathBuf,
    /// PostgreSQL database for the index, of this catalogue's own, for a team (with `--features full`) [default: a file of
    /// SQLite's in the folder]
    #[arg(long, global = true, value_name = "postgres://…")]
    database: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Add(Add),
    /// List all data sets
    List,
    Show(Show),
    Search(Search),
}

/// Write the card of a folder: its files are measured and hashed
#[derive(clap::Args)]
struct Add {
    /// Folder of the data set
    folder: PathBuf,
    /// Name, of its own in the catalogue
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Licence, as SPDX has it if it does
    #[arg(long, value_name = "LICENCE")]
    licence: String,
    /// Language, such as en or zh-Hant; may be given several times
    #[arg(long, value_name = "LANGUAGE")]
    language: Vec<String>,
    /// What it is
    #[arg(long, default_value = "", value_name = "TEXT")]
    about: String,
    /// What it was made from: a data set of the catalogue, or an address; may be given several times
    #[arg(long, value_name = "NAME|URL")]
    from: Vec<String>,
    /// How it was made from these
    #[arg(long, default_value = "", value_name = "TEXT", requires = "from")]
    by: String,
    /// Count the documents, too
    #[arg(long)]
    count: bool,
    /// Replace a card that is already there
    #[arg(long)]
    force: bool,
}

/// Show a card and its lineage
#[derive(clap::Args)]
struct Show {
    /// Name of the data set
    name: String,
    /// Compare every file with its hash
    #[arg(long)]
    verify: bool,
}

/// Find data sets by words of their name, description or licence
#[derive(clap::Args)]
struct Search {
    /// Words, all of which should be there
    words: Vec<String>,
    /// In this language; zh finds zh-Hant, too
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Under exactly this licence
    #[arg(long, value_name = "LICENCE")]
    licence: Option<String>,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if let Verb::Add(add) = args.verb {
        return self::add(add, &args.catalog, args.database.as_deref(), ctx);
    }
    let catalog = open(&args.catalog, args.database.as_deref(), ctx)?;
    match args.verb {
        Verb::List => listed(catalog.all()?, ctx),
        Verb::Search(Search { words, language, licence }) => {
            listed(catalog.search(&words.join(" "), language.as_deref(), licence.as_deref())?, ctx)
        }
        Verb::Show(Show { name, verify }) => show(&catalog, &args.catalog, &name, verify, ctx),
        Verb::Add(_) => Ok(()),
    }
}

/// Cards that are none are said and left out.
fn open(root: &Path, database: Option<&str>, ctx: &Context) -> anyhow::Result<Catalog> {
    let catalog = match database {
        None => Catalog::open(root)?,
        Some(address) => open_in(root, address)?,
    };
    for error in &catalog.broken {
        ctx.say(format!("left out: {error}"));
    }
    Ok(catalog)
}

#[cfg(feature = "postgres")]
fn open_in(root: &Path, address: &str) -> anyhow::Result<Catalog> {
    Ok(Catalog::open_in(root, address)?)
}

#[cfg(not(feature = "postgres"))]
fn open_in(_root: &Path, _address: &str) -> anyhow::Result<Catalog> {
    anyhow::bail!("this program was built without the feature `postgres`: build it with `--features full`")
}

fn add(args: Add, root: &Path, database: Option<&str>, ctx: &Context) -> anyhow::Result<()> {
    let path = args.folder.join(CARD);
    ensure!(args.folder.is_dir(), "`{}` is no folder", args.folder.display());
    ensure!(args.force || !path.exists(), "`{}` is there already; edit it, or say --force", path.display());
    let catalog = open(root, database, ctx)?;
    let place = |folder: &Path| std::fs::canonicalize(folder).ok();
    let taken = catalog.named(&args.name)?;
    let other = taken.iter().find(|entry| place(&root.join(&entry.folder)) != place(&args.folder));
    if let Some(other) = other {
        anyhow::bail!("`{}` is the name of the data set in `{}`; choose another", args.name, other.folder.display());
    }
    let mut sources = Vec::with_capacity(args.from.len());
    for name in args.from {
        let known = catalog.named(&name)?;
        ensure!(
            !known.is_empty() || name.contains("://"),
            "there is no data set `{name}` in this catalogue; name one, or an address such as https://…"
        );
        let fingerprint = known.first().map(|entry| entry.card.fingerprint());
        sources.push(Source { name, by: args.by.clone(), fingerprint });
    }
    let documents = match args.count {
        true => Some(read_documents(&args.folder, &ReadOptions::default())?.filter(Result::is_ok).count() as u64),
        false => None,
    };
    let card = Card {
        name: args.name,
        about: args.about,
        licence: args.licence,
        languages: args.language,
        documents,
        sources,
        ..Card::default()
    };
    let card = card.with_files(&args.folder)?;
    card.save(&args.folder)?;
    if ctx.json {
        return ctx.print_json(&card);
    }
    println!("{} files, {} in `{}`", card.files.len(), bytes(card.bytes()), path.display());
    Ok(())
}

#[derive(Serialize)]
struct Row<'a> {
    folder: &'a Path,
    bytes: u64,
    #[serde(flatten)]
    card: &'a Card,
}

fn listed(entries: Vec<Entry>, ctx: &Context) -> anyhow::Result<()> {
    let row = |entry: &Entry| {
        let Entry { folder, card } = entry;
        let documents = card.documents.map(count).unwrap_or_default();
        let (languages, size) = (card.languages.join(" "), bytes(card.bytes()));
        vec![card.name.clone(), card.licence.clone(), languages, documents, size, folder.display().to_string()]
    };
    if ctx.json {
        let rows: Vec<Row> =
            entries.iter().map(|e| Row { folder: &e.folder, bytes: e.card.bytes(), card: &e.card }).collect();
        return ctx.print_json(&rows);
    }
    if entries.is_empty() {
        ctx.say("no data set; `aquifer data catalog add FOLDER` writes the first card");
        return Ok(());
    }
    let head = ["name", "licence", "languages", "documents", "size", "folder"];
    print!("{}", table(Some(&head), &[3, 4], &entries.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}

fn show(catalog: &Catalog, root: &Path, name: &str, verify: bool, ctx: &Context) -> anyhow::Result<()> {
    let found = catalog.named(name)?;
    let entry = found.first().with_context(|| {
        format!("there is no data set `{name}` below `{}`; `aquifer data catalog list` shows all", root.display())
    })?;
    let Entry { folder, card } = entry;
    let lineage = lineage(catalog, card)?;
    let derived: Vec<String> = catalog.made_from(name)?.into_iter().map(|entry| entry.card.name).collect();
    let differences = if verify { Some(card.differences(&root.join(folder))?) } else { None };
    if ctx.json {
        let row = Row { folder, bytes: card.bytes(), card };
        let more =
            serde_json::json!({"card": row, "lineage": lineage, "made_from_it": derived, "differences": differences});
        ctx.print_json(&more)?;
    } else {
        let amount = |n: Option<u64>| n.map(count).unwrap_or_default();
        let rows = [
            ("name", card.name.clone()),
            ("about", card.about.clone()),
            ("folder", folder.display().to_string()),
            ("licence", card.licence.clone()),
            ("languages", card.languages.join(" ")),
            ("documents", amount(card.documents)),
            ("tokens", amount(card.tokens)),
            ("size", format!("{}, {} files", bytes(card.bytes()), card.files.len())),
            ("made into", derived.join(", ")),
        ];
        print!("{}", facts(rows.into_iter().filter(|(_, value)| !value.is_empty())));
        for line in &lineage {
            println!("{}from {}{}{}", "  ".repeat(line.depth), line.name, line.by(), line.changed());
        }
    }
    for difference in differences.iter().flatten() {
        ctx.say(difference);
    }
    let different = differences.as_ref().map_or(0, Vec::len);
    ensure!(different == 0, "{different} of {} files of `{name}` are not what its card says", card.files.len());
    if verify {
        ctx.say("every file is what the card says");
    }
    Ok(())
}

/// One data set on the way back to the beginning.
#[derive(Serialize)]
struct Ancestor {
    depth: usize,
    name: String,
    by: String,
    /// Whether its files are others now than they were then; unknown for an address.
    changed: Option<bool>,
}

impl Ancestor {
    fn by(&self) -> String {
        if self.by.is_empty() { String::new() } else { format!(" by {}", self.by) }
    }

    fn changed(&self) -> &'static str {
        if self.changed == Some(true) { " (which has changed since)" } else { "" }
    }
}

/// Depth first; a data set that stands among its own ancestors is not followed again.
fn lineage(catalog: &Catalog, card: &Card) -> anyhow::Result<Vec<Ancestor>> {
    let mut out = Vec::new();
    let mut seen = vec![card.name.clone()];
    let sources = |card: &Card, depth: usize| -> Vec<(usize, Source)> {
        card.sources.iter().rev().map(|source| (depth, source.clone())).collect()
    };
    let mut left = sources(card, 0);
    while let Some((depth, source)) = left.pop() {
        let found = catalog.named(&source.name)?.into_iter().next();
        let now = found.as_ref().map(|entry| entry.card.fingerprint());
        let changed = now.zip(source.fingerprint).map(|(now, then)| now != then);
        if let Some(entry) = found.filter(|_| !seen.contains(&source.name)) {
            left.extend(sources(&entry.card, depth + 1));
        }
        seen.push(source.name.clone());
        out.push(Ancestor { depth, name: source.name, by: source.by, changed });
    }
    Ok(out)
}
