//! Many at once: nobody lost, nobody wrong, places freed, order kept, an orderly end.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_infer::Limits;
use aquifer_serve::ServeConfig;
use common::{Answer, Server, request};
use serde_json::{Value, json};
use std::io::Read;
use std::time::{Duration, Instant};

/// The path and body of the `i`-th of a varied lot.
fn varied(i: usize) -> (&'static str, Value) {
    let text = ["the sea", "rain 河流 comes back", "to the sky and", "x"][i % 4].repeat(1 + i % 40);
    let hot = json!({"temperature": 1.0 + (i % 3) as f64 / 4.0, "top_k": i % 7 * 10, "top_p": 0.97, "min_p": 0.001});
    let (path, mut body) = match i % 3 {
        0 => (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": text}], "logprobs": true, "top_logprobs": 2}),
        ),
        1 => ("/v1/completions", json!({"prompt": text, "logprobs": 3, "echo": true})),
        _ => (
            "/v1/completions",
            json!({"prompt": [text, "river"], "logprobs": 1, "n": 2, "stop": ["e "], "repetition_penalty": 1.1}),
        ),
    };
    body["max_tokens"] = json!(1 + i % 13);
    body["seed"] = json!(i);
    if !i.is_multiple_of(5) {
        body.as_object_mut().unwrap().extend(hot.as_object().unwrap().clone());
    } else {
        body["temperature"] = json!(0);
    }
    (path, body)
}

fn ask(server: &Server, i: usize) -> (Value, Value) {
    let (path, body) = varied(i);
    let answer = server.post(path, &body.to_string());
    let json = answer.json();
    assert_eq!(answer.status, 200, "{json}");
    (json["choices"].clone(), json["usage"].clone())
}

#[test]
fn sixty_four_clients_get_what_each_would_get_alone() {
    const DISTINCT: usize = 160;
    let server = Server::start(ServeConfig::default());
    let alone: Vec<_> = (0..DISTINCT).map(|i| ask(&server, i)).collect();
    std::thread::scope(|scope| {
        for client in 0..64 {
            let (server, alone) = (&server, &alone);
            scope.spawn(move || {
                for turn in 0..20 {
                    let i = (client * 37 + turn * 53) % DISTINCT;
                    assert!(ask(server, i) == alone[i], "client {client}, turn {turn}: request {i} got another answer");
                }
            });
        }
    });
    let total: f64 = ["chat", "completions"]
        .iter()
        .map(|endpoint| server.metric(&format!("aquifer_requests_total{{endpoint=\"{endpoint}\",status=\"200\"}}")))
        .sum();
    assert_eq!(total as usize, DISTINCT + 64 * 20);
    assert_eq!((server.metric("aquifer_queue_length"), server.metric("aquifer_running_sequences")), (0.0, 0.0));
}

fn long(stream: bool) -> String {
    json!({"prompt": "the sea", "max_tokens": 900, "stream": stream, "ignore_eos": true}).to_string()
}

#[test]
fn clients_that_go_away_free_their_places() {
    let limits = Limits { sequences: 2, ..Limits::default() };
    let server = Server::slow(5, ServeConfig { limits, ..ServeConfig::default() });
    for stream in [true, false] {
        let sockets: Vec<_> =
            (0..5).map(|_| server.send(request("POST", "/v1/completions", "", &long(stream)).as_bytes())).collect();
        server.wait_for("aquifer_running_sequences", |n| n == 2.0);
        server.wait_for("aquifer_queue_length", |n| n == 3.0);
        drop(sockets);
        let start = Instant::now();
        server.wait_for("aquifer_running_sequences", |n| n == 0.0);
        server.wait_for("aquifer_queue_length", |n| n == 0.0);
        assert!(start.elapsed() < Duration::from_secs(2), "900 tokens would take 4.5 s");
    }
    assert_eq!(server.metric("aquifer_requests_abandoned_total"), 10.0);
    assert_eq!(server.post("/v1/completions", r#"{"prompt": "a", "max_tokens": 2}"#).status, 200);
}

#[test]
fn only_what_goes_beyond_the_queue_is_turned_away() {
    let limits = Limits { sequences: 1, ..Limits::default() };
    let server = Server::slow(5, ServeConfig { queue: 3, limits, ..ServeConfig::default() });
    let long = request("POST", "/v1/completions", "", &long(false));
    let _running = server.send(long.as_bytes());
    server.wait_for("aquifer_running_sequences", |n| n == 1.0);
    let waiting: Vec<_> = (0..3).map(|_| server.send(long.as_bytes())).collect();
    server.wait_for("aquifer_queue_length", |n| n == 3.0);
    let refused = server.post("/v1/completions", r#"{"prompt": "a", "max_tokens": 1}"#);
    assert_eq!(refused.status, 429);
    assert!(refused.head.to_ascii_lowercase().contains("retry-after: 1"));
    assert!(refused.error().contains("3 requests are already waiting"));
    // Somebody who stops waiting makes room.
    drop(waiting);
    server.wait_for("aquifer_queue_length", |n| n == 0.0);
    let place = server.send(request("POST", "/v1/completions", "", r#"{"prompt": "a"}"#).as_bytes());
    server.wait_for("aquifer_queue_length", |n| n == 1.0);
    drop(place);
}

#[test]
fn a_stop_lets_running_answers_finish() {
    let mut server = Server::slow(10, ServeConfig::default());
    let body = json!({"prompt": "the sea", "max_tokens": 60, "stream": true, "ignore_eos": true}).to_string();
    let mut socket = server.send(request("POST", "/v1/completions", "", &body).as_bytes());
    let mut first = [0; 64];
    socket.read_exact(&mut first).unwrap();
    let address = server.address;
    server.finish();
    let rest = {
        let mut rest = String::new();
        socket.read_to_string(&mut rest).unwrap();
        rest
    };
    assert!(rest.contains("\"finish_reason\":\"length\"") && rest.contains("[DONE]"), "{rest}");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody should listen any more");
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut server = Server::slow(20, ServeConfig { grace: Duration::from_millis(200), ..ServeConfig::default() });
    let socket = server.send(request("POST", "/v1/completions", "", &long(false)).as_bytes());
    server.wait_for("aquifer_running_sequences", |n| n == 1.0);
    let start = Instant::now();
    server.finish();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(socket);
}

#[test]
fn a_long_prompt_does_not_hold_up_short_answers() {
    let limits = Limits { prefill_rows: 64, ..Limits::default() };
    let server = Server::start(ServeConfig { limits, ..ServeConfig::default() });
    let prompt: Vec<u32> = (0..1000).map(|i| 10 + i % 300).collect();
    let long = json!({"prompt": prompt, "max_tokens": 2, "seed": 1, "logprobs": 0}).to_string();
    let want = server.post("/v1/completions", &long).json()["choices"].clone();
    let socket = server.send(request("POST", "/v1/completions", "", &long).as_bytes());
    let short = server.post("/v1/completions", r#"{"prompt": "a", "max_tokens": 3}"#);
    assert_eq!(short.status, 200);
    assert_eq!(Answer::read(socket).json()["choices"], want);
}
