//! Files from outside: refused with a reason or read, never a panic.

#![allow(clippy::unwrap_used)]

use aquifer_record::{Silent, Stop};
use aquifer_text::{BpeOptions, Tokenizer, train_bpe};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn good() -> Value {
    let tokenizer = train_bpe(["the cat the cat"], &BpeOptions::new(264), &Silent, &Stop::new()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    tokenizer.save(dir.path()).unwrap();
    serde_json::from_slice(&std::fs::read(dir.path().join("tokenizer.json")).unwrap()).unwrap()
}

fn reason(change: impl FnOnce(&mut Value)) -> String {
    let mut json = good();
    change(&mut json);
    match Tokenizer::from_json(json, Map::new()) {
        Ok(tokenizer) => format!("read: {tokenizer:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_wrong_is_said() {
    assert!(reason(|j| *j = json!([1])).contains("not a JSON object"));
    assert!(reason(|j| *j = json!({})).contains("no `model`"));
    assert!(reason(|j| j["model"]["vocab"] = json!({})).contains("not in the vocabulary"));
    assert!(reason(|j| j["model"]["vocab"]["x"] = json!(4_000_000_000_u64)).contains("4000000000"));
    assert!(reason(|j| j["model"]["vocab"]["x"] = json!(-1)).contains("-1"));
    assert!(reason(|j| j["model"]["merges"][0] = json!(["q", "zzz"])).contains("zzz"));
    assert!(reason(|j| j["model"]["merges"][0] = json!(7)).contains("merge 0"));
    assert!(reason(|j| j["model"]["dropout"] = json!(0.1)).contains("dropout"));
    assert!(reason(|j| j["model"]["continuing_subword_prefix"] = json!("##")).contains("##"));
    assert!(reason(|j| j["added_tokens"][0]["id"] = json!(1_u64 << 40)).contains("added token"));
    assert!(reason(|j| j["added_tokens"][0]["content"] = json!("")).contains("no content"));
    assert!(reason(|j| j["model"]["type"] = json!("Nonsense")).contains("not a tokenizer"));
    assert!(
        reason(|j| j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!("(")).contains("not a tokenizer")
    );
    let truncating = reason(|j| j["truncation"] = json!({"max_length": 1, "strategy": "LongestFirst", "stride": 0}));
    assert!(truncating.starts_with("read"), "{truncating}");
}

#[test]
fn files_that_are_not_there_or_not_json() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Tokenizer::load(dir.path()).unwrap_err().to_string().contains("tokenizer.json"));
    std::fs::write(dir.path().join("tokenizer.json"), b"\xFF\xFE not json").unwrap();
    assert!(Tokenizer::load(dir.path()).unwrap_err().to_string().contains("tokenizer.json"));
    std::fs::write(dir.path().join("tokenizer.json"), "[".repeat(100_000)).unwrap();
    assert!(Tokenizer::load(dir.path()).is_err());
    std::fs::write(dir.path().join("tokenizer.json"), good().to_string()).unwrap();
    std::fs::write(dir.path().join("tokenizer_config.json"), "{").unwrap();
    assert!(Tokenizer::load(dir.path()).unwrap_err().to_string().contains("tokenizer_config.json"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    /// One value somewhere in the file becomes another; what still loads must still encode and decode.
    #[test]
    fn a_changed_value_never_panics(path in proptest::collection::vec(0_usize..400, 1..6), with in 0_usize..9) {
        let mut json = good();
        let mut at = &mut json;
        for step in path {
            let n = match at { Value::Array(a) => a.len(), Value::Object(o) => o.len(), _ => 0 };
            if n == 0 {
                break;
            }
            at = match at {
                Value::Array(items) => &mut items[step % n],
                Value::Object(items) => items.values_mut().nth(step % n).unwrap(),
                _ => break,
            };
        }
        *at = [json!(null), json!(-1), json!(0), json!(1e300), json!(""), json!("Ġt"), json!([]), json!({}), json!(true)][with].clone();
        if let Ok(tokenizer) = Tokenizer::from_json(json, Map::new()) {
            let ids = tokenizer.encode("the cat, 是 <|im_end|>").unwrap_or_default();
            let _ = tokenizer.decode(&ids);
            let _ = tokenizer.encode_with_special("a<|im_end|>b");
            let _ = tokenizer.decode(&(0..tokenizer.vocab_size() as u32).collect::<Vec<_>>());
        }
    }
}
