//! From what a recipe names to what training reads: a tokenizer, and token shards of training and held-out text.

use crate::error::RunError;
use crate::recipe::{LossOn, Recipe};
use aquifer_corpus::{
    Document, ReadOptions, ShardMeta, ShardWriter, TokenShards, Unpacked, collect_documents, held_out_blocks,
    read_documents, unpacked,
};
use aquifer_optim::ShardPart;
use aquifer_record::progress::Unit;
use aquifer_record::{Progress, RunFolder, Stop};
use aquifer_text::{BpeOptions, Tokenizer, train_bpe, train_char};
use std::path::{Path, PathBuf};

/// With fewer documents than this the end of each is held out instead of some of them.
const FEW_DOCUMENTS: usize = 20;

/// Documents encoded at a time, and their bytes unless one alone has more: an encoding holds some fifty times its text.
const ENCODED_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 512 << 10;

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
    /// Training documents.
    pub train: ShardPart,
    /// Held-out documents.
    pub heldout: Option<ShardPart>,
    /// Where the tokenizer came from, if it was not learnt here.
    pub tokenizer_folder: Option<PathBuf>,
    /// Bytes of documents that were held at once, as far as told by their files; 0 if shards were there already.
    pub document_bytes: u64,
}

/// A document, and whether its text really ends where it ends.
struct Cut {
    document: Document,
    whole: bool,
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
    let data = crate::data::find_data(&recipe.data, &places.recipe_folder, &places.data_folders)?;
    let named = recipe.heldout.as_deref();
    let named = named.map(|name| crate::data::find_data(name, &places.recipe_folder, &places.data_folders));
    let named = named.transpose()?;
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
    let (train, heldout) = match &named {
        Some(path) => (whole(documents), whole(read(path)?)),
        None => split(documents, recipe.val_fraction),
    };
    let tokenizer = tokenizer_for(recipe, places, &train, progress, stop)?;
    tokenizer.save(&run.join("tokenizer"))?;
    progress.note(&format!("  vocabulary: {} entries", tokenizer.vocab_size()));
    for (name, documents) in [("heldout", &heldout), ("train", &train)] {
        if !documents.is_empty() {
            write(&run.join("shards").join(name), &tokenizer, documents, recipe.loss_on, progress, stop)?;
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

/// What lies ready in folders of token shards. Without held-out shards a part of the training ones is held out.
fn from_shards(
    recipe: &Recipe,
    places: &Places,
    data: &Path,
    train: &Path,
    heldout: Option<&Path>,
) -> Result<Prepared, RunError> {
    let (tokenizer, folder) = existing_tokenizer(recipe, places, data)?;
    let open = |folder: &Path| {
        let shards = TokenShards::open(folder)?;
        check_tokenizer(&tokenizer, &shards, folder)?;
        Ok::<_, RunError>(shards)
    };
    let shards = open(train)?;
    let (train, heldout) = match heldout {
        Some(folder) if folder.join("shards.json").exists() => {
            (ShardPart::all(shards), Some(ShardPart::all(open(folder)?)))
        }
        Some(text) => return Err(RunError::HeldoutText { heldout: text.to_path_buf(), data: data.to_path_buf() }),
        None => {
            let sizes: Vec<u64> = (0..shards.len()).map(|doc| shards.doc(doc).len() as u64).collect();
            let held = held_out_blocks(&sizes, recipe.val_fraction, recipe.seed);
            match held.contains(&true) {
                true => {
                    let [heldout, train] = ShardPart::split(shards, &held);
                    (train, Some(heldout))
                }
                false => (ShardPart::all(shards), None),
            }
        }
    };
    Ok(Prepared { tokenizer, train, heldout, tokenizer_folder: Some(folder), document_bytes: 0 })
}

/// Writes `documents` as token shards: each begins and ends with the tokenizer's own marks; dialogues go through
/// the chat template and, with [`LossOn::Assistant`], only what the assistant says is learnt from them.
/// Returns the SHA-256 that names the shards.
///
/// # Errors
/// If a document cannot be encoded or a file not written; [`RunError::Stopped`] if asked to stop.
pub fn write_shards(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: impl IntoIterator<Item = Document>,
    loss_on: LossOn,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<String, RunError> {
    write(folder, tokenizer, &whole(documents.into_iter().collect()), loss_on, progress, stop)
}

fn write(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: &[Cut],
    loss_on: LossOn,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<String, RunError> {
    let meta = ShardMeta { vocab_size: tokenizer.vocab_size(), tokenizer_sha256: tokenizer.sha256() };
    let mut writer = ShardWriter::create(folder, meta)?;
    let dialogue = |document: &Document| document.messages().filter(|_| tokenizer.chat_template().is_some());
    // Shards carry masks for all documents or for none.
    let masked = loss_on == LossOn::Assistant && documents.iter().any(|cut| dialogue(&cut.document).is_some());
    let bar = progress.bar("tokenising", Some(documents.len() as u64), Unit::Count("documents"));
    for group in groups(documents) {
        if stop.requested() {
            return Err(RunError::Stopped);
        }
        let texts: Vec<&str> = group.iter().map(|cut| cut.document.text.as_str()).collect();
        let encoded = tokenizer.encode_batch(&texts)?;
        for (cut, mut ids) in group.iter().zip(encoded) {
            let mut learned = None;
            if let Some(messages) = dialogue(&cut.document) {
                let chat = tokenizer.encode_chat(&messages, false)?;
                (ids, learned) = (chat.ids, Some(chat.assistant));
            }
            let mut mask = learned.unwrap_or_else(|| vec![true; ids.len()]);
            let without = ids.len();
            ids = tokenizer.begin(ids);
            if ids.len() > without {
                mask.insert(0, true);
            }
            if let (Some(eos), true) = (tokenizer.eos(), cut.whole) {
                ids.push(eos);
                mask.push(true);
            }
            let bytes = cut.document.text.len() as u64;
            writer.push(&cut.document.id, bytes, &ids, masked.then_some(&mask))?;
        }
        bar.advance(group.len() as u64);
    }
    Ok(writer.finish()?)
}

/// Neighbours that are encoded together.
fn groups(documents: &[Cut]) -> impl Iterator<Item = &[Cut]> {
    let mut rest = documents;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |cut: &&Cut| {
            bytes += cut.document.text.len();
            bytes <= BYTES_AT_ONCE
        };
        let n = rest.iter().take(ENCODED_AT_ONCE).take_while(fits).count().max(1).min(rest.len());
        let (group, after) = rest.split_at(n);
        rest = after;
        (n > 0).then_some(group)
    })
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
    Ok(Some(Prepared { tokenizer, train, heldout, tokenizer_folder: None, document_bytes: 0 }))
}

/// `train` and `heldout` inside a folder, or the folder itself if it holds shards.
fn shard_folders(data: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let holds = |folder: &Path| folder.join("shards.json").exists();
    let (train, heldout) = (data.join("train"), data.join("heldout"));
    if holds(&train) {
        return Some((train, holds(&heldout).then_some(heldout)));
    }
    holds(data).then(|| (data.to_path_buf(), None))
}

/// The tokenizer of shards that exist already, and its folder: named by the recipe, of the model gone on from, or
/// beside them.
fn existing_tokenizer(recipe: &Recipe, places: &Places, data: &Path) -> Result<(Tokenizer, PathBuf), RunError> {
    let mut tried: Vec<PathBuf> = recipe.init_from.iter().map(|folder| within(places, folder)).collect();
    if !["bpe", "char"].contains(&recipe.tokenizer.as_str()) {
        tried.push(within(places, Path::new(&recipe.tokenizer)));
    }
    tried.extend([data.join("tokenizer"), data.join("../tokenizer"), data.to_path_buf()]);
    match tried.iter().find(|folder| folder.join("tokenizer.json").exists()) {
        Some(folder) => Ok((Tokenizer::load(folder)?, folder.clone())),
        None => Err(RunError::NoTokenizer(data.to_path_buf())),
    }
}

fn check_tokenizer(tokenizer: &Tokenizer, shards: &TokenShards, folder: &Path) -> Result<(), RunError> {
    let (got, made_by) = (tokenizer.sha256(), &shards.meta().tokenizer_sha256);
    match made_by.is_empty() || *made_by == got {
        true => Ok(()),
        false => Err(RunError::OtherTokenizer { data: folder.to_path_buf(), made_by: made_by.clone(), got }),
    }
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

fn whole(documents: Vec<Document>) -> Vec<Cut> {
    documents.into_iter().map(|document| Cut { document, whole: true }).collect()
}

/// Holds out `fraction` of the documents: of many, some at equal distances; of few, the end of each.
fn split(documents: Vec<Document>, fraction: f64) -> (Vec<Cut>, Vec<Cut>) {
    if fraction <= 0.0 {
        return (whole(documents), Vec::new());
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
            heldout.push(Cut { document, whole: true });
        } else {
            train.push(Cut { document, whole: true });
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

    #[test]
    fn groups_are_small_and_lose_nothing() {
        let sizes = [1, BYTES_AT_ONCE + 1, 5, BYTES_AT_ONCE - 5, 6, 0].into_iter().chain(std::iter::repeat_n(1, 600));
        let documents = whole(sizes.map(|n| Document::new(n.to_string(), "x".repeat(n))).collect());
        let groups: Vec<usize> = groups(&documents).map(<[Cut]>::len).collect();
        assert_eq!(groups, [1, 1, 2, 256, 256, 90]);
        assert!(super::groups(&[]).next().is_none());
    }

    #[test]
    fn dialogues_are_masked_and_marks_stand_at_both_ends() {
        use aquifer_corpus::Message as Turn;
        let dir = tempfile::tempdir().unwrap();
        let documents = || {
            let turns = [Turn::new("user", "hi"), Turn::new("assistant", "yo")];
            [Document::new("plain", "abc"), Document::dialogue("talk", &turns)]
        };
        let tokenizer = train_char(["abc"]).unwrap();
        let write = |loss_on| {
            write_shards(dir.path(), &tokenizer, documents(), loss_on, &aquifer_record::Silent, &Stop::new()).unwrap();
            TokenShards::open(dir.path()).unwrap()
        };
        let shards = write(LossOn::Assistant);
        assert_eq!(tokenizer.decode_with_special(&shards.doc(0).to_vec()).unwrap(), "<|endoftext|>abc<|endoftext|>");
        assert!(shards.doc_mask(0).unwrap().iter().all(|learn| *learn));
        let (ids, mask) = (shards.doc(1).to_vec(), shards.doc_mask(1).unwrap());
        let learnt: Vec<u32> = ids.iter().zip(&mask).filter(|(_, learn)| **learn).map(|(id, _)| *id).collect();
        assert_eq!(tokenizer.decode_with_special(&learnt).unwrap(), "<|endoftext|>yo<|im_end|><|endoftext|>");
        assert!(write(LossOn::All).doc_mask(0).is_none());
    }
}
