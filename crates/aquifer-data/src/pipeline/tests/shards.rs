//! Recipes that end in token shards.

use super::*;
use aquifer_corpus::{MixtureFile, TokenShards};
use aquifer_text::{LossOn, ShardOptions, Tokenizer, write_shards};

/// Two sources of documents, the second with dialogues, by a recipe that asks a rule of one of them alone.
fn two_sources(dir: &Path, ending: &str) -> Recipe {
    let talk = dir.join("talk.jsonl.zst");
    let input = dir.join("in");
    if !input.exists() {
        corpus(dir);
        let said =
            |i: u32| [Message::new("user", format!("%%% {i}?")), Message::new("assistant", format!("It is {i}."))];
        write_documents(&talk, (0..200).map(|i| Document::dialogue(format!("t{i}"), &said(i)))).unwrap();
    }
    let text = format!(
        "[[source]]\nname = \"web\"\npaths = [{input:?}]\nsample = 0.5\nweight = 3\n\
         [[source]]\nname = \"talk\"\npaths = [{talk:?}]\nweight = 1\n\
         [[stage]]\nrule = \"noise\"\nsources = [\"web\"]\n[[stage]]\ndedup = \"exact\"\n\
         [shards]\nvocab_size = 300\nheld_out = 0.2\nseed = 3\n{ending}"
    );
    Recipe::parse(&text, "test").unwrap()
}

fn run(recipe: &Recipe, out: &Path, options: &RunOptions, stop: &Stop) -> Option<Outcome> {
    Pipeline::open(recipe.clone(), &[], out).unwrap().run(options, &Silent, stop).unwrap()
}

fn much(threads: usize, share: &str) -> RunOptions {
    RunOptions { memory: 1 << 30, ..options(threads, share) }
}

/// Every file below a folder, by its path.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true => found.extend(tree(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes))),
            false => drop(found.insert(name, std::fs::read(&path).unwrap())),
        }
    }
    found
}

fn ids(shards: &TokenShards) -> Vec<String> {
    (0..shards.len()).map(|i| shards.doc_id(i).into_owned()).collect()
}

#[test]
fn shards_are_those_of_the_documents_that_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (recipe, out) = (two_sources(dir.path(), ""), dir.path().join("out"));
    let outcome = run(&recipe, &out, &much(2, "0/1"), &Stop::new()).unwrap();
    let shards = outcome.shards.unwrap();
    let kept: Vec<Document> =
        read_documents(&outcome.documents, &ReadOptions::default()).unwrap().map(Result::unwrap).collect();
    // Nobody asked the dialogues whether they are noise.
    let (web, talk): (Vec<_>, Vec<_>) = kept.into_iter().partition(|document| document.messages().is_none());
    assert_eq!(talk.len(), 200);
    let open = |set: &str| TokenShards::open(&shards.join(set)).unwrap();
    let tokenizer = Tokenizer::load(&shards.join("tokenizer")).unwrap();
    assert_eq!(tokenizer.vocab_size(), 300);
    for (source, documents, sample) in [("web", web, 0.5), ("talk", talk, 1.0)] {
        let [train, heldout] = ["train", "heldout"].map(|split| open(&format!("{source}/{split}")));
        let chosen: Vec<Document> = documents
            .iter()
            .filter(|document| ids(&train).contains(&document.id) || ids(&heldout).contains(&document.id))
            .cloned()
            .collect();
        assert_eq!(chosen.len(), train.len() + heldout.len());
        let part = chosen.len() as f64 / documents.len() as f64;
        assert!((part - sample).abs() < 0.07 && (part == 1.0) == (sample == 1.0), "{part}");
        assert!((heldout.len() as f64 / chosen.len() as f64 - 0.2).abs() < 0.08);
        // The same files as `data shard` writes of these documents.
        let (of_train, plain) = (ids(&train), dir.path().join(format!("plain-{source}")));
        let documents = chosen.into_iter().filter(|document| of_train.contains(&document.id));
        write_shards(&plain, &tokenizer, documents, &ShardOptions::new(LossOn::Assistant), &Stop::new()).unwrap();
        assert_eq!(tree(&plain), tree(&shards.join(source).join("train")));
        let size = outcome.report.splits[&format!("{source}/train")];
        assert_eq!((size.documents, size.tokens, size.bytes), (train.len() as u64, train.tokens(), train.text_bytes()));
    }
    let mixture = MixtureFile::read(&shards).unwrap().unwrap();
    assert_eq!((mixture.sources, mixture.weights), (vec!["web".to_owned(), "talk".to_owned()], Some(vec![3.0, 1.0])));
    assert!(!out.join("work").exists());
}

