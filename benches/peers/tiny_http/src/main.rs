//! The service with tiny_http: `peer-tiny-http ADDRESS ROOT`.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Component, Path};
use std::sync::Mutex;
use tiny_http::{Header, Method, Request, Response, Server};

#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

#[derive(Deserialize)]
struct Terms {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
struct Sum {
    sum: i64,
}

type Listeners = Mutex<Vec<Box<dyn Write + Send>>>;

fn main() {
    let [address, root] = [1, 2].map(|n| std::env::args().nth(n).expect("an argument"));
    let listeners = Listeners::default();
    let server = Server::http(&address).expect("the address is free");
    println!("{}", server.server_addr());
    for request in server.incoming_requests() {
        let _ = respond(request, Path::new(&root), &listeners);
    }
}

fn respond(mut request: Request, root: &Path, listeners: &Listeners) -> std::io::Result<()> {
    match (request.method(), request.url()) {
        (Method::Get, "/hello") => request.respond(json(&Hello { message: "hello" })),
        (Method::Post, "/add") => match serde_json::from_reader::<_, Terms>(request.as_reader()) {
            Ok(Terms { a, b }) => request.respond(json(&Sum { sum: a.wrapping_add(b) })),
            Err(_) => request.respond(Response::empty(400)),
        },
        (Method::Get, "/events") => {
            let mut writer = request.into_writer();
            writer.write_all(EVENTS)?;
            writer.flush()?;
            listeners.lock().expect("no thread panics with the lock").push(writer);
            Ok(())
        }
        (Method::Post, "/messages") => {
            let mut text = String::new();
            request.as_reader().read_to_string(&mut text)?;
            let message = format!("data: {text}\n\n");
            let chunk = format!("{:x}\r\n{message}\r\n", message.len());
            let mut all = listeners.lock().expect("no thread panics with the lock");
            // One that reads nothing holds up all the others: tiny_http has nothing else to offer.
            all.retain_mut(|it| it.write_all(chunk.as_bytes()).and_then(|()| it.flush()).is_ok());
            request.respond(Response::empty(204))
        }
        (Method::Get, path) => {
            let path = Path::new(path.trim_start_matches('/'));
            let plain = path.components().all(|it| matches!(it, Component::Normal(_)));
            match File::open(root.join(path)) {
                Ok(file) if plain => request.respond(Response::from_file(file)),
                _ => request.respond(Response::empty(404)),
            }
        }
        _ => request.respond(Response::empty(405)),
    }
}

fn json<T: Serialize>(value: &T) -> Response<std::io::Cursor<Vec<u8>>> {
    let header = Header::from_bytes("Content-Type", "application/json").expect("it is a header");
    let body = serde_json::to_vec(value).expect("it is JSON");
    Response::from_data(body).with_header(header)
}

const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
    Transfer-Encoding: chunked\r\n\r\n";
