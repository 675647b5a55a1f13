//! Parts through a segment: read in batches, worked on by many threads, written in order.

use super::PipelineError;
use super::barrier::decisions;
use super::columns::{self, Row};
use super::flow::ordered;
use super::layout::Layout;
use super::recipe::{Recipe, Segment};
use super::segment::{Fate, pass};
use super::tally::Tally;
use aquifer_corpus::{Document, Documents, InputFile, ReadOptions, Skipped, read_files, zstd_lines};
use aquifer_record::progress::Bar;
use aquifer_record::{FileError, Stop, Writing};
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use std::collections::VecDeque;
use std::io::Write;

/// Text that is worked on at a time: enough to be worth a hand-over, little enough that many fit in memory.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_DOCUMENTS: usize = 2048;

/// A segment over some parts.
pub(super) struct Work<'a> {
    pub(super) segments: &'a [Segment],
    /// Which segment.
    pub(super) at: usize,
    pub(super) layout: &'a Layout,
    pub(super) files: &'a [InputFile],
    /// The source of each file.
    pub(super) sources: &'a [usize],
    pub(super) recipe: &'a Recipe,
    pub(super) threads: usize,
}

/// Documents of a part, with their places in it.
struct Batch {
    part: usize,
    documents: Vec<(u64, Document, Option<Vec<u8>>)>,
    skipped: Vec<Skipped>,
    /// Bytes read from the disk for it.
    bytes: u64,
    /// Whether the part ends here.
    last: bool,
}

/// What a batch became.
struct Piece {
    part: usize,
    kept: std::io::Result<Vec<u8>>,
    dropped: std::io::Result<Vec<u8>>,
    table: RecordBatch,
    marks: Vec<u8>,
    tally: Tally,
    bytes: u64,
    last: bool,
}

impl Work<'_> {
    /// Does these parts; every one that is through is marked as done. Ends early, between batches, if a stop is requested.
    pub(super) fn run(&self, parts: Vec<usize>, bar: &dyn Bar, stop: &Stop) -> Result<(), PipelineError> {
        let schema = columns::schema(&self.segments[self.at]);
        let source = Source { work: self, parts: parts.into(), open: None, stop };
        let mut open: Option<Files> = None;
        ordered(
            self.threads,
            source,
            |batch| batch.map(|batch| self.piece(batch, &schema)),
            |piece| {
                let piece = piece?;
                let files = match &mut open {
                    Some(files) => files,
                    None => open.insert(Files::create(self, piece.part, &schema)?),
                };
                let (last, bytes) = (piece.last, piece.bytes);
                files.put(self, piece)?;
                bar.advance(bytes);
                if last && let Some(files) = open.take() {
                    files.finish(self)?;
                }
                Ok(())
            },
        )
    }

    fn segment(&self) -> &Segment {
        &self.segments[self.at]
    }

    /// How many stages a segment counts: its barrier is one.
    fn stages(&self) -> usize {
        self.segment().stages.len() + usize::from(self.segment().barrier.is_some())
    }

    fn piece(&self, batch: Batch, schema: &SchemaRef) -> Piece {
        let mut tally = Tally::new(self.stages());
        batch.skipped.into_iter().for_each(|skipped| tally.skip(skipped));
        let behind = self.segments.get(self.at + 1).and_then(|segment| segment.barrier.as_ref());
        let (mut kept, mut dropped, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows: Vec<Row> = Vec::with_capacity(batch.documents.len());
        let source = self.sources[batch.part];
        for (row, document, decision) in batch.documents {
            let (fate, row) =
                pass(self.segment(), source, document, row, decision, self.recipe.measure_all, &mut tally);
            tally.measured(&row);
            rows.push(row);
            match fate {
                Fate::Stays(document) => {
                    if let Some(barrier) = behind {
                        barrier.mark(&document, &mut marks);
                    }
                    kept.push(document);
                }
                Fate::Goes(document) => dropped.push(document),
            }
        }
        if self.recipe.discard {
            dropped.clear();
        }
        let lines = |documents: &[Document]| match documents.is_empty() {
            true => Ok(Vec::new()),
            false => zstd_lines(documents),
        };
        Piece {
            part: batch.part,
            kept: lines(&kept),
            dropped: lines(&dropped),
            table: columns::batch(schema, &rows),
            marks,
            tally,
            bytes: batch.bytes,
            last: batch.last,
        }
    }
}

