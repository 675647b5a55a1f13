//! Tables that others published, as perf records.

mod flagperf;
mod mlperf;

use super::PerfRecord;
use std::collections::BTreeMap;

/// What a published table gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The records, in the order of the table.
    pub records: Vec<PerfRecord>,
    /// Rows that gave none, by reason.
    pub skipped: BTreeMap<String, usize>,
}

impl Imported {
    fn skip(&mut self, reason: impl Into<String>) {
        *self.skipped.entry(reason.into()).or_default() += 1;
    }
}

/// Text that is no table known here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Neither of the known forms.
    #[error(
        "this is no table known here; there are FlagPerf's (JSON lines of file, area, section and row) and MLPerf's \
         (CSV whose head names samples_per_s, or benchmark and minutes)"
    )]
    Unknown,
    /// A line that is not of the form of the others.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads the text of a table, whichever it is. `source` is what the records say they come from.
///
/// # Errors
/// [`ImportError`] for text of another form.
pub fn import(text: &str, source: &str) -> Result<Imported, ImportError> {
    let head = text.lines().next().unwrap_or("");
    let mut imported = match head {
        _ if head.starts_with('{') => flagperf::read(text)?,
        _ if head.contains("samples_per_s") => mlperf::inference(text)?,
        _ if head.contains("benchmark") && head.contains("minutes") => mlperf::training(text)?,
        _ => return Err(ImportError::Unknown),
    };
    imported.records.iter_mut().for_each(|record| record.source = Some(source.to_owned()));
    Ok(imported)
}

/// A number and the unit behind it: `259.2TFLOPS`, `7413.27us`, `82.8%`. Nothing where there is no number.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|&(i, c)| {
            // The e of an exponent has a digit before it and a sign or a digit behind it.
            let exponent = matches!(c, 'e' | 'E') && i > 0 && text[i + 1..].starts_with(['+', '-', '0', '1', '2', '3']);
            !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+') || exponent)
        })
        .map_or(text.len(), |(i, _)| i);
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_with_their_units() {
        assert_eq!(number_and_unit("259.2TFLOPS"), Some((259.2, "TFLOPS")));
        assert_eq!(number_and_unit(" 7413.27us "), Some((7413.27, "us")));
        assert_eq!(number_and_unit("3.112E-6"), Some((3.112e-6, "")));
        assert_eq!(number_and_unit("0.00E+00"), Some((0.0, "")));
        assert_eq!(number_and_unit("82.8%"), Some((82.8, "%")));
        for nothing in ["", "/", "--", "TFLOPS", "×"] {
            assert_eq!(number_and_unit(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn other_text_is_refused_and_kept_apart() {
        for text in ["", "hello", "a,b,c\n1,2,3\n"] {
            let message = import(text, "x").unwrap_err().to_string();
            assert!(message.contains("FlagPerf") && message.contains("MLPerf"), "{message}");
        }
        let message = import("{\"file\": 1}\n", "x").unwrap_err().to_string();
        assert!(message.contains("line 1"), "{message}");
    }
}
