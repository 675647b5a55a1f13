//! Whatever a person gives by mistake: a clear error that names it, or a skip that is counted and listed; never a
//! panic, and nothing that was there before is touched.
#![allow(clippy::unwrap_used)]

mod common;

use common::Scratch;

#[test]
fn inputs_that_give_nothing_are_named() {
    let s = Scratch::new();
    std::fs::create_dir(s.path("empty")).unwrap();
    s.write("pictures/a.png", "x");
    s.write("program.txt", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0");
    s.write("latin.txt", b"good\nb\xc3(d\n");
    s.write("notes.odt", "x");
    s.write("nothing.jsonl", "");
    s.write("cut.jsonl.gz", [0x1f, 0x8b, 8, 0, 0]);
    for (path, parts) in [
        ("empty", &["`empty`", "it is empty", ".jsonl"][..]),
        ("pictures", &["`pictures`", "1 other files"]),
        ("missing", &["`missing`", "No such file"]),
        ("program.txt", &["program.txt: it is a binary file"]),
        ("latin.txt", &["latin.txt:2: invalid UTF-8 (byte 0xC3)", "iconv"]),
        ("notes.odt", &["`notes.odt`", "unknown extension", ".txt, .jsonl"]),
        ("nothing.jsonl", &["not one document", "empty"]),
        ("cut.jsonl.gz", &["cut.jsonl.gz", "cut short or damaged?"]),
    ] {
        s.refused(&["data", "stats", path], parts);
        s.refused(&["data", "clean", path, "--out", "out.jsonl"], parts);
        s.refused(&["tokenizer", "train", path, "--out", "tokenizer"], parts);
        assert!(!s.path("out.jsonl").exists() && !s.path("tokenizer").exists(), "{path}");
    }
    s.refused(&["quickstart", "--input", "empty"], &["`empty`", "it is empty"]);
    assert!(!s.path("runs/quickstart").exists(), "an empty run folder is left");
}

#[test]
#[cfg(not(feature = "full"))]
fn parquet_names_the_feature_it_needs() {
    let s = Scratch::new();
    s.write("t.parquet", "PAR1");
    s.refused(&["data", "stats", "t.parquet"], &["`t.parquet`", "`parquet`", "--features full"]);
}

#[test]
fn rows_that_cannot_be_used_are_counted_and_listed() {
    let s = Scratch::new();
    s.write(
        "rows.jsonl",
        b"{\"text\":\"alpha\"}\nnot json\n{\"title\":\"x\"}\n{\"text\":\"\xff\"}\n[1]\n{\"text\":\"beta\"}\n",
    );
    let said = s.run(&["data", "stats", "rows.jsonl", "--json"]);
    assert_eq!(said.json()["documents"], 2);
    for part in [
        "rows.jsonl:2: not JSON",
        "rows.jsonl:3: no field `text`",
        "`title`",
        "rows.jsonl:4: invalid UTF-8",
        "rows.jsonl:5: a JSON object was expected",
    ] {
        assert!(said.err.contains(part), "`{part}` is not in {}", said.err);
    }
    s.refused(
        &["data", "stats", "rows.jsonl", "--text-field", "body"],
        &["rows.jsonl:1: no field `body`", "and 1 more"],
    );
    s.write("mixed/good.txt", "A good text.\n");
    s.write("mixed/program.txt", b"\x7fELF\0\0");
    s.write("mixed/photo.jpg", "x");
    let said = s.run(&["data", "clean", "mixed", "--out", "out.jsonl", "--json"]);
    assert_eq!((&said.json()["skipped"], &said.json()["output"]["documents"]), (&2.into(), &1.into()));
    assert!(said.err.contains("program.txt") && said.err.contains("photo.jpg"), "{}", said.err);
}

#[test]
fn outputs_that_cannot_be_made_are_named_and_earlier_ones_kept() {
    let s = Scratch::with_recipe();
    s.write("plain", "a file");
    s.write("there.jsonl", "{\"text\":\"earlier\"}\n");
    for (arguments, part) in [
        (&["data", "clean", "text.txt", "--out", "plain/file.jsonl"][..], "`plain"),
        (&["data", "dedup", "text.txt", "--out", "plain/deep/file.jsonl.zst"], "`plain/deep"),
        (&["tokenizer", "train", "text.txt", "--vocab-size", "300", "--out", "plain/tokenizer"], "`plain/tokenizer"),
        (&["train", "tiny.toml", "--runs", "plain/runs"], "`plain/runs`"),
        (&["quickstart", "--fast", "--runs", "plain/runs"], "`plain/runs`"),
        (&["data", "clean", "text.txt", "--out", "out.txt"], "should end with .jsonl"),
        (&["data", "clean", "text.txt", "--out", "there.jsonl"], "`there.jsonl` is there already"),
    ] {
        s.refused(arguments, &[part]);
    }
    assert_eq!(s.read("plain"), b"a file");
    assert_eq!(s.read("there.jsonl"), b"{\"text\":\"earlier\"}\n");
}

#[test]
fn recipes_that_cannot_be_carried_out_say_why() {
    let s = Scratch::with_recipe();
    s.write("slip.toml", "data = \"text.txt\"\n\n[model]\nlayres = 3\n");
    s.write("unknown.toml", "data = \"nowhere.txt\"\n");
    s.write("known.toml", "data = \"shakespeare.txt\"\n");
    s.write("none.toml", "name = \"x\"\n");
    for (arguments, parts) in [
        (&["train", "slip.toml"][..], &["slip.toml:4", "`model.layres`", "`model.layers`"][..]),
        (&["train", "tiny.toml", "--set", "schedule.stepz=3"], &["`schedule.stepz`", "`schedule.steps`"]),
        (&["train", "tiny.toml", "--set", "model.width=33"], &["`model.width`", "33"]),
        (&["train", "unknown.toml"], &["`nowhere.txt`"]),
        (&["train", "known.toml"], &["shakespeare.txt", "1,115,394 bytes", "curl -Lo", "beside the recipe"]),
        (&["train", "none.toml"], &["`data`"]),
        (&["train", "missing.toml"], &["`missing.toml`", "No such file"]),
        (&["train", "--resume", "nothing"], &["runs/nothing"]),
        (&["runs", "show", "nothing"], &["runs/nothing", "manifest.json"]),
        (&["runs", "replay", "nothing"], &["runs/nothing"]),
        (&["runs", "compare", "nothing", "more"], &["runs/nothing"]),
    ] {
        s.refused(arguments, parts);
    }
}

#[test]
fn limits_are_checked_before_the_work() {
    let s = Scratch::with_recipe();
    s.refused(&["train", "tiny.toml", "--threads", "0"], &["--threads", "1 to 1024", "0"]);
    s.refused(&["doctor", "--threads", "many"], &["'many'", "--threads"]);
    s.refused(&["doctor", "--memory", "nonsense"], &["nonsense", "as in 512M"]);
    s.refused(&["doctor", "--memory", "0"], &["above zero"]);
    s.refused(
        &["train", "tiny.toml", "--memory", "1M"],
        &["this run needs about 1.", "may use 1.0 MiB", "`batch.micro`"],
    );
    s.refused(&["train", "tiny.toml", "--memory", "100K"], &["a smaller model", "`model.width`"]);
    s.write("few.txt", "A line of text.\n");
    s.refused(&["quickstart", "--input", "few.txt"], &["`few.txt`", "16 bytes", "at least"]);
    s.refused(&["quickstart", "--precision", "fp8"], &["`fp8`", "bf16/pair"]);
    s.refused(&["quickstart", "--input", "text.txt", "--minutes", "0"], &["--minutes", "0.05"]);
}

#[test]
fn a_run_whose_name_is_taken_gets_a_number_and_touches_nothing() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let files = ["manifest.json", "metrics.jsonl", "recipe.toml", "model/model.safetensors", "forecast.json"];
    let before = files.map(|file| s.read(&format!("runs/tiny/{file}")));
    s.run(&["train", "tiny.toml", "--set", "schedule.steps=4"]);
    s.refused(&["train", "tiny.toml", "--memory", "100K"], &["this run needs"]);
    assert_eq!(files.map(|file| s.read(&format!("runs/tiny/{file}"))), before);
    assert_eq!(s.json("runs/tiny-2/manifest.json")["status"], "finished");
    // What never began leaves its name free.
    assert!(!s.path("runs/tiny-3").exists());
}

