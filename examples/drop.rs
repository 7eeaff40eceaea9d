//! A file drop: `cargo run --example drop`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl -T report.pdf localhost:8080       # leave a file
//! curl -F f=@a.jpg -F f=@b.jpg localhost:8080
//! curl -O localhost:8080/report.pdf       # fetch it
//! curl -X DELETE localhost:8080/report.pdf
//! ```
//!
//! The files are in `./drop`, or in the folder given after the address:
//! `cargo run --example drop -- 127.0.0.1:8080 FOLDER`.
//!
//! **There is no authentication**: anyone who can connect can do all of that. Files are sent as they
//! came, even pages with scripts: use it among people who trust each other.

use httpd::files::{WritableRoot, WriteRules};
use httpd::http::target::encode_path;
use httpd::site::redirect::escape_html;
use httpd::{
    Location, Method, OwnedRequest, OwnedResponse, Root, Server, Site, StaticFiles, Status, Store,
    blocking,
};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let folder = arguments.next().unwrap_or_else(|| "drop".to_owned());
    std::fs::create_dir_all(&folder)?;
    let root = Root::open(&folder)?;
    let rules = WriteRules { file_bytes_max: 4 << 30, ..WriteRules::default() };
    let writable = WritableRoot::new(root.clone(), rules);
    let store = |methods: &[Method]| Store::new(writable.clone()).methods(methods);

    let page = {
        let root = root.clone();
        blocking(move |_: OwnedRequest| match page(root.path()) {
            Ok(html) => OwnedResponse::html(html).header("Cache-Control", "no-cache"),
            Err(error) => {
                OwnedResponse::text(format!("{error}\n")).status(Status::INTERNAL_SERVER_ERROR)
            }
        })
    };
    let site = Site::new()
        // A form is answered with a redirect to its directory, which is this page.
        .at(Location::exact("/"), page)
        .at(Location::exact("/"), store(&[Method::Post]))
        .at("/", StaticFiles::new(root))
        .at("/", store(&[Method::Put, Method::Delete]));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// A form, and the files in the folder with the newest first, so that what was just sent is on top.
fn page(folder: &Path) -> io::Result<String> {
    let mut files: Vec<(SystemTime, OsString, u64)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() && !entry.file_name().as_bytes().starts_with(b".") {
            files.push((metadata.modified()?, entry.file_name(), metadata.len()));
        }
    }
    files.sort();
    let rows: String = files
        .iter()
        .rev()
        .map(|(_, name, bytes)| {
            let mut path = Vec::new();
            encode_path(name.as_bytes(), &mut path);
            // The dot keeps a colon in a name from being taken for a scheme.
            let href = format!("./{}", escape_html(&String::from_utf8_lossy(&path)));
            let name = escape_html(&name.to_string_lossy());
            let size = size(*bytes);
            format!(
                "<li><a href=\"{href}\">{name}</a> <span>{size}</span> <button>Delete</button>\n"
            )
        })
        .collect();
    Ok(include_str!("drop.html").replace("FILES", &rows))
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