#[test]
fn threads_shares_and_interruptions_change_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = two_sources(dir.path(), "");
    let outcome = |name: &str| (tree(&dir.path().join(name).join("shards")), files(&dir.path().join(name)));
    let whole = dir.path().join("whole");
    run(&recipe, &whole, &much(1, "0/1"), &Stop::new()).unwrap();
    run(&recipe, &dir.path().join("threads"), &much(3, "0/1"), &Stop::new()).unwrap();
    assert_eq!(outcome("whole"), outcome("threads"));
    let shared = dir.path().join("shared");
    let finished = (0..8).any(|turn| {
        let share = ["1/2", "0/2"][turn % 2];
        run(&recipe, &shared, &much(1, share), &Stop::new()).is_some()
    });
    assert!(finished);
    assert_eq!(outcome("whole"), outcome("shared"));
    // Done in steps, each of which ends with files half-written and some lost.
    let torn = dir.path().join("torn");
    assert!(run(&recipe, &torn, &much(2, "1/2"), &Stop::new()).is_none());
    assert!(run(&recipe, &torn, &much(2, "0/2"), &Stop::new()).is_none());
    assert!(run(&recipe, &torn, &much(2, "1/2"), &Stop::new()).is_none());
    assert!(torn.join("shards/tokenizer/tokenizer.json").exists());
    std::fs::create_dir_all(torn.join("shards/web/train")).unwrap();
    std::fs::write(torn.join("shards/web/train/.writing-x"), "half").unwrap();
    std::fs::remove_file(torn.join("shards/tokenizer/tokenizer_config.json")).unwrap();
    let lost = torn.join("done/tokens-00001.json");
    assert!(lost.exists());
    std::fs::remove_file(lost).unwrap();
    run(&recipe, &torn, &much(2, "0/1"), &Stop::new()).unwrap();
    assert_eq!(outcome("whole"), outcome("torn"));
    // Once done, nothing is done again.
    assert!(run(&recipe, &torn, &much(2, "0/1"), &Stop::new()).is_some());
}

#[test]
fn a_cut_makes_shards_again_by_the_same_vocabulary() {
    let dir = tempfile::tempdir().unwrap();
    let (recipe, out) = (two_sources(dir.path(), "layout = \"megatron\"\nloss_on = \"all\"\n"), dir.path().join("out"));
    let outcome = run(&recipe, &out, &much(2, "0/1"), &Stop::new()).unwrap();
    let pipeline = Pipeline::reopen(&out).unwrap();
    assert!(pipeline.is_finished() && pipeline.ends_in_shards());
    let cut = Cut::of(&pipeline);
    let write = |condition: &str, to: &str| {
        let condition = Condition::parse(condition, cut.schema()).unwrap();
        let to = dir.path().join(to);
        let outcome = cut.run(&condition, Some(Keep::Earliest), Some(CutTo::Shards(&to)), &Silent, &Stop::new());
        (outcome.unwrap().unwrap(), to)
    };
    let (again, same) = write("noise.letters >= 0.5 and noise.repeated_lines is null or noise.letters is null", "same");
    assert_eq!(tree(&same), tree(&outcome.shards.unwrap()));
    assert_eq!(again.shards["web/train"], outcome.report.splits["web/train"]);
    let (fewer, _) = write("noise.letters >= 0.5 and bytes > 50", "fewer");
    assert!(fewer.shards["web/train"].tokens < again.shards["web/train"].tokens);
    assert!(!fewer.shards.contains_key("talk/train"));
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |text: &str| {
        let text = format!("{text}\n[[stage]]\nrule = \"noise\"\n");
        Recipe::parse(&text, "test").err().map(|e| e.to_string()).unwrap_or_default()
    };
    let source = |more: &str| refused(&format!("[[source]]\nname = \"web\"\n{more}"));
    assert_eq!(source(""), "");
    assert!(source("sample = 1.5").contains("gets a `weight`"));
    assert!(source("weight = 0").contains("above 0"));
    assert!(source("[[source]]\nname = \"web\"").contains("two sources are called"));
    assert!(source("weight = 1\n[[source]]\nname = \"books\"").contains("give one to all"));
    assert!(source("[input]\npaths = [\"x\"]").contains("[input]"));
    assert!(refused("[[source]]\nname = \"../up\"").contains("cannot name a source"));
    let text = "[[stage]]\nrule = \"noise\"\nsources = [\"web\"]\n";
    assert!(Recipe::parse(text, "test").unwrap_err().to_string().contains("no [[source]] called `web`"));
    let dir = tempfile::tempdir().unwrap();
    let input = corpus(dir.path());
    let open = |ending: &str| {
        let recipe = Recipe::parse(&format!("[[stage]]\nrule = \"noise\"\n[shards]\n{ending}"), "test").unwrap();
        Pipeline::open(recipe, std::slice::from_ref(&input), &dir.path().join("out"))
    };
    assert!(open("tokenizer = \"nowhere\"").err().unwrap().to_string().contains("no tokenizer.json at `nowhere`"));
    assert!(open("held_out = 1").err().unwrap().to_string().contains("held_out"));
    let failed = open("").unwrap().run(&options(2, "0/1"), &Silent, &Stop::new()).err().unwrap().to_string();
    assert!(failed.contains("learn_from") && failed.contains("--memory"), "{failed}");
}
