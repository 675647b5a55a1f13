//! A run cut into tasks ends with the bits of one that was not, whoever did what when and however often.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::{Scratch, files};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Two comparisons, so six steps.
const RECIPE: &str = "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n[[stage]]\nrule = \"noise\"\nname = \"again\"\nletters = { at_least = 0.6 }\n[[stage]]\ndedup = \"lines\"\n";
const STEPS: usize = 6;
const FILES: usize = 5;

fn corpus(s: &Scratch) {
    for file in 0..FILES {
        let line = |i: usize| {
            let text = match i % 5 {
                0 => format!("%%% &&& {file}{i} ((("),
                1 => format!("A line that every file has, number {i}.\nAnd another, about {}.", i % 50),
                _ => format!("Document {i} of file {file} is about rain.\nAnd another, about {}.", i % 60),
            };
            serde_json::json!({ "text": text }).to_string() + "\n"
        };
        s.write(&format!("raw/{file}.jsonl"), (0..300).map(line).collect::<String>());
    }
    s.write("p.toml", RECIPE);
}

/// Every file of a finished run by name, but for those of its submission, and those that name folders: its own, its input.
fn outcome(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(folder);
    found.retain(|name, _| {
        !name.starts_with("slurm/") && !["parts.json", "report.html", ".lock"].contains(&name.as_str())
    });
    assert!(found.contains_key("data.json") && !found.keys().any(|name| name.starts_with("work/")));
    found
}

