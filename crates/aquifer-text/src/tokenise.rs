//! From documents to token shards, a few at a time: what is held does not grow with what is written.

use crate::{Message, TextError, Tokenizer};
use aquifer_corpus::{Document, ShardError, ShardFormat, ShardMeta, TokenSink};
use aquifer_record::Stop;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Documents encoded at a time, and their bytes unless one alone has more: an encoding holds some fifty times its text.
const ENCODED_AT_ONCE: usize = 256;
/// Bytes of text encoded at a time, unless one document alone has more.
pub const BYTES_AT_ONCE: usize = 512 << 10;

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

/// What of a dialogue is learnt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossOn {
    /// Every token.
    All,
    /// What the assistant says.
    #[default]
    Assistant,
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

    /// Shards of a layout, with the marks its own tools put around documents; `tokenizer` is the file they were made with.
    pub fn of_format(format: ShardFormat, loss_on: LossOn, tokenizer: &Path) -> Self {
        let marks = if format == ShardFormat::Aquifer { Marks::Both } else { Marks::End };
        ShardOptions { loss_on, marks, format, tokenizer_name: tokenizer.to_string_lossy().into_owned() }
    }

    /// Begins shards in `folder`.
    ///
    /// # Errors
    /// [`ShardError::File`].
    pub fn writer(&self, folder: &Path, tokenizer: &Tokenizer) -> Result<Box<dyn TokenSink>, ShardError> {
        let meta = ShardMeta { vocab_size: tokenizer.vocab_size(), tokenizer_sha256: tokenizer.sha256() };
        self.format.writer(folder, meta, &self.tokenizer_name)
    }
}

/// Why documents did not become token shards.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokeniseError {
    /// A document cannot be encoded.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A file cannot be written.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// It was asked to stop.
    #[error("stopped before the shards were whole")]
    Stopped,
}

/// A document, and whether its text really ends where it ends.
pub struct Cut {
    /// The document.
    pub document: Document,
    /// Whether a mark stands behind it.
    pub whole: bool,
}

impl Cut {
    /// One that ends where it ends.
    pub fn whole(document: Document) -> Self {
        Cut { document, whole: true }
    }
}

/// Writes `documents` as token shards, in their order: dialogues go through the chat template and, with
/// [`LossOn::Assistant`], only what the assistant says is learned from them.
///
/// # Errors
/// If a document cannot be encoded or a file not written; [`TokeniseError::Stopped`] if asked to stop.
pub fn write_shards(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: impl IntoIterator<Item = Document>,
    options: &ShardOptions,
    stop: &Stop,
) -> Result<(), TokeniseError> {
    write_cuts(folder, tokenizer, documents.into_iter().map(Cut::whole), options, stop, |_| ())
}

/// [`write_shards`] of documents that may be cut; `written` is told how many more are done.
///
/// # Errors
/// As [`write_shards`].
pub fn write_cuts(
    folder: &Path,
    tokenizer: &Tokenizer,
    documents: impl Iterator<Item = Cut>,
    options: &ShardOptions,
    stop: &Stop,
    written: impl Fn(u64),
) -> Result<(), TokeniseError> {
    let mut writer = options.writer(folder, tokenizer)?;
    let mut tokeniser = Tokeniser::new(tokenizer, options);
    let mut write = |document: Document, tokens: Tokens| {
        writer.push(&document.id, document.text.len() as u64, &tokens.ids, tokens.learned.as_deref())?;
        written(1);
        Ok::<_, TokeniseError>(())
    };
    for cut in documents {
        if stop.requested() {
            return Err(TokeniseError::Stopped);
        }
        tokeniser.put(cut, &mut write)?;
    }
    tokeniser.flush(&mut write)?;
    // The last of them may be the last only because whoever reads them stopped.
    if stop.requested() {
        return Err(TokeniseError::Stopped);
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
pub fn tokenise(tokenizer: &Tokenizer, document: Document, options: &ShardOptions) -> Result<Tokens, TextError> {
    Ok(encode(tokenizer, &[Cut::whole(document)], options)?.remove(0))
}

/// Turns documents into tokens, neighbours together.
pub struct Tokeniser<'a> {
    tokenizer: &'a Tokenizer,
    options: &'a ShardOptions,
    waiting: Vec<Cut>,
    /// Of their texts.
    bytes: usize,
}

impl<'a> Tokeniser<'a> {
    /// For this tokenizer.
    pub fn new(tokenizer: &'a Tokenizer, options: &'a ShardOptions) -> Self {
        Tokeniser { tokenizer, options, waiting: Vec::new(), bytes: 0 }
    }

    /// Takes a document; those that are through are handed to `each`, in order.
    ///
    /// # Errors
    /// If one cannot be encoded, and what `each` returns.
    pub fn put<E: From<TextError>>(
        &mut self,
        cut: Cut,
        each: impl FnMut(Document, Tokens) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = cut.document.text.len();
        if self.waiting.len() == ENCODED_AT_ONCE || (!self.waiting.is_empty() && self.bytes + bytes > BYTES_AT_ONCE) {
            self.flush(each)?;
        }
        self.bytes += bytes;
        self.waiting.push(cut);
        Ok(())
    }

    /// Hands on all that were put.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn flush<E: From<TextError>>(
        &mut self,
        mut each: impl FnMut(Document, Tokens) -> Result<(), E>,
    ) -> Result<(), E> {
        self.bytes = 0;
        let group = std::mem::take(&mut self.waiting);
        let tokens = encode(self.tokenizer, &group, self.options)?;
        group.into_iter().zip(tokens).try_for_each(|(cut, tokens)| each(cut.document, tokens))
    }
}

fn encode(tokenizer: &Tokenizer, group: &[Cut], options: &ShardOptions) -> Result<Vec<Tokens>, TextError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train_char;
    use aquifer_corpus::{Message as Turn, TokenShards};

    #[test]
    fn groups_are_small_and_lose_nothing() {
        let sizes = [1, BYTES_AT_ONCE + 1, 5, BYTES_AT_ONCE - 5, 6, 0].into_iter().chain(std::iter::repeat_n(1, 600));
        let documents = sizes.map(|n| Cut::whole(Document::new(n.to_string(), "x".repeat(n))));
        let (tokenizer, options) = (train_char(["x"]).unwrap(), ShardOptions::new(LossOn::All));
        let mut tokeniser = Tokeniser::new(&tokenizer, &options);
        let (mut groups, mut ids) = (vec![0], Vec::new());
        for cut in documents {
            let before = ids.len();
            let each = |document: Document, _| {
                ids.push(document.id);
                Ok::<_, TextError>(())
            };
            tokeniser.put(cut, each).unwrap();
            groups.push(ids.len() - before);
        }
        groups.retain(|handed_on| *handed_on > 0);
        assert_eq!(groups, [1, 1, 2, 256, 256]);
        let each = |document: Document, _| {
            ids.push(document.id);
            Ok::<_, TextError>(())
        };
        tokeniser.flush(each).unwrap();
        assert_eq!(ids.len(), 606);
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
