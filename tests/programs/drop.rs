//! A file drop: `cargo run --example drop -- 127.0.0.1:8080 FOLDER`, then a browser, or
//!
//! ```sh
//! curl -T report.pdf localhost:8080       # leave a file
//! curl -F f=@a.jpg -F f=@b.jpg localhost:8080
//! curl -O localhost:8080/report.pdf       # fetch it
//! curl -X DELETE localhost:8080/report.pdf
//! ```
//!
//! Whoever can reach it may do all of that, and what is left there is sent as it is, pages with
//! scripts too: it is for people who trust each other.

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

/// A form, and what is in the folder.
fn page(folder: &Path) -> io::Result<String> {
    let mut files: Vec<(OsString, u64)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() && !entry.file_name().as_bytes().starts_with(b".") {
            files.push((entry.file_name(), metadata.len()));
        }
    }
    files.sort();
    let rows: String = files
        .iter()
        .map(|(name, bytes)| {
            let mut path = Vec::new();
            encode_path(name.as_bytes(), &mut path);
            // The dot keeps a colon in a name from being taken for a scheme.
            let href = format!("./{}", escape_html(&String::from_utf8_lossy(&path)));
            let name = escape_html(&name.to_string_lossy());
            format!(
                "<tr><td><a href=\"{href}\">{name}</a><td>{bytes}\
                 <td><button data-href=\"{href}\">Delete</button>\n"
            )
        })
        .collect();
    Ok(PAGE.replace("ROWS", &rows))
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>File drop</title>
<style>body{font:1.1rem system-ui,sans-serif;max-width:40rem;margin:3rem auto}td{padding:.2rem 1rem}</style>
<h1>File drop</h1>
<form method="post" enctype="multipart/form-data">
<input type="file" name="file" multiple required> <button>Leave them here</button>
</form>
<table>
ROWS</table>
<script>
for (const button of document.querySelectorAll("button[data-href]"))
  button.onclick = async () => {
    await fetch(button.dataset.href, { method: "DELETE" });
    location.reload();
  };
</script>
</html>
"#;
