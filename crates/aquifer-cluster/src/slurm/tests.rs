use super::submit::size_in;
use super::*;
use crate::work::Step;

fn work(tasks: usize) -> Work {
    let all: Vec<usize> = (0..tasks).collect();
    Work {
        name: "clean".to_owned(),
        command: ["/opt/aquifer", "data", "run", "c4.toml", "my crawl", "--out", "/shared/clean"]
            .map(str::to_owned)
            .to_vec(),
        tasks,
        steps: vec![
            Step { number: 1, tasks: all.clone() },
            Step { number: 2, tasks: vec![0] },
            Step { number: 3, tasks: all },
            Step { number: 4, tasks: vec![0] },
        ],
    }
}

fn slurm(max_array: usize, workers: Option<usize>) -> Slurm {
    let options = ["--partition=cpu", "--time=1-00:00:00", "--cpus-per-task=4"].map(str::to_owned).to_vec();
    let setup = vec!["module load zstd".to_owned()];
    Slurm { folder: "/shared/clean/slurm".into(), options, setup, workers, max_array }
}

#[test]
fn a_step_waits_for_every_array_of_the_one_before() {
    let made = arrays(&work(25), &slurm(10, None));
    let seen: Vec<_> = made.iter().map(|a| (a.step, a.offset, a.tasks.as_str(), a.after.clone())).collect();
    let first = |step, after: &[usize]| {
        [(0, "0-9"), (10, "0-9"), (20, "0-4")].map(|(offset, tasks)| (step, offset, tasks, after.to_vec()))
    };
    let mut expected = first(1, &[]).to_vec();
    expected.push((2, 0, "0", vec![0, 1, 2]));
    expected.extend(first(3, &[3]));
    expected.push((4, 0, "0", vec![4, 5, 6]));
    assert_eq!(seen, expected);
    assert!(made.iter().all(|array| array.behind.is_none()));
}

#[test]
fn what_is_through_is_left_out() {
    let mut left = work(2000);
    left.steps[0].tasks = vec![3, 4, 5, 1001, 1999];
    left.steps[1].tasks.clear();
    left.steps.remove(2);
    let made = arrays(&left, &slurm(1001, None));
    let seen: Vec<_> = made.iter().map(|a| (a.step, a.offset, a.tasks.as_str(), a.after.clone())).collect();
    assert_eq!(seen, [(1, 0, "3-5", vec![]), (1, 1001, "0,998", vec![]), (4, 0, "0", vec![0, 1])]);
}

#[test]
fn a_limit_of_workers_holds_across_the_arrays_of_a_step() {
    let slurm = slurm(10, Some(4));
    let made = arrays(&work(25), &slurm);
    let behind: Vec<_> = made.iter().map(|array| array.behind).collect();
    assert_eq!(behind, [None, Some(0), Some(1), None, None, Some(4), Some(5), None]);
    let jobs: Vec<String> = (100..108).map(|n| n.to_string()).collect();
    assert_eq!(
        slurm.arguments(&made[5], &jobs),
        [
            "--parsable",
            "--dependency=afterok:103,afterany:104",
            "--kill-on-invalid-dep=yes",
            "--array=0-9%4",
            "--output=/shared/clean/slurm/logs/step-3-task-10+%a.log",
            "/shared/clean/slurm/job.sh",
            "3",
            "10"
        ]
    );
}

#[test]
fn the_script_is_what_a_person_would_write() {
    let script = slurm(10, None).script(&work(25));
    assert_eq!(
        script,
        "#!/bin/bash\n\
         #SBATCH --job-name=clean\n\
         #SBATCH --requeue\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --partition=cpu\n\
         #SBATCH --time=1-00:00:00\n\
         #SBATCH --cpus-per-task=4\n\
         # Written by `aquifer data submit`. $1 is the step, $2 what is added to the array's index.\n\
         module load zstd\n\
         set -eu\n\
         task=$(($2 + SLURM_ARRAY_TASK_ID))\n\
         echo \"$(date -u +%FT%TZ) step $1, task $task of 25, job $SLURM_JOB_ID on $(hostname)\"\n\
         exec /opt/aquifer data run c4.toml 'my crawl' --out /shared/clean --task \"$task/25\" --step \"$1\"\n"
    );
}

#[test]
fn commands_for_a_person_name_the_jobs_before() {
    let text = slurm(1001, None).as_commands(&arrays(&work(3), &slurm(1001, None)));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("job1=$(sbatch --parsable --array=0-2 --output="), "{}", lines[0]);
    assert!(lines[3].contains("--dependency=afterok:$job3 --kill-on-invalid-dep=yes"), "{}", lines[3]);
}

#[test]
fn the_size_of_arrays_is_found_in_what_scontrol_says() {
    let config = "Configuration data as of 2026\nMaxArraySize            = 4001\nMaxJobCount             = 10000\n";
    assert_eq!(size_in(config), Some(4001));
    assert_eq!(size_in("MaxArraySize = none"), None);
    assert_eq!(size_in("slurm_load_ctl_conf error"), None);
}
