//! A client against a small server that misbehaves on purpose.

use crate::{Answer, Ask, Asker, ClientError, Endpoint, EndpointOptions, Finish, Journal, Key, Price, Question, Reply};
use aquifer_record::{Silent, Stop};
use aquifer_testkit::{ScriptedServer, chat_answer, chat_question, http_answer};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

fn quick() -> EndpointOptions {
    let (timeout, first_pause) = (Duration::from_secs(5), Duration::from_millis(2));
    EndpointOptions { timeout, first_pause, retries: 3, ..EndpointOptions::default() }
}

fn reply(server: &ScriptedServer, options: EndpointOptions) -> Result<Reply, ClientError> {
    let endpoint = Endpoint::new(&server.url(), Some(Key::new("secret\n").unwrap()), options).unwrap();
    endpoint.reply(&Question::new("m", "why?"), &Stop::new())
}

#[test]
fn an_answer_comes_back_with_its_usage_and_the_key_goes_out() {
    let server = ScriptedServer::start(|_, body| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["model"], &body["max_tokens"]), (&"m".into(), &512.into()));
        assert_eq!(body["messages"][0]["content"], "why?");
        chat_answer("because")
    });
    let Reply::Said(answer) = reply(&server, quick()).unwrap() else { panic!("no answer") };
    assert_eq!((answer.text.as_str(), answer.finish, answer.usage.prompt_tokens), ("because", Finish::Stop, 7));
    let head = server.head();
    assert!(
        head.starts_with("post /v1/chat/completions ") && head.contains("authorization: bearer secret\r\n"),
        "{head}"
    );
}

#[test]
fn what_passes_is_waited_out() {
    let odd: [(&str, Vec<u8>); 7] = [
        ("503", http_answer("503 Service Unavailable", "", "{}")),
        ("429", http_answer("429 Too Many Requests", "retry-after: 0\r\n", "{}")),
        ("500", http_answer("500 Internal Server Error", "", "<html>")),
        ("cut", chat_answer("because")[..180].to_vec()),
        ("closed", Vec::new()),
        ("no HTTP", b"hello?\r\n\r\n".to_vec()),
        ("no JSON", http_answer("200 OK", "", "{\"choices\": [{\"mess")),
    ];
    for (name, first) in odd {
        let server = ScriptedServer::start(move |n, _| if n < 2 { first.clone() } else { chat_answer("because") });
        assert_eq!(reply(&server, quick()).unwrap().text(), Some("because"), "{name}");
        assert_eq!(server.asked(), 3, "{name}");
    }
}

#[test]
fn patience_ends_and_a_slow_answer_is_none() {
    let server = ScriptedServer::start(|_, _| {
        http_answer("503 Service Unavailable", "", "{\"error\": {\"message\": \"busy\"}}")
    });
    assert_eq!(reply(&server, quick()).unwrap(), Reply::Failed("503: busy".into()));
    assert_eq!(server.asked(), 4);
    let server = ScriptedServer::start(|_, _| {
        std::thread::sleep(Duration::from_secs(3));
        chat_answer("late")
    });
    let options = EndpointOptions { timeout: Duration::from_millis(100), retries: 0, ..quick() };
    let Reply::Failed(why) = reply(&server, options).unwrap() else { panic!("it was slow") };
    assert!(why.contains("100ms"), "{why}");
    let server =
        ScriptedServer::start(|_, _| http_answer("429 Too Many Requests", "retry-after: 86400\r\n", "tomorrow"));
    assert!(matches!(reply(&server, quick()).unwrap(), Reply::Failed(_)));
    assert_eq!(server.asked(), 1);
}

