//! From documents to token shards, a few at a time: what is held does not grow with what is written.

use crate::error::RunError;
use crate::recipe::LossOn;
use aquifer_corpus::{Document, ShardFormat, ShardMeta};
use aquifer_record::Stop;
use aquifer_text::{Message, Tokenizer};
use std::path::Path;

/// Documents encoded at a time, and their bytes unless one alone has more: an encoding holds some fifty times its text.
const ENCODED_AT_ONCE: usize = 256;
pub(crate) const BYTES_AT_ONCE: usize = 512 << 10;

/// How documents become tokens.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// What of a dialogue is learned.
    pub loss_on: LossOn,
    /// Which marks of the tokenizer stand around a document.
    pub marks: Marks,
    /// The layout of the shards.
    pub format: ShardFormat,
    /// What datatrove's tools are told to load; other layouts do not say.
    pub tokenizer_name: String,
}

/// Which marks of the tokenizer stand around a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// One that begins a text and one that ends it: how models are trained here, and how a prompt begins.
    Both,
    /// Only one that ends it, as datatrove and Megatron do.
    End,
}

impl ShardOptions {
    /// Our own shards.
    pub fn new(loss_on: LossOn) -> Self {
        ShardOptions { loss_on, marks: Marks::Both, format: ShardFormat::Aquifer, tokenizer_name: String::new() }
    }
}

/// A document, and whether its text really ends where it ends.
pub(crate) struct Cut {
    pub(crate) document: Document,
    pub(crate) whole: bool,
}

impl Cut {
    pub(crate) fn whole(document: Document) -> Self {
        Cut { document, whole: true }
    }
}

/// Writes `documents` as token shards, in their order: dialogues go through the chat template and, with
/// [`LossOn::Assistant`], only what the assistant says is learned from them.
///
/// # Errors
/// If a document cannot be encoded or a file not written; [`RunError::Stopped`] if asked to stop.
pub fn write_shards(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: impl IntoIterator<Item = Document>,
    options: &ShardOptions,
    stop: &Stop,
) -> Result<(), RunError> {
    write_cuts(folder, tokenizer, documents.into_iter().map(Cut::whole), options, stop, |_| ())
}

/// [`write_shards`] of documents that may be cut; `written` is told how many more are done.
pub(crate) fn write_cuts(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: impl Iterator<Item = Cut>,
    options: &ShardOptions,
    stop: &Stop,
    written: impl Fn(u64),
) -> Result<(), RunError> {
    let meta = ShardMeta { vocab_size: tokenizer.vocab_size(), tokenizer_sha256: tokenizer.sha256() };
    let mut writer = options.format.writer(folder, meta, &options.tokenizer_name)?;
    for group in groups(documents) {
        if stop.requested() {
            return Err(RunError::Stopped);
        }
        for (cut, Tokens { ids, learned }) in group.iter().zip(encode(tokenizer, &group, options)?) {
            let bytes = cut.document.text.len() as u64;
            writer.push(&cut.document.id, bytes, &ids, learned.as_deref())?;
        }
        written(group.len() as u64);
    }
    Ok(writer.finish()?)
}

/// A document as training reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Its tokens.
    pub ids: Vec<u32>,
    /// Which of them are learned; `None` if all are.
    pub learned: Option<Vec<bool>>,
}

/// The tokens of a document as [`write_shards`] writes them.
///
/// # Errors
/// If it cannot be encoded.
pub fn tokenise(tokenizer: &Tokenizer, document: Document, options: &ShardOptions) -> Result<Tokens, RunError> {
    Ok(encode(tokenizer, &[Cut::whole(document)], options)?.remove(0))
}

fn encode(tokenizer: &Tokenizer, group: &[Cut], options: &ShardOptions) -> Result<Vec<Tokens>, RunError> {
    let dialogue = |cut: &Cut| cut.document.messages().filter(|_| tokenizer.chat_template().is_some());
    let dialogues: Vec<Option<Vec<Message>>> = group.iter().map(dialogue).collect();
    let text =
        |cut: &'_ Cut, dialogue: &Option<_>| if dialogue.is_some() { "" } else { &*cut.document.text }.to_owned();
    let texts: Vec<String> = group.iter().zip(&dialogues).map(|(cut, dialogue)| text(cut, dialogue)).collect();
    let mut encoded = tokenizer.encode_batch(&texts)?.into_iter();
    let mut done = Vec::with_capacity(group.len());
    for (cut, dialogue) in group.iter().zip(dialogues) {
        let mut tokens = Tokens { ids: encoded.next().unwrap_or_default(), learned: None };
        if let Some(messages) = dialogue {
            let chat = tokenizer.encode_chat(&messages, false)?;
            tokens.ids = chat.ids;
            tokens.learned = (options.loss_on == LossOn::Assistant).then_some(chat.assistant);
        }
        tokens.mark(tokenizer, options.marks, cut.whole);
        done.push(tokens);
    }
    Ok(done)
}

