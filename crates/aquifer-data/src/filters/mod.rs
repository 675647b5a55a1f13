//! Filters for text from the web: each file holds one rule or one family of rules, a pure function from a text to named
//! numbers with their bounds. The first number out of its bounds decides.
//!
//! Words are runs between white space; in scripts written without spaces every character counts as one. Rules about the
//! form of words are asked only of text that has words.

pub mod fineweb;
pub mod gopher_quality;
pub mod gopher_repetition;
pub mod noise;
pub mod notices;

use aquifer_record::figures::number;
use serde::{Deserialize, Serialize};

/// A number measured on a text, and where it should lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// Which rule.
    pub rule: &'static str,
    /// What was measured.
    pub value: f64,
    /// The least it may be.
    pub at_least: f64,
    /// The most it may be.
    pub at_most: f64,
}

impl Measure {
    fn at_least(rule: &'static str, value: f64, at_least: f64) -> Self {
        Measure { rule, value, at_least, at_most: f64::INFINITY }
    }

    fn at_most(rule: &'static str, value: f64, at_most: f64) -> Self {
        Measure { rule, value, at_least: f64::NEG_INFINITY, at_most }
    }

    /// Why the text should go; `None` if it may stay.
    pub fn verdict(&self) -> Option<Verdict> {
        let Measure { rule, value, at_least, at_most } = *self;
        let threshold = if value < at_least { at_least } else { at_most };
        (value < at_least || value > at_most).then(|| Verdict { rule: rule.to_owned(), value, threshold })
    }
}

/// Why a document was dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which rule.
    pub rule: String,
    /// What was measured.
    pub value: f64,
    /// The bound it broke.
    pub threshold: f64,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Verdict { rule, value, threshold } = self;
        match rule.as_str() {
            NOTHING_LEFT => write!(f, "{rule} of {} characters", number(*value)),
            _ => write!(f, "{rule}: {}, the bound is {}", number(*value), number(*threshold)),
        }
    }
}

/// The rule that drops a text of which repair and cutting leave nothing; it measures the characters that were there.
pub(crate) const NOTHING_LEFT: &str = "nothing left";

/// Which filters to apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// None: encoding repair and deduplication only.
    #[default]
    Plain,
    /// All of them, for pages from the web.
    Web,
    /// Those that suit short documents: notices and noise.
    Short,
}

/// The first rule of the preset that the text breaks.
pub fn judge(text: &str, preset: Preset) -> Option<Verdict> {
    let families: &[fn(&str) -> Vec<Measure>] = match preset {
        Preset::Plain => &[],
        Preset::Short => &[noise::measures],
        Preset::Web => &[noise::measures, gopher_repetition::measures, gopher_quality::measures, fineweb::measures],
    };
    families.iter().flat_map(|measures| measures(text)).find_map(|measure| measure.verdict())
}

/// Whether most letters are of a script written without spaces.
pub(crate) fn spaceless(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (all, without) = letters.fold((0_usize, 0_usize), |(all, without), c| {
        (
            all + 1,
            without + usize::from(u32::from(c) >= 0x0E00 && !matches!(u32::from(c), 0x1100..=0x2FFF | 0xAC00..=0xD7AF)),
        )
    });
    without * 2 > all
}

pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "The harbour was quiet that morning, and the fishermen had already gone out with the tide. \
        People walked along the wall to see the boats that were left behind.\nNobody could say what the old captain was \
        waiting for, but he stood there with his hands in his pockets and looked at the water.\nIt was said that he had \
        once sailed to the end of the world and that he would be going back when the wind changed its mind.";

    #[test]
    fn prose_passes_and_each_kind_of_rubbish_names_its_rule() {
        assert_eq!(judge(PAGE, Preset::Web), None);
        let rule = |text: &str| judge(text, Preset::Web).map(|v| v.rule).unwrap_or_default();
        assert_eq!(rule("Too short to be a page."), "gopher_quality/words");
        assert_eq!(rule("#$%^ &*() !@#$ ^&*( )_+ <>?:"), "noise/letters");
        assert_eq!(rule(&"same line again\n".repeat(30)), "noise/repeated_lines");
        assert_eq!(rule(&"qwertyuiopasdfghjklzxcvbnm".repeat(9)), "noise/word_length");
        let flat = PAGE.replace('\n', " ");
        let list = flat.split(". ").flat_map(|s| s.split(", ")).map(|s| format!("- {s}\n")).collect::<String>();
        assert_eq!(rule(&list), "gopher_quality/bullet_lines");
        assert_eq!(judge("小世界里的人都住在河边的镇上，他们每天一起吃饭、唱歌、讲故事。", Preset::Short), None);
        assert_eq!(judge("", Preset::Plain), None);
    }
}
