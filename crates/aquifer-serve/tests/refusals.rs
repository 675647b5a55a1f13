//! Wrong requests: each a 4xx that says what was wrong, never a hang, never a 500.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_infer::Limits;
use aquifer_serve::{ApiKeys, ServeConfig};
use common::{Answer, Server, request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

#[test]
fn wrong_requests_are_refused_with_a_reason() {
    let server =
        Server::start(ServeConfig { limits: Limits { sequences: 8, ..Limits::default() }, ..ServeConfig::default() });
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let long = format!(r#"{{"prompt": "{}", "max_tokens": 5}}"#, "the sea ".repeat(2000));
    let chat = "/v1/chat/completions";
    let plain = "/v1/completions";
    let cases: Vec<(&str, &str, u16, &str)> = vec![
        (chat, "{", 400, "not valid JSON"),
        (chat, "", 400, "not valid JSON"),
        (chat, "[1]", 400, "should be a JSON object, but is an array"),
        (chat, &deep, 400, "not valid JSON"),
        (chat, "{}", 400, "`messages` is missing"),
        (chat, r#"{"messages": []}"#, 400, "`messages` is empty"),
        (chat, r#"{"messages": "hi"}"#, 400, "`messages` should be an array of messages, but is \"hi\""),
        (chat, r#"{"messages": ["hi"]}"#, 400, "`messages[0]` should be an object"),
        (chat, r#"{"messages": [{"role": "king", "content": "hi"}]}"#, 400, "`messages[0].role` should be"),
        (chat, r#"{"messages": [{"role": "user"}]}"#, 400, "should be a string, but is missing"),
        (chat, r#"{"messages": [{"role": "user", "content": ""}]}"#, 400, "every message is empty"),
        (
            chat,
            r#"{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}"#,
            400,
            "reads text only",
        ),
        (chat, r#"{"messages": [{"role": "tool", "content": "4"}]}"#, 400, "tools are not supported"),
        (
            chat,
            r#"{"messages": [{"role": "user", "content": "hi"}], "tools": [{"type": "function"}]}"#,
            400,
            "`tools` is not supported",
        ),
        (
            chat,
            r#"{"messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_schema"}}"#,
            400,
            "not constrained",
        ),
        (chat, r#"{"messages": [{"role": "user", "content": "hi"}], "modalities": ["audio"]}"#, 400, "text only"),
        (
            chat,
            r#"{"messages": [{"role": "user", "content": "hi"}], "top_logprobs": 3}"#,
            400,
            "needs `logprobs: true`",
        ),
        (
            chat,
            r#"{"messages": [{"role": "user", "content": "hi"}], "stream_options": {}}"#,
            400,
            "with `stream: true`",
        ),
        (
            chat,
            r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}"#,
            404,
            "`gpt-4o` is not here; this server has `tiny`",
        ),
        (chat, r#"{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5000}"#, 400, "at most 1024"),
        (plain, "{}", 400, "`prompt` is missing"),
        (plain, r#"{"prompt": ""}"#, 400, "the prompt is empty"),
        (plain, r#"{"prompt": []}"#, 400, "the prompt is empty"),
        (plain, r#"{"prompt": ["a", ""]}"#, 400, "the prompt is empty"),
        (plain, r#"{"prompt": [1, "a"]}"#, 400, "token ids should be whole numbers"),
        (plain, r#"{"prompt": [99999]}"#, 400, "token 99999 at place 0"),
        (plain, r#"{"prompt": {"a": 1}}"#, 400, "`prompt` should be a string"),
        (plain, &long, 400, "at most 1024"),
        (plain, r#"{"prompt": "a", "n": 9}"#, 400, "`n` should be a whole number from 1 to 8, but is 9"),
        (plain, r#"{"prompt": "a", "n": 0}"#, 400, "`n` should be"),
        (plain, r#"{"prompt": "a", "n": 1.5}"#, 400, "`n` should be"),
        (
            plain,
            r#"{"prompt": "a", "temperature": "hot"}"#,
            400,
            "`temperature` should be a number from 0 to 2, but is \"hot\"",
        ),
        (plain, r#"{"prompt": "a", "temperature": -1}"#, 400, "`temperature` should be"),
        (plain, r#"{"prompt": "a", "top_p": 2}"#, 400, "`top_p` should be"),
        (plain, r#"{"prompt": "a", "max_tokens": -3}"#, 400, "`max_tokens` should be"),
        (plain, r#"{"prompt": "a", "max_tokens": 0}"#, 400, "with `echo: true`"),
        (plain, r#"{"prompt": "a", "stop": 7}"#, 400, "`stop` should be"),
        (plain, r#"{"prompt": "a", "stop": [""]}"#, 400, "`stop` should be"),
        (plain, r#"{"prompt": "a", "stream": 1}"#, 400, "`stream` should be true or false, but is 1"),
        (plain, r#"{"prompt": "a", "logprobs": 1000}"#, 400, "`logprobs` should be"),
        (plain, r#"{"prompt": "a", "suffix": "b"}"#, 400, "`suffix` is not supported"),
        (plain, r#"{"prompt": "a", "best_of": 4}"#, 400, "`best_of`"),
        (plain, r#"{"prompt": "a", "logit_bias": {"x": 1}}"#, 400, "`logit_bias` should be"),
        (plain, r#"{"prompt": "a", "seed": "x"}"#, 400, "`seed` should be"),
        ("/v1/embeddings", "{}", 404, "nothing at `POST /v1/embeddings`"),
    ];
    for (path, body, status, reason) in cases {
        let answer = server.post(path, body);
        let shown = &body[..body.len().min(100)];
        assert_eq!(answer.status, status, "{path} {shown}: {}", answer.text);
        assert!(answer.error().contains(reason), "{path} {shown}: {}", answer.error());
    }
    assert_eq!(server.get("/v1/completions").status, 405);
    assert!(server.get("/v1/completions").error().contains("does not take GET"));
    // Bodies that are no text at all.
    let mut raw = request("POST", plain, "", "1234").into_bytes();
    let end = raw.len();
    raw[end - 4..].copy_from_slice(&[0xff, 0xfe, 0x00, 0x80]);
    assert_eq!(Answer::read(server.send(&raw)).status, 400);
    // And after all that it still answers.
    assert_eq!(server.post(plain, r#"{"prompt": "a", "max_tokens": 1}"#).status, 200);
}

#[test]
fn fields_that_change_nothing_are_ignored() {
    let server = Server::start(ServeConfig::default());
    let body = r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}], "name": "x"}], "max_tokens": 2,
                   "user": "u", "metadata": {"a": "b"}, "store": false, "tools": [], "tool_choice": "none", "modalities": ["text"],
                   "response_format": {"type": "text"}, "parallel_tool_calls": true, "no_such_field": 1, "stop": null, "n": null}"#;
    assert_eq!(server.post("/v1/chat/completions", body).status, 200);
}

#[test]
fn huge_bodies_are_refused() {
    let server = Server::start(ServeConfig { body_limit: 1000, ..ServeConfig::default() });
    let body = format!(r#"{{"prompt": "{}"}}"#, "a".repeat(1000));
    let answer = server.post("/v1/completions", &body);
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("limit of 1000 bytes"));
    // A body that does not say how long it is.
    let chunked = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
        "a".repeat(2000)
    );
    assert_eq!(Answer::read(server.send(chunked.as_bytes())).status, 413);
}

#[test]
fn keys_are_asked_for_where_they_are_set() {
    let server = Server::start(ServeConfig { keys: ApiKeys::parse("sesame"), ..ServeConfig::default() });
    let send = |headers: &str| Answer::read(server.send(request("GET", "/v1/models", headers, "").as_bytes()));
    assert_eq!(send("").status, 401);
    assert!(send("Authorization: Bearer open\r\n").error().contains("not one of"));
    assert_eq!(send("Authorization: Bearer sesame\r\n").status, 200);
    assert_eq!(server.post("/v1/completions", r#"{"prompt": "a"}"#).status, 401);
    assert_eq!((server.get("/").status, server.get("/health").status), (200, 200));
}

/// Any value where a value can stand: some fit, most do not.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        "[a-z河\u{0}\"<]{0,6}".prop_map(Value::from),
        prop_oneof![Just("user"), Just("text"), Just("tiny"), Just("assistant")].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("role"), Just("content"), Just("type"), Just("text"), Just("5")];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.prop_map(str::to_owned), inner), 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

const NAMES: [&str; 22] = [
    "model",
    "messages",
    "prompt",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "stop",
    "stream",
    "max_tokens",
    "logprobs",
    "top_logprobs",
    "echo",
    "logit_bias",
    "stream_options",
    "tools",
    "response_format",
    "suffix",
    "presence_penalty",
    "repetition_penalty",
];

#[test]
fn no_body_at_all_is_the_servers_fault() {
    let server = Server::start(ServeConfig::default());
    let field = (0..NAMES.len(), anything());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let outcome = runner.run(&(any::<bool>(), any::<bool>(), vec(field, 0..5)), |(chat, sound, fields)| {
        let mut body = match sound {
            true => json!({"prompt": "a", "messages": [{"role": "user", "content": "b"}], "max_tokens": 2}),
            false => json!({"max_tokens": 2}),
        };
        fields.into_iter().for_each(|(name, value)| body[NAMES[name]] = value);
        let path = if chat { "/v1/chat/completions" } else { "/v1/completions" };
        let answer = server.post(path, &body.to_string());
        prop_assert!(answer.status < 500, "{body}: {}", answer.text);
        if answer.status >= 400 {
            prop_assert!(!answer.error().is_empty());
        }
        Ok(())
    });
    outcome.unwrap();
}
