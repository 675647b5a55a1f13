//! What every subcommand is given: the global flags, resolved, and how to speak and when to stop.

use crate::limits;
use crate::progress::{Silenced, Terminal};
use anyhow::Context as _;
use aquifer_data::pipeline::PipelineError;
use aquifer_record::{Progress, Stop};
use std::path::PathBuf;

/// Flags that mean the same everywhere.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Globals {
    /// Threads to compute with [default: all that this process may use]
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub(crate) threads: Option<usize>,
    /// Memory to stay within, such as 512M or 8G [default: what the machine or its cgroup allows]
    #[arg(long, global = true, value_name = "SIZE", value_parser = limits::parse_size, help_heading = "Global options")]
    pub(crate) memory: Option<u64>,
    /// Seed of every random choice
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub(crate) seed: Option<u64>,
    /// Machine-readable output on stdout: one JSON document, or JSON lines
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Instructions to compute with, for comparisons [default: the best found]
    #[arg(long, global = true, value_name = "ISA", hide = true)]
    pub(crate) isa: Option<String>,
}

/// What every subcommand is given.
pub(crate) struct Context {
    /// Threads to compute with.
    pub(crate) threads: usize,
    /// Bytes to stay within.
    pub(crate) memory: u64,
    /// The seed, if one was given.
    pub(crate) seed: Option<u64>,
    /// JSON on stdout.
    pub(crate) json: bool,
    /// No talk.
    pub(crate) quiet: bool,
    /// Folders in which a data set named in a recipe is looked for.
    pub(crate) data_folders: Vec<PathBuf>,
    progress: Box<dyn Progress>,
    stop: Stop,
}

impl Context {
    /// Resolves the global flags and installs the signal handlers.
    pub(crate) fn new(globals: &Globals) -> anyhow::Result<Self> {
        if let Some(n) = globals.threads {
            anyhow::ensure!((1..=1024).contains(&n), "--threads takes a number from 1 to 1024, got {n}");
            aquifer_tensor::threads::set_count(n);
        }
        if let Some(name) = &globals.isa {
            let isa = aquifer_tensor::Isa::from_name(name).with_context(|| {
                let known: Vec<&str> = aquifer_tensor::Isa::ALL.iter().map(|isa| isa.name()).collect();
                format!("--isa takes one of {}, got `{name}`", known.join(", "))
            })?;
            anyhow::ensure!(aquifer_tensor::isa::force(isa), "this machine has no {isa}");
        }
        let memory = globals.memory.unwrap_or_else(limits::memory_bytes);
        aquifer_tensor::memory::set_limit(memory as usize);
        let progress: Box<dyn Progress> = if globals.quiet { Box::new(Silenced) } else { Box::new(Terminal::new()) };
        let data_folders = std::env::var_os("AQUIFER_DATA").map(PathBuf::from).into_iter().collect();
        Ok(Context {
            threads: aquifer_tensor::threads::count(),
            memory,
            seed: globals.seed,
            json: globals.json,
            quiet: globals.quiet,
            data_folders,
            progress,
            stop: stop_on_signals()?,
        })
    }

    /// Where long work reports.
    pub(crate) fn progress(&self) -> &dyn Progress {
        &*self.progress
    }

    /// Set by Ctrl-C and SIGTERM; a second Ctrl-C ends the process at once.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Ends the command here, with these words for the person, if a signal asked for it.
    pub(crate) fn go_on(&self, else_say: &str) -> anyhow::Result<()> {
        match self.stop.requested() {
            true => Err(Interrupted(else_say.to_owned()).into()),
            false => Ok(()),
        }
    }

    /// One plain line for the person, on stderr; nothing with `--quiet`.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        self.progress.note(line.as_ref());
    }

    /// One JSON document on stdout.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string_pretty(value)?);
        Ok(())
    }
}

/// An outcome that ends the process with its own exit code and counts as no failure of the program.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// 130 for work stopped by a signal, as shells expect; 75 for a step whose time has not come; 1 for the rest.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<PipelineError>() {
        Some(PipelineError::NotYet { .. }) => aquifer_cluster::NOT_YET,
        _ if error.is::<Interrupted>() => 130,
        _ => 1,
    }
}

fn stop_on_signals() -> anyhow::Result<Stop> {
    let stop = Stop::new();
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Registered first, so that it acts only when the flag was already set: on the second signal.
        signal_hook::flag::register_conditional_shutdown(signal, 130, stop.flag())?;
        signal_hook::flag::register(signal, stop.flag())?;
    }
    Ok(stop)
}
