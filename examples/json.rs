//! A JSON API with shared state: `cargo run --example json --features json`, then
//!
//! ```sh
//! curl --json '{"text": "buy milk"}' localhost:8080/notes    # 201, with the path of the note
//! curl localhost:8080/notes                                  # all notes
//! curl localhost:8080/notes/1
//! curl localhost:8080/notes/1 -X DELETE
//! curl --json 'buy milk' localhost:8080/notes                # 400: it is not JSON
//! curl --json '{"text": 5}' localhost:8080/notes             # 422: the text is a number
//! ```
//!
//! The notes are in memory and nothing here blocks, so the handlers run on the workers. One that asks
//! a database belongs on a thread: put it there with `at` and `blocking`.

use httpd::{IntoResponse, Request, RequestError, Response, Server, Site, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}

#[derive(Default)]
struct Notes {
    last: u64,
    all: BTreeMap<u64, Note>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let notes = Arc::new(Mutex::new(Notes::default()));
    let site = Site::new()
        .get("/notes", with(&notes, |notes, _| Response::json(&notes.all)))
        .post("/notes", with(&notes, add))
        .get("/notes/{id}", with(&notes, show))
        .delete("/notes/{id}", with(&notes, remove));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/notes", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// A handler that has the notes, by a clone of the `Arc`.
fn with<R: IntoResponse>(
    notes: &Arc<Mutex<Notes>>,
    function: fn(&mut Notes, &Request) -> R,
) -> impl Fn(&Request) -> R + use<R> {
    let notes = Arc::clone(notes);
    move |request| function(&mut notes.lock().expect("no handler panics with the lock"), request)
}

/// What is wrong with the note is the response: `?` sees to that.
fn add(notes: &mut Notes, request: &Request) -> Result<Response, RequestError> {
    let note: Note = request.json()?;
    notes.last += 1;
    notes.all.insert(notes.last, note);
    let path = format!("/notes/{}", notes.last);
    let response = Response::json(&BTreeMap::from([("path", &path)]));
    Ok(response.status(Status::CREATED).header("Location", &path))
}

/// `None` is 404.
fn show(notes: &mut Notes, request: &Request) -> Option<Response> {
    notes.all.get(&id(request)?).map(Response::json)
}

fn remove(notes: &mut Notes, request: &Request) -> Option<Status> {
    notes.all.remove(&id(request)?).map(|_| Status::NO_CONTENT)
}

fn id(request: &Request) -> Option<u64> {
    request.parameter("id")?.parse().ok()
}
