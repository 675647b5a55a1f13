//! Slurm: a script, and one array of it for each step and each window of tasks, chained by dependency.
//!
//! Facts from Slurm's `sbatch(1)` and `slurm.conf(5)`: the indices of an array go from 0 to `MaxArraySize - 1`; `afterok`
//! on an array waits for all of its tasks; with `--kill-on-invalid-dep=yes` what can no longer begin leaves the queue.

mod submit;

pub use submit::{Submitted, max_array_size, submit};

use crate::tasks::{ranges, windows};
use crate::work::{Work, line, quoted};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How Slurm is to run the work.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// Where the script and the logs lie; every node sees it.
    pub folder: PathBuf,
    /// Options of `sbatch` for every job, such as `--partition=cpu`.
    pub options: Vec<String>,
    /// Lines of the script before the command, such as `module load zstd`.
    pub setup: Vec<String>,
    /// How many tasks may run at once.
    pub workers: Option<usize>,
    /// `MaxArraySize` of the cluster.
    pub max_array: usize,
}

impl Default for Slurm {
    /// Slurm's own `MaxArraySize`, and nothing else.
    fn default() -> Self {
        Slurm { folder: PathBuf::new(), options: Vec::new(), setup: Vec::new(), workers: None, max_array: 1001 }
    }
}

/// A job array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The step of the work.
    pub step: usize,
    /// What is added to an index to give the task.
    pub offset: usize,
    /// The indices, as in `0-3,7`.
    pub tasks: String,
    /// Which earlier arrays have to succeed first.
    pub after: Vec<usize>,
    /// Which earlier array only has to be over, so that no more than [`Slurm::workers`] run at once.
    pub behind: Option<usize>,
}

/// The arrays of the work, in the order of their submission.
pub fn arrays(work: &Work, slurm: &Slurm) -> Vec<Array> {
    let mut all: Vec<Array> = Vec::new();
    let mut before = 0..0;
    for step in &work.steps {
        let begin = all.len();
        for (offset, indices) in windows(&step.tasks, slurm.max_array) {
            let behind = slurm.workers.and_then(|_| all.len().checked_sub(1)).filter(|&last| last >= begin);
            let tasks = ranges(&indices);
            all.push(Array { step: step.number, offset, tasks, after: before.clone().collect(), behind });
        }
        if all.len() > begin {
            before = begin..all.len();
        }
    }
    all
}

impl Slurm {
    /// Where the script lies.
    pub fn script_path(&self) -> PathBuf {
        self.folder.join("job.sh")
    }

    /// The script of every job: which step, and what is added to the index, are its arguments.
    pub fn script(&self, work: &Work) -> String {
        let mut text = format!("#!/bin/bash\n#SBATCH --job-name={}\n", quoted(&work.name));
        // A node that fails gives its tasks back to the queue; what they say then goes behind what they said.
        for option in ["--requeue", "--open-mode=append"].into_iter().chain(self.options.iter().map(String::as_str)) {
            writeln!(text, "#SBATCH {}", quoted(option)).expect("strings take everything");
        }
        let command = line(work.command.iter().map(String::as_str));
        let setup = self.setup.iter().map(|line| format!("{line}\n")).collect::<String>();
        write!(
            text,
            "# Written by `aquifer data submit`. $1 is the step, $2 what is added to the array's index.\n\
             {setup}set -eu\n\
             task=$(($2 + SLURM_ARRAY_TASK_ID))\n\
             echo \"$(date -u +%FT%TZ) step $1, task $task of {tasks}, job $SLURM_JOB_ID on $(hostname)\"\n\
             exec {command} --task \"$task/{tasks}\" --step \"$1\"\n",
            tasks = work.tasks,
        )
        .expect("strings take everything");
        text
    }

    /// What `sbatch` is called with for an array, `jobs` being the numbers of those before it.
    fn arguments(&self, array: &Array, jobs: &[String]) -> Vec<String> {
        let mut words = vec!["--parsable".to_owned()];
        let after = array.after.iter().map(|&i| jobs[i].as_str()).collect::<Vec<_>>().join(":");
        let mut conditions = Vec::new();
        if !after.is_empty() {
            conditions.push(format!("afterok:{after}"));
        }
        conditions.extend(array.behind.map(|i| format!("afterany:{}", jobs[i])));
        if !conditions.is_empty() {
            words.push(format!("--dependency={}", conditions.join(",")));
            words.push("--kill-on-invalid-dep=yes".to_owned());
        }
        let limit = self.workers.map_or_else(String::new, |workers| format!("%{workers}"));
        words.push(format!("--array={}{limit}", array.tasks));
        words.push(format!("--output={}", self.log(array)));
        words.extend([path(&self.script_path()), array.step.to_string(), array.offset.to_string()]);
        words
    }

    /// The name of a task's log: `step-1-task-17.log`, or `step-1-task-1001+17.log` behind a cut.
    fn log(&self, array: &Array) -> String {
        let offset = if array.offset == 0 { String::new() } else { format!("{}+", array.offset) };
        // `%` begins a place holder in these names.
        let folder = path(&self.folder).replace('%', "%%");
        format!("{folder}/logs/step-{}-task-{offset}%a.log", array.step)
    }

    /// The same as a shell would do it: for a person to read, or to run.
    pub fn as_commands(&self, arrays: &[Array]) -> String {
        let jobs: Vec<String> = (1..=arrays.len()).map(|n| format!("$job{n}")).collect();
        let mut text = String::new();
        for (n, array) in arrays.iter().enumerate() {
            let words = self.arguments(array, &jobs);
            // Dependencies name variables, so they must not be quoted away.
            let words = words.iter().map(|word| if word.contains("=after") { word.clone() } else { quoted(word) });
            writeln!(text, "job{}=$(sbatch {})", n + 1, words.collect::<Vec<_>>().join(" ")).expect("a string");
        }
        text
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
