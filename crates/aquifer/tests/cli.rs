//! The commands as a person meets them: what they print, and that the stages join by files.
#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;

/// What a command's `--help` prints.
fn help(s: &Scratch, command: &[&str]) -> String {
    s.run(&[command, &["--help"]].concat()).out
}

/// The names and lines under `Commands:`.
fn subcommands(help: &str) -> Vec<(String, String)> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Lines that start further right go on with the description above them.
    let split = listed.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' '))?.split_once(' '));
    split.filter(|(name, _)| *name != "help").map(|(name, about)| (name.to_owned(), about.trim().to_owned())).collect()
}

/// Every command of the tree, by its words.
fn commands(s: &Scratch, above: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (name, about) in subcommands(&help(s, above)) {
        assert!(!about.is_empty(), "{above:?} {name} does not say what it is for");
        let words = [above, &[name.as_str()]].concat();
        let below = commands(s, &words);
        match below.is_empty() {
            true => all.push(words.iter().map(ToString::to_string).collect()),
            false => all.extend(below),
        }
    }
    all
}

#[test]
fn every_command_explains_itself() {
    let s = Scratch::new();
    let all = commands(&s, &[]);
    let said: Vec<String> = all.iter().map(|words| words.join(" ")).collect();
    for wanted in [
        "quickstart",
        "data extract",
        "data clean",
        "data dedup",
        "data stats",
        "data shard",
        "data show",
        "tokenizer train",
        "tokenizer encode",
        "tokenizer decode",
        "tokenizer info",
        "train",
        "eval run",
        "generate",
        "chat",
        "serve",
        "runs list",
        "runs show",
        "runs compare",
        "runs replay",
        "doctor",
        "bench device",
        "bench ops",
        "bench model",
        "bench report",
        "bench import",
        "completions",
    ] {
        assert!(said.iter().any(|words| words == wanted), "there is no `{wanted}` among {said:?}");
    }
    for words in &all {
        let text = help(&s, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 110, "{words:?} prints lines of {longest} characters");
        assert!(text.contains("Usage: aquifer"), "{words:?}: {text}");
        // An option without a word on what it does teaches nobody.
        for option in text.lines().map(str::trim).filter(|line| line.starts_with("--")) {
            assert!(option.len() < 100 || option.contains("  "), "{words:?}: {option}");
        }
    }
}

#[test]
fn the_first_help_is_one_screen() {
    let s = Scratch::new();
    let text = help(&s, &[]);
    assert!(text.lines().count() <= 40, "{text}");
    insta::assert_snapshot!("help", text);
}

#[test]
fn every_command_in_the_readme_exists() {
    let s = Scratch::new();
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let mut found = 0;
    for line in readme.lines() {
        let line =
            line.strip_prefix("cargo run --release -- ").map_or(line.to_owned(), |rest| format!("aquifer {rest}"));
        let Some(words) = line.split(" #").next().and_then(|command| command.strip_prefix("aquifer ")) else {
            continue;
        };
        // `--help` is obeyed only after everything before it was understood.
        let words: Vec<&str> = words.split_whitespace().map(|word| word.trim_matches('"')).chain(["--help"]).collect();
        s.run(&words);
        found += 1;
    }
    assert!(found >= 12, "only {found} commands were found in README.md");
}

#[test]
fn version_completions_and_doctor() {
    let s = Scratch::new();
    assert_eq!(s.run(&["--version"]).out, format!("aquifer {}\n", env!("CARGO_PKG_VERSION")));
    for (shell, part) in [("bash", "complete -F"), ("zsh", "#compdef aquifer"), ("fish", "complete -c aquifer")] {
        let script = s.run(&["completions", shell]).out;
        assert!(script.contains(part) && script.contains("quickstart"), "{shell}: {script}");
    }
    let found = s.run(&["doctor", "--json", "--threads", "2", "--memory", "1G"]).json();
    assert_eq!((&found["threads"], &found["memory_bytes"]), (&2.into(), &(1_u64 << 30).into()));
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert!(["pair", "tile"].contains(&found["bf16_order"].as_str().unwrap()));
    assert!(s.run(&["doctor"]).out.contains("threads"));
    assert!(s.run(&["train", "--keys"]).out.contains("schedule.peak_lr"));
    s.refused(&["quickstrat"], &["quickstrat", "'quickstart'"]);
    s.refused(&["data", "clean"], &["--out"]);
}

