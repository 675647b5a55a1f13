//! Documents packed into grains, the fixed-length rows of a training step.
//!
//! Every epoch is planned as a whole: documents in a shuffled order, those longer than a grain cut into pieces
//! (the first cut at a random place, so that borders move from epoch to epoch), pieces put where they fit best,
//! grains shuffled. A document that fits into a grain is never cut. Everything is drawn from counter-based
//! streams keyed by (seed, epoch), so that the grain of any number can be computed at any time.

use crate::TokenSource;
use aquifer_model::TokenBatch;
use aquifer_tensor::random::Stream;
use std::sync::Arc;

/// The target of a row that teaches nothing.
pub const IGNORE: u32 = u32::MAX;

/// Grains kept open while pieces look for a place. More waste less and cost more; at 64, documents of 20 to 120
/// tokens in grains of 256 leave under three per cent of pads.
const OPEN_GRAINS: usize = 64;

/// Part of a document inside a grain: rows predict tokens `start + 1 ..= start + len` from `start .. start + len`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Document number.
    pub doc: usize,
    /// First input token inside the document.
    pub start: usize,
    /// Rows, hence predictions.
    pub len: usize,
}

/// In which order documents are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// As they lie, cut every `grain_len` tokens: evaluation.
    AsStored,
    /// Shuffled afresh every epoch from this seed: training.
    Shuffled(u64),
}

/// Packs a [`TokenSource`] into grains numbered from 0 without end, epoch after epoch.
pub struct Packer {
    source: Arc<dyn TokenSource>,
    grain_len: usize,
    order: Order,
    /// `starts[e]` is the number of the first grain of epoch `e`.
    starts: Vec<u64>,
    plan: Option<(usize, Plan)>,
    /// Documents that hold two tokens.
    teaching: u64,
    met: Met,
}

/// The documents met in the first grains of an epoch.
#[derive(Default)]
struct Met {
    epoch: usize,
    /// The grain behind those that were looked at.
    end: u64,
    documents: Vec<bool>,
    count: u64,
}

/// One epoch: the pieces of every grain, grains in their final order.
struct Plan {
    pieces: Vec<Piece>,
    ends: Vec<usize>,
}

impl Packer {
    /// A packer of grains of `grain_len` rows; `None` if no document holds two tokens, since there is then
    /// nothing to predict.
    ///
    /// # Panics
    /// If `grain_len` is zero.
    pub fn new(source: Arc<dyn TokenSource>, grain_len: usize, order: Order) -> Option<Self> {
        assert!(grain_len > 0, "a grain has at least one row");
        let teaching = (0..source.documents()).filter(|&doc| source.tokens_in(doc) > 1).count() as u64;
        let met = Met::default();
        (teaching > 0).then(|| Packer { source, grain_len, order, starts: vec![0], plan: None, teaching, met })
    }

    /// What is packed.
    pub fn source(&self) -> &Arc<dyn TokenSource> {
        &self.source
    }

    /// Rows of a grain.
    pub fn grain_len(&self) -> usize {
        self.grain_len
    }

    /// Grains of epoch `epoch`. Epochs differ by a few, because cuts move.
    pub fn grains_in_epoch(&mut self, epoch: usize) -> u64 {
        while self.starts.len() < epoch + 2 {
            let next = self.starts.len() - 1;
            let grains = self.plan_of(next).ends.len() as u64;
            self.starts.push(self.starts[next] + grains);
        }
        self.starts[epoch + 1] - self.starts[epoch]
    }

    /// The epoch that grain `grain` belongs to.
    pub fn epoch_of(&mut self, grain: u64) -> usize {
        while self.starts.last().is_none_or(|&end| end <= grain) {
            self.grains_in_epoch(self.starts.len() - 1);
        }
        self.starts.partition_point(|&start| start <= grain) - 1
    }

