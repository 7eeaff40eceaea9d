//! A JSON API with shared state: `cargo run --example json`, then
//!
//! ```sh
//! curl localhost:8080/notes -d '{"text": "buy milk"}'    # 201, with the path of the note
//! curl localhost:8080/notes                              # all notes
//! curl localhost:8080/notes/1
//! curl localhost:8080/notes/1 -X DELETE
//! curl localhost:8080/notes -d 'buy milk'                # 400: it is not JSON
//! ```
//!
//! The notes are in memory and nothing here blocks, so the handlers run on the workers. One that asks
//! a database belongs on a thread: put it there with `at` and `blocking`.

use httpd::{Request, Response, Server, Site, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Notes {
    last: u64,
    texts: BTreeMap<u64, String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let notes = Arc::new(Mutex::new(Notes::default()));

    // Each handler has the notes by a clone of the `Arc`.
    let with_notes = |function: fn(&mut Notes, &Request) -> Response| {
        let notes = Arc::clone(&notes);
        move |request: &Request| {
            function(&mut notes.lock().expect("no handler panics with the lock"), request)
        }
    };
    let site = Site::new()
        .get("/notes", with_notes(|notes, _| json_response(&json!(notes.texts))))
        .post("/notes", with_notes(add))
        .get("/notes/{id}", with_notes(show))
        .delete("/notes/{id}", with_notes(remove));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/notes", server.addresses()[0]);
    server.wait();
    Ok(())
}

fn add(notes: &mut Notes, request: &Request) -> Response {
    let note: Value =
        serde_json::from_slice(&request.read_body().unwrap_or_default()).unwrap_or_default();
    let Some(text) = note["text"].as_str() else {
        return refused(Status::BAD_REQUEST, "send {\"text\": \"…\"}");
    };
    notes.last += 1;
    notes.texts.insert(notes.last, text.to_owned());
    let path = format!("/notes/{}", notes.last);
    json_response(&json!({ "path": path })).status(Status::CREATED).header("Location", path)
}

fn show(notes: &mut Notes, request: &Request) -> Response {
    match id(request).and_then(|id| notes.texts.get(&id)) {
        Some(text) => json_response(&json!({ "text": text })),
        None => refused(Status::NOT_FOUND, "there is no such note"),
    }
}

fn remove(notes: &mut Notes, request: &Request) -> Response {
    match id(request).and_then(|id| notes.texts.remove(&id)) {
        Some(_) => Response::new(Status::NO_CONTENT),
        None => refused(Status::NOT_FOUND, "there is no such note"),
    }
}

fn id(request: &Request) -> Option<u64> {
    request.parameter("id")?.parse().ok()
}

fn refused(status: Status, reason: &str) -> Response {
    json_response(&json!({ "error": reason })).status(status)
}

fn json_response(value: &Value) -> Response {
    Response::bytes("application/json", format!("{value}\n").into_bytes())
}
