//! `aquifer data submit --slurm`

use super::{Args, numbered, opened};
use crate::commands::data::run::asked;
use crate::context::Context;
use crate::table::facts;
use anyhow::Context as _;
use aquifer_cluster::Work;
use aquifer_cluster::slurm::{Slurm, arrays, max_array_size, submit};
use aquifer_record::storage::is_address;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(next_help_heading = "Slurm")]
pub(crate) struct SlurmOptions {
    /// Partition of the jobs
    #[arg(long, value_name = "NAME", requires = "slurm")]
    partition: Option<String>,
    /// Account to charge
    #[arg(long, value_name = "NAME", requires = "slurm")]
    account: Option<String>,
    /// Quality of service
    #[arg(long, value_name = "NAME", requires = "slurm")]
    qos: Option<String>,
    /// Any further option of sbatch, such as --sbatch=--exclude=node7 (repeat for more)
    #[arg(long, value_name = "OPTION", requires = "slurm", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Line of the script before the task, such as 'module load zstd' (repeat for more)
    #[arg(long, value_name = "LINE", requires = "slurm")]
    setup: Vec<String>,
    /// Shared folder for the script and the logs [default: OUT/slurm, where OUT is a folder]
    #[arg(long, value_name = "FOLDER", requires = "slurm")]
    logs: Option<PathBuf>,
    /// Longest array that the cluster takes [default: what `scontrol show config` says]
    #[arg(long, value_name = "N", requires = "slurm", value_parser = clap::value_parser!(u32).range(1..))]
    max_array_size: Option<u32>,
}

pub(super) fn run(args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let (recipe, inputs) = asked(&args.recipe, &args.inputs)?;
    let inputs = inputs.iter().map(|path| absolute(path)).collect::<anyhow::Result<Vec<PathBuf>>>()?;
    let out = absolute(&args.out)?;
    let pipeline = opened(recipe, &inputs, &out, args.dry_run)?;
    let (files, _) = pipeline.size();
    let tasks = (args.tasks as usize).min(files.max(1));
    let steps = numbered(pipeline.steps(), |step| pipeline.tasks_left(step, tasks));
    if steps.is_empty() {
        ctx.say(format!("every step is through; the outcome is in `{}`", out.display()));
        return if ctx.json { ctx.print_json(&serde_json::json!([])) } else { Ok(()) };
    }
    if tasks < args.tasks as usize {
        ctx.say(format!("{tasks} tasks, for there are {files} files"));
    }
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().context("finding this program")?.to_string_lossy().into_owned(),
    };
    let folder = match &args.slurm_options.logs {
        Some(folder) => absolute(folder)?,
        None if is_address(&out) => anyhow::bail!("script and logs need a shared folder: name one with --logs"),
        None => out.join("slurm"),
    };
    // The run's own copy of the recipe: an edit between now and the last task changes nothing.
    let recipe = if is_address(&out) { absolute(&args.recipe)? } else { out.join("recipe.toml") };
    let recipe = recipe.to_string_lossy().into_owned();
    let work = Work { name: args.name(), command: args.command(&program, &recipe, &inputs, &out), tasks, steps };
    let slurm = Slurm {
        folder,
        options: args.sbatch_options(),
        setup: args.slurm_options.setup.clone(),
        workers: args.workers.map(|n| n as usize),
        max_array: match args.slurm_options.max_array_size {
            Some(size) => size as usize,
            None => max_array_size().context("asking Slurm how long arrays may be (--max-array-size says it too)")?,
        },
    };
    let planned = arrays(&work, &slurm);
    if args.dry_run {
        if ctx.json {
            let arrays: Vec<_> = planned.iter().map(|a| (a.step, a.offset, &a.tasks, &a.after)).collect();
            return ctx.print_json(&serde_json::json!({ "script": slurm.script(&work), "arrays": arrays }));
        }
        println!("# {}\n{}\n{}", slurm.script_path().display(), slurm.script(&work), slurm.as_commands(&planned));
        return Ok(());
    }
    let taken = submit(&work, &slurm)?;
    if ctx.json {
        return ctx.print_json(&taken);
    }
    let tasks = |offset: usize, tasks: &str| match offset {
        0 => format!("tasks {tasks}"),
        _ => format!("tasks {offset} + {tasks}"),
    };
    let rows =
        taken.iter().map(|a| (format!("step {}", a.step), format!("job {}, {}", a.job, tasks(a.offset, &a.tasks))));
    print!("{}", facts(rows.collect::<Vec<_>>()));
    ctx.say(format!("see `squeue --me`; logs are in `{}/logs`", slurm.folder.display()));
    ctx.say("if tasks fail, the same command submits them again, and nothing that is through");
    Ok(())
}

impl Args {
    fn sbatch_options(&self) -> Vec<String> {
        let own = &self.slurm_options;
        let named = [
            ("partition", own.partition.clone()),
            ("account", own.account.clone()),
            ("qos", own.qos.clone()),
            ("time", self.time.clone()),
            ("cpus-per-task", Some(self.cpus.to_string())),
            ("mem", self.mem.map(|bytes| format!("{}M", bytes >> 20))),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?)));
        named.chain(own.sbatch.iter().cloned()).collect()
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    if is_address(path) {
        return Ok(path.to_path_buf());
    }
    std::path::absolute(path).with_context(|| format!("finding `{}`", path.display()))
}
