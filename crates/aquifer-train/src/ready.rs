//! Token shards that lie ready: one set, or a mixture of several.

use crate::error::RunError;
use crate::prepare::{Places, Prepared, within};
use crate::recipe::{MixtureKeys, Recipe};
use aquifer_corpus::{MixtureFile, ShardFormat, TokenShards, held_out_blocks};
use aquifer_optim::{Joined, Mixture, ShardPart, Source, TokenSource, weights_by_size};
use aquifer_record::sha256_hex;
use aquifer_text::Tokenizer;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the shards of one source lie, and those it holds out, if it does.
pub(crate) type Folders = (PathBuf, Option<PathBuf>);

/// `train` and `heldout` inside a folder, or what lies at `data` if that is shards.
pub(crate) fn shard_folders(data: &Path) -> Option<Folders> {
    let holds = |folder: &Path| ShardFormat::at(folder).is_some();
    let (train, heldout) = (data.join("train"), data.join("heldout"));
    if holds(&train) {
        return Some((train, holds(&heldout).then_some(heldout)));
    }
    holds(data).then(|| (data.to_path_buf(), None))
}

/// One source. Without held-out shards a part of the training ones is held out.
pub(crate) fn from_shards(
    recipe: &Recipe,
    places: &Places,
    data: &Path,
    train: &Path,
    heldout: Option<&Path>,
) -> Result<Prepared, RunError> {
    let (tokenizer, folder) = existing_tokenizer(recipe, places, data)?;
    let (train, heldout) = parts(recipe, &tokenizer, data, train, heldout)?;
    Ok(Prepared { tokenizer_folder: Some(folder), ..Prepared::of_one(tokenizer, train, heldout) })
}

/// The recipe with the mixture it asks for: its own, or the one that lies where its data is; `None` if that is one source.
pub(crate) fn mixed<'a>(recipe: &'a Recipe, places: &Places) -> Result<Option<Cow<'a, Recipe>>, RunError> {
    if !recipe.mixture.sources().is_empty() {
        return Ok(Some(Cow::Borrowed(recipe)));
    }
    let data = crate::data::find_data(&recipe.data, &places.recipe_folder, &places.data_folders)?;
    let Some(MixtureFile { sources, weights }) = MixtureFile::read(&data)? else { return Ok(None) };
    let sources = sources.iter().map(|name| data.join(name).to_string_lossy().into_owned()).collect();
    let mixture = MixtureKeys { sources: Some(sources), weights, temperature: None };
    Ok(Some(Cow::Owned(Recipe { mixture, ..recipe.clone() })))
}

/// The sources of the recipe's mixture. Each holds out its own part, unless the recipe names what is held out.
pub(crate) fn from_mixture(recipe: &Recipe, places: &Places) -> Result<Prepared, RunError> {
    let find = |name: &str| crate::data::find_data(name, &places.recipe_folder, &places.data_folders);
    let named = recipe.heldout.as_deref().map(find).transpose()?;
    let mut found = Vec::new();
    for name in recipe.mixture.sources() {
        let data = find(name)?;
        let folders = shard_folders(&data).ok_or_else(|| RunError::MixtureText(data.clone()))?;
        found.push((name, data, folders));
    }
    let (tokenizer, folder) = existing_tokenizer(recipe, places, &found[0].1)?;
    let (mut train, mut heldout) = (Vec::new(), Vec::new());
    for (name, data, (folder, own)) in &found {
        // What the recipe names is held out once and not a source at a time.
        let (part, held) = match &named {
            Some(_) => (ShardPart::all(open(&tokenizer, folder)?), None),
            None => parts(recipe, &tokenizer, data, folder, own.as_deref())?,
        };
        train.push((full_name(data, name), part));
        heldout.extend(held);
    }
    if let Some(named) = named {
        let folder = shard_folders(&named)
            .ok_or_else(|| RunError::HeldoutText { heldout: named.clone(), data: found[0].1.clone() })?;
        heldout.push(ShardPart::all(open(&tokenizer, &folder.0)?));
    }
    let sizes: Vec<u64> = train.iter().map(|(_, part)| part.tokens()).collect();
    let weights = recipe.mixture.weights.clone();
    let weights = weights.unwrap_or_else(|| weights_by_size(&sizes, recipe.mixture.temperature.unwrap_or(1.0)));
    let parts: Vec<String> = train.iter().map(|(_, part)| part.sha256()).collect();
    let sources = train.into_iter().zip(weights);
    let sources = sources.map(|((name, part), weight)| Source { name, tokens: Arc::new(part), weight });
    let train = Mixture::new(sources.collect())?;
    let lines = train.shares().iter().zip(&parts).map(|(share, sha256)| format!("{share} {sha256}"));
    let data = if parts.len() == 1 { parts[0].clone() } else { digest(lines) };
    let mut hashes = vec![("data", data)];
    match heldout.len() {
        0 => {}
        1 => hashes.push(("heldout", heldout[0].sha256())),
        _ => hashes.push(("heldout", digest(heldout.iter().map(ShardPart::sha256)))),
    }
    let heldout: Vec<_> = heldout.into_iter().map(|part| Arc::new(part) as Arc<dyn TokenSource>).collect();
    let heldout = (!heldout.is_empty()).then(|| Arc::new(Joined::new(heldout)) as Arc<dyn TokenSource>);
    Ok(Prepared { tokenizer, train, heldout, hashes, tokenizer_folder: Some(folder), document_bytes: 0 })
}

