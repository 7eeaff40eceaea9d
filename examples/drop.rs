//! A file drop: `cargo run --example drop`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl -T report.pdf localhost:8080       # leave a file
//! curl -F f=@a.jpg -F f=@b.jpg localhost:8080
//! curl 'localhost:8080/?files'           # which files there are
//! curl -O localhost:8080/report.pdf       # fetch it
//! curl -X DELETE localhost:8080/report.pdf
//! ```
//!
//! The files are in `./drop`, or in the folder given after the address:
//! `cargo run --example drop -- 127.0.0.1:8080 FOLDER`.
//!
//! **There is no authentication**: anyone who can connect can do all of that. Files are sent as they
//! came, even pages with scripts: use it among people who trust each other.

use httpd::{
    FormUpload, Location, Response, Root, Server, Site, StaticFiles, Status, Store, blocking,
};
use httpd::{WritableRoot, WriteRules};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let folder = arguments.next().unwrap_or_else(|| "drop".to_owned());
    std::fs::create_dir_all(&folder)?;
    let root = Root::open(&folder)?;
    let rules = WriteRules::default().file_bytes_max(4 << 30);
    let writable = WritableRoot::new(root.clone(), rules);

    let page = {
        let root = root.clone();
        blocking(move |request| match request.query() {
            Some("files") => match list(root.path()) {
                Ok(files) => json_response(&files),
                Err(error) => json_response(&json!({ "error": error.to_string() }))
                    .status(Status::INTERNAL_SERVER_ERROR),
            },
            _ => Response::html(include_str!("drop.html")),
        })
    };
    let site = Site::new()
        // A browser that sends a form without a script is redirected to the directory: this page.
        .at(Location::exact("/"), page)
        .at(Location::exact("/"), FormUpload::new(writable.clone()))
        .at("/", StaticFiles::new(root))
        .at("/", Store::new(writable));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// The files in the folder, the newest first, so that what was just sent is on top.
fn list(folder: &Path) -> io::Result<Value> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if metadata.is_file() && !name.starts_with('.') {
            files.push((metadata.modified()?, name, metadata.len()));
        }
    }
    files.sort();
    Ok(files.iter().rev().map(|(_, name, bytes)| json!({ "name": name, "bytes": bytes })).collect())
}

fn json_response(value: &Value) -> Response {
    Response::bytes("application/json", format!("{value}\n").into_bytes())
        .header("Cache-Control", "no-cache")
}
