//! `metrics.jsonl`: one line a step, appended as training goes.

use crate::files::{Appender, FileError};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What was measured at one step. A line holds either training values or evaluation values, never a guess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricLine {
    /// Optimiser steps done.
    pub step: u64,
    /// Tokens trained on so far.
    pub tokens: u64,
    /// Seconds of training so far, resumed parts included.
    pub seconds: f64,
    /// Mean training loss of the step, nats a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// Global gradient norm before clipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// Tokens a second over the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Bytes held by tensors at their peak so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Mean held-out loss, nats a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_loss: Option<f64>,
    /// Held-out bits a byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_bits_per_byte: Option<f64>,
    /// Something worth telling: a loss spike, a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// Appends lines as they come.
pub struct MetricWriter(Appender);

impl MetricWriter {
    /// Opens `metrics.jsonl` for appending. A resumed run first drops lines after `keep_through` (the step it
    /// resumes from) and a last line that a crash cut short.
    pub fn open(path: &Path, keep_through: Option<u64>) -> Result<Self, FileError> {
        if let Some(step) = keep_through
            && path.exists()
        {
            let kept: Vec<MetricLine> = read(path)?.into_iter().filter(|line| line.step <= step).collect();
            crate::write_atomic(path, |out| kept.iter().try_for_each(|line| out.write_all(encode(line).as_bytes())))?;
        }
        Ok(MetricWriter(Appender::open(path)?))
    }

    /// Appends one line.
    pub fn write(&mut self, line: &MetricLine) -> std::io::Result<()> {
        self.0.append(encode(line).as_bytes())
    }
}

fn encode(line: &MetricLine) -> String {
    let json = serde_json::to_string(line).expect("a metric line is plain numbers and text");
    json + "\n"
}

/// All complete lines of a file; a last one that a crash cut short is left out.
pub fn read(path: &Path) -> Result<Vec<MetricLine>, FileError> {
    let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_file_continues_where_the_checkpoint_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let line = |step| MetricLine { step, loss: Some(0.5), ..Default::default() };
        let mut writer = MetricWriter::open(&path, None).unwrap();
        (1..=3).for_each(|step| writer.write(&line(step)).unwrap());
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"step\":4,\"lo").unwrap();
        let mut writer = MetricWriter::open(&path, Some(2)).unwrap();
        writer.write(&line(3)).unwrap();
        assert_eq!(read(&path).unwrap(), vec![line(1), line(2), line(3)]);
    }
}
