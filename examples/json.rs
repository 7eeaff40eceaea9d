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
//! a database belongs on a thread: make it with `blocking` instead of `inline`.

use httpd::{Location, Method, Request, Response, Server, Site, Status, inline};
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

    let all = {
        let notes = Arc::clone(&notes);
        inline(move |request: &Request<'_>, body: &[u8]| {
            let mut notes = notes.lock().expect("no handler panics with the lock");
            match request.method() {
                Method::Post => add(&mut notes, body),
                _ => json_response(&json!(notes.texts)),
            }
        })
    };
    let one = inline(move |request: &Request<'_>, _: &[u8]| {
        let mut notes = notes.lock().expect("no handler panics with the lock");
        // What follows "/notes" in the path: "/1".
        let id = std::str::from_utf8(request.path_in_location()).ok();
        let id = id.and_then(|id| id.strip_prefix('/')).and_then(|id| id.parse::<u64>().ok());
        let note = id.and_then(|id| match request.method() {
            Method::Delete => notes.texts.remove(&id).map(|_| Response::new(Status::NO_CONTENT)),
            _ => notes.texts.get(&id).map(|text| json_response(&json!({ "text": text }))),
        });
        note.unwrap_or_else(|| refused(Status::NOT_FOUND, "there is no such note"))
    });

    let site = Site::new()
        .at(Location::exact("/notes"), all.methods(&[Method::Get, Method::Post]))
        .at("/notes", one.methods(&[Method::Get, Method::Delete]));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/notes", server.addresses()[0]);
    server.wait();
    Ok(())
}

fn add(notes: &mut Notes, body: &[u8]) -> Response {
    let note: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(text) = note["text"].as_str() else {
        return refused(Status::BAD_REQUEST, "send {\"text\": \"…\"}");
    };
    notes.last += 1;
    notes.texts.insert(notes.last, text.to_owned());
    let path = format!("/notes/{}", notes.last);
    json_response(&json!({ "path": path })).status(Status::CREATED).header("Location", path)
}

fn refused(status: Status, reason: &str) -> Response {
    json_response(&json!({ "error": reason })).status(status)
}

fn json_response(value: &Value) -> Response {
    Response::bytes("application/json", format!("{value}\n").into_bytes())
}