#[test]
fn the_stages_join_by_files() {
    let s = Scratch::with_recipe();
    let story =
        |i: usize| format!("{i} bottles stand on wall {}. The caf\u{c3}\u{a9} sells {} more.", i * 7 % 31, i * 3 % 17);
    let rows: String = (0..150).map(|i| format!("{{\"id\":\"{i}\",\"text\":{:?}}}\n", story(i % 120))).collect();
    s.write("raw/rows.jsonl", rows);

    s.run(&["data", "clean", "raw", "--out", "clean.jsonl.zst"]);
    assert!(s.run(&["data", "show", "clean.jsonl.zst", "--id", "7"]).out.contains("The café sells 4 more"));
    let change = s.run(&["data", "dedup", "clean.jsonl.zst", "--out", "unique.jsonl.zst", "--json"]).json();
    assert_eq!(change["input"]["documents"], 150);
    assert!(change["output"]["documents"].as_u64().unwrap() <= 120, "{change}");
    let stats = s.run(&["data", "stats", "unique.jsonl.zst", "--json"]).json();
    assert_eq!(stats["documents"], change["output"]["documents"]);

    s.run(&["tokenizer", "train", "unique.jsonl.zst", "--vocab-size", "300", "--out", "tokenizer"]);
    let entries = s.run(&["tokenizer", "info", "tokenizer", "--json"]).json()["vocab_size"].as_u64().unwrap();
    assert!((261..=300).contains(&entries), "{entries}");
    let text = "5 bottles, 一瓶, <|im_end|>";
    let ids = s.run(&["tokenizer", "encode", "tokenizer", text]).out;
    assert_eq!(s.run_with(&["tokenizer", "decode", "tokenizer"], ids.as_bytes()).out.trim_end(), text);

    let shard = ["data", "shard", "unique.jsonl.zst", "--tokenizer", "tokenizer", "--out", "shards/train"];
    let made = s.run(&[&shard[..], &["--json"]].concat()).json();
    assert_eq!(made["documents"], stats["documents"]);
    s.refused(&shard, &["`shards/train` holds shards already"]);
    s.run(&["data", "shard", "text.txt", "--tokenizer", "tokenizer", "--out", "shards/heldout"]);

    let sets = ["--set", "data=shards", "--set", "tokenizer=tokenizer", "--name", "stages"];
    let trained = s.run(&[&["train", "tiny.toml", "--json"][..], &sets].concat()).json();
    assert_eq!(trained["status"], "finished");
    let scored = s.run(&["eval", "run", "runs/stages", "--tasks", "shards/heldout", "--json"]).json();
    let bits = scored["tasks"][0]["value"].as_f64().unwrap();
    assert!((0.5..12.0).contains(&bits), "{scored}");
    let said = ["generate", "runs/stages", "--prompt", "5 bottles", "--max-tokens", "6", "--seed", "3"];
    let first = s.run(&said).out;
    assert!(first.starts_with("5 bottles"), "{first}");
    assert_eq!(s.run(&said).out, first, "the same seed says the same");
}

