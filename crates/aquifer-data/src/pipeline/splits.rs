//! Documents on their way into token shards: sampled, divided, made into tokens, a few at a time.

use super::PipelineError;
use super::recipe::Recipe;
use super::shards::{Shards, Split};
use aquifer_corpus::{Document, MixtureFile, TokenSink};
use aquifer_record::data::Size;
use aquifer_record::files::sweep;
use aquifer_text::{Cut, ShardOptions, Tokeniser, Tokenizer, Tokens};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Takes the documents of one source; the shards of each split are in a folder of its name, if it has documents.
pub(super) struct Splits<'a> {
    shards: &'a Shards,
    /// Part of the documents that is taken.
    sample: f64,
    tokeniser: Tokeniser<'a>,
    sinks: Sinks<'a>,
}

struct Sinks<'a> {
    /// Of a split.
    folder: Box<dyn Fn(Split) -> PathBuf + 'a>,
    tokenizer: &'a Tokenizer,
    options: &'a ShardOptions,
    open: [Option<Box<dyn TokenSink>>; 2],
    sizes: [Size; 2],
}

impl<'a> Splits<'a> {
    pub(super) fn new(
        shards: &'a Shards,
        sample: f64,
        tokenizer: &'a Tokenizer,
        options: &'a ShardOptions,
        folder: impl Fn(Split) -> PathBuf + 'a,
    ) -> Self {
        let sinks =
            Sinks { folder: Box::new(folder), tokenizer, options, open: [None, None], sizes: [Size::default(); 2] };
        Splits { shards, sample, tokeniser: Tokeniser::new(tokenizer, options), sinks }
    }

    /// Takes a document, or leaves it out.
    pub(super) fn put(&mut self, document: Document) -> Result<(), PipelineError> {
        let Splits { shards, sample, tokeniser, sinks } = self;
        if shards.split_of(&document.id, *sample).is_none() {
            return Ok(());
        }
        tokeniser.put(Cut::whole(document), |document, tokens| sinks.take(shards, document, &tokens))
    }

    /// Writes what is left; how much there is to train on, and held out.
    pub(super) fn finish(self) -> Result<[Size; 2], PipelineError> {
        let Splits { shards, mut tokeniser, mut sinks, .. } = self;
        tokeniser.flush(|document, tokens| sinks.take(shards, document, &tokens))?;
        for sink in sinks.open.into_iter().flatten() {
            sink.finish()?;
        }
        Ok(sinks.sizes)
    }
}

impl Sinks<'_> {
    fn take(&mut self, shards: &Shards, document: Document, tokens: &Tokens) -> Result<(), PipelineError> {
        let split = shards.split_of(&document.id, 1.0).expect("a sample of all leaves nothing out");
        let bytes = document.text.len() as u64;
        self.push(split, &document.id, bytes, &tokens.ids, tokens.learned.as_deref())
    }

    fn push(
        &mut self,
        split: Split,
        id: &str,
        bytes: u64,
        tokens: &[u32],
        learned: Option<&[bool]>,
    ) -> Result<(), PipelineError> {
        let sink = match &mut self.open[split as usize] {
            Some(sink) => sink,
            none => none.insert(begin(&(self.folder)(split), self.options, self.tokenizer)?),
        };
        sink.push(id, bytes, tokens, learned)?;
        count(&mut self.sizes[split as usize], bytes, tokens.len());
        Ok(())
    }
}

/// Begins shards where a killed process may have left some half-written.
pub(super) fn begin(
    folder: &Path,
    options: &ShardOptions,
    tokenizer: &Tokenizer,
) -> Result<Box<dyn TokenSink>, PipelineError> {
    sweep(folder)?;
    Ok(options.writer(folder, tokenizer)?)
}

/// One more document.
pub(super) fn count(size: &mut Size, bytes: u64, tokens: usize) {
    size.documents += 1;
    size.bytes += bytes;
    size.tokens += tokens as u64;
}

/// Several sets of shards in one folder, a source in each; where there is one source, its sets are the folder's own.
pub(super) struct Sets<'a> {
    recipe: &'a Recipe,
    folder: &'a Path,
    /// By the folder's name in it.
    sizes: BTreeMap<String, Size>,
}

impl<'a> Sets<'a> {
    pub(super) fn new(recipe: &'a Recipe, folder: &'a Path) -> Self {
        Sets { recipe, folder, sizes: BTreeMap::new() }
    }

    /// What a split of a source is called.
    fn name(&self, source: usize, split: Split) -> String {
        match self.recipe.sources.len() {
            0 | 1 => split.name().to_owned(),
            _ => format!("{}/{}", self.recipe.sources[source].name, split.name()),
        }
    }

    pub(super) fn folder(&self, source: usize, split: Split) -> PathBuf {
        self.folder.join(self.name(source, split))
    }

    /// A split of a source is written.
    pub(super) fn add(&mut self, source: usize, split: Split, size: Size) {
        if size.documents > 0 {
            self.sizes.insert(self.name(source, split), size);
        }
    }

    /// Writes down what is read in turn, for training; the sizes of all sets.
    pub(super) fn finish(self) -> Result<BTreeMap<String, Size>, PipelineError> {
        let sources = self.recipe.sources.iter().enumerate();
        let sources: Vec<_> =
            sources.filter(|(at, _)| self.sizes.contains_key(&self.name(*at, Split::Train))).collect();
        if self.recipe.sources.len() > 1 {
            let weights = sources.iter().map(|(_, source)| source.weight).collect();
            let sources = sources.iter().map(|(_, source)| source.name.clone()).collect();
            MixtureFile { sources, weights }.write(self.folder)?;
        }
        Ok(self.sizes)
    }
}
