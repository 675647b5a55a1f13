//! What the endpoints answer, and that a stream says what the whole answer says.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_serve::ServeConfig;
use common::{Server, tokenizer};
use serde_json::{Value, json};

fn chat(extra: Value) -> String {
    let mut body = json!({"model": "tiny", "messages": [{"role": "user", "content": "the river, 河?"}], "seed": 5, "max_tokens": 24});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body.to_string()
}

#[test]
fn a_chat_answer_has_openais_shape() {
    let server = Server::start(ServeConfig::default());
    let answer = server.post("/v1/chat/completions", &chat(json!({"logprobs": true, "top_logprobs": 2, "n": 2})));
    let body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(
        (&body["object"], &body["model"], &body["seed"]),
        (&json!("chat.completion"), &json!("tiny"), &json!(5))
    );
    assert_eq!(body["choices"].as_array().unwrap().len(), 2);
    for (i, choice) in body["choices"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&choice["index"], &choice["message"]["role"]), (&json!(i), &json!("assistant")));
        assert!(["stop", "length"].contains(&choice["finish_reason"].as_str().unwrap()));
        for entry in choice["logprobs"]["content"].as_array().unwrap() {
            assert!(entry["logprob"].as_f64().unwrap() <= 0.0 && entry["bytes"].is_array());
            assert_eq!(entry["top_logprobs"].as_array().unwrap().len(), 2);
        }
    }
    let usage = &body["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap())
    );
    assert_ne!(body["choices"][0]["message"], body["choices"][1]["message"]);
}

#[test]
fn a_request_without_a_seed_is_given_one_that_repeats_it() {
    let server = Server::start(ServeConfig::default());
    let body = json!({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16});
    let first = server.post("/v1/chat/completions", &body.to_string()).json();
    let mut again = body.clone();
    again["seed"] = first["seed"].clone();
    let second = server.post("/v1/chat/completions", &again.to_string()).json();
    assert_eq!(first["choices"], second["choices"]);
    let other = server.post("/v1/chat/completions", &body.to_string()).json();
    assert_ne!(first["seed"], other["seed"]);
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let server = Server::start(ServeConfig::default());
    for seed in 0..12 {
        let extra = json!({"seed": seed, "n": 2, "logprobs": true, "temperature": 1.5, "stop": ["e", "th"]});
        let whole = server.post("/v1/chat/completions", &chat(extra.clone())).json();
        let mut streaming = extra;
        streaming["stream"] = json!(true);
        streaming["stream_options"] = json!({"include_usage": true});
        let streamed = server.post("/v1/chat/completions", &chat(streaming));
        assert!(streamed.head.to_ascii_lowercase().contains("content-type: text/event-stream"));
        let mut events = streamed.events();
        let last = events.pop().unwrap();
        assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &whole["usage"]));
        for index in 0..2 {
            let want = &whole["choices"][index];
            let mine: Vec<&Value> =
                events.iter().map(|e| &e["choices"][0]).filter(|c| c["index"] == json!(index)).collect();
            assert_eq!(mine[0]["delta"], json!({"role": "assistant", "content": ""}));
            let text: String = mine.iter().filter_map(|c| c["delta"]["content"].as_str()).collect();
            assert_eq!(text, want["message"]["content"].as_str().unwrap());
            let logprobs: Vec<&Value> =
                mine.iter().filter_map(|c| c["logprobs"]["content"].as_array()).flatten().collect();
            assert_eq!(json!(logprobs), want["logprobs"]["content"]);
            assert_eq!(mine.last().unwrap()["finish_reason"], want["finish_reason"]);
            assert!(mine[..mine.len() - 1].iter().all(|c| c["finish_reason"].is_null()));
            assert!(!text.contains('e') && !text.contains("th"));
        }
        assert!(events.iter().all(|e| e["object"] == "chat.completion.chunk" && e["usage"].is_null()));
        // Every event and every HTTP chunk is whole UTF-8.
        assert!(streamed.chunks.iter().all(|chunk| std::str::from_utf8(chunk).is_ok()));
    }
}

#[test]
fn stop_strings_end_answers_and_are_not_shown() {
    let server = Server::start(ServeConfig::default());
    let ask = |extra: Value| {
        let mut body = json!({"prompt": "the sea", "max_tokens": 60, "seed": 3, "temperature": 1.2, "logprobs": 0});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        server.post("/v1/completions", &body.to_string()).json()["choices"][0].clone()
    };
    let free = ask(json!({}));
    let text = free["text"].as_str().unwrap();
    let chars: Vec<char> = text.chars().collect();
    // A string of two characters from the middle, which may cross a border between tokens.
    let stop: String = chars[chars.len() / 2..chars.len() / 2 + 2].iter().collect();
    let stopped = ask(json!({"stop": stop}));
    let before = text.split(&stop).next().unwrap();
    assert_eq!((stopped["text"].as_str().unwrap(), &stopped["finish_reason"]), (before, &json!("stop")));
    let offsets = stopped["logprobs"]["text_offset"].as_array().unwrap();
    assert!(offsets.iter().all(|o| o.as_u64().unwrap() < before.chars().count().max(1) as u64), "{stopped}");
}

