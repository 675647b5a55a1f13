//! Agreement with `tokenizers` and `transformers`, by the goldens that `tests/golden/make.py` made.

#![allow(clippy::unwrap_used)]

use aquifer_record::{Silent, Stop};
use aquifer_text::{BpeOptions, ChatTemplate, Message, Tokenizer, special, train_bpe, train_char};
use serde_json::{Map, Value, json};
use std::path::Path;

const TEXTS: &str = include_str!("golden/texts.json");
const CONVERSATIONS: &str = include_str!("golden/conversations.json");
const GOLDENS: &str = include_str!("golden/goldens.json");

fn texts() -> Vec<String> {
    serde_json::from_str(TEXTS).unwrap()
}

fn conversations() -> Vec<Vec<Message>> {
    serde_json::from_str(CONVERSATIONS).unwrap()
}

fn goldens() -> Value {
    serde_json::from_str(GOLDENS).unwrap()
}

fn learnt(kind: &str) -> Tokenizer {
    match kind {
        "bpe" => train_bpe(texts(), &BpeOptions::new(400), &Silent, &Stop::new()).unwrap(),
        _ => train_char(texts()).unwrap(),
    }
}

/// Writes the tokenizers that `make.py` reads into `$AQUIFER_GOLDEN_DIR`.
#[test]
#[ignore = "writes files for make.py: set AQUIFER_GOLDEN_DIR"]
fn write_tokenizers() {
    let folder = std::env::var("AQUIFER_GOLDEN_DIR").unwrap();
    for kind in ["bpe", "char"] {
        learnt(kind).save(&Path::new(&folder).join(kind)).unwrap();
    }
}

#[test]
fn ids_are_those_of_tokenizers() {
    for kind in ["bpe", "char"] {
        let (tokenizer, golden) = (learnt(kind), &goldens()[kind]);
        for (text, ids) in texts().iter().zip(golden["ids"].as_array().unwrap()) {
            assert_eq!(json!(tokenizer.encode(text).unwrap()), *ids, "{kind}: {text:?}");
        }
        assert_eq!(json!([tokenizer.bos(), tokenizer.eos(), tokenizer.pad()]), golden["bos_eos_pad"]);
    }
}

#[test]
fn chat_ids_are_those_of_transformers() {
    for kind in ["bpe", "char"] {
        let (tokenizer, golden) = (learnt(kind), &goldens()[kind]);
        for (messages, ids) in conversations().iter().zip(golden["chat_ids"].as_array().unwrap()) {
            assert_eq!(json!(tokenizer.encode_chat(messages, false).unwrap().ids), *ids, "{kind}: {messages:?}");
        }
    }
}

#[test]
fn what_is_learned_of_a_conversation_is_what_transformers_says_the_assistant_said() {
    const MARKED: &str = include_str!("golden/generation.jinja");
    for kind in ["bpe", "char"] {
        let (plain, golden) = (learnt(kind), &goldens()[kind]);
        let dir = tempfile::tempdir().unwrap();
        plain.save(dir.path()).unwrap();
        let config = dir.path().join("tokenizer_config.json");
        let mut said: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        said["chat_template"] = MARKED.into();
        std::fs::write(&config, said.to_string()).unwrap();
        // With the template of ours, which does not mark what the assistant says, and with theirs, which does.
        for tokenizer in [plain, Tokenizer::load(dir.path()).unwrap()] {
            for (messages, mask) in conversations().iter().zip(golden["assistant_masks"].as_array().unwrap()) {
                let learned = tokenizer.encode_chat(messages, false).unwrap().assistant;
                let learned: Vec<u8> = learned.into_iter().map(u8::from).collect();
                assert_eq!(json!(learned), *mask, "{kind}: {messages:?}");
            }
        }
    }
}

#[test]
fn the_vocabulary_is_that_of_their_trainer() {
    let tokenizer = learnt("bpe");
    let vocab: Vec<&str> = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.token(id).unwrap()).collect();
    assert_eq!(json!(vocab), goldens()["learnt"]["vocab"]);
}

#[test]
fn templates_render_as_transformers_renders_them() {
    let special: Map<String, Value> =
        ["bos_token", "eos_token"].map(|name| (name.into(), special::END_OF_TEXT.into())).into_iter().collect();
    let sources = [
        ("chatml", special::CHATML),
        ("llama_like", include_str!("golden/llama_like.jinja")),
        ("features", include_str!("golden/features.jinja")),
    ];
    for (name, source) in sources {
        let template = ChatTemplate::new(source, &special).unwrap();
        for (messages, expected) in conversations().iter().zip(goldens()["rendered"][name].as_array().unwrap()) {
            for (prompt, expected) in [false, true].into_iter().zip(expected.as_array().unwrap()) {
                assert_eq!(template.render(messages, prompt).unwrap(), expected.as_str().unwrap(), "{name}");
            }
        }
    }
}
