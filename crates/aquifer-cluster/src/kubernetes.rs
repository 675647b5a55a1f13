//! Kubernetes: an indexed Job for each step, and the recipe beside them.
//!
//! Kubernetes chains no Jobs, so all of them are handed over at once. A task whose step builds on one that is not through
//! ends with [`NOT_YET`]; the Job's failure policy does not count that, and the task is started again after a pause that
//! grows to ten minutes, giving its place back meanwhile: nothing waits while it holds a processor, so nothing can wait
//! for ever. Every other failure is counted, task by task. Wants Kubernetes 1.29 or later (`backoffLimitPerIndex`).

use crate::work::{NOT_YET, Step, Work};
use crate::yaml::document;
use crate::{ClusterError, seconds};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// How Kubernetes is to run the work.
#[derive(Clone, Debug, Default)]
pub struct Kubernetes {
    /// The image that holds the program.
    pub image: String,
    /// The namespace; that of the caller where it is `None`.
    pub namespace: Option<String>,
    /// Claims that the pods see.
    pub volumes: Vec<Volume>,
    /// Secrets whose entries become environment variables.
    pub secrets: Vec<String>,
    /// The account that the pods run as.
    pub service_account: Option<String>,
    /// How many tasks of a step may run at once.
    pub workers: Option<usize>,
    /// Processors of a task.
    pub cpus: usize,
    /// Bytes of memory of a task.
    pub memory: Option<u64>,
    /// How long an attempt at a task may take, as [`seconds`] reads it.
    pub time: Option<String>,
    /// How often a task that failed is tried again.
    pub retries: u32,
}

/// A claim, and where pods see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The name of the PersistentVolumeClaim.
    pub claim: String,
    /// An absolute path.
    pub path: String,
}

impl FromStr for Volume {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let volume =
            text.split_once(':').map(|(claim, path)| Volume { claim: claim.to_owned(), path: path.to_owned() });
        let fine = |v: &Volume| is_name(&v.claim) && v.path.starts_with('/') && v.path.len() > 1;
        volume.filter(fine).ok_or_else(|| ClusterError::Volume(text.to_owned()))
    }
}

/// The folder in which pods see the recipe, and its name there.
pub const RECIPE: &str = "/etc/aquifer/recipe.toml";

/// Bytes that a ConfigMap may hold.
const CONFIG_MAP_BYTES: usize = 1 << 20;

/// The longest name of a Job whose pods are named after it, an index and five random characters behind it.
const NAME_BYTES: usize = 40;

/// The manifests: a ConfigMap with the recipe, and a Job for each step; each under the name of a file for it.
///
/// # Errors
/// For a recipe that is too long, and a time limit that is none.
pub fn manifests(work: &Work, recipe: &str, options: &Kubernetes) -> Result<Vec<(String, String)>, ClusterError> {
    if recipe.len() > CONFIG_MAP_BYTES {
        return Err(ClusterError::LongRecipe(recipe.len()));
    }
    let name = object_name(&work.name);
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(&name, &name, options),
        "data": { "recipe.toml": recipe },
    });
    let mut files = vec![("0-recipe.yaml".to_owned(), document(&config))];
    for step in work.steps.iter().filter(|step| !step.tasks.is_empty()) {
        files.push((format!("{}-step.yaml", step.number), document(&job(work, step, &name, options)?)));
    }
    Ok(files)
}

fn job(work: &Work, step: &Step, name: &str, options: &Kubernetes) -> Result<Value, ClusterError> {
    // An index is a task, so all up to the last one get a pod; those that are through end at once.
    let completions = step.tasks.last().map_or(0, |last| last + 1);
    let spec = json!({
        "completionMode": "Indexed",
        "completions": completions,
        "parallelism": options.workers.unwrap_or(completions).min(completions),
        "backoffLimitPerIndex": options.retries,
        "podFailurePolicy": { "rules": [
            { "action": "Ignore", "onExitCodes": { "containerName": "task", "operator": "In", "values": [NOT_YET] } },
            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
        ] },
        "template": {
            "metadata": { "labels": labels(name) },
            "spec": pod(work, step, name, options)?,
        },
    });
    Ok(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(&format!("{name}-{}", step.number), name, options),
        "spec": spec,
    }))
}

