//! What is said before the work is the whole truth: memory that documents need, time in all, text that is held out,
//! and weights that are those that were written.
#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;

#[test]
fn documents_that_do_not_fit_are_refused_before_they_are_read() {
    let s = Scratch::with_recipe();
    s.run(&["tokenizer", "train", "text.txt", "--vocab-size", "300", "--out", "tokenizer"]);
    let line =
        |i: usize| format!("{{\"id\":\"{i}\",\"text\":\"A line that says {} and {}.\"}}\n", i * 7919, i * 104_729);
    let rows: String = (0..5000).map(line).collect();
    s.write("plain/rows.jsonl", &rows);
    s.run(&["data", "clean", "plain/rows.jsonl", "--out", "packed/rows.jsonl.zst"]);
    for input in ["plain/rows.jsonl", "packed/rows.jsonl.zst", "packed"] {
        for (command, way_out) in [
            (&["data", "shard", input, "--tokenizer", "tokenizer", "--out", "out"][..], "split the input"),
            (&["tokenizer", "train", input, "--out", "out"], "give a part"),
            (&["quickstart", "--input", input, "--minutes", "0.1"], "give a part"),
        ] {
            let told = [input, "unpacks to about", "at once", "200.0 KiB may be used", way_out, "--memory"];
            s.refused(&[command, &["--memory", "200K"]].concat(), &told);
        }
        assert!(!s.path("out.jsonl").exists() && !s.path("out").exists() && !s.path("runs/quickstart").exists());
    }
    let learn = ["tokenizer", "train", "-", "--out", "out", "--memory", "200K"];
    let said = s.run_with(&learn, rows.as_bytes());
    assert!(!said.success && said.err.contains("standard input holds more than"), "{}", said.err);
    // What goes document by document, or to disk, asks for none.
    for command in [["data", "clean"], ["data", "dedup"]] {
        let of_file = [&command[..], &["packed/rows.jsonl.zst", "--out", "out.jsonl", "--memory", "200K", "--force"]];
        s.run(&of_file.concat());
        let whole = s.read("out.jsonl");
        let of_pipe = [&command[..], &["-", "--out", "out.jsonl", "--memory", "200K", "--force"]].concat();
        assert!(s.run_with(&of_pipe, rows.as_bytes()).success);
        assert_eq!(s.read("out.jsonl"), whole);
        assert!(whole.len() > 200_000 && !s.path("out.jsonl.run").exists());
    }
    s.refused(
        &["train", "tiny.toml", "--set", "data=packed/rows.jsonl.zst", "--memory", "200K"],
        &["rows.jsonl.zst", "while it is made into tokens", "0.2 MiB", "aquifer data shard"],
    );
}

#[test]
fn training_on_shards_holds_some_out_or_says_that_it_does_not() {
    let s = Scratch::with_recipe();
    let rows: String = (0..120).map(|i| format!("{{\"text\":\"{i} bottles and {} more.\"}}\n", i * 7 % 31)).collect();
    s.write("rows.jsonl", &rows);
    s.run(&["tokenizer", "train", "rows.jsonl", "--vocab-size", "290", "--out", "tokenizer"]);
    for (input, out) in [("rows.jsonl", "shards"), ("text.txt", "other")] {
        s.run(&["data", "shard", input, "--tokenizer", "tokenizer", "--out", out]);
    }
    let train = |name: &str, more: &[&str]| {
        let said = s.run(&[&["train", "tiny.toml", "--set", "data=shards", "--name", name][..], more].concat());
        (s.json(&format!("runs/{name}/manifest.json")), said.err)
    };
    let (manifest, _) = train("part", &["--set", "tokenizer=bpe"]);
    assert!(manifest["results"]["heldout_loss"].is_f64() && manifest["hashes"]["heldout"].is_string(), "{manifest}");
    let recipe = String::from_utf8(s.read("runs/part/recipe.toml")).unwrap();
    let entries = s.run(&["tokenizer", "info", "tokenizer", "--json"]).json()["vocab_size"].clone();
    assert!(recipe.contains(&format!("vocab_size = {entries}\n")), "{recipe}");
    let folder = s.path("tokenizer").canonicalize().unwrap();
    assert!(recipe.contains(&format!("tokenizer = \"{}\"", folder.display())), "{recipe}");
    // From its own recipe it is the same job.
    s.run(&["runs", "replay", "part"]);

    let (manifest, said) = train("all", &["--set", "val_fraction=0"]);
    assert!(said.contains("no text is held out") && manifest["results"]["heldout_loss"].is_null(), "{said}");
    assert!(manifest["choices"].to_string().contains("no held-out loss"), "{manifest}");
    let (named, said) = train("named", &["--set", "heldout=other"]);
    assert!(named["results"]["heldout_loss"].is_f64() && !said.contains("no text is held out"), "{said}");
    assert_ne!(named["hashes"]["heldout"], s.json("runs/part/manifest.json")["hashes"]["heldout"]);
    s.refused(
        &["train", "tiny.toml", "--set", "data=shards", "--set", "heldout=text.txt"],
        &["text.txt", "holds no token shards", "aquifer data shard"],
    );
}

#[test]
fn a_flipped_bit_in_the_weights_is_noticed_by_whoever_loads_them() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let file = "runs/tiny/model/model.safetensors";
    let mut bytes = s.read(file);
    let at = bytes.len() - 1000;
    bytes[at] ^= 1;
    s.write(file, &bytes);
    s.copy_folder("runs/tiny/model", "alone");
    for model in ["runs/tiny", "alone"] {
        let told = ["model.safetensors", "not those that were written", "sha256", "copy it again"];
        s.refused(&["generate", model, "--prompt", "5"], &told);
        s.refused(&["serve", model, "--port", "0"], &told);
        s.refused(&["eval", "run", model, "--tasks", "runs/tiny/shards/heldout"], &told);
    }
}

#[test]
fn a_quickstart_tells_the_time_of_the_whole_and_is_scored_by_it() {
    let s = Scratch::new();
    let words = ["river", "stone", "moon", "walks", "sings", "under", "house", "tree", "always", "never"];
    let line = |i: usize| (0..12).map(|k| words[(i * i + k * (i % 7 + 1)) % 10]).collect::<Vec<_>>().join(" ");
    s.write("own.txt", (0..2000).map(|i| format!("{} {i}.\n\n", line(i))).collect::<String>());
    let said = s.run(&["quickstart", "--input", "own.txt", "--minutes", "0.05"]);
    assert!(said.err.contains("of the 3.0 s asked for"), "{}", said.err);
    let whole = &s.json("runs/quickstart/forecast.json")["whole"];
    let number = |key: &str| whole[key].as_f64().unwrap();
    assert_eq!(number("asked"), 3.0);
    assert!(number("before") > 0.0 && number("after") > 0.0 && number("took") > number("before"), "{whole}");
    let recipe = String::from_utf8(s.read("runs/quickstart/recipe.toml")).unwrap();
    assert!(recipe.contains("s asked for"), "{recipe}");
    let report = String::from_utf8(s.read("runs/quickstart/report.html")).unwrap();
    assert!(report.contains("time in all") && report.contains("documents in memory"));
    let stages = s.json("runs/quickstart/manifest.json")["stages"].to_string();
    assert!(stages.contains("vocabulary, shards") && stages.contains("measuring"), "{stages}");
}