    /// The pieces of grain `grain`.
    pub fn pieces(&mut self, grain: u64) -> &[Piece] {
        let epoch = self.epoch_of(grain);
        let at = (grain - self.starts[epoch]) as usize;
        let plan = self.plan_of(epoch);
        let start = if at == 0 { 0 } else { plan.ends[at - 1] };
        &plan.pieces[start..plan.ends[at]]
    }

    /// The ids of the documents in these grains, in order of appearance, each once.
    pub fn ids(&mut self, first_grain: u64, grains: usize) -> Vec<String> {
        let mut docs: Vec<usize> = Vec::new();
        for grain in first_grain..first_grain + grains as u64 {
            docs.extend(self.pieces(grain).iter().map(|piece| piece.doc));
        }
        let mut seen = std::collections::BTreeSet::new();
        docs.into_iter().filter(|doc| seen.insert(*doc)).map(|doc| self.source.id(doc)).collect()
    }

    /// Grains `first_grain ..` as one batch, whose first row belongs to grain `number_in_step` of its step.
    /// Pads have input 0, target [`IGNORE`] and belong to no segment.
    pub fn batch(&mut self, first_grain: u64, grains: usize, number_in_step: usize) -> TokenBatch {
        let mut batch = self.empty_batch(grains, number_in_step);
        for grain in first_grain..first_grain + grains as u64 {
            self.append(grain, &mut batch);
        }
        batch
    }

    /// A batch that will hold so many grains.
    pub(crate) fn empty_batch(&self, grains: usize, number_in_step: usize) -> TokenBatch {
        let rows = grains * self.grain_len;
        TokenBatch {
            grains,
            grain_len: self.grain_len,
            inputs: Vec::with_capacity(rows),
            targets: Vec::with_capacity(rows),
            segments: Vec::new(),
            positions: Vec::with_capacity(rows),
            first_grain: number_in_step,
        }
    }

    /// Puts grain `grain` behind those that `batch` holds already; returns its predictions to be learned.
    pub(crate) fn append(&mut self, grain: u64, batch: &mut TokenBatch) -> u64 {
        let (source, end) = (self.source.clone(), batch.inputs.len() + self.grain_len);
        let (mut tokens, mut learn, mut targets) = (Vec::new(), Vec::new(), 0);
        for &Piece { doc, start, len } in self.pieces(grain) {
            tokens.clear();
            learn.clear();
            source.read(doc, start..start + len + 1, &mut tokens);
            let masked = source.read_mask(doc, start..start + len + 1, &mut learn);
            let row = batch.inputs.len();
            batch.segments.push(row..row + len);
            batch.inputs.extend_from_slice(&tokens[..len]);
            let ignored = |i: usize| masked && !learn[i];
            batch.targets.extend((1..=len).map(|i| if ignored(i) { IGNORE } else { tokens[i] }));
            batch.positions.extend(0..len as u32);
            targets += (1..=len).filter(|&i| !ignored(i)).count() as u64;
        }
        batch.inputs.resize(end, 0);
        batch.targets.resize(end, IGNORE);
        batch.positions.resize(end, 0);
        targets
    }

    /// Documents of which the first `grains` grains hold a part, each once an epoch.
    pub(crate) fn documents(&mut self, grains: u64) -> u64 {
        let Some(last) = grains.checked_sub(1) else { return 0 };
        let epoch = self.epoch_of(last);
        let mut met = std::mem::take(&mut self.met);
        if met.documents.is_empty() || met.epoch != epoch || met.end > grains {
            met = Met { epoch, end: self.starts[epoch], documents: vec![false; self.source.documents()], count: 0 };
        }
        for grain in met.end..grains {
            for piece in self.pieces(grain) {
                met.count += u64::from(!std::mem::replace(&mut met.documents[piece.doc], true));
            }
        }
        met.end = grains;
        let count = epoch as u64 * self.teaching + met.count;
        self.met = met;
        count
    }

