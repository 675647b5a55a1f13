//! A run: its folder, its parts, and what is still to do.

use super::barrier::Barrier;
use super::home::Elsewhere;
use super::layout::Layout;
use super::part::Work;
use super::recipe::{Recipe, Segment};
use super::steps::RunStep;
use super::tail::Tail;
use super::tally::{Sample, StageTally, Tally};
use super::{PipelineError, Shards, columns};
use aquifer_corpus::{Document, InputFile, ReadError, ReadOptions, input_files, read_documents};
use aquifer_record::data::{DataReport, Example, Size, Skipped, Stage};
use aquifer_record::files::sweep;
use aquifer_record::progress::Unit;
use aquifer_record::run::RunFolder;
use aquifer_record::storage::{Storage, is_address};
use aquifer_record::{FileError, Hold, Progress, Stop, write_atomic_bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A recipe, its input and the folder of its outcome.
pub struct Pipeline {
    pub(super) recipe: Recipe,
    pub(super) segments: Vec<Segment>,
    pub(super) files: Vec<InputFile>,
    /// The source of each file, by its place in the recipe.
    sources: Vec<usize>,
    pub(super) folder: RunFolder,
    pub(super) layout: Layout,
}

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// Threads that work on documents.
    pub threads: usize,
    /// Bytes that comparing documents may hold; beyond, it goes to disk.
    pub memory: u64,
    /// Which parts this process does.
    pub share: Share,
    /// Which step it does, counted from 1; as many as it can where it is `None`.
    pub step: Option<usize>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { threads: aquifer_tensor::threads::count(), memory: 1 << 30, share: Share::default(), step: None }
    }
}

/// The parts whose number leaves `index` when divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub index: usize,
    /// At least 1.
    pub of: usize,
}

impl Default for Share {
    fn default() -> Self {
        Share { index: 0, of: 1 }
    }
}

impl FromStr for Share {
    type Err = PipelineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.split_once('/').and_then(|(i, n)| Some(Share { index: i.parse().ok()?, of: n.parse().ok()? }));
        share.filter(|share| share.index < share.of).ok_or_else(|| PipelineError::Share(text.to_owned()))
    }
}

/// What a finished run came to.
pub struct Outcome {
    /// The funnel.
    pub report: DataReport,
    /// The folder with the documents that stay.
    pub documents: PathBuf,
    /// The folder with the token shards, where the recipe ends in some.
    pub shards: Option<PathBuf>,
}

