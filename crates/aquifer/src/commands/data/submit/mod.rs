//! `aquifer data submit`

mod kubernetes;
mod slurm;

use crate::context::Context;
use crate::elsewhere::elsewhere;
use crate::limits;
use aquifer_cluster::Step;
use aquifer_data::pipeline::{self, Pipeline};
use aquifer_record::storage::is_address;
use std::path::{Path, PathBuf};

/// Hand a run to a cluster: Slurm or Kubernetes does the tasks of `aquifer data run`
///
/// The input files are shared among --tasks N tasks. A run has steps: 1 takes the files up to the first stage that
/// compares documents (dedup), 2 compares (one task), 3 goes on, …; the last adds up (one task). Every task is the command
/// `aquifer data run RECIPE --task I/N --step S` and leaves a marker for each file; two attempts at one write the same
/// bytes, and the outcome is that of one machine to the byte. RECIPE, inputs and --out have to be where all nodes see them:
/// in a shared folder, or (inputs and --out) in an object store, as s3://bucket/prefix.
///
/// With --slurm each step is a job array that waits for the one before (cut where the cluster's MaxArraySize asks for
/// it). Script and logs lie in OUT/slurm. If tasks fail, what waits for them leaves the queue; the same command then
/// submits those without a marker, and nothing else.
///
/// With --kubernetes the manifests of indexed Jobs go to stdout, or into --manifests FOLDER, for `kubectl apply`. A task
/// whose time has not come gives its place back and is tried again; one that fails is tried --retries times.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  aquifer data submit c4.toml /shared/crawl --out /shared/clean --tasks 64 --slurm --partition cpu --time 4:00:00 --cpus 4 --mem 8G\n  aquifer data submit c4.toml /data/crawl --out /data/clean --tasks 64 --kubernetes --image registry/aquifer:0.1 --volume crawl:/data | kubectl apply -f -",
    group = clap::ArgGroup::new("scheduler").required(true).args(["slurm", "kubernetes"])
)]
pub(crate) struct Args {
    /// The recipe
    recipe: PathBuf,
    /// Files and folders to read [default: those of the recipe]
    inputs: Vec<PathBuf>,
    /// Folder of the outcome, new or with an unfinished run of the same
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// How many tasks share the input files; more tasks than files would find nothing to do
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tasks: u32,
    /// Submit job arrays to Slurm
    #[arg(long)]
    slurm: bool,
    /// Write manifests of Kubernetes Jobs
    #[arg(long)]
    kubernetes: bool,
    /// What the jobs are called [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
    /// At most so many tasks at once [default: as many as the cluster has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,
    /// Processors of a task, which are also its threads
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    cpus: u32,
    /// Memory of a task, such as 8G; nine tenths of it are its --memory [default: the cluster's]
    #[arg(long, value_name = "SIZE", value_parser = limits::parse_size)]
    mem: Option<u64>,
    /// Longest time of a task: minutes, HH:MM:SS or D-HH:MM:SS [default: the cluster's]
    #[arg(long, value_name = "LIMIT")]
    time: Option<String>,
    /// Program that the tasks run [default: this one; `aquifer` in the image of a pod]
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
    /// Show what would be submitted, and do nothing else
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    slurm_options: slurm::SlurmOptions,
    #[command(flatten)]
    kubernetes_options: kubernetes::KubernetesOptions,
}

pub(crate) fn run(args: Args, ctx: &Context) -> anyhow::Result<()> {
    if let Some(time) = &args.time {
        aquifer_cluster::seconds(time)?;
    }
    match args.slurm {
        true => slurm::run(&args, ctx),
        false => kubernetes::run(&args, ctx),
    }
}

impl Args {
    /// The command of every task; recipe and paths are as the tasks see them.
    fn command(&self, program: &str, recipe: &str, inputs: &[PathBuf], out: &Path) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = [program, "data", "run", recipe].map(str::to_owned).to_vec();
        command.extend(inputs.iter().map(|path| text(path)));
        command.extend(["--out".to_owned(), text(out), "--threads".to_owned(), self.cpus.to_string()]);
        if let Some(bytes) = self.mem {
            // The rest is for what the process holds beside its documents.
            command.extend(["--memory".to_owned(), (bytes / 10 * 9).to_string()]);
        }
        command
    }

    fn name(&self) -> String {
        let folder = || self.out.file_name().map(|name| name.to_string_lossy().into_owned());
        self.name.clone().or_else(folder).unwrap_or_else(|| "aquifer".to_owned())
    }
}

/// The steps with the tasks that `left` says are left of them.
fn numbered(steps: Vec<pipeline::RunStep>, left: impl Fn(pipeline::RunStep) -> Vec<usize>) -> Vec<Step> {
    let steps = steps.into_iter().enumerate();
    steps.map(|(i, step)| Step { number: i + 1, tasks: left(step) }).filter(|step| !step.tasks.is_empty()).collect()
}

/// The run in `out` as far as it is, or, where it has not begun and nothing is to be written, one that never will.
fn opened(recipe: pipeline::Recipe, paths: &[PathBuf], out: &PathBuf, dry: bool) -> anyhow::Result<Pipeline> {
    let nowhere = tempfile::tempdir()?;
    let begun = is_address(out) || out.join("recipe.toml").exists();
    let out = if dry && !begun { nowhere.path() } else { out };
    Ok(match elsewhere(paths.iter().chain([&out.to_path_buf()]), None)? {
        None => Pipeline::open(recipe, paths, out)?,
        Some((elsewhere, _)) => Pipeline::open_elsewhere(recipe, paths, out, elsewhere)?,
    })
}
