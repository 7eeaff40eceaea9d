//! Server-sent events: `cargo run --example events`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl -N localhost:8080/events                             # a number every half second, as long as it runs
//! curl -N localhost:8080/events -H 'Last-Event-ID: 3'       # the ones after 3 first
//! ```
//!
//! No stream occupies a thread. A browser that was cut off connects again and misses nothing, for it says which event
//! it has seen last. See the example `chat` for messages to everybody.

use httpd::{Broadcast, Event, Response, Server, Site};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let ticker = Arc::new(Mutex::new(Ticker::default()));
    let opened = Arc::clone(&ticker);
    let site = Site::new().get("/", |_| Response::html(PAGE)).get("/events", move |request| {
        let seen = request.header("Last-Event-ID").and_then(|id| id.parse().ok());
        opened.lock().expect("nobody panics with the lock").open(seen)
    });
    thread::spawn(move || {
        loop {
            ticker.lock().expect("nobody panics with the lock").tick();
            thread::sleep(Duration::from_millis(500));
        }
    });
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// Sends numbers, and remembers the last of them.
#[derive(Default)]
struct Ticker {
    number: u64,
    recent: VecDeque<(u64, Event)>,
    listeners: Broadcast,
}

impl Ticker {
    fn tick(&mut self) {
        self.number += 1;
        let event = Event::data(format!("number {}", self.number)).id(self.number);
        self.listeners.send(&event);
        self.recent.push_back((self.number, event));
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// A stream for one more client, which has seen the events up to this one.
    fn open(&mut self, seen: Option<u64>) -> Response {
        let (events, response) = Response::events();
        // What it has missed, and then what comes: nothing can come in between, because the ticker is locked.
        for (number, event) in &self.recent {
            if seen.is_some_and(|seen| seen < *number) && events.try_send(event).is_err() {
                break;
            }
        }
        self.listeners.add(events);
        response
    }
}

/// A client that was away for longer misses some.
const RECENT_MAX: usize = 100;

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Events</title>
<p>The last event: <output></output>
<script>
  const output = document.querySelector("output");
  new EventSource("/events").onmessage = event => output.value = event.data;
</script>
"#;
