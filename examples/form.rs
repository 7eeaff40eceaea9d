//! Forms that a handler reads itself: `cargo run --example form`, then open <http://localhost:8080/>, or
//!
//! ```sh
//! curl localhost:8080/orders -d name=Ada -d count=2 -d colour=red -d colour=blue
//! curl localhost:8080/orders -F name=Ada -F count=2 -F picture=@a.jpg      # the other encoding, with a file
//! curl localhost:8080/orders -d name=Ada -d count=many                     # 422: the field "count": …
//! curl localhost:8080/lines -F file=@large.log                             # read while it arrives, in pieces
//! ```
//!
//! To store the files of a form in a directory, no handler is needed: see the example `upload`.

use httpd::{Failure, Method, Request, RequestError, Response, Server, Site, Status, blocking};
use std::io::{BufRead, BufReader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    // A picture may be large: both wait for the disk or for the client, so they run on threads.
    let orders = blocking(order).methods(&[Method::Post]).body_bytes_max(10 << 20);
    let lines = blocking(count_lines).methods(&[Method::Post]).body_bytes_max(100 << 30).streamed();
    let site =
        Site::new().get("/", |_| Response::html(PAGE)).at("/orders", orders).at("/lines", lines);
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}

/// Reads a form of either encoding into memory. What is wrong with it is the response.
fn order(request: &Request<'_>) -> Result<String, RequestError> {
    let form = request.form()?;
    let name = form.required("name")?;
    let count: u32 = form.parse("count")?;
    if !(1..=100).contains(&count) {
        let text = "the field \"count\": order 1 to 100";
        return Err(RequestError::new(Status::UNPROCESSABLE_CONTENT, text));
    }
    let colours: Vec<&str> = form.values("colour").collect();
    let picture = match form.file("picture") {
        Some(picture) => format!("{} of {} bytes", picture.name(), picture.bytes().len()),
        None => "none".to_owned(),
    };
    Ok(format!("{count} for {name}\ncolours: {}\npicture: {picture}\n", colours.join(", ")))
}

/// Reads files of any size, a piece at a time.
fn count_lines(request: &Request<'_>) -> Result<String, Failure> {
    let mut parts = request.multipart()?;
    let mut report = String::new();
    while let Some(part) = parts.next_part()? {
        let Some(name) = part.file_name().map(|name| name.into_owned()) else { continue };
        let mut lines = 0;
        let mut part = BufReader::new(part);
        while part.skip_until(b'\n')? > 0 {
            lines += 1;
        }
        report += &format!("{name}: {lines} lines\n");
    }
    Ok(report)
}

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Order</title>
<form action="/orders" method="post" enctype="multipart/form-data">
  <p><input name="name" placeholder="name" required>
  <p><input type="number" name="count" value="1">
  <p><label><input type="checkbox" name="colour" value="red"> red</label>
    <label><input type="checkbox" name="colour" value="blue"> blue</label>
  <p><input type="file" name="picture">
  <p><button>Order</button>
</form>
"#;
