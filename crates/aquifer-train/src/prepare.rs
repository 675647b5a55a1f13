//! From what a recipe names to what training reads: a tokenizer, and token shards of training and held-out text.

use crate::error::RunError;
use crate::ready::{from_mixture, from_shards, mixed, shard_folders};
use crate::recipe::Recipe;
use aquifer_corpus::{Document, ReadOptions, TokenShards, Unpacked, collect_documents, read_documents, unpacked};
use aquifer_optim::{Mixture, ShardPart, TokenSource};
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, RunFolder, Stop};
use aquifer_text::{BYTES_AT_ONCE, BpeOptions, Cut, ShardOptions, Tokenizer, train_bpe, train_char, write_cuts};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// With fewer documents than this the end of each is held out instead of some of them.
const FEW_DOCUMENTS: usize = 20;

/// Where to look for what a recipe names.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The folder of the recipe.
    pub recipe_folder: PathBuf,
    /// Folders with data sets.
    pub data_folders: Vec<PathBuf>,
}

/// What training reads.
pub struct Prepared {
    /// Turns text into the tokens of the shards, and back.
    pub tokenizer: Tokenizer,
    /// Training documents, of one source or several.
    pub train: Mixture,
    /// Held-out documents.
    pub heldout: Option<Arc<dyn TokenSource>>,
    /// SHA-256 of `data` and, where there is some, `heldout`.
    pub hashes: Vec<(&'static str, String)>,
    /// Where the tokenizer came from, if it was not learnt here.
    pub tokenizer_folder: Option<PathBuf>,
    /// Bytes of documents that were held at once, as far as told by their files; 0 if shards were there already.
    pub document_bytes: u64,
}

impl Prepared {
    /// One source, and what is held out.
    pub(crate) fn of_one(tokenizer: Tokenizer, train: ShardPart, heldout: Option<ShardPart>) -> Self {
        let mut hashes = vec![("data", train.sha256())];
        hashes.extend(heldout.as_ref().map(|part| ("heldout", part.sha256())));
        let heldout = heldout.map(|part| Arc::new(part) as Arc<dyn TokenSource>);
        let train = Arc::new(train).into();
        Prepared { tokenizer, train, heldout, hashes, tokenizer_folder: None, document_bytes: 0 }
    }
}

/// Finds or makes the tokenizer and the shards of a recipe, in the run's folder; what an earlier sitting made is
/// used again.
///
/// # Errors
/// If data is missing or cannot be read, or its documents would need more than `memory_limit` bytes; each with what to
/// do about it.
pub fn prepare(
    recipe: &Recipe,
    places: &Places,
    run: &RunFolder,
    memory_limit: u64,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    if let Some(earlier) = prepared_earlier(run)? {
        return Ok(earlier);
    }
    if let Some(recipe) = mixed(recipe, places)? {
        let prepared = from_mixture(&recipe, places)?;
        prepared.tokenizer.save(&run.join("tokenizer"))?;
        return Ok(prepared);
    }
    let find = |name: &str| crate::data::find_data(name, &places.recipe_folder, &places.data_folders);
    let data = find(&recipe.data)?;
    let named = recipe.heldout.as_deref().map(find).transpose()?;
    if let Some((train, heldout)) = shard_folders(&data) {
        let prepared = from_shards(recipe, places, &data, &train, named.or(heldout).as_deref())?;
        prepared.tokenizer.save(&run.join("tokenizer"))?;
        return Ok(prepared);
    }
    let mut document_bytes = 0;
    for path in std::iter::once(&data).chain(&named) {
        document_bytes += held_bytes(&unpacked(path)?, recipe.tokenizer == "bpe" && recipe.init_from.is_none());
    }
    if document_bytes > memory_limit {
        return Err(RunError::DocumentMemory { data, needed: document_bytes, limit: memory_limit });
    }
    let read = |path: &Path| -> Result<Vec<Document>, RunError> {
        Ok(collect_documents(read_documents(path, &ReadOptions::default())?, progress, stop)?.documents)
    };
    let documents = read(&data)?;
    let whole = |documents: Vec<Document>| documents.into_iter().map(Cut::whole).collect();
    let (train, heldout): (Vec<Cut>, Vec<Cut>) = match &named {
        Some(path) => (whole(documents), whole(read(path)?)),
        None => split(documents, recipe.val_fraction),
    };
    let tokenizer = tokenizer_for(recipe, places, &train, progress, stop)?;
    tokenizer.save(&run.join("tokenizer"))?;
    progress.note(&format!("  vocabulary: {} entries", tokenizer.vocab_size()));
    for (name, documents) in [("heldout", heldout), ("train", train)] {
        if !documents.is_empty() {
            let bar = progress.bar("tokenising", Some(documents.len() as u64), Unit::Count("documents"));
            let (folder, options) = (run.join("shards").join(name), ShardOptions::new(recipe.loss_on));
            write_cuts(&folder, &tokenizer, documents.into_iter(), &options, stop, |more| bar.advance(more))?;
        }
    }
    let prepared = prepared_earlier(run)?.ok_or(RunError::Stopped)?;
    Ok(Prepared { document_bytes, ..prepared })
}

/// Bytes held at the most while so much text is read and tokenised, and perhaps a vocabulary of pairs learnt from it.
///
/// Measured as the peak of the process over novels, program code and Chinese poems (three bytes a character, and every
/// line a word of its own to the pairs): up to 5 bytes a byte for short documents, 3 to 20 more for the vocabulary, and
/// 130 for each byte of a document that is longer than those that are encoded together anyway.
pub fn held_bytes(text: &Unpacked, vocabulary: bool) -> u64 {
    let learning = if vocabulary { 3.0 + 17.0 * text.spaceless } else { 0.0 };
    let alone = text.longest.saturating_sub(BYTES_AT_ONCE as u64);
    (text.bytes as f64 * (5.0 + learning)) as u64 + 130 * alone
}

fn prepared_earlier(run: &RunFolder) -> Result<Option<Prepared>, RunError> {
    let (train, heldout) = (run.join("shards/train"), run.join("shards/heldout"));
    // Written last, so that with it everything else is there.
    if !train.join("shards.json").exists() {
        return Ok(None);
    }
    let heldout = heldout.join("shards.json").exists().then(|| TokenShards::open(&heldout)).transpose()?;
    let tokenizer = Tokenizer::load(&run.join("tokenizer"))?;
    let (train, heldout) = (ShardPart::all(TokenShards::open(&train)?), heldout.map(ShardPart::all));
    Ok(Some(Prepared::of_one(tokenizer, train, heldout)))
}

fn tokenizer_for(
    recipe: &Recipe,
    places: &Places,
    train: &[Cut],
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Tokenizer, RunError> {
    if let Some(folder) = &recipe.init_from {
        return Ok(Tokenizer::load(&within(places, folder))?);
    }
    let texts = || train.iter().map(|cut| cut.document.text.as_str());
    match recipe.tokenizer.as_str() {
        "char" => Ok(train_char(texts())?),
        "bpe" => {
            let bytes = texts().map(|text| text.len() as u64).sum();
            let bar = progress.bar("learning the vocabulary", Some(bytes), Unit::Bytes);
            Ok(train_bpe(texts(), &BpeOptions::new(recipe.vocab_size), &*bar, stop)?)
        }
        folder => Ok(Tokenizer::load(&within(places, Path::new(folder)))?),
    }
}

/// A path of a recipe: as it is if it exists, else from the recipe's folder.
pub(crate) fn within(places: &Places, path: &Path) -> PathBuf {
    let beside = places.recipe_folder.join(path);
    if !path.exists() && beside.exists() { beside } else { path.to_path_buf() }
}

/// Holds out `fraction` of the documents: of many, some at equal distances; of few, the end of each.
fn split(documents: Vec<Document>, fraction: f64) -> (Vec<Cut>, Vec<Cut>) {
    if fraction <= 0.0 {
        return (documents.into_iter().map(Cut::whole).collect(), Vec::new());
    }
    let (mut train, mut heldout) = (Vec::new(), Vec::new());
    let few = documents.len() < FEW_DOCUMENTS;
    for (at, document) in documents.into_iter().enumerate() {
        if few {
            let characters = document.text.chars().count();
            let kept = (characters as f64 * (1.0 - fraction)) as usize;
            let byte = document.text.char_indices().nth(kept).map_or(document.text.len(), |(byte, _)| byte);
            let tail = Document::new(format!("{}#end", document.id), &document.text[byte..]);
            let head = Document::new(document.id, &document.text[..byte]);
            train.push(Cut { document: head, whole: false });
            heldout.push(Cut { document: tail, whole: false });
        } else if ((at + 1) as f64 * fraction) as usize > (at as f64 * fraction) as usize {
            heldout.push(Cut::whole(document));
        } else {
            train.push(Cut::whole(document));
        }
    }
    (train, heldout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_text_is_cut_by_characters_and_many_by_documents() {
        let text: String = "añb".repeat(100);
        let (train, heldout) = split(vec![Document::new("d", text.as_str())], 0.1);
        assert_eq!(train[0].document.text.chars().count(), 270);
        assert_eq!(train[0].document.text.clone() + &heldout[0].document.text, text);
        let many = (0..200).map(|i| Document::new(format!("d{i}"), "x")).collect();
        let (train, heldout) = split(many, 0.05);
        assert_eq!((train.len(), heldout.len()), (190, 10));
        assert!(split(vec![Document::new("d", "xy")], 0.0).1.is_empty());
    }
}
