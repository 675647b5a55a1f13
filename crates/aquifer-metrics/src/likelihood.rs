//! Scores made of log-probabilities.

use crate::numbers::exp;
use std::f64::consts::LN_2;

/// −Σ ln p / (ln 2 · bytes): what a text costs in bits a byte, whatever the vocabulary that cut it.
///
/// `nats` is the sum of −ln p over the tokens, `bytes` the length of the text in UTF-8. NaN when there are no bytes.
pub fn bits_per_byte(nats: f64, bytes: u64) -> f64 {
    if bytes == 0 { f64::NAN } else { nats / (LN_2 * bytes as f64) }
}

/// e to the mean of −ln p: among how many equally likely tokens the model is as lost. NaN when there are none.
pub fn perplexity(nats: f64, tokens: u64) -> f64 {
    if tokens == 0 { f64::NAN } else { exp(nats / tokens as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_bytes_cost_eight_bits() {
        let nats = 1000.0 * 256_f64.ln();
        assert!((bits_per_byte(nats, 1000) - 8.0).abs() < 1e-12);
        assert!((perplexity(nats, 1000) - 256.0).abs() < 1e-9);
        assert!(bits_per_byte(1.0, 0).is_nan() && perplexity(1.0, 0).is_nan());
    }
}
