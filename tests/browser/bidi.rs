//! A small client of WebDriver BiDi, which Firefox speaks itself: no driver program stands between.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use super::cdp::PATIENCE;

/// Firefox with one page.
pub(crate) struct Firefox {
    process: Child,
    _profile: tempfile::TempDir,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    context: Value,
    next: u64,
}

impl Firefox {
    /// Starts Firefox with an empty profile; none, with a visible word, if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let named = std::env::var("FIREFOX").ok();
        let programs = named.iter().map(String::as_str).chain(["firefox-esr", "firefox"]);
        let started = programs.map(|p| {
            Command::new(p)
                .args(["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile"])
                .arg(profile.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        });
        let Some(process) = started.flatten().next() else {
            assert!(std::env::var_os("CI").is_none(), "Firefox is missing: run scripts/setup.sh test");
            eprintln!("SKIPPED: Firefox is not installed; scripts/setup.sh test installs it");
            return None;
        };
        let told = profile.path().join("WebDriverBiDiServer.json");
        let began = Instant::now();
        let port = loop {
            let text = std::fs::read_to_string(&told).unwrap_or_default();
            if let Some(port) = serde_json::from_str::<Value>(&text).ok().and_then(|v| v["ws_port"].as_u64()) {
                break port;
            }
            assert!(began.elapsed() < PATIENCE, "Firefox opened no port");
            std::thread::sleep(Duration::from_millis(50));
        };
        let (socket, _) = tungstenite::connect(format!("ws://127.0.0.1:{port}/session")).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let mut firefox = Self { process, _profile: profile, socket, context: Value::Null, next: 1 };
        firefox.call("session.new", json!({"capabilities": {}}));
        let tree = firefox.call("browsingContext.getTree", json!({}));
        firefox.context = tree["contexts"][0]["context"].clone();
        Some(firefox)
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let message = json!({"id": id, "method": method, "params": params});
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == id {
                assert_eq!(message["type"], "success", "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        let params = json!({"context": self.context, "url": url, "wait": "complete"});
        self.call("browsingContext.navigate", params);
        self.wait("document.querySelector('main')");
    }

    /// The value of an expression; promises are awaited.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let wrapped = format!("(async () => JSON.stringify((await ({expression})) ?? null))()");
        let params = json!({"expression": wrapped, "target": {"context": self.context}, "awaitPromise": true});
        let result = self.call("script.evaluate", params);
        assert_eq!(result["type"], "success", "{expression}: {result}");
        serde_json::from_str(result["result"]["value"].as_str().unwrap()).unwrap()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        let began = Instant::now();
        while self.eval(&format!("!!({expression})")) != true {
            let says = "document.querySelector('.notice')?.innerText ?? ''";
            assert!(began.elapsed() < PATIENCE, "waited in vain for {expression}; {}", self.eval(says));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives files to a file input.
    pub(crate) fn pick(&mut self, input: &str, files: &[&Path]) {
        let locator = json!({"context": self.context, "locator": {"type": "css", "value": input}});
        let found = self.call("browsingContext.locateNodes", locator);
        let params =
            json!({"context": self.context, "element": {"sharedId": found["nodes"][0]["sharedId"]}, "files": files});
        self.call("input.setFiles", params);
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
