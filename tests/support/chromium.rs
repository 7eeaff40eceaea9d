//! A browser without a window, driven as a person drives it: by the DevTools protocol, over two pipes.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use super::{Child, Folder, PATIENCE, lossy, until};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A browser with a profile of its own, in which nobody has been anywhere.
pub struct Chromium {
    pipes: RefCell<Pipes>,
    /// Before the profile, which it writes to until it ends.
    child: Child,
    profile: Folder,
}

struct Pipes {
    commands: ChildStdin,
    messages: ChildStdout,
    /// What was read and not looked at yet.
    waiting: Vec<u8>,
    last: u64,
}

/// An open page.
pub struct Page<'b> {
    browser: &'b Chromium,
    target: String,
    session: String,
}

impl Chromium {
    pub fn start() -> Chromium {
        Chromium::start_with(&[])
    }

    /// With more flags than the usual ones.
    pub fn start_with(flags: &[&str]) -> Chromium {
        let profile = Folder::new();
        let log = File::create(profile.path("log")).expect("the folder is the test's");
        let mut command = Command::new("sh");
        // It reads commands from descriptor 3 and writes messages to 4.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "chromium"]);
        command.args(FLAGS).args(flags);
        command.arg(format!("--user-data-dir={}", profile.path("profile").display()));
        // What it leaves in either, the folder takes with it.
        command.env("HOME", profile.here()).env("TMPDIR", profile.here());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = Child::spawn(&mut command);
        let pipes = Pipes {
            commands: child.stdin.take().expect("it is piped"),
            messages: child.stdout.take().expect("it is piped"),
            waiting: Vec::new(),
            last: 0,
        };
        Chromium { pipes: RefCell::new(pipes), child, profile }
    }

    /// A window of this address, when its page is complete.
    #[track_caller]
    pub fn open(&self, url: &str) -> Page<'_> {
        let made = self.command(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let target = text(&made["targetId"]);
        let attached = json!({ "targetId": target, "flatten": true });
        let session = text(&self.command(None, "Target.attachToTarget", &attached)["sessionId"]);
        let page = Page { browser: self, target, session };
        page.go(url);
        page
    }

    #[track_caller]
    fn command(&self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.try_command(session, method, parameters)
            .unwrap_or_else(|error| panic!("{method} {parameters}: {error}"))
    }

    /// The result of a command, or what the browser says is wrong with it.
    #[track_caller]
    fn try_command(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        let mut pipes = self.pipes.borrow_mut();
        pipes.last += 1;
        let id = pipes.last;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let sent = pipes.commands.write_all(format!("{command}\0").as_bytes());
        sent.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        loop {
            let mut message = pipes.message().unwrap_or_else(|why| panic!("{why}: {}", self.log()));
            // Others are events.
            if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(message["result"].take()),
                };
            }
        }
    }

    /// What it has to say when it ends, or does nothing.
    fn log(&self) -> String {
        std::fs::read_to_string(self.profile.path("log")).unwrap_or_default()
    }
}

impl Drop for Chromium {
    /// Asks it to close, so that its processes have ended when the folder that they write to is removed. What does not
    /// end in time is killed.
    fn drop(&mut self) {
        let pipes = self.pipes.get_mut();
        let close = json!({ "id": pipes.last + 1, "method": "Browser.close" });
        let _ = pipes.commands.write_all(format!("{close}\0").as_bytes());
        while pipes.message().is_ok() {}
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Pipes {
    fn message(&mut self) -> Result<Value, String> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == 0) {
                let message: Vec<u8> = self.waiting.drain(..=end).collect();
                return serde_json::from_slice(&message[..end])
                    .map_err(|error| format!("{error} in {}", lossy(&message)));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let time = Timespec::try_from(left).expect("it is some seconds");
            let mut polled = [PollFd::new(&self.messages, PollFlags::IN)];
            let ready = retry_on_intr(|| poll(&mut polled, Some(&time))).expect("it is a pipe");
            if ready == 0 {
                return Err(format!("no message within {START_PATIENCE:?}"));
            }
            let mut piece = [0; 64 * 1024];
            match self.messages.read(&mut piece).expect("it is a pipe") {
                0 => return Err("the browser has ended".into()),
                count => self.waiting.extend_from_slice(&piece[..count]),
            }
        }
    }
}

impl Page<'_> {
    /// Navigates there, and waits until the page is complete.
    #[track_caller]
    pub fn go(&self, url: &str) {
        let went = self.command("Page.navigate", &json!({ "url": url }));
        assert!(went.get("errorText").is_none(), "{url}: {went}");
        let complete = "location.href !== 'about:blank' && document.readyState === 'complete'";
        self.until(complete);
    }

    /// What JavaScript makes of an expression; a promise is waited for.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let parameters = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let session = Some(&*self.session);
        let mut result = self.browser.try_command(session, "Runtime.evaluate", &parameters)?;
        match result.get("exceptionDetails") {
            Some(exception) => Err(exception.to_string()),
            None => Ok(result["result"]["value"].take()),
        }
    }

    /// Waits until an expression is `true`. A page that is just being left says nothing.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        let shown = || self.try_evaluate("document.body.innerText");
        let deadline = Instant::now() + PATIENCE;
        until(expression, || {
            let is_so = self.try_evaluate(expression);
            let is_late = Instant::now() + Duration::from_secs(1) > deadline;
            assert!(!is_late, "{expression}: {is_so:?}; the page shows {:?}", shown());
            is_so == Ok(Value::Bool(true))
        });
    }

    /// Waits until the page shows these words.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(words)));
    }

    /// Clicks in the middle of an element.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView(); \
             const box = it.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.command("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types a text into an element, in place of what is in it.
    #[track_caller]
    pub fn write(&self, selector: &str, text: &str) {
        self.evaluate(&format!(
            "(() => {{ const it = document.querySelector({}); it.focus(); it.select(); }})()",
            json!(selector)
        ));
        self.command("Input.insertText", &json!({ "text": text }));
    }

    #[track_caller]
    pub fn press_enter(&self) {
        for (kind, text) in [("keyDown", "\r"), ("keyUp", "")] {
            let event = json!({
                "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": text,
            });
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// Chooses files in an element for them.
    #[track_caller]
    pub fn choose(&self, selector: &str, files: &[&Path]) {
        let element =
            json!({ "expression": format!("document.querySelector({})", json!(selector)) });
        let element = self.command("Runtime.evaluate", &element);
        let chosen = json!({ "files": files, "objectId": element["result"]["objectId"] });
        self.command("DOM.setFileInputFiles", &chosen);
    }

    /// Closes the window.
    #[track_caller]
    pub fn close(self) {
        self.browser.command(None, "Target.closeTarget", &json!({ "targetId": self.target }));
    }

    #[track_caller]
    fn command(&self, method: &str, parameters: &Value) -> Value {
        self.browser.command(Some(&self.session), method, parameters)
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().expect("it is text").to_owned()
}

/// A busy machine starts a browser slowly.
const START_PATIENCE: Duration = Duration::from_secs(60);

const FLAGS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    // The tests may run as root, or in a container; the pages are the test's own.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--password-store=basic",
];
