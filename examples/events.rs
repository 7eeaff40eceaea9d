//! Server-sent events: `cargo run --example events`, then open <http://localhost:8080/> in two windows, or
//!
//! ```sh
//! curl -N localhost:8080/events                  # stays open and shows each message as it comes
//! curl localhost:8080/messages -d 'hello'        # in another terminal
//! ```
//!
//! Each open stream occupies a thread of the pool: `Limits::handler_threads_max` bounds how many.

use httpd::{Limits, Method, Response, Server, Site};
use httpd::{blocking, inline};
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let subscribers = Arc::new(Mutex::new(Vec::<Sender<String>>::new()));

    let messages = {
        let subscribers = Arc::clone(&subscribers);
        inline(move |request| -> std::io::Result<()> {
            let text = String::from_utf8_lossy(&request.read_body()?).into_owned();
            let mut subscribers = subscribers.lock().expect("no handler panics with the lock");
            // Sending fails once a stream has ended: such subscribers are removed.
            subscribers.retain(|it| it.send(text.clone()).is_ok());
            Ok(())
        })
    };
    let events = blocking(move |_| {
        let (sender, receiver) = channel();
        subscribers.lock().expect("no handler panics with the lock").push(sender);
        Response::stream("text/event-stream", move |out| {
            writeln!(out, ": subscribed\n")?;
            loop {
                // Sends what was written. It fails when the client has gone, which ends the stream.
                out.flush()?;
                match receiver.recv_timeout(SILENCE_MAX) {
                    Ok(text) => {
                        text.lines().try_for_each(|line| writeln!(out, "data: {line}"))?;
                        writeln!(out)?;
                    }
                    Err(RecvTimeoutError::Timeout) => writeln!(out, ": still here\n")?,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        })
        .header("Cache-Control", "no-store")
    });

    let site = Site::new()
        .get("/", |_| Response::html(PAGE))
        .at("/messages", messages.methods(&[Method::Post]))
        .at("/events", events);
    let limits = Limits::default().handler_threads_max(200);
    let server = Server::new(site).limits(limits).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// Shorter than `Limits::answer_timeout`, after which a silent response is broken off.
const SILENCE_MAX: Duration = Duration::from_secs(15);

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Events</title>
<form><input name="text" required autofocus> <button>Send</button></form>
<pre></pre>
<script>
  new EventSource("/events").onmessage = event => document.querySelector("pre").append(event.data + "\n");
  document.querySelector("form").onsubmit = event => {
    event.preventDefault();
    fetch("/messages", { method: "POST", body: event.target.text.value });
    event.target.reset();
  };
</script>
"#;