impl Tokens {
    /// Puts marks around the text, which are learned.
    fn mark(&mut self, tokenizer: &Tokenizer, marks: Marks, whole: bool) {
        let Tokens { ids, learned } = self;
        let without = ids.len();
        if marks == Marks::Both {
            *ids = tokenizer.begin(std::mem::take(ids));
        }
        if let Some(learned) = learned.as_mut().filter(|_| ids.len() > without) {
            learned.insert(0, true);
        }
        if let (Some(eos), true) = (tokenizer.eos(), whole) {
            ids.push(eos);
            learned.iter_mut().for_each(|learned| learned.push(true));
        }
    }
}

/// Neighbours that are encoded together.
fn groups(documents: impl Iterator<Item = Cut>) -> impl Iterator<Item = Vec<Cut>> {
    let mut documents = documents.peekable();
    std::iter::from_fn(move || {
        let mut group = vec![documents.next()?];
        let mut bytes = group[0].document.text.len();
        while group.len() < ENCODED_AT_ONCE
            && let Some(next) = documents.next_if(|next| bytes + next.document.text.len() <= BYTES_AT_ONCE)
        {
            bytes += next.document.text.len();
            group.push(next);
        }
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aquifer_corpus::{Message as Turn, TokenShards};
    use aquifer_text::train_char;

    #[test]
    fn groups_are_small_and_lose_nothing() {
        let sizes = [1, BYTES_AT_ONCE + 1, 5, BYTES_AT_ONCE - 5, 6, 0].into_iter().chain(std::iter::repeat_n(1, 600));
        let documents = sizes.map(|n| Cut::whole(Document::new(n.to_string(), "x".repeat(n))));
        let groups: Vec<usize> = groups(documents).map(|group| group.len()).collect();
        assert_eq!(groups, [1, 1, 2, 256, 256, 90]);
        assert!(super::groups(std::iter::empty()).next().is_none());
    }

    #[test]
    fn dialogues_are_masked_and_marks_stand_at_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let documents = || {
            let turns = [Turn::new("user", "hi"), Turn::new("assistant", "yo")];
            [Document::new("plain", "abc"), Document::dialogue("talk", &turns)]
        };
        let tokenizer = train_char(["abc"]).unwrap();
        let write = |options: &ShardOptions| {
            write_shards(dir.path(), &tokenizer, documents(), options, &Stop::new()).unwrap();
            let shards = TokenShards::open(dir.path()).unwrap();
            for (i, document) in documents().into_iter().enumerate() {
                let Tokens { ids, learned } = tokenise(&tokenizer, document, options).unwrap();
                assert_eq!(shards.doc(i).to_vec(), ids);
                assert!(learned.is_none_or(|learned| shards.doc_mask(i) == Some(learned)));
            }
            shards
        };
        let shards = write(&ShardOptions::new(LossOn::Assistant));
        assert_eq!(tokenizer.decode_with_special(&shards.doc(0).to_vec()).unwrap(), "<|endoftext|>abc<|endoftext|>");
        assert!(shards.doc_mask(0).unwrap().iter().all(|learn| *learn));
        let (ids, mask) = (shards.doc(1).to_vec(), shards.doc_mask(1).unwrap());
        let learnt: Vec<u32> = ids.iter().zip(&mask).filter(|(_, learn)| **learn).map(|(id, _)| *id).collect();
        assert_eq!(tokenizer.decode_with_special(&learnt).unwrap(), "<|endoftext|>yo<|im_end|><|endoftext|>");
        assert!(write(&ShardOptions::new(LossOn::All)).doc_mask(0).is_none());
        let shards = write(&ShardOptions { marks: Marks::End, ..ShardOptions::new(LossOn::All) });
        assert_eq!(tokenizer.decode_with_special(&shards.doc(0).to_vec()).unwrap(), "abc<|endoftext|>");
    }
}