    /// Epochs that the first `grains` grains are.
    pub(crate) fn epochs(&mut self, grains: u64) -> f64 {
        let Some(last) = grains.checked_sub(1) else { return 0.0 };
        let epoch = self.epoch_of(last);
        epoch as f64 + (grains - self.starts[epoch]) as f64 / self.grains_in_epoch(epoch) as f64
    }

    fn plan_of(&mut self, epoch: usize) -> &Plan {
        if self.plan.as_ref().is_none_or(|(at, _)| *at != epoch) {
            self.plan = Some((epoch, Plan::new(&*self.source, self.grain_len, self.order, epoch)));
        }
        &self.plan.as_ref().expect("made just above").1
    }
}

impl Plan {
    fn new(source: &dyn TokenSource, grain_len: usize, order: Order, epoch: usize) -> Self {
        let step = epoch as u64;
        let mut docs: Vec<usize> = (0..source.documents()).collect();
        let mut cuts = None;
        if let Order::Shuffled(seed) = order {
            Stream::new(seed, "pack.documents", "").sequence(step).shuffle(&mut docs);
            cuts = Some(Stream::new(seed, "pack.cuts", ""));
        }
        let mut fitting = BestFit { grain_len, open: Vec::new(), closed: Vec::new() };
        for doc in docs {
            let rows = source.tokens_in(doc).saturating_sub(1);
            let mut start = 0;
            // A short document stays whole; a long one gives a first piece of random length.
            let mut len = match &cuts {
                Some(stream) if rows > grain_len => 1 + stream.below(step, doc as u64, grain_len as u64) as usize,
                _ => rows.min(grain_len),
            };
            while start < rows {
                fitting.place(Piece { doc, start, len });
                start += len;
                len = (rows - start).min(grain_len);
            }
        }
        let mut grains = fitting.finish();
        if let Order::Shuffled(seed) = order {
            Stream::new(seed, "pack.grains", "").sequence(step).shuffle(&mut grains);
        }
        let mut plan = Plan { pieces: Vec::new(), ends: Vec::with_capacity(grains.len()) };
        for pieces in grains {
            plan.pieces.extend(pieces);
            plan.ends.push(plan.pieces.len());
        }
        plan
    }
}

/// Puts each piece into the open grain it fills best; the fullest is closed when too many are open.
struct BestFit {
    grain_len: usize,
    open: Vec<(usize, Vec<Piece>)>,
    closed: Vec<Vec<Piece>>,
}

impl BestFit {
    fn place(&mut self, piece: Piece) {
        let fits = self.open.iter().enumerate().filter(|(_, (space, _))| *space >= piece.len);
        if let Some((at, _)) = fits.min_by_key(|(at, (space, _))| (*space, *at)) {
            self.open[at].0 -= piece.len;
            self.open[at].1.push(piece);
            if self.open[at].0 == 0 {
                self.closed.push(self.open.remove(at).1);
            }
        } else if piece.len == self.grain_len {
            self.closed.push(vec![piece]);
        } else {
            self.open.push((self.grain_len - piece.len, vec![piece]));
            if self.open.len() > OPEN_GRAINS {
                let fullest = self.open.iter().enumerate().min_by_key(|(at, (space, _))| (*space, *at));
                let at = fullest.map_or(0, |(at, _)| at);
                self.closed.push(self.open.remove(at).1);
            }
        }
    }

