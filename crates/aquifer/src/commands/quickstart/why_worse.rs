//! Why a model scores worse than a 5-gram model of the same text, in one plain line.

use aquifer_record::Manifest;
use aquifer_record::figures::short;

/// Tokens a parameter that are usual for a model of its size (Hoffmann et al., 2022, <https://arxiv.org/abs/2203.15556>).
const USUAL_TOKENS: f64 = 20.0;

/// Readings of the same text after which little new is learnt from it.
const MANY_PASSES: f64 = 8.0;

/// The likeliest reason why a model is worse than a 5-gram model of the same text.
pub(super) fn why_worse(manifest: &Manifest, text_tokens: u64) -> String {
    let tokens = manifest.results.get("tokens").copied().unwrap_or(0.0);
    let (parameters, passes) = (manifest.parameters as f64, tokens / text_tokens.max(1) as f64);
    let short = |n: f64| short(n as u64);
    let why = if passes > MANY_PASSES {
        format!(
            "little text: its {} tokens were read {passes:.0} times, and after some readings a model only learns them by heart. More text helps",
            short(text_tokens as f64)
        )
    } else if tokens < USUAL_TOKENS * parameters {
        let (per, usual) = (tokens / parameters.max(1.0), short(USUAL_TOKENS * parameters));
        format!(
            "few training tokens: {} for {} parameters are {per:.1} each, where 20 ({usual}) are usual. More --minutes, or a smaller model, help",
            short(tokens),
            short(parameters)
        )
    } else {
        format!(
            "a small model: {} parameters hold less than a table of every five tokens of this text. More --minutes allow a larger one",
            short(parameters)
        )
    };
    format!("worse than the 5-gram model, most likely for {why}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poor_score_is_given_its_likeliest_reason() {
        let why = |tokens: f64, parameters: u64, text: u64| {
            let results = [("tokens".to_owned(), tokens)].into();
            why_worse(&Manifest { results, parameters, ..Manifest::default() }, text)
        };
        assert!(why(2e6, 1_000_000, 2_000_000).contains("few training tokens: 2.0 M for 1.0 M"));
        assert!(why(2e6, 1_000_000, 50_000).contains("read 40 times"));
        assert!(why(4e7, 1_000_000, 40_000_000).contains("a small model"));
    }
}