#[test]
fn a_wait_the_endpoint_asks_for_is_kept() {
    let server = ScriptedServer::start(|n, _| match n {
        0 => http_answer("429 Too Many Requests", "retry-after: 0.3\r\n", "{}"),
        _ => chat_answer("now"),
    });
    let begun = Instant::now();
    assert_eq!(reply(&server, quick()).unwrap().text(), Some("now"));
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn what_will_not_pass_ends_at_once() {
    for status in ["401 Unauthorized", "404 Not Found", "301 Moved Permanently"] {
        let server = ScriptedServer::start(move |_, _| {
            http_answer(status, "location: http://127.0.0.1:1/\r\n", "{\"error\": {\"message\": \"no\"}}")
        });
        let error = reply(&server, quick()).unwrap_err().to_string();
        assert!(error.contains(&status[..3]) && !error.contains("secret"), "{error}");
        assert_eq!(server.asked(), 1);
    }
    let server =
        ScriptedServer::start(|_, _| http_answer("400 Bad Request", "", "{\"error\": {\"message\": \"too long\"}}"));
    assert_eq!(reply(&server, quick()).unwrap(), Reply::Refused("400: too long".into()));
}

#[test]
fn a_newer_model_is_asked_with_the_newer_word() {
    let server = ScriptedServer::start(|_, body| match body.contains("\"max_tokens\"") {
        true => {
            http_answer("400 Bad Request", "", "{\"error\": {\"message\": \"use 'max_completion_tokens' instead\"}}")
        }
        false => chat_answer("because"),
    });
    assert_eq!(reply(&server, quick()).unwrap().text(), Some("because"));
}

#[test]
fn many_questions_keep_their_order_and_are_asked_once() {
    // Every fifth question is turned away once, whoever asks it when.
    let turned_away = Mutex::new(BTreeSet::new());
    let server = ScriptedServer::start(move |_, body| match chat_question(body) {
        asked if asked.ends_with(['3', '8']) && turned_away.lock().unwrap().insert(asked.clone()) => {
            http_answer("503 Service Unavailable", "", "")
        }
        asked => chat_answer(&asked.to_uppercase()),
    });
    let endpoint = Endpoint::new(&server.url(), None, quick()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("asked.jsonl");
    let mut questions: Vec<Question> = (0..40).map(|n| Question::new("m", format!("question {n}"))).collect();
    questions.push(questions[3].clone());
    let stop = Stop::new();
    let asker = || Asker::new(&endpoint, Journal::open(&path).unwrap(), 4, &Silent, &stop);
    let first = asker();
    assert_eq!((first.estimate(&questions).questions, first.estimate(&questions).answered), (40, 1));
    let replies = first.ask("asking", &questions).unwrap();
    let texts: Vec<_> = replies.iter().map(|reply| reply.text().unwrap()).collect();
    assert_eq!((texts[17], texts[40]), ("QUESTION 17", "QUESTION 3"));
    assert_eq!(first.spent().completion_tokens, 120);
    drop(first);
    let asked = server.asked();
    let again = asker();
    assert_eq!(again.ask("asking", &questions).unwrap(), replies);
    assert_eq!((server.asked(), again.estimate(&questions).questions), (asked, 0));
}

#[test]
fn no_more_is_spent_than_was_allowed() {
    let server = ScriptedServer::start(|_, _| chat_answer("yes"));
    let endpoint = Endpoint::new(&server.url(), None, quick()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let questions: Vec<Question> = (0..7).map(|n| Question::new("m", format!("{n}"))).collect();
    let stop = Stop::new();
    // An answer is 10 tokens here, 7 of them the question's.
    let price = Price { prompt: 1e6, completion: 1e6 };
    let path = dir.path().join("asked.jsonl");
    let sitting = || {
        let asker = Asker::new(&endpoint, Journal::open(&path).unwrap(), 1, &Silent, &stop).within(price, 25.0);
        asker.ask("asking", &questions).map(|replies| replies.len())
    };
    let error = sitting().unwrap_err();
    assert!(matches!(error, ClientError::Spent { spent: 30.0, at_most: 25.0 }), "{error}");
    assert_eq!(server.asked(), 3);
    assert!(sitting().is_err());
    assert_eq!((sitting().unwrap(), server.asked()), (7, 7));
}

#[test]
fn a_dead_endpoint_is_given_up_and_what_was_answered_stays() {
    let server = ScriptedServer::start(|n, _| if n < 3 { chat_answer("yes") } else { Vec::new() });
    let endpoint = Endpoint::new(&server.url(), None, EndpointOptions { retries: 1, ..quick() }).unwrap();
    let questions: Vec<Question> = (0..40).map(|n| Question::new("m", format!("{n}"))).collect();
    let stop = Stop::new();
    let asker = Asker::new(&endpoint, Journal::new(), 1, &Silent, &stop);
    let error = asker.ask("asking", &questions).unwrap_err();
    assert!(matches!(error, ClientError::GivenUp { failed: 5, tries: 2, .. }), "{error}");
    assert_eq!(asker.estimate(&questions).answered, 3);
    stop.request();
    assert!(matches!(asker.ask("asking", &questions), Err(ClientError::Stopped)));
}

#[test]
fn addresses_are_completed_or_refused() {
    let url = |text: &str| Endpoint::new(text, None, quick()).map(|endpoint| endpoint.url().to_owned());
    let whole = "http://h:1/v1/chat/completions";
    for text in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", whole] {
        assert_eq!(url(text).unwrap(), whole);
    }
    for text in ["", "h:1/v1", "ftp://h/v1", "http:///v1", "http://me:secret@h/v1"] {
        assert!(url(text).is_err(), "{text}");
    }
    assert!(Key::new("a\nb").is_err() && Key::new("").is_err());
    assert_eq!(format!("{:?}", Key::new("secret").unwrap()), "Key(…)");
}

#[test]
fn odd_answers_are_read_or_refused() {
    let read = |body: &str| Answer::parse(body.as_bytes());
    let parts = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"length"}]}"#;
    let answer = read(parts).unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("ab", Finish::Length));
    let declined = r#"{"choices":[{"message":{"content":null,"refusal":"I will not"},"finish_reason":"stop"}]}"#;
    let declined = read(declined).unwrap();
    assert_eq!((declined.text.as_str(), declined.finish), ("I will not", Finish::Withheld));
    assert!(Reply::Said(declined).complete().is_err());
    for body in
        ["", "[]", "{}", "{\"choices\":[]}", "{\"choices\":[{}]}", "{\"choices\":[{\"message\":{\"content\":3}}]}"]
    {
        assert!(read(body).is_err(), "{body}");
    }
}
