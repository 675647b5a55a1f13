//! Manifests against Kubernetes' own schemas, as PyPI's `kubernetes-validate` carries them.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
#[ignore = "needs Python with kubernetes-validate: cargo xtask world"]
fn manifests_are_what_kubernetes_takes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("p.toml"), "[[stage]]\nrule = \"noise\"\n[[stage]]\ndedup = \"exact\"\n").unwrap();
    let binary = std::env::var("AQUIFER_BINARY").expect("cargo xtask world sets it");
    let mut submit = Command::new(binary);
    submit.current_dir(dir.path()).args(["data", "submit", "p.toml", "/data/raw", "--out", "/data/My clean_run"]);
    submit.args(["--kubernetes", "--tasks", "64", "--workers", "16", "--image", "registry.example/aquifer:0.1.0"]);
    submit.args(["--volume", "crawl:/data", "--volume", "lists:/lists", "--env-from", "s3-key", "--namespace", "data"]);
    submit.args(["--service-account", "crawler", "--cpus", "4", "--mem", "8G", "--time", "1-12:00:00"]);
    let out = submit.args(["--manifests", "k8s"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let python = std::env::var("AQUIFER_PYTHON").expect("cargo xtask world sets it");
    // From the first release on in which `backoffLimitPerIndex` is on unless switched off.
    let script = "import glob, kubernetes_validate as k, yaml\n\
                  files = sorted(glob.glob('k8s/*.yaml'))\n\
                  assert len(files) == 5, files\n\
                  newest = k.latest_version()\n\
                  for version in ['1.29', newest]:\n\
                  \x20   for file in files:\n\
                  \x20       for document in yaml.safe_load_all(open(file)):\n\
                  \x20           k.validate(document, version, strict=True)\n\
                  job = yaml.safe_load(open(files[1]))\n\
                  task = job['spec']['template']['spec']['containers'][0]\n\
                  assert task['command'][-4:] == ['--task', '$(JOB_COMPLETION_INDEX)/64', '--step', '1'], task\n\
                  recipe = yaml.safe_load(open(files[0]))['data']['recipe.toml']\n\
                  assert recipe.count('[[stage]]') == 2, recipe\n\
                  print(newest)\n";
    let out = Command::new(python).current_dir(dir.path()).args(["-c", script]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
