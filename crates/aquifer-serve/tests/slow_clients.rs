//! Clients that dribble: each is cut off in time, and everybody else is served meanwhile.
#![allow(clippy::unwrap_used)]

mod common;

use aquifer_serve::ServeConfig;
use common::{Answer, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn impatient() -> Server {
    let limit = Duration::from_millis(400);
    Server::start(ServeConfig { header_time: limit, body_time: limit, ..ServeConfig::default() })
}

/// Sends a byte now and then until the server hangs up; how long that took.
fn dribble(mut socket: TcpStream, byte: &[u8]) -> Duration {
    let begun = Instant::now();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut answer = [0; 512];
    while begun.elapsed() < Duration::from_secs(20) {
        if socket.write_all(byte).is_err() {
            break;
        }
        match socket.read(&mut answer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => break,
        }
    }
    begun.elapsed()
}

#[test]
fn a_head_that_never_ends_is_cut_off_and_others_are_served() {
    let server = impatient();
    std::thread::scope(|scope| {
        let dribblers: Vec<_> = (0..40)
            .map(|_| {
                let socket = server.send(b"POST /v1/completions HTTP/1.1\r\nHost: here\r\nX-Slow: ");
                scope.spawn(|| dribble(socket, b"a"))
            })
            .collect();
        let answer = server.post("/v1/completions", r#"{"prompt": "the sea", "max_tokens": 3}"#);
        assert_eq!(answer.status, 200, "{}", answer.text);
        for dribbler in dribblers {
            let held = dribbler.join().unwrap();
            assert!(held < Duration::from_secs(10), "a dribbling client held its socket for {held:?}");
        }
    });
    // So is one that says nothing at all.
    let held = dribble(server.send(b""), b"");
    assert!(held < Duration::from_secs(10), "{held:?}");
}

#[test]
fn a_body_that_does_not_come_is_told_so() {
    let server = impatient();
    let head = "POST /v1/completions HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{\"pro";
    let answer = Answer::read(server.send(head.as_bytes()));
    assert_eq!(answer.status, 408, "{}", answer.text);
    assert!(answer.error().contains("within 0.4 seconds"), "{}", answer.error());
}
