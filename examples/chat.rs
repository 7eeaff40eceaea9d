//! A chat by server-sent events: `cargo run --example chat`, then open <http://localhost:8080/> in two windows, or
//!
//! ```sh
//! curl -N localhost:8080/events                       # stays open and shows each message as it comes
//! curl localhost:8080/messages -d 'hello'             # in another terminal
//! ```
//!
//! Everybody who has the page open is a listener of one `Broadcast`. An open page costs the server a few hundred bytes,
//! and no thread.

use httpd::{Broadcast, Event, RequestError, Response, Server, Site, Status};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let chat = Broadcast::new();
    let listeners = chat.clone();
    let site = Site::new()
        .get("/", |_| Response::html(PAGE))
        .get("/events", move |_| {
            let (events, response) = Response::events();
            // There is room in a new stream.
            let _ = events.try_send(&Event::data("welcome").event("status"));
            let others = listeners.clone();
            events.on_gone(move || {
                others.send(Event::data("somebody leaves").event("status"));
            });
            listeners.send(Event::data("somebody comes").event("status"));
            listeners.add(events);
            response
        })
        .post("/messages", move |request| -> Result<Status, RequestError> {
            chat.send(Event::data(request.read_text()?));
            Ok(Status::NO_CONTENT)
        });
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Chat</title>
<form><input name="text" required autofocus> <button>Send</button></form>
<pre></pre>
<script>
  const show = text => document.querySelector("pre").append(text + "\n");
  const events = new EventSource("/events");
  events.onmessage = event => show(event.data);
  events.addEventListener("status", event => show("(" + event.data + ")"));
  document.querySelector("form").onsubmit = event => {
    event.preventDefault();
    fetch("/messages", { method: "POST", body: event.target.text.value });
    event.target.reset();
  };
</script>
"#;
