//! A counter that speaks JSON: `cargo run --example counter`, then
//!
//! ```sh
//! curl localhost:8080/counter
//! curl localhost:8080/counter -d '{"add": 5}'
//! curl localhost:8080/report          # takes its time, and holds nobody up
//! curl localhost:8080/stop -X POST    # ends the program
//! ```

use httpd::{
    Handle, Location, Method, OwnedRequest, OwnedResponse, Request, Response, Server, Site, Status,
    blocking, inline,
};
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let count = Arc::new(AtomicI64::new(0));
    let stop = Arc::new(OnceLock::<Handle>::new());

    let counter = {
        let count = Arc::clone(&count);
        inline(move |request: &Request<'_>, content: &[u8]| match request.method() {
            Method::Post => match addend(content) {
                Some(addend) => shown(count.fetch_add(addend, Ordering::SeqCst) + addend),
                None => json("{\"error\":\"say {\\\"add\\\": N}\"}\n").status(Status::BAD_REQUEST),
            },
            _ => shown(count.load(Ordering::SeqCst)),
        })
    };
    let report = blocking(move |_: OwnedRequest| {
        let count = Arc::clone(&count);
        OwnedResponse::stream("text/plain; charset=utf-8", move |out| {
            for number in 0..=count.load(Ordering::SeqCst) {
                writeln!(out, "{number} squared is {}", i128::from(number) * i128::from(number))?;
            }
            Ok(())
        })
    });
    let ending = {
        let stop = Arc::clone(&stop);
        inline(move |_, _| {
            if let Some(handle) = stop.get() {
                handle.stop();
            }
            Response::text("good bye\n")
        })
    };

    let site = Site::new()
        .at(Location::exact("/counter"), counter.methods(&[Method::Get, Method::Post]))
        .at(Location::exact("/report"), report)
        .at(Location::exact("/stop"), ending.methods(&[Method::Post]));
    let server = Server::new(site).listen(&address).start()?;
    // Nobody can have asked for the end before: the address was not told yet.
    let _ = stop.set(server.handle());
    println!("http://{}/counter", server.addresses()[0]);
    server.wait();
    Ok(())
}

fn shown(count: i64) -> Response {
    json(&format!("{{\"count\":{count}}}\n"))
}

fn json(text: &str) -> Response {
    Response::bytes("application/json", text.as_bytes().to_vec())
}

/// The number in `{"add": N}`. A program of any size would let a library read its JSON.
fn addend(content: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(content).ok()?.trim();
    let inner = text.strip_prefix('{')?.strip_suffix('}')?.trim_start();
    inner.strip_prefix("\"add\"")?.trim_start().strip_prefix(':')?.trim().parse().ok()
}
