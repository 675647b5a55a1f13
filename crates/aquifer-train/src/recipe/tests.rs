use super::*;
use proptest::prelude::*;
use std::path::Path;

fn parse(text: &str) -> Result<Recipe, RecipeError> {
    Recipe::parse(text, Path::new("my.toml"), &[])
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn one_key_is_enough_and_the_rendered_file_reads_back() {
    let recipe = parse("data = \"shakespeare.txt\"").unwrap();
    let text = recipe.to_toml(&[("model.width".to_owned(), "because".to_owned())]);
    assert!(text.contains("# Why: because\nwidth = 128"), "{text}");
    assert_eq!(parse(&text).unwrap(), recipe);
    assert_eq!(parse(&text).unwrap().sha256(), recipe.sha256());
}

#[test]
fn every_key_can_be_written_and_is_documented() {
    let mut recipe = parse("data = \"x\"").unwrap();
    recipe.heldout = Some("y".into());
    recipe.init_from = Some("z".into());
    (recipe.model.kv_heads, recipe.model.head_dim, recipe.model.feed_forward) = (Some(2), Some(32), Some(96));
    (recipe.model.min_shard, recipe.model.dropout) = (Some(64), Some(0.1));
    (recipe.batch.micro, recipe.batch.lanes) = (Some(1), Some(2));
    (recipe.schedule.warmup_steps, recipe.schedule.decay_steps) = (Some(3), Some(4));
    (recipe.run.eval_every, recipe.run.checkpoint_every) = (Some(5), Some(6));
    // What cannot be written together is written on its own.
    let mut mixed = recipe.clone();
    mixed.data.clear();
    mixed.mixture =
        MixtureKeys { sources: Some(vec!["a".into(), "b".into()]), weights: Some(vec![3.0, 1.5]), temperature: None };
    let tempered = Recipe {
        mixture: MixtureKeys { weights: None, temperature: Some(2.0), ..mixed.mixture.clone() },
        ..mixed.clone()
    };
    let text = [&recipe, &mixed, &tempered].map(|recipe| {
        let text = recipe.to_toml(&[]);
        assert_eq!(parse(&text).unwrap(), *recipe);
        text
    });
    let text = text.concat();
    for (key, help) in keys() {
        let leaf = key.rsplit('.').next().unwrap();
        assert!(help.len() > 4 && text.lines().any(|line| line.starts_with(&format!("{leaf} = "))), "{key}: {help}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_was_meant() {
    for (text, parts) in [
        ("data = \"x\"\n\n[model]\nlayres = 3\n", ["my.toml:4", "`model.layres`", "`model.layers`"]),
        ("data = \"x\"\nsteps = 3\n", ["my.toml:2", "`steps`", "`schedule.steps`"]),
        ("data = \"x\"\n[optimiser]\nclip = 3\n", ["my.toml:2", "`optimiser`", "there is no key"]),
        ("data = \"x\"\n[batch]\nsequence = \"long\"\n", ["my.toml:3", "expected usize", "invalid type"]),
        ("data = \"x\"\nseed = -1\n", ["my.toml:2", "-1", "expected"]),
        ("data = \"x\n", ["my.toml:1", "", ""]),
    ] {
        let told = message(text);
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    assert!(parse("").unwrap().check_data().unwrap_err().to_string().contains("`data`"));
    let both = parse("data = \"x\"\n[mixture]\nsources = [\"a\"]").unwrap();
    assert!(both.check_data().unwrap_err().to_string().contains("left out where `mixture.sources`"));
    for (text, part) in [
        ("data = \"x\"\nname = \"../up\"", "`name`"),
        ("data = \"x\"\nprecision = \"fp8\"", "bf16/pair"),
        ("data = \"x\"\n[model]\nwidth = 130", "a multiple of `model.heads`"),
        ("[mixture]\nsources = [\"a\", \"b\"]\nweights = [1]", "one for each of `mixture.sources`, but is 1"),
        ("[mixture]\nsources = [\"a\"]\nweights = [0]", "`mixture.weights`"),
        ("[mixture]\nsources = [\"a\"]\nweights = [1]\ntemperature = 2", "left out where there are weights"),
        ("[mixture]\nsources = [\"a\"]\ntemperature = 0", "`mixture.temperature`"),
        ("data = \"x\"\n[batch]\nlanes = 3", "a power of two"),
        ("data = \"x\"\n[schedule]\npeak_lr = nan", "`schedule.peak_lr`"),
        ("data = \"x\"\n[schedule]\nsteps = 0", "`schedule.steps`"),
    ] {
        assert!(message(text).contains(part), "{}", message(text));
    }
}

#[test]
fn flags_override() {
    let sets = ["schedule.steps=7", "batch.micro=2", "tokenizer=char", "model.tied = true"].map(str::to_owned);
    let recipe = Recipe::parse("data = \"x\"\n[schedule]\nsteps = 3", Path::new("r.toml"), &sets).unwrap();
    assert_eq!((recipe.schedule.steps, recipe.batch.micro), (7, Some(2)));
    assert_eq!((recipe.tokenizer.as_str(), recipe.model.tied), ("char", true));
    for (set, part) in [("schedule.step=7", "`schedule.steps`"), ("model=3", "--set"), ("steps", "KEY=VALUE")] {
        let told = Recipe::parse("data = \"x\"", Path::new("r.toml"), &[set.to_owned()]).unwrap_err().to_string();
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn what_changes_no_bit_changes_no_hash() {
    let recipe = parse("data = \"x\"").unwrap();
    let mut same = recipe.clone();
    (same.name, same.batch.micro, same.run.keep) = ("other".into(), Some(1), 9);
    assert_eq!(same.sha256(), recipe.sha256());
    same.seed = 2;
    assert_ne!(same.sha256(), recipe.sha256());
}

proptest! {
    /// No text makes the parser panic: anything at all, and recipes with odd values.
    #[test]
    fn never_panics(noise in "\\PC{0,60}", key in 0_usize..60, value in prop_oneof![
        "-?[0-9]{1,25}", "-?[0-9]{1,3}\\.[0-9]{1,3}e-?[0-9]{1,3}", "\"\\PC{0,12}\"", "(nan|inf|true|\\[1\\]|\\{a=1\\})",
    ]) {
        let _ = parse(&noise);
        let all: Vec<String> = keys().map(|(key, _)| key).collect();
        let key = &all[key % all.len()];
        let _ = parse(&format!("data = \"x\"\n{key} = {value}"));
        let _ = Recipe::parse("data = \"x\"", Path::new("r"), &[format!("{key}={value}"), noise]);
    }
}
