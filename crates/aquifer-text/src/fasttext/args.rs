//! The head of a model file: how it was trained, as far as prediction must know.

use super::bytes::Bytes;

const MAGIC: i32 = 793_712_314;
/// Written by fastText since 2017; 11 is its predecessor.
pub(super) const VERSION: i32 = 12;
/// fastText's number for a classifier; 1 and 2 are word vectors.
const SUPERVISED: i32 = 3;
/// Longest n-grams that are believed. Real models stay below 10; the time a word takes grows with it.
const MAX_N: usize = 64;

/// How the output layer was trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// A binary tree of logistic decisions; probabilities of all labels sum to one.
    HierarchicalSoftmax,
    /// One logistic decision a label against a few random ones.
    NegativeSampling,
    /// Probabilities of all labels sum to one.
    Softmax,
    /// One logistic decision a label: a text may have several.
    OneVsAll,
}

/// What a model was trained with.
#[derive(Clone, Debug)]
pub(super) struct Args {
    pub(super) dim: usize,
    /// Longest n-grams of words.
    pub(super) word_ngrams: usize,
    pub(super) loss: Loss,
    /// Rows that n-grams of words and of characters share by their hash.
    pub(super) bucket: u32,
    /// Shortest and longest n-grams of characters; none if `maxn` is zero.
    pub(super) minn: usize,
    pub(super) maxn: usize,
    /// Window, epochs, least count, negatives, steps between updates of the rate: kept to be written again.
    pub(super) rest: [i32; 5],
    pub(super) sampling: f64,
}

impl Args {
    pub(super) fn read(bytes: &mut Bytes) -> Result<Self, String> {
        let magic = bytes.i32("the magic number")?;
        if magic != MAGIC {
            return Err(format!("it should begin with {MAGIC}, but begins with {magic}"));
        }
        let version = bytes.i32("the version")?;
        if !(11..=VERSION).contains(&version) {
            return Err(format!("its format is version {version}; 11 and {VERSION} can be read"));
        }
        let mut next = |what| bytes.i32(what);
        let dim = next("the dimension")?;
        let [window, epochs, least, negatives] = [next("args")?, next("args")?, next("args")?, next("args")?];
        let (word_ngrams, loss, model) = (next("the word n-grams")?, next("the loss")?, next("the kind of model")?);
        let (bucket, minn, maxn) = (next("the buckets")?, next("minn")?, next("maxn")?);
        let rate_steps = next("args")?;
        let sampling = bytes.f64("the sampling threshold")?;
        if model != SUPERVISED {
            return Err(format!("it holds word vectors (kind {model}), not a classifier (kind {SUPERVISED})"));
        }
        let loss = match loss {
            1 => Loss::HierarchicalSoftmax,
            2 => Loss::NegativeSampling,
            3 => Loss::Softmax,
            4 => Loss::OneVsAll,
            other => return Err(format!("its loss is number {other}; 1 to 4 are known")),
        };
        let args = Args {
            dim: positive(dim, "dimension")?,
            word_ngrams: length(word_ngrams, "word n-grams")?,
            loss,
            bucket: u32::try_from(bucket).map_err(|_| format!("it has {bucket} buckets"))?,
            minn: length(minn, "character n-grams")?,
            // Version 11 wrote lengths that its classifiers did not use.
            maxn: if version == 11 { 0 } else { length(maxn, "character n-grams")? },
            rest: [window, epochs, least, negatives, rate_steps],
            sampling,
        };
        if args.bucket == 0 && (args.maxn > 0 || args.word_ngrams > 1) {
            return Err("it has n-grams but no bucket to put them in".into());
        }
        Ok(args)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [window, epochs, least, negatives, rate_steps] = self.rest;
        let loss = match self.loss {
            Loss::HierarchicalSoftmax => 1,
            Loss::NegativeSampling => 2,
            Loss::Softmax => 3,
            Loss::OneVsAll => 4,
        };
        let ints = [
            MAGIC,
            VERSION,
            self.dim as i32,
            window,
            epochs,
            least,
            negatives,
            self.word_ngrams as i32,
            loss,
            SUPERVISED,
            self.bucket as i32,
            self.minn as i32,
            self.maxn as i32,
            rate_steps,
        ];
        out.extend(ints.iter().flat_map(|n| n.to_le_bytes()));
        out.extend(self.sampling.to_le_bytes());
    }
}

fn positive(n: i32, what: &str) -> Result<usize, String> {
    usize::try_from(n).ok().filter(|&n| n > 0).ok_or_else(|| format!("its {what} is {n}"))
}

/// Negative lengths mean none, as in fastText.
fn length(n: i32, what: &str) -> Result<usize, String> {
    match usize::try_from(n).unwrap_or(0) {
        n if n <= MAX_N => Ok(n),
        n => Err(format!("its {what} are up to {n} long; at most {MAX_N} are believed")),
    }
}