#[test]
fn damaged_models_are_refused_by_file() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let weights = s.read("runs/tiny/model/model.safetensors");
    let mut flipped = weights.clone();
    flipped[12] ^= 0xFF;
    let mut shape = weights.clone();
    let at = weights.windows(7).position(|w| w == b"\"shape\"").unwrap();
    shape[at + 9] ^= 1;
    let cut = weights[..5000].to_vec();
    let half = s.read("runs/tiny/model/tokenizer.json")[..300].to_vec();
    for (name, file, content, parts) in [
        ("cut", "model.safetensors", cut, &["cut/model.safetensors", "5000 bytes"][..]),
        ("flipped", "model.safetensors", flipped, &["flipped/model.safetensors", "damaged"]),
        ("shape", "model.safetensors", shape, &["shape/model.safetensors"]),
        ("empty", "model.safetensors", Vec::new(), &["empty/model.safetensors"]),
        ("half", "tokenizer.json", half, &["half/tokenizer.json"]),
        ("foreign", "config.json", b"{\"model_type\": \"mamba\"}".to_vec(), &["foreign/config.json", "mamba"]),
        ("no-json", "config.json", b"{".to_vec(), &["no-json/config.json"]),
        ("few-rows", "config.json", rows(&s, 8), &["few-rows"]),
    ] {
        s.copy_folder("runs/tiny/model", name);
        s.write(&format!("{name}/{file}"), content);
        s.refused(&["generate", name, "--prompt", "1"], parts);
    }
    for file in ["model.safetensors", "tokenizer.json"] {
        let name = format!("without-{file}");
        s.copy_folder("runs/tiny/model", &name);
        std::fs::remove_file(s.path(&name).join(file)).unwrap();
        s.refused(&["generate", &name, "--prompt", "1"], &[&format!("{name}/{file}")]);
    }
    s.copy_folder("runs/tiny/model", "without-config");
    std::fs::remove_file(s.path("without-config/config.json")).unwrap();
    s.refused(&["generate", "without-config", "--prompt", "1"], &["`without-config`", "config.json"]);
    s.refused(&["generate", "nowhere", "--prompt", "1"], &["`nowhere`", "runs list"]);
    s.refused(&["generate", "tiny.toml", "--prompt", "1"], &["is a file"]);
    s.refused(&["serve", "nowhere"], &["`nowhere`"]);
    s.refused(&["chat", "nowhere"], &["`nowhere`"]);
    s.refused(&["eval", "run", "nowhere"], &["no model at `nowhere`"]);
    s.refused(&["data", "shard", "text.txt", "--tokenizer", "half", "--out", "shards"], &["half/tokenizer.json"]);
    assert!(!s.path("shards").exists());
}