#[test]
fn a_pipeline_runs_is_cut_again_and_explains_itself() {
    let s = Scratch::new();
    let prose = |i: usize| {
        let place = ["harbour", "mill", "bridge", "tower", "orchard"][i % 5];
        format!(
            "The old man of the {place} went to the sea with what he had, and number {i} of his boats was there to be seen."
        )
    };
    let row = |i: usize| match i % 10 {
        8 => format!("{{\"text\":\"%%% {i} &&& (( ))\"}}\n"),
        9 => format!("{{\"text\":{:?}}}\n", prose(i - 9)),
        _ => format!("{{\"text\":{:?}}}\n", prose(i)),
    };
    s.write("raw/a.jsonl", (0..60).map(row).collect::<String>());
    s.write("raw/b.jsonl", (60..100).map(row).collect::<String>());
    s.write("p.toml", "[[stage]]\nrule = \"noise\"\n\n[[stage]]\ndedup = \"exact\"\n");

    assert!(s.run(&["data", "init"]).out.contains("fineweb"));
    s.run(&["data", "init", "fineweb"]);
    s.refused(&["data", "init", "fineweb"], &["is there already"]);
    s.refused(&["data", "init", "finweb"], &["there is no recipe"]);
    let planned = s.run(&["data", "run", "fineweb.toml", "raw", "--out", "clean", "--dry-run"]).out;
    assert!(planned.contains("2 files") && planned.contains("gopher_quality"), "{planned}");

    let done = s.run(&["data", "run", "p.toml", "raw", "--out", "clean", "--json"]).json();
    assert_eq!(done["splits"]["documents"]["documents"], 80);
    assert!(String::from_utf8(s.read("clean/report.html")).unwrap().contains("<svg"));
    // Two shares of the same, one after the other, end with the same bytes.
    let share =
        |task: &str| s.run(&["data", "run", "p.toml", "raw", "--out", "shared", "--task", task, "--json"]).json();
    assert_eq!(share("1/2")["finished"], false, "the other share is missing");
    assert_eq!(share("0/2")["finished"], false, "the other share has to go on behind the comparison");
    assert!(share("1/2")["splits"].is_object());
    for file in ["documents/00000.jsonl.zst", "documents/00001.jsonl.zst", "data.json"] {
        assert_eq!(s.read(&format!("clean/{file}")), s.read(&format!("shared/{file}")), "{file}");
    }
    s.refused(&["data", "run", "fineweb.toml", "raw", "--out", "clean"], &["another recipe"]);

    assert!(s.run(&["data", "cut", "clean"]).out.contains("noise.letters"));
    let cut =
        s.run(&["data", "cut", "clean", "--where", "letters > 0 and bytes > 10", "--out", "c.jsonl", "--json"]).json();
    assert_eq!((&cut["kept"]["documents"], &cut["rescued"]), (&80.into(), &0.into()));
    s.refused(&["data", "cut", "clean", "--where", "leters > 0"], &["did you mean"]);
    let why = s.run(&["data", "explain", "clean", "a.jsonl#9"]).out;
    assert!(why.contains("dropped by noise") && why.contains("✗ noise.letters"), "{why}");
    assert!(s.run(&["data", "explain", "clean", "b.jsonl#1"]).out.contains("it stays"));
    s.refused(&["data", "explain", "clean", "nobody"], &["met no document"]);
}