/// The path from anywhere, so that a run that goes on calls its sources by the same names.
fn full_name(data: &Path, name: &str) -> String {
    data.canonicalize().map_or_else(|_| name.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn digest(lines: impl Iterator<Item = String>) -> String {
    sha256_hex(lines.collect::<Vec<_>>().join("\n").as_bytes())
}

/// Training documents and held-out ones of one source.
fn parts(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    data: &Path,
    train: &Path,
    heldout: Option<&Path>,
) -> Result<(ShardPart, Option<ShardPart>), RunError> {
    let shards = open(tokenizer, train)?;
    match heldout {
        Some(folder) if ShardFormat::at(folder).is_some() => {
            Ok((ShardPart::all(shards), Some(ShardPart::all(open(tokenizer, folder)?))))
        }
        Some(text) => Err(RunError::HeldoutText { heldout: text.to_path_buf(), data: data.to_path_buf() }),
        None => {
            let sizes: Vec<u64> = (0..shards.len()).map(|doc| shards.doc(doc).len() as u64).collect();
            let held = held_out_blocks(&sizes, recipe.val_fraction, recipe.seed);
            if !held.contains(&true) {
                return Ok((ShardPart::all(shards), None));
            }
            let [heldout, train] = ShardPart::split(shards, &held);
            Ok((train, Some(heldout)))
        }
    }
}

/// Shards that were made with this tokenizer, or may have been.
fn open(tokenizer: &Tokenizer, folder: &Path) -> Result<TokenShards, RunError> {
    let shards = TokenShards::open(folder)?;
    let (got, made_by) = (tokenizer.sha256(), &shards.meta().tokenizer_sha256);
    if !made_by.is_empty() && *made_by != got {
        return Err(RunError::OtherTokenizer { data: folder.to_path_buf(), made_by: made_by.clone(), got });
    }
    let (least, has) = (shards.meta().vocab_size, tokenizer.vocab_size());
    if least > has {
        return Err(RunError::SmallTokenizer { data: folder.to_path_buf(), least, has });
    }
    Ok(shards)
}

/// The tokenizer of shards that exist already, and its folder: named by the recipe, of the model gone on from, or
/// beside them.
fn existing_tokenizer(recipe: &Recipe, places: &Places, data: &Path) -> Result<(Tokenizer, PathBuf), RunError> {
    let mut tried: Vec<PathBuf> = recipe.init_from.iter().map(|folder| within(places, folder)).collect();
    if !["bpe", "char"].contains(&recipe.tokenizer.as_str()) {
        tried.push(within(places, Path::new(&recipe.tokenizer)));
    }
    // Of a single file of tokens, what lies beside it.
    let folder = if data.is_dir() { data } else { data.parent().unwrap_or(data) };
    tried.extend([folder.join("tokenizer"), folder.join("../tokenizer"), folder.to_path_buf()]);
    match tried.iter().find(|folder| folder.join("tokenizer.json").exists()) {
        Some(folder) => Ok((Tokenizer::load(folder)?, folder.clone())),
        None => Err(RunError::NoTokenizer(data.to_path_buf())),
    }
}
