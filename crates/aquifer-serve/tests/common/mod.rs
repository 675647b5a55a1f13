//! A tiny random model behind a real socket, and an HTTP client plain enough to send wrong requests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use aquifer_infer::{Network, NetworkShape};
use aquifer_model::{Attend, Decoder, DecoderConfig};
use aquifer_ops::Precision;
use aquifer_record::{Silent, Stop};
use aquifer_serve::{ServeConfig, ServedModel, serve};
use aquifer_tensor::{Tensor, View};
use aquifer_text::{BpeOptions, Tokenizer, train_bpe};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A small vocabulary that knows some words and falls back to bytes.
pub fn tokenizer() -> Arc<Tokenizer> {
    static MADE: OnceLock<Arc<Tokenizer>> = OnceLock::new();
    MADE.get_or_init(|| {
        let texts =
            ["the river flows to the sea and the sea to the sky", "河流入海 and the rain comes back to the river"];
        Arc::new(train_bpe(texts, &BpeOptions::new(320), &Silent, &Stop::new()).unwrap())
    })
    .clone()
}

/// A network of random weights over that vocabulary.
pub fn network() -> Arc<Decoder> {
    static MADE: OnceLock<Arc<Decoder>> = OnceLock::new();
    MADE.get_or_init(|| {
        let shape = DecoderConfig::small(64, 2, 4, 2, tokenizer().vocab_size());
        let config = DecoderConfig { min_shard: 64, initializer_range: 0.2, max_position_embeddings: 1024, ..shape };
        Arc::new(Decoder::init(config, 11, Precision::F32).unwrap())
    })
    .clone()
}

/// The same network, a pause before every step.
pub struct Slow(pub Arc<Decoder>, pub Duration);

impl Network for Slow {
    fn shape(&self) -> NetworkShape {
        self.0.shape()
    }
    fn hidden(&self, tokens: &[u32], positions: &[u32], attend: &mut dyn Attend) -> Tensor {
        std::thread::sleep(self.1);
        self.0.hidden(tokens, positions, attend)
    }
    fn logits_of(&self, hidden: &View) -> Tensor {
        self.0.logits_of(hidden)
    }
}

/// A server on a port of its own; ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub stop: Stop,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    pub fn start(config: ServeConfig) -> Self {
        Server::with(network(), config)
    }

    pub fn slow(pause_ms: u64, config: ServeConfig) -> Self {
        Server::with(Arc::new(Slow(network(), Duration::from_millis(pause_ms))), config)
    }

    pub fn with(network: Arc<dyn Network>, config: ServeConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), Stop::new());
        let (model, stopping) = (ServedModel::new("tiny", network, tokenizer()), stop.clone());
        let thread = std::thread::spawn(move || serve(listener, model, config, &stopping));
        Server { address, stop, thread: Some(thread) }
    }

    /// Asks it to stop and waits until it has.
    pub fn finish(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    pub fn send(&self, raw: &[u8]) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(raw).unwrap();
        socket
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        Answer::read(self.send(request("POST", path, "", body).as_bytes()))
    }

    pub fn get(&self, path: &str) -> Answer {
        Answer::read(self.send(request("GET", path, "", "").as_bytes()))
    }

    /// The value of a line of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics").text;
        let line = page.lines().find(|line| line.split(' ').next() == Some(name));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Waits until a metric satisfies `wanted`.
    pub fn wait_for(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        let start = Instant::now();
        while !wanted(self.metric(name)) {
            assert!(start.elapsed() < Duration::from_secs(20), "{name} stays at {}", self.metric(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
    /// Bodies of HTTP chunks, where it was chunked: what a client sees at once.
    pub chunks: Vec<Vec<u8>>,
}

impl Answer {
    pub fn read(mut socket: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        // A server that answers before it has read everything may reset the connection after its answer.
        let _ = socket.read_to_end(&mut bytes);
        let split = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head in {bytes:?}"));
        let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = &bytes[split + 4..];
        let mut chunks = Vec::new();
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            loop {
                let line = body.windows(2).position(|w| w == b"\r\n").unwrap();
                let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
                if size == 0 {
                    break;
                }
                chunks.push(body[line + 2..line + 2 + size].to_vec());
                body = &body[line + 4 + size..];
            }
        } else {
            chunks.push(body.to_vec());
        }
        let text = String::from_utf8(chunks.concat()).unwrap();
        Answer { status, head, text, chunks }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The data of its server-sent events; the last must be `[DONE]`.
    pub fn events(&self) -> Vec<Value> {
        let mut data: Vec<&str> = self.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{}", self.text);
        data.into_iter().map(|d| serde_json::from_str(d).unwrap()).collect()
    }

    /// The message of an error, its shape checked.
    pub fn error(&self) -> String {
        let error = &self.json()["error"];
        assert!(
            error["type"].is_string() && error.get("param").is_some() && error.get("code").is_some(),
            "{}",
            self.text
        );
        error["message"].as_str().unwrap().to_owned()
    }
}
