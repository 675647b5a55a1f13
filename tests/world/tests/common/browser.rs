//! A headless Chromium, driven through chromedriver's WebDriver protocol by plain HTTP.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One browser window.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A window of this size, dark or light.
    pub fn open(width: u32, height: u32, dark: bool) -> Self {
        let driver = std::env::var_os("AQUIFER_CHROMEDRIVER").expect("AQUIFER_CHROMEDRIVER: cargo xtask world");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver =
            Command::new(driver).arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Browser { driver: driver.unwrap(), port, session: String::new(), _profile: profile };
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-dev-shm-usage".into(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".into());
        }
        let options = json!({"args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let start = Instant::now();
        let session = loop {
            match browser.try_call("POST", "/session", &wanted) {
                Ok(session) => break session,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "no browser session: {error}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        browser.session = session["sessionId"].as_str().unwrap().into();
        browser
    }

    /// Goes to an address.
    pub fn go(&self, url: &str) {
        self.call("POST", "/url", &json!({"url": url}));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns true.
    pub fn wait(&self, condition: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({condition})")) != json!(true) {
            assert!(start.elapsed() < Duration::from_secs(20), "`{condition}` stays false on {}", self.text("body"));
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The text a person sees in the first element of this CSS selector.
    pub fn text(&self, css: &str) -> String {
        self.call("GET", &format!("/element/{}/text", self.find(css)), &Value::Null).as_str().unwrap().into()
    }

    /// Types into an element. `\u{E007}` is Enter, `\u{E008}` Shift, `\u{E00C}` Escape, `\u{E013}` the up arrow.
    pub fn keys(&self, css: &str, keys: &str) {
        self.call("POST", &format!("/element/{}/value", self.find(css)), &json!({"text": keys}));
    }

    /// Clicks an element.
    pub fn click(&self, css: &str) {
        self.call("POST", &format!("/element/{}/click", self.find(css)), &json!({}));
    }

    /// A PNG of the window, in base64.
    pub fn screenshot(&self) -> String {
        self.call("GET", "/screenshot", &Value::Null).as_str().unwrap().into()
    }

    /// What the page complained of, the browser's own notes of refused requests aside.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", &json!({"type": "browser"}));
        let all = log.as_array().unwrap().iter().map(|entry| entry["message"].to_string());
        all.filter(|m| !m.contains("Failed to load resource") && !m.contains("[DOM]")).collect()
    }

    fn find(&self, css: &str) -> String {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": css}));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().into()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.try_call(method, &path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).map_err(|e| e.to_string())?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).map_err(|e| e.to_string())?;
        // The driver keeps connections open, so its word on the length is what counts.
        socket.set_read_timeout(Some(Duration::from_secs(30))).map_err(|e| e.to_string())?;
        let mut answer = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).map_err(|e| e.to_string())?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse().map_err(|_| line.clone())?;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).map_err(|e| e.to_string())?;
        let body = &String::from_utf8_lossy(&body);
        let value: Value = serde_json::from_str(body).map_err(|e| format!("{e}: {body}"))?;
        match value["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["value"]["message"])),
            None => Ok(value["value"].clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.try_call("DELETE", &format!("/session/{}", self.session), &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
