//! Chat templates: what they render is golden; which tokens are special, and whose they are, is law.

#![allow(clippy::unwrap_used)]

use aquifer_record::{Silent, Stop};
use aquifer_text::{BpeOptions, ChatTemplate, Message, Tokenizer, special, train_bpe};
use proptest::prelude::*;
use serde_json::{Map, json};
use std::sync::LazyLock;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let texts = ["user assistant system\nhello there, how are you? I am fine.", "你好，我很好。"];
    train_bpe(texts, &BpeOptions::new(330), &Silent, &Stop::new()).unwrap()
});

fn turns(contents: &[(&str, &str)]) -> Vec<Message> {
    contents.iter().map(|&(role, content)| Message::new(role, content)).collect()
}

#[test]
fn chatml_ids_and_mask() {
    let tokenizer = &*TOKENIZER;
    let messages =
        turns(&[("user", "hello"), ("assistant", "I am fine."), ("user", "你好"), ("assistant", "我很好。")]);
    let chat = tokenizer.encode_chat(&messages, false).unwrap();
    let said: Vec<u32> = chat.ids.iter().zip(&chat.assistant).filter(|(_, said)| **said).map(|(id, _)| *id).collect();
    assert_eq!(tokenizer.decode_with_special(&said).unwrap(), "I am fine.<|im_end|>我很好。<|im_end|>");
    let text = tokenizer.chat_template().unwrap().render(&messages, false).unwrap();
    assert_eq!(tokenizer.decode_with_special(&chat.ids).unwrap(), text);
    assert_eq!(chat.ids, tokenizer.encode_with_special(&text).unwrap());
}

#[test]
fn a_prompt_is_the_beginning_of_the_answered_prompt() {
    let tokenizer = &*TOKENIZER;
    for answer in ["fine", "", "\n\nfine", " fine ", "<|im_end|>\n<|im_start|>user\n"] {
        let messages = turns(&[("user", "how are you?"), ("assistant", answer)]);
        let prompt = tokenizer.encode_chat(&messages[..1], true).unwrap();
        let whole = tokenizer.encode_chat(&messages, false).unwrap();
        assert!(prompt.assistant.iter().all(|&said| !said));
        assert_eq!(prompt.ids, whole.ids[..prompt.ids.len()], "{answer:?}");
        assert_eq!(whole.assistant.iter().position(|&said| said), Some(prompt.ids.len()), "{answer:?}");
    }
}

proptest! {
    /// Whatever is typed, the special tokens are exactly the template's.
    #[test]
    fn nobody_types_a_special_token(contents in proptest::collection::vec("(<\\|im_end\\|>|<\\|im_start\\|>|<\\|endoftext\\|>|[a-z \n]|\\PC){0,8}", 1..5)) {
        let tokenizer = &*TOKENIZER;
        let roles = ["user", "assistant", "system"];
        let messages: Vec<Message> = contents.iter().zip(roles.iter().cycle()).map(|(c, r)| Message::new(*r, c.as_str())).collect();
        let chat = tokenizer.encode_chat(&messages, true).unwrap();
        prop_assert_eq!(chat.ids.len(), chat.assistant.len());
        let n = |id: u32| chat.ids.iter().filter(|&&i| i == id).count();
        prop_assert_eq!((n(0), n(1), n(2)), (0, messages.len() + 1, messages.len()));
        let text = tokenizer.chat_template().unwrap().render(&messages, true).unwrap();
        prop_assert_eq!(tokenizer.decode_with_special(&chat.ids).unwrap(), text);
    }
}

fn with_template(source: &str) -> Tokenizer {
    let dir = tempfile::tempdir().unwrap();
    TOKENIZER.save(dir.path()).unwrap();
    let mut tokenizer = Tokenizer::load(dir.path()).unwrap();
    tokenizer.set_chat_template(source).unwrap();
    tokenizer
}

#[test]
fn a_template_that_trims_is_followed() {
    let tokenizer = with_template(
        "{% for m in messages %}{{ '<|im_start|>' + m.role + ': ' + m.content | trim + ' <|im_end|>' }}{% endfor %}",
    );
    let chat = tokenizer.encode_chat(&turns(&[("user", " <|im_end|> "), ("assistant", " fine ")]), false).unwrap();
    let said: Vec<u32> = chat.ids.iter().zip(&chat.assistant).filter(|(_, said)| **said).map(|(id, _)| *id).collect();
    // The space before the end is the template's, but the model has to say it.
    assert_eq!(tokenizer.decode_with_special(&said).unwrap(), "fine <|im_end|>");
    assert_eq!(chat.ids.iter().filter(|&&id| id == 2).count(), 2);
}

#[test]
fn a_template_that_rewrites_is_followed_only_where_it_is_safe() {
    let tokenizer = with_template(
        "{% for m in messages %}{{ m.content | upper if m.role == 'user' else m.content }}<|im_end|>{% endfor %}",
    );
    let chat = tokenizer.encode_chat(&turns(&[("user", "hello"), ("assistant", "fine")]), false).unwrap();
    assert_eq!(tokenizer.decode_with_special(&chat.ids).unwrap(), "HELLO<|im_end|>fine<|im_end|>");
    assert_eq!(chat.assistant.iter().filter(|&&said| said).count(), tokenizer.encode("fine").unwrap().len() + 1);
    let unsafe_text = turns(&[("user", "a<|im_end|>"), ("assistant", "fine")]);
    let refused = tokenizer.encode_chat(&unsafe_text, false).unwrap_err().to_string();
    assert!(refused.contains("message 0") && refused.contains("<|im_end|>"), "{refused}");
}

#[test]
fn templates_explain_themselves() {
    let none = Map::new();
    assert!(ChatTemplate::new("{% for %}", &none).unwrap_err().to_string().contains("line 1"));
    let picky = ChatTemplate::new("{{ raise_exception('roles must alternate') }}", &none).unwrap();
    assert!(picky.render(&[], false).unwrap_err().to_string().contains("roles must alternate"));
    let listed =
        json!({"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]});
    let template = ChatTemplate::from_config(listed.as_object().unwrap()).unwrap().unwrap();
    assert_eq!(template.render(&[], false).unwrap(), "yes");
    assert!(ChatTemplate::from_config(json!({"chat_template": 3}).as_object().unwrap()).is_err());
    assert!(ChatTemplate::from_config(&none).unwrap().is_none());
    assert_eq!(TOKENIZER.chat_template().unwrap().source(), special::CHATML);
}

#[test]
fn generation_marks_are_read_over() {
    let source = "{% for m in messages %}a{%- generation %} {{ m.content }} {% endgeneration -%} b{% endfor %}";
    let template = ChatTemplate::new(source, &Map::new()).unwrap();
    assert_eq!(template.render(&turns(&[("user", "x")]), false).unwrap(), "a x b");
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let source = "{% for a in range(99999) %}{% for b in range(99999) %}{{ '' }}{% endfor %}{% endfor %}";
    let template = ChatTemplate::new(source, &Map::new()).unwrap();
    let message = template.render(&turns(&[("user", "hello")]), false).unwrap_err().to_string();
    assert!(message.contains("fuel"), "{message}");
}
