//! An upload by form: `cargo run --example upload`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl -F file=@a.jpg -F file=@b.jpg localhost:8080/files/    # 201, and the paths of the files
//! curl -O localhost:8080/files/a.jpg
//! curl -F file=@a.jpg localhost:8080/files/                   # 409: it exists already
//! ```
//!
//! A form stores all of its files or none, and each appears in one step, when it is complete. The
//! example `drop` is larger: it lists the files, replaces and deletes them.
//!
//! **There is no authentication**: anyone who can connect can store files.

use httpd::{FormUpload, Response, Root, Server, Site, StaticFiles};
use httpd::{WritableRoot, WriteRules};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let folder = arguments.next().unwrap_or_else(|| "uploads".to_owned());
    std::fs::create_dir_all(&folder)?;
    let root = Root::open(&folder)?;
    let rules = WriteRules::default().file_bytes_max(100 << 20);
    let forms = FormUpload::new(WritableRoot::new(root.clone(), rules));

    let site = Site::new()
        .get("/", |_| Response::html(PAGE))
        .at("/files/", StaticFiles::new(root))
        .at("/files/", forms);
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Upload</title>
<form action="/files/" method="post" enctype="multipart/form-data">
  <input type="file" name="file" multiple required> <button>Send</button>
</form>
<pre></pre>
<script>
  document.querySelector("form").onsubmit = async event => {
    event.preventDefault();
    const reply = await fetch("/files/", { method: "POST", body: new FormData(event.target) });
    document.querySelector("pre").textContent = await reply.text();
  };
</script>
"#;