/// The tiny model's configuration with another number of vocabulary entries.
fn rows(s: &Scratch, vocab_size: usize) -> Vec<u8> {
    let mut config = s.json("runs/tiny/model/config.json");
    config["vocab_size"] = vocab_size.into();
    serde_json::to_vec(&config).unwrap()
}

#[test]
fn prompts_ids_and_settings_that_make_no_sense_are_refused() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let generate = |more: &[&'static str]| [&["generate", "runs/tiny", "--prompt"][..], more].concat();
    s.refused(&generate(&[""]), &["the prompt is empty"]);
    let long = "song ".repeat(40);
    s.refused(&["generate", "runs/tiny", "--prompt", &long], &[" tokens", "at most 32"]);
    s.refused(&generate(&["1", "--temperature=-1"]), &["temperature"]);
    s.refused(&generate(&["1", "--top-p", "2"]), &["top"]);
    s.refused(&generate(&["1", "--precision", "fp4"]), &["`fp4`", "bf16/pair"]);
    s.refused(&["tokenizer", "decode", "runs/tiny", "99999"], &["99999", "the vocabulary"]);
    s.refused(&["tokenizer", "decode", "runs/tiny", "abc"], &["`abc` is not a token id"]);
    s.refused(&["tokenizer", "info", "text.txt"], &["`text.txt`", "tokenizer.json"]);
    s.refused(&["eval", "run", "runs/tiny", "--tasks", "nowhere.jsonl"], &["`nowhere.jsonl`"]);
    s.write("questions.jsonl", "{\"question\": \"?\"}\n");
    s.refused(&["eval", "run", "runs/tiny", "--tasks", "questions.jsonl"], &["questions.jsonl", "1"]);
    let said = s.run_with(&["generate", "runs/tiny", "--prompt", "-"], b"\xff\xfe");
    assert!(!said.success && said.err.contains("stdin"), "{}", said.err);
    let said = s.run_with(&["tokenizer", "encode", "runs/tiny"], b"\xff\xfe");
    assert!(!said.success && said.err.contains("not UTF-8"), "{}", said.err);
}

#[test]
fn damaged_shards_are_refused_by_file() {
    let s = Scratch::with_recipe();
    s.run(&["train", "tiny.toml"]);
    let part = s.path("runs/tiny/shards/heldout/part-00000.tokens");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&part, &bytes).unwrap();
    s.refused(&["eval", "run", "runs/tiny"], &["part-00000.tokens", "SHA-256"]);
    std::fs::write(&part, &bytes[..bytes.len() - 64]).unwrap();
    s.refused(&["eval", "run", "runs/tiny"], &["part-00000.tokens", "cut short?"]);
    std::fs::remove_file(&part).unwrap();
    s.refused(&["eval", "run", "runs/tiny"], &["part-00000.tokens"]);
}