    fn finish(mut self) -> Vec<Vec<Piece>> {
        self.closed.extend(self.open.into_iter().map(|(_, pieces)| pieces));
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InMemory;
    use proptest::prelude::*;

    fn source(lengths: &[usize]) -> Arc<InMemory> {
        let mut documents = InMemory::new();
        let mut next = 0;
        for (doc, &len) in lengths.iter().enumerate() {
            documents.push(format!("doc{doc}"), (next..next + len as u32).collect(), None);
            next += len as u32;
        }
        Arc::new(documents)
    }

    proptest! {
        /// Every prediction of every document happens exactly once an epoch, and short documents stay whole.
        #[test]
        fn an_epoch_teaches_each_token_once(lengths in proptest::collection::vec(0_usize..90, 1..40), grain_len in 1_usize..40, seed: u64, epoch in 0_usize..3) {
            let documents = source(&lengths);
            let Some(mut packer) = Packer::new(documents.clone(), grain_len, Order::Shuffled(seed)) else {
                prop_assert!(lengths.iter().all(|&len| len < 2));
                return Ok(());
            };
            let first: u64 = (0..epoch).map(|e| packer.grains_in_epoch(e)).sum();
            let grains = packer.grains_in_epoch(epoch);
            let mut learned: Vec<u32> = Vec::new();
            for grain in first..first + grains {
                let pieces = packer.pieces(grain).to_vec();
                prop_assert!(!pieces.is_empty() && pieces.iter().map(|p| p.len).sum::<usize>() <= grain_len);
                for piece in pieces {
                    let rows = lengths[piece.doc] - 1;
                    prop_assert!(rows > grain_len || piece.len == rows);
                }
                let batch = packer.batch(grain, 1, 0);
                prop_assert_eq!((batch.inputs.len(), batch.positions.len()), (grain_len, grain_len));
                for (row, &target) in batch.targets.iter().enumerate().filter(|(_, t)| **t != IGNORE) {
                    prop_assert_eq!(batch.inputs[row] + 1, target);
                    let segment = batch.segments.iter().find(|s| s.contains(&row)).expect("a learned row is in a segment");
                    prop_assert_eq!(batch.positions[row] as usize, row - segment.start);
                    learned.push(target);
                }
            }
            learned.sort_unstable();
            let mut expected = Vec::new();
            let mut next = 0;
            for &len in &lengths {
                expected.extend(next + 1..next + len.max(1) as u32);
                next += len as u32;
            }
            prop_assert_eq!(learned, expected);
        }
    }

    #[test]
    fn any_grain_can_be_asked_for_first() {
        let documents = source(&[700, 3, 9, 40, 1, 15, 22]);
        let mut walked = Packer::new(documents.clone(), 16, Order::Shuffled(5)).unwrap();
        let forward: Vec<Vec<Piece>> = (0..200).map(|grain| walked.pieces(grain).to_vec()).collect();
        for grain in [199, 0, 57, 58, 130] {
            let mut fresh = Packer::new(documents.clone(), 16, Order::Shuffled(5)).unwrap();
            assert_eq!(fresh.pieces(grain), forward[grain as usize]);
        }
        let mut other = Packer::new(documents, 16, Order::Shuffled(6)).unwrap();
        assert!((0..50).any(|grain| other.pieces(grain) != forward[grain as usize]));
    }

    #[test]
    fn masked_tokens_are_read_but_not_learned() {
        let mut documents = InMemory::new();
        documents.push("chat", vec![7, 8, 9, 10], Some(vec![false, false, true, false]));
        let mut packer = Packer::new(Arc::new(documents), 5, Order::AsStored).unwrap();
        let batch = packer.batch(0, 1, 0);
        assert_eq!(batch.inputs, [7, 8, 9, 0, 0]);
        assert_eq!(batch.targets, [IGNORE, 9, IGNORE, IGNORE, IGNORE]);
        assert_eq!(batch.segments, [0..3]);
        assert_eq!(packer.ids(0, 1), ["chat"]);
    }

    #[test]
    fn short_documents_waste_little() {
        let lengths: Vec<usize> = (0..3000).map(|i| 20 + (i * 37) % 100).collect();
        let mut packer = Packer::new(source(&lengths), 256, Order::Shuffled(1)).unwrap();
        let rows: usize = lengths.iter().map(|len| len - 1).sum();
        let used = packer.grains_in_epoch(0) as usize * 256;
        assert!(used as f64 <= rows as f64 * 1.03, "{rows} rows took {used}");
    }
}
