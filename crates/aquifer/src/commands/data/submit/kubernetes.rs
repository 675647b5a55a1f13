//! `aquifer data submit --kubernetes`

use super::{Args, numbered};
use crate::commands::data::run::asked;
use crate::context::Context;
use anyhow::{Context as _, ensure};
use aquifer_cluster::Work;
use aquifer_cluster::kubernetes::{Kubernetes, RECIPE, Volume, manifests};
use aquifer_record::storage::is_address;
use aquifer_record::write_atomic_bytes;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(next_help_heading = "Kubernetes")]
pub(crate) struct KubernetesOptions {
    /// Image that holds the program
    #[arg(long, requires = "kubernetes", required_if_eq("kubernetes", "true"))]
    image: Option<String>,
    /// Namespace of the Jobs
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    namespace: Option<String>,
    /// PersistentVolumeClaim that the pods see, and where (repeat for more)
    #[arg(long, value_name = "CLAIM:/PATH", requires = "kubernetes")]
    volume: Vec<Volume>,
    /// Secret whose entries become environment variables of the pods (repeat for more)
    #[arg(long, value_name = "SECRET", requires = "kubernetes")]
    env_from: Vec<String>,
    /// Account that the pods run as
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    service_account: Option<String>,
    /// How often a task that failed is tried again
    #[arg(long, value_name = "N", default_value_t = 3, requires = "kubernetes")]
    retries: u32,
    /// Folder for the manifests [default: stdout]
    #[arg(long, value_name = "FOLDER", requires = "kubernetes")]
    manifests: Option<PathBuf>,
}

pub(super) fn run(args: &Args, ctx: &Context) -> anyhow::Result<()> {
    let (mut recipe, inputs) = asked(&args.recipe, &args.inputs)?;
    for path in inputs.iter().chain([&args.out]) {
        let seen = path.is_absolute() || is_address(path);
        ensure!(seen, "`{}` should be the path that pods see it under, such as /data/… or s3://…", path.display());
    }
    recipe.input.paths.clear();
    let own = &args.kubernetes_options;
    let tasks = args.tasks as usize;
    let steps = numbered(recipe.steps(), |step| if step.is_alone() { vec![0] } else { (0..tasks).collect() });
    let command = args.command(args.program.as_deref().unwrap_or("aquifer"), RECIPE, &inputs, &args.out);
    let work = Work { name: args.name(), command, tasks, steps };
    let options = Kubernetes {
        image: own.image.clone().unwrap_or_default(),
        namespace: own.namespace.clone(),
        volumes: own.volume.clone(),
        secrets: own.env_from.clone(),
        service_account: own.service_account.clone(),
        workers: args.workers.map(|n| n as usize),
        cpus: args.cpus as usize,
        memory: args.mem,
        time: args.time.clone(),
        retries: own.retries,
    };
    let files = manifests(&work, &recipe.to_toml(), &options)?;
    let Some(folder) = own.manifests.as_ref().filter(|_| !args.dry_run) else {
        files.iter().for_each(|(_, text)| print!("{text}"));
        return Ok(());
    };
    for (name, text) in &files {
        let path = folder.join(name);
        write_atomic_bytes(&path, text.as_bytes()).with_context(|| format!("writing `{}`", path.display()))?;
    }
    ctx.say(format!("wrote {} manifests; submit them with:\n  kubectl apply -f {}", files.len(), folder.display()));
    Ok(())
}