/// The files of the part that is being written.
struct Files {
    part: usize,
    kept: Writing,
    dropped: Option<Writing>,
    marks: Option<Writing>,
    table: FileWriter<Writing>,
    tally: Tally,
}

impl Files {
    fn create(work: &Work, part: usize, schema: &SchemaRef) -> Result<Self, PipelineError> {
        let path = work.layout.columns(work.at, part);
        let table = FileWriter::try_new(Writing::begin(&path)?, schema);
        Ok(Files {
            part,
            kept: Writing::begin(&work.layout.kept(work.at, part))?,
            dropped: None,
            marks: match work.segments.get(work.at + 1) {
                Some(_) => Some(Writing::begin(&work.layout.marks(work.at, part))?),
                None => None,
            },
            table: table.map_err(|e| arrow_failed(&path, e))?,
            tally: Tally::new(work.stages()),
        })
    }

    fn put(&mut self, work: &Work, piece: Piece) -> Result<(), PipelineError> {
        let append = |file: &mut Writing, bytes: std::io::Result<Vec<u8>>| {
            bytes.and_then(|bytes| file.write_all(&bytes)).map_err(|cause| file.failed(cause))
        };
        append(&mut self.kept, piece.kept)?;
        match (&mut self.dropped, piece.dropped) {
            (None, Ok(bytes)) if bytes.is_empty() => {}
            (Some(file), bytes) => append(file, bytes)?,
            (empty, bytes) => {
                append(empty.insert(Writing::begin(&work.layout.dropped(work.at, self.part))?), bytes)?;
            }
        }
        if let Some(marks) = &mut self.marks {
            append(marks, Ok(piece.marks))?;
        }
        let path = work.layout.columns(work.at, self.part);
        self.table.write(&piece.table).map_err(|e| arrow_failed(&path, e))?;
        self.tally.merge(piece.tally);
        Ok(())
    }

    /// Puts every file under its name, and the marker last.
    fn finish(mut self, work: &Work) -> Result<(), PipelineError> {
        if self.tally.kept.documents == 0 {
            // A file without a frame would read as one that was cut short.
            let frame = zstd_lines::<Document>([]);
            frame.and_then(|frame| self.kept.write_all(&frame)).map_err(|cause| self.kept.failed(cause))?;
        }
        let path = work.layout.columns(work.at, self.part);
        let table = self.table.into_inner().map_err(|e| arrow_failed(&path, e))?;
        for file in [Some(table), self.dropped, self.marks, Some(self.kept)].into_iter().flatten() {
            let path = file.path().to_path_buf();
            file.finish()?;
            work.layout.store(&path)?;
        }
        if work.at == 0 {
            work.layout.done_with_input(self.part, &work.files[self.part])?;
        }
        let (done, tally) = (work.layout.done(work.at, self.part), serde_json::to_vec(&self.tally));
        aquifer_record::write_atomic_bytes(&done, &tally.expect("counts and strings"))?;
        work.layout.store(&done)
    }
}

fn arrow_failed(path: &std::path::Path, error: arrow_schema::ArrowError) -> PipelineError {
    let cause = match error {
        arrow_schema::ArrowError::IoError(_, cause) => cause,
        other => std::io::Error::other(other),
    };
    FileError { action: "write", path: path.to_path_buf(), cause }.into()
}

/// Batches of parts, one after another.
struct Source<'a> {
    work: &'a Work<'a>,
    parts: VecDeque<usize>,
    open: Option<Open>,
    stop: &'a Stop,
}

/// A part being read.
struct Open {
    part: usize,
    documents: Documents,
    places: Places,
    read: u64,
    /// Bytes of the part that are counted when it ends: what a reader left unread, or all where its files are not the input.
    total: u64,
}

