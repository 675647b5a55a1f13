//! Slurm itself, one node of it: `slurm/start.sh` starts the daemons by hand.
#![allow(clippy::unwrap_used)]

mod common;

use common::runs::{outcome, whole};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The daemons, which end with it.
struct Cluster(tempfile::TempDir);

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("slurm-").tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/slurm/start.sh");
        // Below the range from which the system gives out ports.
        let port = 20_000 + std::process::id() % 5_000 * 2;
        let out = Command::new(script).arg(folder.path()).arg(port.to_string()).output().unwrap();
        let cluster = Cluster(folder);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        cluster
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.0.path().join("slurm.conf"));
        command
    }

    /// Waits until no job is left.
    fn wait(&self) {
        let begun = Instant::now();
        loop {
            let out = self.command("squeue").arg("--noheader").output().unwrap();
            assert!(out.status.success());
            if out.stdout.is_empty() {
                return;
            }
            let queue = String::from_utf8_lossy(&out.stdout);
            assert!(begun.elapsed() < Duration::from_secs(120), "still there:\n{queue}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn submit(&self, folder: &Path, out: &str, more: &[&str]) -> Output {
        let mut command = self.command(&std::env::var("AQUIFER_BINARY").expect("cargo xtask world sets it"));
        command.current_dir(folder).args(["data", "submit", "p.toml", "raw", "--slurm", "--json", "--out", out]);
        command.args(["--tasks", "8", "--partition", "cpu", "--time", "5"]).args(more).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let list = std::fs::read_to_string(self.0.path().join("pids")).unwrap_or_default();
        for pid in list.split_whitespace() {
            let _ = Command::new("kill").arg(pid).status();
        }
    }
}

fn submitted(out: &Output) -> Vec<(u64, u64, String)> {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let arrays: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap();
    let number = |array: &serde_json::Value, key: &str| array[key].as_u64().unwrap();
    let one = |a: &serde_json::Value| (number(a, "step"), number(a, "offset"), a["tasks"].as_str().unwrap().to_owned());
    arrays.iter().map(one).collect()
}

#[test]
#[ignore = "needs Debian's slurm-wlm: cargo xtask world"]
fn a_run_on_slurm_is_the_run_of_one_machine_and_a_killed_task_runs_again_alone() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let cluster = Cluster::start();

    // Arrays end at three tasks here, so eight tasks are three arrays.
    let out = cluster.submit(dir.path(), "clean", &[]);
    let arrays = submitted(&out);
    assert_eq!(arrays.len(), 3 + 1 + 3 + 1, "{arrays:?}");
    assert_eq!(arrays[2], (1, 6, "0-1".to_owned()));
    let again = cluster.submit(dir.path(), "clean", &[]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("scancel "), "jobs are still there: {said}");
    cluster.wait();
    let logs = dir.path().join("clean/slurm/logs");
    let log = |name: &str| std::fs::read_to_string(logs.join(name)).unwrap();
    assert_eq!(outcome(&dir.path().join("clean")), whole, "{}", log("step-4-task-0.log"));
    assert!(log("step-1-task-6+1.log").contains("step 1, task 7 of 8"));

    // One task is killed by SIGKILL as soon as it writes; what waits for it leaves the queue.
    let kill = "if [ $1 = 1 ] && [ $(($2 + SLURM_ARRAY_TASK_ID)) = 4 ] && mkdir once; then \
                (until ls -A torn/documents torn/work/1 2>/dev/null | grep -q writing; do :; done; kill -KILL $$) & fi";
    let out = cluster.submit(dir.path(), "torn", &["--setup", kill, "--workers", "1"]);
    assert_eq!(submitted(&out).len(), 8);
    cluster.wait();
    assert!(dir.path().join("once").exists() && !dir.path().join("torn/data.json").exists());
    let out = cluster.submit(dir.path(), "torn", &[]);
    let arrays = submitted(&out);
    assert_eq!(arrays[0], (1, 3, "1".to_owned()), "only the killed task: {arrays:?}");
    assert_eq!(arrays[1].0, 2);
    cluster.wait();
    assert_eq!(outcome(&dir.path().join("torn")), whole);

    let out = cluster.submit(dir.path(), "torn", &[]);
    assert!(submitted(&out).is_empty(), "every step is through");
}