#[test]
fn runs_are_listed_shown_compared_and_replayed() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml", "--threads", "1"]);
    s.run(&["train", "tiny.toml", "--threads", "2", "--set", "batch.micro=1", "--name", "threads"]);
    let weights = |run: &str| s.json(&format!("runs/{run}/manifest.json"))["hashes"]["weights"].clone();
    assert!(weights("tiny").is_string());
    assert_eq!(weights("tiny"), weights("threads"), "neither threads nor micro-batches change a bit");

    let list = s.run(&["runs", "list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let list = s.run(&["runs", "list"]).out;
    assert!(list.contains("tiny") && list.contains("finished"), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    // The report was drawn when training ended.
    assert!(String::from_utf8(s.read("runs/tiny/report.html")).unwrap().contains("<svg"));
    let shown = s.run(&["runs", "show", "tiny"]).out;
    assert!(shown.contains(weights("tiny").as_str().unwrap()), "{shown}");
    let compared = s.run(&["runs", "compare", "tiny", "threads", "--html", "both.html"]).out;
    assert!(compared.contains("weights (sha256)"), "{compared}");
    let page = String::from_utf8(s.read("both.html")).unwrap();
    for (name, shown) in [("show", &shown), ("compare", &compared), ("the page", &page)] {
        assert!(shown.contains("held-out bits per byte") && shown.contains("tokens trained on"), "{name}: {shown}");
        assert!(!shown.contains("heldout_") && !shown.contains("384.0"), "{name}: {shown}");
    }
    // An evaluation of a finished run stands beside its other results, and in its report.
    let scored = s.run(&["eval", "run", "runs/tiny"]);
    assert!(scored.out.contains("held-out text, bits per byte"), "{}", scored.out);
    assert!(s.run(&["runs", "show", "tiny"]).out.contains("evaluation: held-out text, bits per byte"));
    assert!(String::from_utf8(s.read("runs/tiny/report.html")).unwrap().contains("scored over"));

    let replayed = s.run(&["runs", "replay", "tiny", "--threads", "2"]).out;
    assert!(replayed.contains("weights") && !replayed.contains("DIFFERENT"), "{replayed}");
    assert_eq!(weights("tiny-replay"), weights("tiny"));
    // What the replay compares with is what it finds: another hash is told.
    let mut manifest = s.json("runs/tiny/manifest.json");
    manifest["hashes"]["weights"] = "0".repeat(64).into();
    s.write("runs/tiny/manifest.json", manifest.to_string());
    s.refused(&["runs", "replay", "tiny"], &["other bits"]);
}

#[test]
fn a_dry_run_tells_and_makes_nothing() {
    let s = Scratch::with_recipe();
    let told = s.run(&["train", "tiny.toml", "--dry-run", "--json"]).json();
    assert_eq!(told["recipe"]["model"]["width"], 32);
    assert!(told["parameters"].as_u64().unwrap() > 1000 && told["forecast"]["steps"] == 3, "{told}");
    let told = s.run(&["train", "tiny.toml", "--dry-run"]).out;
    for part in ["width 32", "parameters", "4 sequences of 32 tokens", "384 (about", "allowed", "time"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains('{') && !told.contains("[model]"), "a plan, neither JSON nor TOML: {told}");
    assert!(!s.path("runs").exists());
}

#[test]
fn training_ends_with_its_report() {
    let s = Scratch::with_recipe();
    let said = s.run(&["train", "tiny.toml"]);
    for part in ["tokens trained on", "held-out bits per byte", "runs/tiny/model", "runs/tiny/report.html"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(said.err.contains("aquifer generate runs/tiny"), "{}", said.err);
    assert!(s.path("runs/tiny/report.html").is_file());
    let keys = s.run(&["train", "--keys", "--json"]).json();
    assert!(keys.as_array().unwrap().iter().any(|key| key["key"] == "schedule.peak_lr"), "{keys}");
}

#[test]
fn settings_out_of_range_are_told_their_range() {
    let s = Scratch::new();
    for (option, value, part) in [
        ("--temperature", "-1", "0 or more"),
        ("--temperature", "nan", "0 or more"),
        ("--top-p", "0", "above 0 and at most 1"),
        ("--top-p", "-0.5", "above 0 and at most 1"),
        ("--min-p", "1.5", "from 0 to 1"),
        ("--repetition-penalty", "-2", "above 0"),
        ("--top-k", "-3", "0 or more"),
        ("--max-tokens", "0", "1 or more"),
    ] {
        for command in [&["generate", "nowhere", "--prompt", "x"][..], &["chat", "nowhere"]] {
            let words = [command, &[option, value]].concat();
            s.refused(&words, &[option, value, part]);
            let said = s.run_with(&words, b"").err;
            assert!(!said.contains("-- "), "{words:?}: a tip that helps nobody: {said}");
        }
    }
    s.refused(&["doctor", "--threads", "-1"], &["--threads", "-1"]);
}

#[test]
fn text_comes_from_stdin() {
    let s = Scratch::new();
    let said = s.run_with(&["data", "clean", "-", "--out", "out.jsonl"], "caf\u{c3}\u{a9}\n".as_bytes());
    assert!(said.success, "{}", said.err);
    assert!(String::from_utf8(s.read("out.jsonl")).unwrap().contains("café"));
    let said = s.run_with(&["tokenizer", "train", "-", "--kind", "char", "--out", "tokenizer", "--json"], b"abc abc");
    assert!(said.success && said.json()["bytes"] == 7, "{}{}", said.out, said.err);
    let words = ["river", "stone", "moon", "walks", "sings", "under", "house", "tree", "always", "never"];
    let line = |i: usize| (0..12).map(|k| words[(i * i + k * (i % 7 + 1)) % 10]).collect::<Vec<_>>().join(" ");
    let text: String = (0..300).map(|i| line(i) + ".\n\n").collect();
    let said = s.run_with(&["quickstart", "--input", "-", "--minutes", "0.1", "--name", "own"], text.as_bytes());
    assert!(said.success, "{}", said.err);
    assert!(said.err.contains("aquifer generate runs/own"), "{}", said.err);
    let manifest = s.json("runs/own/manifest.json");
    assert_eq!(manifest["status"], "finished");
    for file in ["recipe.toml", "forecast.json", "data.json", "eval.json", "samples.json", "report.html"] {
        assert!(s.path("runs/own").join(file).is_file(), "{file} is missing");
    }
}

/// A run that would go on for ever, at its first steps.
#[cfg(unix)]
fn endless(s: &Scratch) -> std::process::Child {
    let mut child =
        common::binary(&s.path(".")).args(["train", "tiny.toml", "--set", "schedule.steps=1000000"]).spawn().unwrap();
    let metrics = s.path("runs/tiny/metrics.jsonl");
    while !metrics.metadata().is_ok_and(|file| file.len() > 0) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its first step");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child
}

#[cfg(unix)]
fn signal(child: &std::process::Child, signal: libc::c_int) {
    // SAFETY: sends a signal to a child that has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) };
}

#[test]
#[cfg(unix)]
fn a_killed_run_is_known_to_be_interrupted() {
    let s = Scratch::with_recipe();
    let mut child = endless(&s);
    let status = || s.run(&["runs", "list", "--json"]).json()[0]["status"].clone();
    assert_eq!(status(), "running");
    s.refused(&["train", "--resume", "runs/tiny"], &["another process", "one at a time"]);
    assert_eq!(status(), "running", "a refused process changes nothing");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(status(), "interrupted");
    let shown = s.run(&["runs", "show", "tiny"]).out;
    for part in ["interrupted after step", "of 1,000,000", "aquifer train --resume runs/tiny"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_failed_run_says_why() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let mut manifest = s.json("runs/tiny/manifest.json");
    (manifest["status"], manifest["error"]) = ("failed".into(), "step 3: the loss is NaN".into());
    s.write("runs/tiny/manifest.json", manifest.to_string());
    let shown = s.run(&["runs", "show", "tiny"]).out;
    for part in ["failed after step 3 of 3", "step 3: the loss is NaN", "aquifer train --resume runs/tiny"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(s.run(&["runs", "list"]).out.contains("failed"));
}

#[test]
#[cfg(unix)]
fn the_server_listens_on_names() {
    use std::io::{BufRead, BufReader};
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let words = ["serve", "runs/tiny", "--host", "localhost", "--port", "0"];
    let mut child = common::binary(&s.path(".")).args(words).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("Serving"))).unwrap().unwrap();
    assert!(said.contains("http://127.0.0.1:") || said.contains("http://[::1]:"), "{said}");
    signal(&child, libc::SIGTERM);
    assert!(child.wait().unwrap().success());
    s.refused(&["serve", "runs/tiny", "--host", "no.such.host.invalid"], &["no.such.host.invalid", "no address"]);
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let s = Scratch::with_recipe();
    let child = endless(&s);
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("aquifer train --resume runs/tiny"), "{told}");
    assert_eq!(s.json("runs/tiny/manifest.json")["status"], "stopped");
}