/// Which place in its part the next document has.
enum Places {
    /// Documents of the input are counted.
    Counted(u64),
    /// Documents that passed an earlier segment have theirs, and what the barrier decided about them.
    Known(VecDeque<(u64, Vec<u8>)>),
}

impl Source<'_> {
    fn open(&self, part: usize) -> Result<Open, PipelineError> {
        let (work, file) = (self.work, &self.work.files[part]);
        if work.at == 0 {
            let options = work.recipe.read_options(work.sources[part]);
            let documents = read_files(vec![work.layout.input(part, file)?], &options);
            return Ok(Open { part, documents, places: Places::Counted(0), read: 0, total: file.bytes });
        }
        let path = work.layout.columns(work.at - 1, part);
        let kept = work.layout.kept(work.at - 1, part);
        for path in [&path, &kept, &work.layout.decisions(work.at, part)] {
            work.layout.bring(path)?;
        }
        let (_, tables) = columns::read(&path, Some(&["row", "verdict"]))?;
        let mut rows = Vec::new();
        for table in &tables {
            let numbers = table.column(0).as_any().downcast_ref::<UInt64Array>();
            let verdicts = table.column(1).as_any().downcast_ref::<StringArray>();
            let (Some(numbers), Some(verdicts)) = (numbers, verdicts) else {
                return Err(PipelineError::Damaged { path, why: "its columns are of other types".to_owned() });
            };
            rows.extend((0..table.num_rows()).filter(|&i| verdicts.is_null(i)).map(|i| numbers.value(i)));
        }
        let decided = decisions(work.layout, work.at, part)?;
        if decided.len() != rows.len() {
            let why = format!("{} documents stay, but {} decisions were made", rows.len(), decided.len());
            return Err(PipelineError::Damaged { path, why });
        }
        let documents = aquifer_corpus::read_documents(&kept, &ReadOptions::default())?;
        let places = Places::Known(rows.into_iter().zip(decided).collect());
        Ok(Open { part, documents, places, read: 0, total: file.bytes })
    }

    fn batch(&mut self) -> Result<Option<Batch>, PipelineError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.parts.pop_front() {
                Some(part) => self.open(part)?,
                None => return Ok(None),
            },
        };
        let mut batch = Batch { part: open.part, documents: Vec::new(), skipped: Vec::new(), bytes: 0, last: false };
        let mut text = 0;
        while text < BATCH_BYTES && batch.documents.len() + batch.skipped.len() < BATCH_DOCUMENTS {
            match open.documents.next() {
                None => {
                    batch.last = true;
                    break;
                }
                Some(Ok(document)) => {
                    text += document.text.len();
                    let (row, decision) = match &mut open.places {
                        Places::Counted(next) => {
                            *next += 1;
                            (*next - 1, None)
                        }
                        Places::Known(known) => match known.pop_front() {
                            Some((row, decision)) => (row, Some(decision)),
                            None => return Err(self.damaged(open.part, "it holds more documents than its table")),
                        },
                    };
                    batch.documents.push((row, document, decision));
                }
                Some(Err(skipped)) if self.work.at == 0 => batch.skipped.push(skipped),
                Some(Err(skipped)) => return Err(self.damaged(open.part, &skipped.to_string())),
            }
        }
        if batch.last && matches!(&open.places, Places::Known(known) if !known.is_empty()) {
            return Err(self.damaged(open.part, "it holds fewer documents than its table"));
        }
        // Behind a barrier other files are read, but progress is told in bytes of the input.
        let now = match (batch.last, self.work.at) {
            (true, _) => open.total,
            (false, 0) => open.documents.bytes_read().min(open.total),
            (false, _) => open.read,
        };
        batch.bytes = now - open.read;
        open.read = now;
        if !batch.last {
            self.open = Some(open);
        }
        Ok(Some(batch))
    }

    fn damaged(&self, part: usize, why: &str) -> PipelineError {
        PipelineError::Damaged { path: self.work.layout.kept(self.work.at - 1, part), why: why.to_owned() }
    }
}

impl Iterator for Source<'_> {
    type Item = Result<Batch, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stop.requested() {
            return None;
        }
        self.batch().transpose()
    }
}