#[test]
fn echo_scores_the_prompt() {
    let server = Server::start(ServeConfig::default());
    let prompt = "the river flows 河 to";
    let ids = tokenizer().encode(prompt).unwrap();
    let by_text = json!({"prompt": prompt, "max_tokens": 2, "echo": true, "logprobs": 2, "temperature": 0, "seed": 1});
    let mut by_ids = by_text.clone();
    by_ids["prompt"] = json!(tokenizer().begin(ids.clone()));
    let (text, id) = (
        server.post("/v1/completions", &by_text.to_string()).json(),
        server.post("/v1/completions", &by_ids.to_string()).json(),
    );
    // Text is read after the mark that begins one, which gives its first token a score and is not shown; ids are taken
    // as they are, and nothing foresaw the first.
    let (choice, marked) = (&text["choices"][0], &id["choices"][0]);
    assert!(marked["logprobs"]["token_logprobs"][0].is_null());
    for name in ["tokens", "token_logprobs", "top_logprobs"] {
        let (shown, all) = (choice["logprobs"][name].as_array().unwrap(), marked["logprobs"][name].as_array().unwrap());
        assert_eq!(shown[..], all[1..], "{name}");
    }
    assert!(choice["text"].as_str().unwrap().starts_with(prompt));
    let list = |name: &str| choice["logprobs"][name].as_array().unwrap().clone();
    let (tokens, logprobs, top, offsets) =
        (list("tokens"), list("token_logprobs"), list("top_logprobs"), list("text_offset"));
    assert_eq!(tokens.len(), ids.len() + 2);
    assert!(logprobs.iter().all(|l| l.as_f64().unwrap() <= 0.0));
    assert_eq!(offsets[0], 0);
    assert_eq!(offsets[ids.len()].as_u64().unwrap(), prompt.chars().count() as u64);
    // The answer is greedy, so its tokens are the likeliest ones.
    let best = top[ids.len()].as_object().unwrap().iter().next().unwrap();
    assert_eq!((best.0.as_str(), best.1), (tokens[ids.len()].as_str().unwrap(), &logprobs[ids.len()]));
    // Scoring alone, as evaluation harnesses do, gives the same scores.
    let mut alone = by_text.clone();
    alone["max_tokens"] = json!(0);
    let alone = server.post("/v1/completions", &alone.to_string()).json();
    assert_eq!(alone["choices"][0]["logprobs"]["token_logprobs"].as_array().unwrap()[..], logprobs[..ids.len()]);
    assert_eq!(alone["usage"]["completion_tokens"], 0);
}

#[test]
fn several_prompts_and_choices_are_numbered_in_order() {
    let server = Server::start(ServeConfig::default());
    let body = json!({"prompt": ["the sea", "the sky"], "n": 2, "max_tokens": 5, "seed": 9, "echo": true});
    let many = server.post("/v1/completions", &body.to_string()).json();
    let choices = many["choices"].as_array().unwrap();
    assert_eq!(choices.iter().map(|c| c["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(
        choices[1]["text"].as_str().unwrap().starts_with("the sea")
            && choices[2]["text"].as_str().unwrap().starts_with("the sky")
    );
    let one = json!({"prompt": "the sky", "n": 2, "max_tokens": 5, "seed": 9, "echo": true});
    let one = server.post("/v1/completions", &one.to_string()).json();
    assert_eq!((&one["choices"][1]["text"], &one["choices"][0]["text"]), (&choices[3]["text"], &choices[2]["text"]));
    let mut streaming = body;
    streaming["stream"] = json!(true);
    let events = server.post("/v1/completions", &streaming.to_string()).events();
    for index in 0..4 {
        let of = |e: &Value| e["choices"][0]["index"] == json!(index);
        let text: String = events.iter().filter(|e| of(e)).filter_map(|e| e["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, choices[index]["text"].as_str().unwrap());
    }
}

#[test]
fn the_other_pages_are_there() {
    let server = Server::start(ServeConfig::default());
    assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "tiny");
    assert_eq!(server.get("/v1/models/tiny").json()["object"], "model");
    assert_eq!(server.get("/v1/models/other").status, 404);
    assert_eq!(server.get("/health").json()["status"], "ok");
    server.post("/v1/completions", r#"{"prompt": "a", "max_tokens": 3, "ignore_eos": true}"#);
    assert_eq!(server.metric("aquifer_requests_total{endpoint=\"completions\",status=\"200\"}"), 1.0);
    assert_eq!(server.metric("aquifer_completion_tokens_total"), 3.0);
    let page = server.get("/");
    assert!(page.status == 200 && page.head.contains("text/html") && page.text.contains("<html"));
}