fn task(s: &Scratch, out: &str, task: &str, step: usize) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.current_dir(s.path("")).args(["data", "run", "p.toml", "raw", "--quiet", "--threads", "1"]);
    command.args(["--out", out, "--task", task, "--step", &step.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn code(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn steps_wait_for_each_other_and_two_attempts_at_once_write_the_same() {
    let s = Scratch::new();
    corpus(&s);
    s.run(&["data", "run", "p.toml", "raw", "--out", "whole"]);
    assert_eq!(code(task(&s, "cut", "0/3", 3)).0, 75, "step 2 is not through");
    assert_eq!(code(task(&s, "cut", "0/3", 2)).0, 75, "step 1 is not through");
    let (wrong, why) = code(task(&s, "cut", "0/3", STEPS + 1));
    assert!(wrong == 1 && why.contains("1 to 6"), "{why}");
    for step in 1..=STEPS {
        let tasks = if step % 2 == 1 { 3 } else { 1 };
        let attempt = |_| (0..tasks).map(|i| task(&s, "cut", &format!("{i}/3"), step)).collect::<Vec<_>>();
        for child in [0, 1].map(attempt).into_iter().flatten() {
            let (code, why) = code(child);
            assert_eq!(code, 0, "step {step}: {why}");
        }
    }
    assert_eq!(outcome(&s.path("cut")), outcome(&s.path("whole")));
    // Whoever comes late finds nothing to do, or adds up again.
    assert_eq!(code(task(&s, "cut", "1/3", 3)).0, 0);
    assert_eq!(code(task(&s, "cut", "0/3", STEPS)).0, 0);
    assert_eq!(outcome(&s.path("cut")), outcome(&s.path("whole")));
}

/// `sbatch` that does what it is given at once. The task in the file `kill` (step and index) fails, once; jobs that depend
/// on one that failed do not begin.
const SBATCH: &str = r#"#!/bin/bash
set -u
here=$(dirname "$0")
echo "$*" >> "$here/calls"
job=$(($(cat "$here/last" 2>/dev/null || echo 100) + 1))
echo $job > "$here/last"
for word in "$@"; do
  case $word in
    --array=*) array=${word#--array=}; array=${array%\%*}; shift;;
    --dependency=*) for before in $(echo "${word#*=}" | tr -c '0-9\n' ' '); do
        [ -e "$here/failed-$before" ] && touch "$here/failed-$job"; done; shift;;
    --*) shift;;
  esac
done
if [ ! -e "$here/failed-$job" ]; then
  for range in ${array//,/ }; do
    for index in $(seq ${range%-*} ${range#*-}); do
      if [ -e "$here/kill" ] && [ "$(cat "$here/kill")" = "$2 $index" ]; then
        rm "$here/kill"; touch "$here/failed-$job"; continue
      fi
      SLURM_ARRAY_TASK_ID=$index SLURM_JOB_ID=$job bash "$@" >> "$here/log" 2>&1 || touch "$here/failed-$job"
    done
  done
fi
echo "$job;cluster"
"#;

#[test]
fn slurm_gets_arrays_that_do_what_is_left_and_nothing_else() {
    let s = Scratch::new();
    corpus(&s);
    s.run(&["data", "run", "p.toml", "raw", "--out", "whole"]);
    s.write("bin/sbatch", SBATCH);
    s.write("bin/scontrol", "#!/bin/sh\necho 'MaxArraySize            = 2'\n");
    s.write("bin/squeue", "#!/bin/sh\ncat $(dirname $0)/queue 2>/dev/null; exit 0\n");
    for program in ["sbatch", "scontrol", "squeue"] {
        let path = s.path(&format!("bin/{program}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let submit = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
        let path = format!("{}:{}", s.path("bin").display(), std::env::var("PATH").unwrap());
        command.current_dir(s.path("")).env("PATH", path).args(["data", "submit", "p.toml", "raw", "--slurm"]);
        command.args(["--out", "slurm run", "--tasks", "9", "--time", "1:00:00", "--mem", "1G"]).args(more);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (fine, shown, said) = submit(&["--dry-run"]);
    assert!(fine && said.contains("5 tasks, for there are 5 files"), "{said}");
    assert!(shown.contains("#SBATCH --mem=1024M\n") && shown.contains("--memory 966367"), "{shown}");
    assert!(shown.contains("job4=$(sbatch --parsable --dependency=afterok:$job1:$job2:$job3 "), "{shown}");
    assert!(!s.path("slurm run").exists());

    // Task 1 of the first step is lost.
    s.write("bin/kill", "1 1\n");
    let (fine, taken, said) = submit(&["--json"]);
    assert!(fine, "{said}");
    let taken: serde_json::Value = serde_json::from_str(&taken).unwrap();
    let arrays: Vec<(u64, u64, &str)> = taken
        .as_array()
        .unwrap()
        .iter()
        .map(|array| {
            (array["step"].as_u64().unwrap(), array["offset"].as_u64().unwrap(), array["tasks"].as_str().unwrap())
        })
        .collect();
    let all = |step| [(step, 0, "0-1"), (step, 2, "0-1"), (step, 4, "0")];
    let one = |step| [(step, 0, "0")];
    assert_eq!(arrays, [&all(1)[..], &one(2), &all(3), &one(4), &all(5), &one(6)].concat());
    assert!(!s.path("slurm run/data.json").exists(), "what waited for the lost task has not begun");

    s.write("bin/queue", "101\n");
    let (fine, _, said) = submit(&[]);
    assert!(!fine && said.contains("scancel 101"), "{said}");
    std::fs::remove_file(s.path("bin/queue")).unwrap();
    std::fs::remove_file(s.path("bin/calls")).unwrap();
    let (fine, told, said) = submit(&[]);
    assert!(fine, "{said}");
    assert!(told.contains("job 113, tasks 1\n"), "only the task that was lost: {told}");
    let log = || String::from_utf8(s.read("bin/log")).unwrap();
    assert_eq!(outcome(&s.path("slurm run")), outcome(&s.path("whole")), "{}", log());

    let (fine, _, said) = submit(&[]);
    assert!(fine && said.contains("every step is through"), "{said}");
}

#[test]
fn kubernetes_gets_a_job_for_each_step() {
    let s = Scratch::new();
    corpus(&s);
    let asked = ["data", "submit", "p.toml", "/data/raw", "--out", "/data/clean", "--tasks", "3", "--kubernetes"];
    let with = |more: &[&'static str]| [&asked[..], more].concat();
    let shown = s.run(&with(&["--image", "aquifer:1", "--volume", "crawl:/data", "--mem", "2G"])).out;
    assert_eq!(shown.matches("kind: \"Job\"").count(), STEPS);
    assert!(shown.contains("- \"/etc/aquifer/recipe.toml\"\n        - \"/data/raw\"\n"), "{shown}");
    s.run(&with(&["--image", "aquifer:1", "--manifests", "k8s"]));
    assert!(s.path("k8s/6-step.yaml").exists());
    s.refused(&with(&[]), &["--image"]);
    s.refused(&with(&["--image", "a", "--volume", "crawl"]), &["CLAIM:/PATH"]);
    let relative = ["data", "submit", "p.toml", "raw", "--out", "/data/c", "-n", "3", "--kubernetes", "--image", "a"];
    s.refused(&relative, &["`raw` should be the path that pods see"]);
    s.refused(&["data", "submit", "p.toml", "raw", "--out", "o", "--tasks", "3"], &["--slurm"]);
    s.refused(&with(&["--image", "a", "--time", "soon"]), &["`soon` is no time limit"]);
}
