//! A small synchronous client of Chromium's DevTools protocol. Apart from the tests, which read like a user's steps. Own
//! code, because drivers need a second program, and none gives trusted drops of files.

use std::io::Read;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// How long anything in the browser may take: a slow machine under load, not a speed requirement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page.
pub(crate) struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    next: u64,
    /// Events that came while an answer was awaited.
    events: Vec<Value>,
    /// How long [`Browser::wait`] waits.
    pub(crate) patience: Duration,
}

impl Browser {
    /// Starts Chromium with an empty profile.
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
        let process = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu"])
            .args(["--hide-scrollbars", "--force-color-profile=srgb"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium starts; scripts/setup.sh test installs it");
        let port_file = profile.path().join("DevToolsActivePort");
        let began = Instant::now();
        let address = loop {
            if let Ok(text) = std::fs::read_to_string(&port_file)
                && let Some((port, path)) = text.split_once('\n')
            {
                break format!("ws://127.0.0.1:{}{}", port.trim(), path.trim());
            }
            assert!(began.elapsed() < PATIENCE, "chromium opened no port");
            std::thread::sleep(Duration::from_millis(20));
        };
        let (socket, _) = tungstenite::connect(address).unwrap();
        // A browser that says nothing must fail the test, not hang it.
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let mut browser = Self {
            process,
            _profile: profile,
            socket,
            session: String::new(),
            next: 1,
            events: Vec::new(),
            patience: PATIENCE,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = session["sessionId"].as_str().unwrap().into();
        for domain in ["Page", "Runtime", "DOM", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method and gives its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn receive(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Opens an address that is not the site's page.
    pub(crate) fn navigate(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
    }

    /// Gives files to a file input.
    pub(crate) fn set_files(&mut self, selector: &str, paths: &[std::path::PathBuf]) {
        let document = self.call("DOM.getDocument", json!({}));
        let node = json!({"nodeId": document["root"]["nodeId"], "selector": selector});
        let found = self.call("DOM.querySelector", node);
        self.call("DOM.setFileInputFiles", json!({"nodeId": found["nodeId"], "files": paths}));
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        self.events.clear();
        // A change of the fragment alone would not load the page anew.
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.call("Page.navigate", json!({"url": url}));
        self.wait("document.readyState === 'complete' && !!document.querySelector('main')");
    }

    /// The value of an expression; promises are awaited.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        let began = Instant::now();
        loop {
            let params = json!({"expression": format!("!!({expression})"), "returnByValue": true});
            if self.call("Runtime.evaluate", params)["result"]["value"] == true {
                return;
            }
            if began.elapsed() >= self.patience {
                let (state, complaints) = (self.state(), self.complaints().join("; "));
                panic!("waited in vain for {expression}; {state}; the page says: {complaints}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the page is, for whoever waited in vain.
    fn state(&mut self) -> String {
        let script = "JSON.stringify({hash: location.hash, asking: document.documentElement.dataset.asking, run: !!document.querySelector('#run-done'),
            hidden: document.hidden, undrawn: [...document.querySelectorAll('canvas')].filter(c => c.checkVisibility() && c.dataset.drawn !== 'yes')
                .map(c => `${c.closest('[id]')?.id} ${c.clientWidth}x${c.clientHeight} ${c.dataset.drawn}`)})";
        self.call("Runtime.evaluate", json!({"expression": script, "returnByValue": true}))["result"]["value"]
            .to_string()
    }

    /// The text of the first element of a selector; of one that is folded away, what is in it.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        self.wait(&format!("!!document.querySelector({})", json!(selector)));
        let script = format!(
            "(() => {{ const e = document.querySelector({}); return e.checkVisibility() ? e.innerText : e.textContent; }})()",
            json!(selector)
        );
        self.eval(&script).as_str().unwrap_or_default().into()
    }

    /// The exact number in the first `data` element under a selector.
    #[track_caller]
    pub(crate) fn number(&mut self, selector: &str) -> f64 {
        let value = self.eval(&format!("document.querySelector({})?.value ?? null", json!(format!("{selector} data"))));
        value.as_str().unwrap_or_else(|| panic!("no number at {selector}")).parse().unwrap()
    }

    /// Clicks an element with a trusted click.
    pub(crate) fn click(&mut self, selector: &str) {
        let (x, y) = self.middle(selector);
        for kind in ["mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}),
            );
        }
    }

    /// Moves the pointer to a place in an element, as shares of its size.
    pub(crate) fn point(&mut self, selector: &str, across: f64, down: f64) {
        self.reveal(selector);
        let script = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); return [r.left + r.width * {across}, r.top + r.height * {down}]; }})()",
            json!(selector)
        );
        let at = self.eval(&script);
        self.call("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": at[0], "y": at[1]}));
    }

    /// Opens what hides an element, as a user would: its view, its menu, the sheet of the trace.
    fn reveal(&mut self, selector: &str) {
        let script = format!(
            "(async () => {{ const e = document.querySelector({}); if (!e) return; const view = e.closest('.view[hidden]');
            if (view) {{ [...document.querySelectorAll('.views a')].find(a => 'view-' + a.innerText.toLowerCase() === view.id).click(); }}
            const menu = e.closest('.menu'); if (menu && e.closest('.save')?.hidden) menu.querySelector('.dots').click();
            const sheet = e.closest('#trace'); if (sheet && !sheet.open) document.querySelector('#chip').click();
            if (view || menu || sheet) await new Promise(r => setTimeout(r, 60)); }})()",
            json!(selector)
        );
        self.eval(&script);
    }

    /// The middle of an element, once it rests there and nothing lies over it: a reader does not press what still moves.
    pub(crate) fn middle(&mut self, selector: &str) -> (f64, f64) {
        // The code of a view may still be on its way.
        self.wait(&format!("!!document.querySelector({})", json!(selector)));
        self.reveal(selector);
        let script = format!(
            "(async () => {{ const find = () => document.querySelector({}), began = performance.now(); find().scrollIntoView({{block: 'center'}});
            const where = () => {{ const r = find().getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; }};
            const frame = () => new Promise(r => {{ requestAnimationFrame(r); setTimeout(r, 50); }});
            for (let at = where();;) {{ await frame(); await frame(); const now = where(), over = document.elementFromPoint(...now);
                const rests = now[0] === at[0] && now[1] === at[1], free = over && (find().contains(over) || over.contains(find()) || over.closest('label')?.contains(find()));
                if ((rests && free) || performance.now() - began > 3000) return now;
                if (rests) find().scrollIntoView({{block: 'center'}}); at = now; }} }})()",
            json!(selector)
        );
        let at = self.eval(&script);
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    /// Drops files on an element, as a user does.
    pub(crate) fn drop_files(&mut self, selector: &str, paths: &[&std::path::Path]) {
        // Anywhere on the page.
        let anywhere = if selector == "#drop" { "main" } else { selector };
        self.reveal(anywhere);
        let (x, y) = if anywhere == "main" {
            let at = self.eval("[innerWidth / 2, innerHeight / 2]");
            (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
        } else {
            self.middle(anywhere)
        };
        let files: Vec<_> = paths.iter().map(|p| p.to_str().unwrap()).collect();
        let data = json!({"items": [], "files": files, "dragOperationsMask": 1});
        for kind in ["dragEnter", "dragOver", "drop"] {
            self.call("Input.dispatchDragEvent", json!({"type": kind, "x": x, "y": y, "data": data}));
        }
    }

    /// Makes every worker of the page stop with an error, as one does that has no memory left.
    pub(crate) fn break_workers(&mut self) -> usize {
        self.in_workers("setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); })").len()
    }

    /// Evaluates an expression in every worker of the page.
    pub(crate) fn in_workers(&mut self, expression: &str) -> Vec<Value> {
        let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true});
        self.call("Target.setAutoAttach", attach);
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        let attached = self.events.iter().filter(|e| e["method"] == "Target.attachedToTarget");
        let workers = attached.filter(|e| e["params"]["targetInfo"]["type"] == "worker");
        let sessions: Vec<String> = workers.map(|e| e["params"]["sessionId"].as_str().unwrap().into()).collect();
        let page = self.session.clone();
        let mut values = Vec::new();
        for session in sessions {
            self.session = session;
            let params = json!({"expression": expression, "returnByValue": true});
            values.push(self.call("Runtime.evaluate", params)["result"]["value"].clone());
        }
        self.session = page;
        values
    }

    /// Size and appearance of the page.
    pub(crate) fn device(&mut self, width: u32, height: u32, ratio: u32, dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// A reader who wants no motion: every picture shows its end.
    pub(crate) fn still(&mut self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Pictures of the whole page, in parts: a browser draws none that is higher than 16 384 device pixels.
    pub(crate) fn screenshot(&mut self, folder: &std::path::Path, name: &str) {
        use base64::Engine;
        const PART: f64 = 5000.0;
        // Figures out of sight are drawn a moment after a slider rests.
        std::thread::sleep(Duration::from_millis(400));
        std::fs::create_dir_all(folder).unwrap();
        let size = self.eval("[document.documentElement.clientWidth, document.documentElement.scrollHeight]");
        let (width, height) = (size[0].as_f64().unwrap(), size[1].as_f64().unwrap());
        let mut top = 0.0;
        for part in 1.. {
            let clip = json!({"x": 0, "y": top, "width": width, "height": PART.min(height - top), "scale": 1});
            let shot = self
                .call("Page.captureScreenshot", json!({"captureBeyondViewport": true, "format": "png", "clip": clip}));
            let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
            assert!(bytes.len() > 1000 || height - top < 400.0, "{name}, part {part} is empty");
            std::fs::write(folder.join(format!("{name}-{part}.png")), bytes).unwrap();
            top += PART;
            if top >= height {
                return;
            }
        }
    }

    /// Errors in the console, exceptions, and requests that left the page's origin.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // Everything said so far has arrived once this answer has.
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        let complaint = |e: &Value| match e["method"].as_str()? {
            "Runtime.exceptionThrown" => Some(e["params"]["exceptionDetails"].to_string()),
            "Log.entryAdded" if e["params"]["entry"]["level"] == "error" => Some(e["params"]["entry"].to_string()),
            "Runtime.consoleAPICalled" if e["params"]["type"] == "error" => Some(e["params"]["args"].to_string()),
            "Network.requestWillBeSent" => {
                let url = e["params"]["request"]["url"].as_str()?;
                let own = url.starts_with("http://127.0.0.1:") || url.starts_with("data:") || url.starts_with("about:");
                (!own).then(|| format!("a request to {url}"))
            }
            _ => None,
        };
        self.events.iter().filter_map(complaint).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves a folder under `/some/sub/path/` on a free port, until the test run ends. Gives the address.
pub(crate) fn serve(folder: &'static std::path::Path) -> String {
    use std::io::Write;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/some/sub/path/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                let text = String::from_utf8_lossy(&head).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/").split(['?', '#']).next().unwrap_or("/").to_string();
                let name = path.strip_prefix("/some/sub/path/").map(|n| if n.is_empty() { "index.html" } else { n });
                // Traces lie beside the site, as on a host that publishes both.
                let file = |n: &str| match n.strip_prefix("traces/") {
                    Some(name) => std::fs::read(super::traces::beside(name)).ok(),
                    None => std::fs::read(folder.join(n)).ok(),
                };
                let body = name.filter(|n| !n.contains("..")).and_then(file);
                let kind = match path.rsplit('.').next() {
                    Some("js") => "text/javascript",
                    Some("wasm") => "application/wasm",
                    Some("css") => "text/css",
                    Some("svg") => "image/svg+xml",
                    Some("json") => "application/json",
                    _ => "text/html; charset=utf-8",
                };
                let (status, body) = body.map_or(("404 Not Found", Vec::new()), |b| ("200 OK", b));
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            });
        }
    });
    address
}
