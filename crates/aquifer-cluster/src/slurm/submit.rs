//! The conversation with Slurm's programs.

use super::{Slurm, arrays};
use crate::ClusterError;
use crate::work::{Work, line};
use aquifer_record::{FileError, write_atomic_bytes};
use serde::{Deserialize, Serialize};
use std::process::Command;

/// A job array that Slurm took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its number.
    pub job: String,
    /// The step of the work.
    pub step: usize,
    /// What is added to an index to give the task.
    pub offset: usize,
    /// The indices.
    pub tasks: String,
}

/// The cluster's `MaxArraySize`.
///
/// # Errors
/// Where `scontrol` is absent, refuses, or does not say.
pub fn max_array_size() -> Result<usize, ClusterError> {
    let said = ask("scontrol", &["show", "config"])?;
    size_in(&said).ok_or_else(|| ClusterError::Answer {
        command: "scontrol show config".to_owned(),
        want: "MaxArraySize = N",
        said: said.chars().take(200).collect(),
    })
}

/// The number in the line `MaxArraySize = N`.
pub(super) fn size_in(config: &str) -> Option<usize> {
    let line = config.lines().find_map(|line| line.trim_start().strip_prefix("MaxArraySize"))?;
    line.trim_start().strip_prefix('=')?.trim().parse().ok().filter(|&size| size > 0)
}

/// Writes the script and hands every array to Slurm; what it took is written down beside the script.
///
/// # Errors
/// Where jobs of an earlier submission are still in the queue, and where Slurm refuses one. What it took before stays in
/// the queue and is written down.
pub fn submit(work: &Work, slurm: &Slurm) -> Result<Vec<Submitted>, ClusterError> {
    let list = slurm.folder.join("submitted.json");
    let earlier: Vec<Submitted> = match std::fs::read(&list) {
        // A list that cannot be understood is one of nobody's.
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(FileError::at("read", &list)(e).into()),
    };
    if !earlier.is_empty() {
        let queue = ask("squeue", &["--me", "--noheader", "--format=%F"])?;
        let there = |job: &String| queue.lines().any(|line| line.trim() == job);
        let still: Vec<String> = earlier.into_iter().map(|earlier| earlier.job).filter(there).collect();
        if !still.is_empty() {
            return Err(ClusterError::StillThere(still));
        }
    }
    let logs = slurm.folder.join("logs");
    std::fs::create_dir_all(&logs).map_err(FileError::at("create the folder", &logs))?;
    write_atomic_bytes(&slurm.script_path(), slurm.script(work).as_bytes())?;
    let (mut taken, mut jobs) = (Vec::new(), Vec::new());
    for array in arrays(work, slurm) {
        let words = slurm.arguments(&array, &jobs);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = ask("sbatch", &words)?;
        // `--parsable`: the number, and the cluster behind a semicolon where there are several.
        let job = said.trim().split(';').next().unwrap_or_default().to_owned();
        if job.is_empty() || !job.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ClusterError::Answer { command: command("sbatch", &words), want: "the number of a job", said });
        }
        jobs.push(job.clone());
        taken.push(Submitted { job, step: array.step, offset: array.offset, tasks: array.tasks });
        write_atomic_bytes(&list, &serde_json::to_vec_pretty(&taken).expect("names and numbers"))?;
    }
    Ok(taken)
}

fn command(program: &str, words: &[&str]) -> String {
    format!("{program} {}", line(words.iter().copied()))
}

/// What a program says when it succeeds.
fn ask(program: &'static str, words: &[&str]) -> Result<String, ClusterError> {
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|cause| ClusterError::Absent { program, cause })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ClusterError::Refused { command: command(program, words), said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
