//! From the documents that stay to token shards: a vocabulary, tokens part by part, and the shards put together.
//!
//! What a part becomes follows from its documents, the recipe and the vocabulary alone, and lies in a folder of its own
//! until every part is there; so shares, threads and interruptions change nothing here either. The shards are the ones
//! that `aquifer_text::write_shards` would write of the same documents.

use super::PipelineError;
use super::run::{Pipeline, RunOptions, read_json};
use super::shards::{Shards, Split};
use super::splits::{Sets, Splits, begin, count};
use super::steps::RunStep;
use aquifer_corpus::{ShardFormat, TokenShards};
use aquifer_record::data::Size;
use aquifer_record::progress::Unit;
use aquifer_record::run::RunError;
use aquifer_record::{Progress, Stop, write_atomic_bytes};
use aquifer_text::{BpeOptions, ShardOptions, TextError, Tokenizer, train_bpe, train_char};

/// Bytes held for each byte of text while a vocabulary is learnt from it, at the least.
const LEARNING: u64 = 3;

/// The end of a run.
pub(super) struct Tail<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) shards: &'a Shards,
    pub(super) options: &'a RunOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a Stop,
}

impl Tail<'_> {
    /// Does one of its steps, or what is left of it; that steps before it are through is the caller's to know.
    pub(super) fn go(&self, step: RunStep) -> Result<(), PipelineError> {
        let Some(tokenizer) = self.tokenizer()? else { return Ok(()) };
        match step {
            RunStep::Tokenise => self.tokenise(&tokenizer),
            RunStep::Assemble => self.assemble_once(&tokenizer),
            _ => Ok(()),
        }
    }

    /// Of several shares that come here one puts the shards together; where there is one share, it holds the run anyway.
    fn assemble_once(&self, tokenizer: &Tokenizer) -> Result<(), PipelineError> {
        let _held = match self.options.share.of {
            1 => None,
            _ => match self.pipeline.folder.hold() {
                Ok(hold) => Some(hold),
                Err(RunError::Held { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
        };
        match self.pipeline.layout.sharded().exists() {
            true => Ok(()),
            false => self.assemble(tokenizer),
        }
    }

    fn parts(&self) -> usize {
        self.pipeline.files.len()
    }

    /// The vocabulary of the run, found, named or learnt; `None` if it was stopped.
    fn tokenizer(&self) -> Result<Option<Tokenizer>, PipelineError> {
        let folder = self.pipeline.layout.tokenizer();
        if self.pipeline.has_vocabulary() {
            return Ok(Some(Tokenizer::load(&folder)?));
        }
        let found = match self.shards.named_tokenizer()? {
            Some(named) => Some(named),
            None => self.learn()?,
        };
        if let Some(tokenizer) = &found {
            tokenizer.save(&folder)?;
        }
        Ok(found)
    }

    fn learn(&self) -> Result<Option<Tokenizer>, PipelineError> {
        let Shards { tokenizer, vocab_size, learn_from, held_out, .. } = self.shards;
        let mut bytes = 0.0;
        for part in 0..self.parts() {
            bytes += self.pipeline.kept(part)?.bytes as f64 * self.pipeline.sample_of(part) * (1.0 - held_out);
        }
        let drawn = (*learn_from as f64 / bytes.max(1.0)).min(1.0);
        let expected = (bytes * drawn) as u64;
        if LEARNING * expected > self.options.memory {
            return Err(self.pipeline.recipe.refused(format!(
                "a vocabulary learnt from {expected} bytes of text holds some {} at the least: lower `learn_from` in [shards], or \
                 raise --memory",
                LEARNING * expected
            )));
        }
        let documents = (0..self.parts()).flat_map(|part| -> Box<dyn Iterator<Item = _>> {
            match self.pipeline.kept_documents(part) {
                Ok(documents) => Box::new(documents.map(move |document| Ok((part, document?)))),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        });
        let mut failed = None;
        let documents = documents.map_while(|document| document.map_err(|error| failed = Some(error)).ok());
        let texts = documents.filter_map(|(part, document)| {
            let trained = self.shards.split_of(&document.id, self.pipeline.sample_of(part)) == Some(Split::Train);
            (trained && self.shards.lot("vocabulary", &document.id) < drawn).then_some(document.text)
        });
        let learnt = match tokenizer.as_str() {
            "char" => train_char(texts),
            _ => {
                let bar = self.progress.bar("learning the vocabulary", Some(expected), Unit::Bytes);
                train_bpe(texts, &BpeOptions::new(*vocab_size), &*bar, self.stop)
            }
        };
        match (failed, learnt) {
            (Some(error), _) => Err(error),
            (None, Err(TextError::Stopped)) => Ok(None),
            (None, learnt) => Ok(Some(learnt?)),
        }
    }

    /// Makes the parts of this share into tokens, until it is stopped.
    fn tokenise(&self, tokenizer: &Tokenizer) -> Result<(), PipelineError> {
        let layout = &self.pipeline.layout;
        let (done, left) = self.pipeline.tokenised(self.options.share);
        if left.is_empty() {
            return Ok(());
        }
        let bytes = |parts: &[usize]| -> Result<u64, PipelineError> {
            parts.iter().map(|&part| Ok(self.pipeline.kept(part)?.bytes)).sum()
        };
        let (before, after) = (bytes(&done)?, bytes(&left)?);
        let bar = self.progress.bar("tokenising", Some(before + after), Unit::Bytes);
        bar.begin_at(before);
        // Other layouts are only put on at the end: theirs know no ids.
        let options = ShardOptions { format: ShardFormat::Aquifer, ..self.shards.options(&layout.tokenizer()) };
        for part in left {
            let folder = |split| layout.tokens(part, split);
            let mut splits = Splits::new(self.shards, self.pipeline.sample_of(part), tokenizer, &options, folder);
            for document in self.pipeline.kept_documents(part)? {
                if self.stop.requested() {
                    return Ok(());
                }
                let document = document?;
                bar.advance(document.text.len() as u64);
                splits.put(document)?;
            }
            let sizes = splits.finish()?;
            let sizes = serde_json::to_vec(&sizes).expect("counts");
            write_atomic_bytes(&layout.tokenised(part), &sizes)?;
        }
        Ok(())
    }

    /// Puts the shards together, unless it is stopped.
    fn assemble(&self, tokenizer: &Tokenizer) -> Result<(), PipelineError> {
        let layout = &self.pipeline.layout;
        let (folder, options) = (layout.shards(), self.shards.options(&layout.tokenizer()));
        let mut sets = Sets::new(&self.pipeline.recipe, &folder);
        let bar = self.progress.bar("writing shards", Some(2 * self.parts() as u64), Unit::Count("files"));
        for source in 0..self.pipeline.recipe.sources.len().max(1) {
            for split in Split::BOTH {
                let (mut sink, mut size) = (None, Size::default());
                for part in (0..self.parts()).filter(|&part| self.pipeline.source_of(part) == source) {
                    bar.advance(1);
                    let sizes: [Size; 2] = read_json(&layout.tokenised(part))?;
                    if sizes[split as usize].documents == 0 {
                        continue;
                    }
                    let tokens = TokenShards::open(&layout.tokens(part, split))?;
                    let sink = match &mut sink {
                        Some(sink) => sink,
                        none => none.insert(begin(&sets.folder(source, split), &options, tokenizer)?),
                    };
                    for at in 0..tokens.len() {
                        if self.stop.requested() {
                            return Ok(());
                        }
                        let (bytes, ids) = (tokens.doc_bytes(at), tokens.doc(at).to_vec());
                        sink.push(&tokens.doc_id(at), bytes, &ids, tokens.doc_mask(at).as_deref())?;
                        count(&mut size, bytes, ids.len());
                    }
                }
                if let Some(sink) = sink {
                    sink.finish()?;
                }
                sets.add(source, split, size);
            }
        }
        let sizes = sets.finish()?;
        write_atomic_bytes(&layout.sharded(), &serde_json::to_vec(&sizes).expect("names and counts"))?;
        Ok(())
    }
}
