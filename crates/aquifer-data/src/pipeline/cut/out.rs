//! Where the documents of a cut go: into a file, or into token shards as the run's own.

use super::super::PipelineError;
use super::super::run::Pipeline;
use super::super::shards::{Shards, Split};
use super::super::splits::{Sets, Splits};
use aquifer_corpus::{Document, LineFrames};
use aquifer_record::data::Size;
use aquifer_record::{FileError, Writing};
use aquifer_text::{ShardOptions, Tokenizer};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Where a cut is written.
#[derive(Clone, Copy, Debug)]
pub enum CutTo<'a> {
    /// A file of documents: .jsonl, .jsonl.gz or .jsonl.zst.
    File(&'a Path),
    /// A folder of token shards, sampled, divided and made into tokens as the recipe says, by the run's own vocabulary.
    Shards(&'a Path),
}

/// How a run makes tokens.
pub(super) struct Vocabulary<'a> {
    shards: &'a Shards,
    tokenizer: Tokenizer,
    options: ShardOptions,
}

impl<'a> Vocabulary<'a> {
    /// That of a run, if tokens are asked for.
    pub(super) fn of(pipeline: &'a Pipeline, to: CutTo) -> Result<Option<Self>, PipelineError> {
        let CutTo::Shards(folder) = to else { return Ok(None) };
        let why = || "it has no [shards]: cut to a file, and make shards of that (`aquifer data shard`)".to_owned();
        let shards = pipeline.recipe.shards.as_ref().ok_or_else(|| pipeline.recipe.refused(why()))?;
        let tokenizer = Tokenizer::load(&pipeline.layout.tokenizer())?;
        let beside = folder.join("tokenizer");
        tokenizer.save(&beside)?;
        Ok(Some(Vocabulary { shards, tokenizer, options: shards.options(&beside) }))
    }
}

/// What is being written.
pub(super) enum Out<'a> {
    File { file: Writing, frames: LineFrames },
    Shards { pipeline: &'a Pipeline, vocabulary: &'a Vocabulary<'a>, sets: Sets<'a>, open: Option<(usize, Splits<'a>)> },
}

impl<'a> Out<'a> {
    pub(super) fn begin(
        pipeline: &'a Pipeline,
        to: CutTo<'a>,
        vocabulary: Option<&'a Vocabulary>,
    ) -> Result<Self, PipelineError> {
        Ok(match (to, vocabulary) {
            (CutTo::Shards(folder), Some(vocabulary)) => {
                Out::Shards { pipeline, vocabulary, sets: Sets::new(&pipeline.recipe, folder), open: None }
            }
            (CutTo::File(path) | CutTo::Shards(path), _) => {
                Out::File { file: Writing::begin(path)?, frames: LineFrames::new(path) }
            }
        })
    }

    /// Takes a document of a part; parts come in order.
    pub(super) fn put(&mut self, part: usize, document: Document) -> Result<(), PipelineError> {
        match self {
            Out::File { file, frames } => {
                if frames.put(&document).map_err(|cause| file.failed(cause))? {
                    frame(file, frames)?;
                }
                Ok(())
            }
            Out::Shards { pipeline, vocabulary, sets, open } => {
                let source = pipeline.source_of(part);
                if open.as_ref().is_some_and(|(of, _)| *of != source) {
                    close(sets, open)?;
                }
                let folders = Split::BOTH.map(|split| sets.folder(source, split));
                let begin = || {
                    let Vocabulary { shards, tokenizer, options } = vocabulary;
                    let folder = move |split| folders[split as usize].clone();
                    (source, Splits::new(shards, pipeline.sample_of(part), tokenizer, options, folder))
                };
                open.get_or_insert_with(begin).1.put(document)
            }
        }
    }

    /// Writes what is left; the sizes of the shards.
    pub(super) fn finish(self) -> Result<BTreeMap<String, Size>, PipelineError> {
        match self {
            Out::File { mut file, mut frames } => {
                frame(&mut file, &mut frames)?;
                file.finish()?;
                Ok(BTreeMap::new())
            }
            Out::Shards { mut sets, mut open, .. } => {
                close(&mut sets, &mut open)?;
                sets.finish()
            }
        }
    }
}

fn frame(file: &mut Writing, frames: &mut LineFrames) -> Result<(), FileError> {
    frames.frame().and_then(|frame| file.write_all(&frame)).map_err(|cause| file.failed(cause))
}

/// All documents of a source were put.
fn close(sets: &mut Sets, open: &mut Option<(usize, Splits)>) -> Result<(), PipelineError> {
    if let Some((source, splits)) = open.take() {
        let sizes = splits.finish()?;
        Split::BOTH.into_iter().for_each(|split| sets.add(source, split, sizes[split as usize]));
    }
    Ok(())
}