/// A part as a run remembers it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    name: String,
    path: PathBuf,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl Pipeline {
    /// Prepares to run `recipe` over `paths` (those of the recipe, where there are none) into the folder `out`, new or
    /// with an earlier, unfinished run of the same.
    ///
    /// # Errors
    /// For inputs that cannot be read, and a folder that holds something else.
    pub fn open(recipe: Recipe, paths: &[PathBuf], out: &Path) -> Result<Self, PipelineError> {
        let segments = recipe.segments()?;
        check(&recipe, paths)?;
        let found = find(&recipe, paths, None)?;
        let layout = Layout::new(out, segments.len());
        Self::begin(recipe, segments, found, layout, out)
    }

    /// The same where some of `paths`, `out`, or all of them are addresses such as `s3://bucket/prefix`.
    ///
    /// # Errors
    /// As [`open`](Pipeline::open), and where the storage does not answer.
    pub fn open_elsewhere(
        recipe: Recipe,
        paths: &[PathBuf],
        out: &Path,
        elsewhere: Elsewhere,
    ) -> Result<Self, PipelineError> {
        let segments = recipe.segments()?;
        check(&recipe, paths)?;
        if recipe.shards.is_some() && is_address(out) {
            let why = "a run in an object store ends with documents: leave out [shards], and make them with `aquifer data shard`";
            return Err(recipe.refused(why.to_owned()));
        }
        let found = find(&recipe, paths, Some(&*elsewhere.storage))?;
        let layout = Layout::anywhere(out, segments.len(), elsewhere);
        Self::begin(recipe, segments, found, layout, out)
    }

    fn begin(
        recipe: Recipe,
        segments: Vec<Segment>,
        (files, sources): Found,
        layout: Layout,
        out: &Path,
    ) -> Result<Self, PipelineError> {
        let folder = RunFolder::at(layout.root.clone());
        std::fs::create_dir_all(&layout.root).map_err(FileError::at("create the folder", &layout.root))?;
        let another = |what: &str| PipelineError::Another { path: out.to_path_buf(), what: what.to_owned() };
        let mut written = recipe.clone();
        written.input.paths.clear();
        written.sources.iter_mut().for_each(|source| source.paths.clear());
        let name = |at: &usize| recipe.sources.get(*at).map(|source| source.name.clone());
        let parts: Vec<Part> = files.iter().zip(&sources).map(|(file, at)| Part::of(file, name(at))).collect();
        for (path, text, what) in [
            (layout.recipe(), written.to_toml(), "another recipe"),
            (layout.parts(), serde_json::to_string_pretty(&parts).expect("names and numbers"), "other input files"),
        ] {
            if !path.exists() {
                write_atomic_bytes(&path, text.as_bytes())?;
                if !layout.store_new(&path)? {
                    continue;
                }
            }
            if std::fs::read_to_string(&path).map_err(FileError::at("read", &path))? != text {
                return Err(another(what));
            }
        }
        layout.look()?;
        Ok(Pipeline { recipe, segments, files, sources, folder, layout })
    }

    /// The run in a folder, to look at or to go on with.
    ///
    /// # Errors
    /// If there is none, or its input is no longer what it was.
    pub fn reopen(folder: &Path) -> Result<Self, PipelineError> {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(FileError::at("read", path));
        let names = Layout::new(folder, 0);
        let recipe = Recipe::parse(&read(&names.recipe())?, &names.recipe().display().to_string())?;
        let damaged = |e: serde_json::Error| PipelineError::Damaged { path: names.parts(), why: e.to_string() };
        let parts: Vec<Part> = serde_json::from_str(&read(&names.parts())?).map_err(damaged)?;
        let files: Vec<InputFile> =
            parts.iter().map(|part| InputFile::at(part.path.clone(), part.name.clone())).collect();
        if files.iter().zip(&parts).any(|(file, part)| Part::of(file, part.source.clone()) != *part) {
            return Err(PipelineError::Another { path: folder.to_path_buf(), what: "other input files".to_owned() });
        }
        let source = |part: &Part| recipe.sources.iter().position(|source| Some(&source.name) == part.source.as_ref());
        let sources = parts.iter().map(|part| source(part).unwrap_or(0)).collect();
        let segments = recipe.segments()?;
        let layout = Layout::new(folder, segments.len());
        Ok(Pipeline { recipe, segments, files, sources, folder: RunFolder::at(folder.to_path_buf()), layout })
    }

    /// Whether every part is through, and the shards are there if the recipe ends in some.
    pub fn is_finished(&self) -> bool {
        self.is_ready(RunStep::AddUp)
    }

    /// The source of a part, by its place in the recipe; 0 where the recipe names none.
    pub(super) fn source_of(&self, part: usize) -> usize {
        self.sources[part]
    }

    /// Part of a part's documents that becomes tokens.
    pub(super) fn sample_of(&self, part: usize) -> f64 {
        self.recipe.sources.get(self.sources[part]).map_or(1.0, |source| source.sample)
    }

    /// How much of a part stays.
    pub(super) fn kept(&self, part: usize) -> Result<Size, PipelineError> {
        let tally: Tally = read_json(&self.layout.done(self.segments.len() - 1, part))?;
        Ok(tally.kept)
    }

    /// Whether the recipe ends in token shards.
    pub fn ends_in_shards(&self) -> bool {
        self.recipe.shards.is_some()
    }

    /// The documents of a part that stay, in order.
    pub(super) fn kept_documents(&self, part: usize) -> Result<impl Iterator<Item = DocumentOrDamage>, PipelineError> {
        stored(self.layout.kept(self.segments.len() - 1, part))
    }

    /// The documents of a part that a segment dropped, in order, as they were then.
    pub(super) fn dropped_documents(
        &self,
        segment: usize,
        part: usize,
    ) -> Result<impl Iterator<Item = DocumentOrDamage>, PipelineError> {
        let documents = stored(self.layout.dropped(segment, part))?;
        Ok(documents.map(|document| {
            let mut document = document?;
            document.metadata.shift_remove("dropped");
            Ok(document)
        }))
    }

    /// How many files a recipe's inputs hold (`paths`, if there are any), and their bytes on the disk.
    ///
    /// # Errors
    /// For inputs that cannot be read.
    pub fn survey(
        recipe: &Recipe,
        paths: &[PathBuf],
        elsewhere: Option<&Elsewhere>,
    ) -> Result<(usize, u64), PipelineError> {
        find(recipe, paths, elsewhere.map(|elsewhere| &*elsewhere.storage)).map(|(files, _)| count(&files))
    }

    /// How many parts there are, and their bytes.
    pub fn size(&self) -> (usize, u64) {
        count(&self.files)
    }

    /// Does what is left of this share, step by step, as far as it can be done, or the one step of the options: a barrier
    /// waits for the parts of all shares. `None` if it was stopped, if parts of other shares are missing, or if the step
    /// was not the last; run again, it goes on.
    ///
    /// # Errors
    /// For files that cannot be read or written, a folder another process works on, and a single step whose time has not
    /// come.
    pub fn run(
        &self,
        options: &RunOptions,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Option<Outcome>, PipelineError> {
        let _hold: Option<Hold> = match options.share.of {
            1 => Some(self.folder.hold()?),
            // Shares never write the same file otherwise than with the same bytes.
            _ => None,
        };
        let barriers = self.segments.iter().filter_map(|segment| segment.barrier.as_ref());
        if let Some(large) = barriers.into_iter().find(|barrier| barrier.holds() > options.memory) {
            let (stage, needed) = (large.name().to_owned(), large.holds());
            return Err(PipelineError::Memory { stage, needed, allowed: options.memory });
        }
        let undecided =
            self.segments.iter().enumerate().filter(|(at, _)| !self.layout.is_there(&self.layout.decided(*at)));
        undecided.filter_map(|(_, segment)| segment.barrier.as_ref()).try_for_each(Barrier::check)?;
        match self.go(options, progress, stop) {
            // Another attempt at this share was faster, and what this one still read is gone with the finished run.
            Err(_) if self.layout.look().is_ok() && self.is_added_up() => self.finish().map(Some),
            outcome => outcome,
        }
    }

    fn go(&self, options: &RunOptions, progress: &dyn Progress, stop: &Stop) -> Result<Option<Outcome>, PipelineError> {
        for step in self.chosen(options.step)? {
            self.layout.look()?;
            match (self.is_ready(step), options.step) {
                (true, _) if stop.requested() => return Ok(None),
                (true, None) => {}
                // What one task does is done by the first.
                (true, Some(_)) if options.share.index > 0 && step.is_alone() => return Ok(None),
                (true, Some(_)) => {}
                (false, None) => return Ok(None),
                (false, Some(step)) => return Err(PipelineError::NotYet { step }),
            }
            match step {
                RunStep::Parts(at) => self.do_parts(at, options, progress, stop)?,
                RunStep::Compare(at) => self.compare(at, options, progress)?,
                RunStep::Learn | RunStep::Tokenise | RunStep::Assemble => {
                    let shards = self.recipe.shards.as_ref().expect("such steps are of recipes that end in shards");
                    Tail { pipeline: self, shards, options, progress, stop }.go(step)?;
                }
                RunStep::AddUp => return self.finish().map(Some),
            }
        }
        Ok(None)
    }

    fn compare(&self, at: usize, options: &RunOptions, progress: &dyn Progress) -> Result<(), PipelineError> {
        let barrier = self.segments[at].barrier.as_ref().expect("a barrier begins every segment but the first");
        let decided = self.layout.decided(at);
        if self.layout.is_there(&decided) {
            return Ok(());
        }
        progress.note(&format!("{}: comparing documents", barrier.name()));
        let parts = 0..self.files.len();
        parts.clone().try_for_each(|part| self.layout.bring(&self.layout.marks(at - 1, part)))?;
        barrier.decide(&self.layout, at, parts.len(), (options.memory / 2) as usize)?;
        parts.into_iter().try_for_each(|part| self.layout.store(&self.layout.decisions(at, part)))?;
        // What later runs are compared with, where the method leaves something.
        let index = self.layout.index(barrier.name());
        if index.exists() {
            self.layout.store(&index)?;
        }
        write_atomic_bytes(&decided, b"{}")?;
        self.layout.store(&decided)
    }

    fn do_parts(
        &self,
        at: usize,
        options: &RunOptions,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(), PipelineError> {
        let (done, left) = self.split(at, options.share);
        if left.is_empty() {
            return Ok(());
        }
        let label = match self.segments.len() {
            1 => "documents".to_owned(),
            n => format!("documents, step {} of {n}", at + 1),
        };
        let of = |parts: &[usize]| parts.iter().map(|&part| self.files[part].bytes).sum::<u64>();
        let bar = progress.bar(&label, Some(of(&done) + of(&left)), Unit::Bytes);
        bar.begin_at(of(&done));
        let work = Work {
            segments: &self.segments,
            at,
            layout: &self.layout,
            files: &self.files,
            sources: &self.sources,
            recipe: &self.recipe,
            threads: options.threads,
        };
        work.run(left, &*bar, stop)
    }

    /// Whether the run is finished, and added up.
    pub(super) fn is_added_up(&self) -> bool {
        self.layout.is_there(&self.layout.funnel())
    }

    /// The folder in which this process keeps the run's files, and of which others see what is [stored](Pipeline::store).
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Shows a further file of the folder, such as its report, to all that see the run: where they find it.
    ///
    /// # Errors
    /// Where the storage does not answer.
    pub fn store(&self, path: &Path) -> Result<PathBuf, PipelineError> {
        self.layout.store(path)?;
        Ok(self.layout.seen_at(path))
    }

    /// Adds up what the parts say, and removes what is of no more use.
    fn finish(&self) -> Result<Outcome, PipelineError> {
        let mut report = DataReport::default();
        let (mut size, mut read, mut skips) = (None, 0, Vec::new());
        for (at, segment) in self.segments.iter().enumerate() {
            let mut tally: Option<Tally> = None;
            for part in 0..self.files.len() {
                let path = self.layout.done(at, part);
                self.layout.bring(&path)?;
                let own: Tally = read_json(&path)?;
                match &mut tally {
                    Some(tally) => tally.merge(own),
                    None => tally = Some(own),
                }
            }
            let tally = tally.unwrap_or_default();
            let schema = columns::schema(segment);
            let fields = schema.fields().iter().skip(columns::BEFORE);
            report.columns.extend(fields.zip(&tally.columns).map(|(field, spread)| {
                let said = |key: &str| field.metadata().get(key).map_or("", String::as_str);
                let bound = serde_json::from_str(said(columns::BOUND)).unwrap_or_default();
                spread.report(field.name(), said(columns::ABOUT), said(columns::VERSION).parse().unwrap_or(0), &bound)
            }));
            let names = segment.barrier.iter().map(|barrier| barrier.name());
            let names = names.chain(segment.stages.iter().map(|stage| stage.name()));
            let stages = names.zip(&tally.stages).map(|(name, stage)| reported(name, stage.clone()));
            report.stages.extend(stages);
            if at == 0 {
                read = tally.kept.documents + tally.stages.iter().flat_map(|stage| stage.reasons.values()).sum::<u64>();
                report.skipped_total = tally.skipped;
                report.skipped = tally.skips.iter().map(skipped).collect();
                skips = tally.skips;
            }
            size = Some(tally.kept);
            report.kept = tally.samples.0.into_iter().map(example).collect();
        }
        if read == 0 {
            return Err(ReadError::NothingReadable { count: report.skipped_total, first: skips }.into());
        }
        report.splits.insert("documents".to_owned(), size.unwrap_or_default());
        let shards = self.recipe.shards.as_ref().map(|_| self.layout.shards());
        if shards.is_some() {
            report.splits.extend(read_json::<BTreeMap<String, Size>>(&self.layout.sharded())?);
        }
        report.source = format!("{} files", self.files.len());
        let text = serde_json::to_vec_pretty(&report).expect("counts and strings");
        write_atomic_bytes(&self.layout.funnel(), &text)?;
        self.layout.store(&self.layout.funnel())?;
        // Every part is through, so nobody writes any more that is still needed.
        for folder in self.layout.folders() {
            sweep(&folder)?;
        }
        self.layout.remove_work()?;
        Ok(Outcome { report, documents: self.layout.seen_at(&self.folder.join("documents")), shards })
    }
}

impl Part {
    fn of(file: &InputFile, source: Option<String>) -> Self {
        Part { name: file.name.clone(), path: file.path.clone(), bytes: file.bytes, source }
    }
}

/// A file that the run wrote.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, PipelineError> {
    let text = std::fs::read(path).map_err(FileError::at("read", path))?;
    serde_json::from_slice(&text).map_err(|e| PipelineError::Damaged { path: path.to_path_buf(), why: e.to_string() })
}

/// A document that the run wrote, or what is the matter with its file.
pub(super) type DocumentOrDamage = Result<Document, PipelineError>;

fn stored(path: PathBuf) -> Result<impl Iterator<Item = DocumentOrDamage>, PipelineError> {
    let documents = read_documents(&path, &ReadOptions::default())?;
    let damaged = move |e: aquifer_corpus::Skipped| PipelineError::Damaged { path: path.clone(), why: e.to_string() };
    Ok(documents.map(move |document| document.map_err(&damaged)))
}

fn count(files: &[InputFile]) -> (usize, u64) {
    (files.len(), files.iter().map(|file| file.bytes).sum())
}

/// What recipes may say that their rules alone do not tell.
fn check(recipe: &Recipe, paths: &[PathBuf]) -> Result<(), PipelineError> {
    if !recipe.sources.is_empty() && !paths.is_empty() {
        return Err(recipe.refused("it names its sources: put what is to be read into their `paths`".to_owned()));
    }
    recipe.shards.as_ref().and_then(Shards::fault).map_or(Ok(()), |why| Err(recipe.refused(why)))
}

/// The files of all inputs, `paths` or those of the recipe, with the source of each.
type Found = (Vec<InputFile>, Vec<usize>);

/// Finds them. Where two would be called the same, all are called by their whole paths.
fn find(recipe: &Recipe, paths: &[PathBuf], storage: Option<&dyn Storage>) -> Result<Found, PipelineError> {
    let (mut files, mut sources) = (Vec::new(), Vec::new());
    let own = if paths.is_empty() { &recipe.input.paths } else { paths };
    let named = recipe.sources.iter().enumerate().map(|(at, source)| (at, source.paths.as_slice()));
    for (at, paths) in std::iter::once((0, own)).chain(named) {
        for path in paths {
            match storage.filter(|_| is_address(path)) {
                None => files.extend(input_files(path)?),
                Some(storage) => files.extend(stored_files(path, storage)?),
            }
            sources.resize(files.len(), at);
        }
    }
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    if names.len() < files.len() {
        files.iter_mut().for_each(|file| file.name = file.path.to_string_lossy().into_owned());
    }
    Ok((files, sources))
}

/// The files of an address.
fn stored_files(path: &Path, storage: &dyn Storage) -> Result<Vec<InputFile>, PipelineError> {
    let stored = storage.list(&path.to_string_lossy())?;
    // As in folders, hidden files are nobody's input.
    let seen = stored.into_iter().filter(|file| !file.name.split('/').any(|part| part.starts_with('.')));
    let files: Vec<InputFile> = seen
        .map(|stored| {
            // It is read once it is here, and asked then what it is.
            let mut file = InputFile::at(stored.address.into(), stored.name);
            file.bytes = stored.bytes;
            file
        })
        .collect();
    match files.is_empty() {
        true => Err(FileError::at("read", path)(std::io::ErrorKind::NotFound.into()).into()),
        false => Ok(files),
    }
}

fn skipped(row: &aquifer_corpus::Skipped) -> Skipped {
    let at = row.line.map_or(row.file.clone(), |line| format!("{}:{line}", row.file));
    Skipped { at, why: row.reason.clone() }
}

fn example(sample: Sample) -> Example {
    Example { id: sample.id, why: sample.why, text: sample.text }
}

fn reported(name: &str, tally: StageTally) -> Stage {
    let examples = tally.samples.into_values().flat_map(|samples| samples.0);
    let examples = examples.map(example).collect();
    Stage {
        name: name.to_owned(),
        input: tally.input,
        output: tally.output,
        reasons: tally.reasons,
        repaired: tally.edited,
        repairs: tally.edits,
        examples,
    }
}
