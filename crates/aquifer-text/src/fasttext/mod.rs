//! fastText's supervised models: reading, predicting, training and quantising.
//!
//! A text is the mean of its features' vectors (words, character n-grams, word n-grams), then one linear layer. Joulin,
//! Grave, Bojanowski & Mikolov, "Bag of Tricks for Efficient Text Classification", 2016,
//! <https://arxiv.org/abs/1607.01759>; subwords: Bojanowski et al., 2016, <https://arxiv.org/abs/1607.04606>;
//! quantisation: Joulin et al., "FastText.zip", 2016, <https://arxiv.org/abs/1612.03651>.
//!
//! Files are those of the `fasttext` program, format versions 11 and 12: `.bin` and `.ftz`.

mod args;
mod best;
mod bytes;
mod dictionary;
mod features;
mod hash;
mod matrix;
mod output;
mod quantise;
mod train;

pub use args::Loss;
pub use features::Scratch;
pub use output::Prediction;
pub use quantise::QuantiseOptions;
pub use train::{Example, TrainOptions};

use crate::TextError;
use aquifer_record::FileError;
use args::Args;
use bytes::Bytes;
use dictionary::Dictionary;
use matrix::Matrix;
pub(crate) use matrix::dot;
use output::Output;
use std::path::Path;

/// What fastText writes before every label, in its files of training text and in its models.
pub const LABEL_PREFIX: &str = "__label__";

/// A classifier of texts.
///
/// ```
/// # let bytes = include_bytes!("../../tests/golden/fasttext/softmax.bin");
/// use aquifer_text::fasttext::FastText;
/// let model = FastText::from_bytes(bytes, "softmax.bin")?;
/// let best = model.predict("the quiet river runs under a small bridge", 1, 0.0);
/// assert_eq!(best[0].label, "en");
/// # Ok::<(), aquifer_text::TextError>(())
/// ```
pub struct FastText {
    args: Args,
    dictionary: Dictionary,
    /// One row a word, then one a bucket of n-grams; quantised rows are spelled out when read.
    input: Matrix,
    output: Output,
}

impl FastText {
    /// Reads a `.bin` or `.ftz` file.
    ///
    /// # Errors
    /// If it cannot be read, is not a supervised fastText model, or is damaged; the message says what is wrong.
    pub fn load(path: &Path) -> Result<Self, TextError> {
        let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
        FastText::from_bytes(&bytes, path)
    }

    /// The same from bytes at hand; `name` is for messages.
    ///
    /// # Errors
    /// As for [`FastText::load`]. Memory stays within 64 times the length of `bytes`, whatever they claim.
    pub fn from_bytes(bytes: &[u8], name: impl AsRef<Path>) -> Result<Self, TextError> {
        FastText::parse(bytes).map_err(|reason| TextError::bad_model(name.as_ref(), "fastText model", reason))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut bytes = Bytes::new(bytes);
        let args = Args::read(&mut bytes)?;
        let (mut dictionary, kept) = Dictionary::read(&mut bytes, &args)?;
        let quantised = bytes.flag("whether the input is quantised")?;
        if !quantised && dictionary.is_pruned() {
            return Err(
                "its dictionary is pruned but its input is not quantised; fastText refuses such files too".into()
            );
        }
        let mut input = Matrix::read(&mut bytes, quantised, "input")?;
        dictionary.claim_rows(&mut input, kept)?;
        let quantised_output = bytes.flag("whether the output is quantised")? && quantised;
        let matrix = Matrix::read(&mut bytes, quantised_output, "output")?;
        for (name, matrix) in [("input", &input), ("output", &matrix)] {
            if matrix.dim != args.dim {
                return Err(format!("its {name} matrix is {} wide, but the header says {}", matrix.dim, args.dim));
            }
        }
        let output = Output::new(args.loss, matrix, &dictionary.label_counts)?;
        Ok(FastText { args, dictionary, input, output })
    }

    /// Writes a `.bin` file that fastText reads.
    ///
    /// # Errors
    /// If the model is pruned, which has no such form, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TextError> {
        if self.dictionary.is_pruned() {
            return Err(TextError::bad_model(path, "fastText model", "a pruned model cannot be written unquantised"));
        }
        let mut out = Vec::new();
        self.args.write(&mut out);
        self.dictionary.write(&mut out);
        for matrix in [&self.input, &self.output.matrix] {
            out.push(0);
            matrix.write_dense(&mut out);
        }
        Ok(aquifer_record::files::write_atomic_bytes(path, &out)?)
    }

    /// The labels, most frequent in training first, without their prefix.
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// Numbers in a text's vector.
    pub fn dim(&self) -> usize {
        self.args.dim
    }

    /// How the output layer was trained, and therefore what a probability means.
    pub fn loss(&self) -> Loss {
        self.args.loss
    }

    /// The `k` most probable labels of those at `threshold` or above, best first; ties come as fastText has them.
    ///
    /// A line break counts as a space: the whole text is one line, as when Python callers replace `"\n"` by `" "`. A
    /// text of which nothing is known has no label.
    ///
    /// # Numerics
    /// Within 1e-5 of `fasttext`'s probabilities, which carry its own 1e-5 in each logarithm (so that 1.00001 occurs).
    /// The rows of a word are summed in order, then the words; the same bits on every machine.
    pub fn predict(&self, text: &str, k: usize, threshold: f32) -> Vec<Prediction<'_>> {
        self.predict_with(text, k, threshold, &mut Scratch::default())
    }

    /// [`FastText::predict`] with memory that is used again: about twice as fast over many short texts. One scratch
    /// belongs to one model and one thread; it never changes a result.
    pub fn predict_with(&self, text: &str, k: usize, threshold: f32, scratch: &mut Scratch) -> Vec<Prediction<'_>> {
        let Some(hidden) = features::hidden(self, text.as_bytes(), scratch) else { return Vec::new() };
        let best = self.output.predict(hidden, k, threshold);
        let labels = &self.dictionary.labels;
        best.into_iter().map(|(label, probability)| Prediction { label: &labels[label], probability }).collect()
    }
}