fn pod(work: &Work, step: &Step, name: &str, options: &Kubernetes) -> Result<Value, ClusterError> {
    // `$(…)` is Kubernetes' own: it puts the variable there before the program starts, and takes `$$(` for a plain `$(`.
    let mut command: Vec<String> = work.command.iter().map(|word| word.replace("$(", "$$(")).collect();
    command.extend([
        "--task".to_owned(),
        format!("$(JOB_COMPLETION_INDEX)/{}", work.tasks),
        "--step".to_owned(),
        step.number.to_string(),
    ]);
    let mut mounts = vec![json!({ "name": "recipe", "mountPath": "/etc/aquifer", "readOnly": true })];
    let mut volumes = vec![json!({ "name": "recipe", "configMap": { "name": name } })];
    for (n, volume) in options.volumes.iter().enumerate() {
        let own = format!("volume-{n}");
        mounts.push(json!({ "name": own, "mountPath": volume.path }));
        volumes.push(json!({ "name": own, "persistentVolumeClaim": { "claimName": volume.claim } }));
    }
    let mut resources = Map::from_iter([("cpu".to_owned(), json!(options.cpus.max(1).to_string()))]);
    if let Some(bytes) = options.memory {
        resources.insert("memory".to_owned(), json!(format!("{}Mi", bytes >> 20)));
    }
    let mut container = json!({
        "name": "task",
        "image": options.image,
        "command": command,
        "resources": { "requests": resources, "limits": resources },
        "volumeMounts": mounts,
        // What the program said last is what `kubectl describe` shows of a failure.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    if !options.secrets.is_empty() {
        let secrets = options.secrets.iter().map(|secret| json!({ "secretRef": { "name": secret } }));
        container["envFrom"] = secrets.collect();
    }
    let mut pod = json!({ "restartPolicy": "Never", "containers": [container], "volumes": volumes });
    if let Some(account) = &options.service_account {
        pod["serviceAccountName"] = json!(account);
    }
    if let Some(time) = &options.time {
        pod["activeDeadlineSeconds"] = json!(seconds(time)?);
    }
    Ok(pod)
}

fn metadata(object: &str, name: &str, options: &Kubernetes) -> Value {
    let mut metadata = json!({ "name": object, "labels": labels(name) });
    if let Some(namespace) = &options.namespace {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn labels(name: &str) -> Value {
    json!({ "app.kubernetes.io/name": "aquifer", "app.kubernetes.io/instance": name })
}

/// The name as Kubernetes takes one: small letters, digits and inner hyphens.
fn object_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut text: String = name.chars().map(letter).collect::<String>().trim_matches('-').to_owned();
    text.truncate(NAME_BYTES);
    match text.trim_end_matches('-') {
        "" => "aquifer".to_owned(),
        // An object's name may begin with a digit, a label of DNS in older versions may not.
        text if text.starts_with(|c: char| c.is_ascii_digit()) => format!("run-{text}"),
        text => text.to_owned(),
    }
}

fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (1..=253).contains(&text.len()) && text.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work {
            name: "My crawl_2".to_owned(),
            command: ["aquifer", "data", "run", RECIPE, "/data/$(x)", "--out", "/data/out"].map(str::to_owned).to_vec(),
            tasks: 8,
            steps: vec![
                Step { number: 1, tasks: (0..8).collect() },
                Step { number: 2, tasks: vec![0] },
                Step { number: 3, tasks: vec![] },
            ],
        }
    }

    fn options() -> Kubernetes {
        Kubernetes {
            image: "registry.example/aquifer:0.1.0".to_owned(),
            namespace: Some("data".to_owned()),
            volumes: vec!["crawl:/data".parse().unwrap()],
            secrets: vec!["s3-key".to_owned()],
            workers: Some(4),
            cpus: 2,
            memory: Some(4 << 30),
            time: Some("1-00:00:00".to_owned()),
            retries: 3,
            ..Kubernetes::default()
        }
    }

    #[test]
    fn a_job_for_each_step_that_has_something_to_do() {
        let files = manifests(&work(), "[[stage]]\nrule = \"noise\"\n", &options()).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0-recipe.yaml", "1-step.yaml", "2-step.yaml"]);
        assert!(files[0].1.contains("  recipe.toml: |\n    [[stage]]\n    rule = \"noise\"\n"), "{}", files[0].1);
        let first = &files[1].1;
        for expected in [
            "  name: \"my-crawl-2-1\"\n",
            "  namespace: \"data\"\n",
            "  completions: 8\n",
            "  parallelism: 4\n",
            "        values:\n        - 75\n",
            "        - \"/data/$$(x)\"\n",
            "        - \"$(JOB_COMPLETION_INDEX)/8\"\n        - \"--step\"\n        - \"1\"\n",
            "            memory: \"4096Mi\"\n",
            "      activeDeadlineSeconds: 86400\n",
            "          claimName: \"crawl\"\n",
            "        - secretRef:\n            name: \"s3-key\"\n",
        ] {
            assert!(first.contains(expected), "{expected} in\n{first}");
        }
        assert!(files[2].1.contains("  completions: 1\n") && files[2].1.contains("  parallelism: 1\n"));
    }

    #[test]
    fn names_become_such_as_kubernetes_takes() {
        assert_eq!(object_name("My crawl_2"), "my-crawl-2");
        assert_eq!(object_name("数据"), "aquifer");
        assert_eq!(object_name("2026"), "run-2026");
        assert!(object_name(&"long-".repeat(30)).len() <= NAME_BYTES);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for text in ["crawl", "crawl:data", "Crawl:/data", ":/data", "crawl:/"] {
            assert!(text.parse::<Volume>().is_err(), "{text}");
        }
        assert!(manifests(&work(), &"x".repeat((1 << 20) + 1), &options()).is_err());
        let never = Kubernetes { time: Some("soon".to_owned()), ..options() };
        assert!(manifests(&work(), "", &never).is_err());
    }
}
