//! Rules for documents: each file holds one, a pure function from a text to named values, with the bounds in which they
//! should lie. Running a pipeline, cutting again by other bounds, explaining and reporting all ask the same function.
//!
//! A rule is built from its table in a recipe. Keys that are columns of the rule are bounds, the others its own options:
//!
//! ```toml
//! [[stage]]
//! rule = "noise"
//! letters = { at_least = 0.6 }
//! ```
//!
//! ```
//! use aquifer_data::rules::{Page, Stage};
//! use aquifer_corpus::Document;
//! let stage = Stage::build(toml::toml! { rule = "noise" letters = { at_least = 0.6 } }).unwrap();
//! let document = Document::new("d", "&&& %% $$ a");
//! let answer = stage.ask(&Page::new(&document), false);
//! assert_eq!(answer.verdict.unwrap().column, "noise.letters");
//! ```

mod ask;
mod c4_badwords;
mod c4_paragraph;
mod c4_quality;
mod characters;
pub mod classifier;
pub mod code_files;
pub mod contamination;
mod dialogue;
mod extract;
mod fineweb_quality;
mod flagdata;
mod gopher_quality;
mod gopher_repetition;
mod line_corrections;
mod lists;
mod measures;
mod ngrams;
mod noise;
mod notices;
mod options;
mod page;
pub mod perplexity;
mod privacy;
mod repair;
mod repeated;
mod stage;
mod symbol_lines;
mod t2s;
mod turns;
mod url;

pub use ask::{Asked, Bound, Column, Value};
pub(crate) use measures::{Measures, take_bounds};
pub(crate) use options::most_alike;
pub use options::{RuleError, options};
pub use page::Page;
pub use stage::{Answer, Broken, Stage};

use std::ops::{ControlFlow, Range};

/// A function from a document to named values.
pub trait Rule: Send + Sync {
    /// What it measures, in the order of asking, with the bounds of its source.
    fn columns(&self) -> Vec<Column>;

    /// Measures the page: hands each value to `ask` and goes on while it says so (`ask.number(WORDS, n)?`), so that nothing
    /// is computed behind the first bound that breaks. A rule that edits hands over the text as it goes on from here.
    fn measure(&self, page: &Page, ask: &mut Asked) -> ControlFlow<()>;

    /// Where in the text the value of a column comes from: byte ranges, in ascending order; none where no place can be named.
    fn spans(&self, _page: &Page, _column: usize) -> Vec<Range<usize>> {
        Vec::new()
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A rule that can be asked for by name.
pub struct Known {
    /// As it stands in recipes.
    pub name: &'static str,
    /// In a line, for people.
    pub about: &'static str,
    /// Builds it from its own options.
    pub build: fn(toml::Table) -> Result<Box<dyn Rule>, RuleError>,
}

/// Every rule there is, in the order of this list.
pub static RULES: &[Known] = &[
    Known { name: "extract", about: "the main text of a page", build: extract::build },
    Known { name: "url", about: "lists of domains and addresses, and words in addresses", build: url::build },
    Known {
        name: "language",
        about: "its language, by our own model or one of fastText's",
        build: classifier::language,
    },
    Known {
        name: "repair",
        about: "edits: puts broken encodings right: misread UTF-8, marks, controls",
        build: repair::build,
    },
    Known { name: "notices", about: "edits: takes out cookie notices, navigation, copyright", build: notices::build },
    Known { name: "t2s", about: "edits: traditional Chinese as simplified, as OpenCC does", build: t2s::build },
    Known {
        name: "privacy",
        about: "edits: e-mail and IP addresses; Chinese identity cards, telephones, WeChat and QQ accounts",
        build: privacy::build,
    },
    Known { name: "symbol_lines", about: "edits: takes out lines of nothing but symbols", build: symbol_lines::build },
    Known {
        name: "line_corrections",
        about: "edits: menus, counters and invitations among the lines, after RefinedWeb",
        build: line_corrections::build,
    },
    Known { name: "noise", about: "letters, length of words, repeated lines", build: noise::build },
    Known {
        name: "gopher_repetition",
        about: "repeated paragraphs, lines and runs of words, after Gopher",
        build: gopher_repetition::build,
    },
    Known {
        name: "gopher_quality",
        about: "number and form of words, symbols, bullets, stop words, after Gopher",
        build: gopher_quality::build,
    },
    Known {
        name: "c4_quality",
        about: "edits: takes out lines that are no sentences, and drops what has too few left, after C4",
        build: c4_quality::build,
    },
    Known { name: "c4_badwords", about: "words of lists, after C4", build: c4_badwords::build },
    Known { name: "c4_paragraph", about: "three long lines, after mC4", build: c4_paragraph::build },
    Known {
        name: "fineweb_quality",
        about: "lines that end, short and repeated lines, lists, after FineWeb",
        build: fineweb_quality::build,
    },
    Known {
        name: "flagdata",
        about: "letters, symbols, lines, stop words and flagged words, after FlagData",
        build: flagdata::build,
    },
    Known {
        name: "code_files",
        about: "lengths of lines and letters of source files, after The Stack",
        build: code_files::build,
    },
    Known { name: "dialogue", about: "turns that follow each other, answers that are answers", build: dialogue::build },
    Known { name: "contamination", about: "runs of words that an evaluation set has too", build: contamination::build },
    Known { name: "classifier", about: "its label, by a fastText model", build: classifier::build },
    Known { name: "perplexity", about: "how surprising it is to a KenLM model", build: perplexity::build },
];
