//! The service with httpd: `peer-httpd ADDRESS ROOT`.

use httpd::{
    Broadcast, CacheLimits, Event, Limits, RequestError, Response, Root, Server, Site, StaticFiles,
    Status, Workers,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [address, root] = [1, 2].map(|n| std::env::args().nth(n).expect("an argument"));
    let news = Broadcast::new();
    let listeners = news.clone();
    let site = Site::new()
        .at("/", StaticFiles::new(Root::open(&root)?))
        .get("/hello", |_| Response::json(&Hello { message: "hello" }))
        .post("/add", |request| -> Result<Response, RequestError> {
            let Terms { a, b } = request.json()?;
            Ok(Response::json(&Sum { sum: a.wrapping_add(b) }))
        })
        .get("/events", move |_| listeners.listen())
        .post("/messages", move |request| -> std::io::Result<Status> {
            news.send(Event::data(String::from_utf8_lossy(&request.read_body()?)));
            Ok(Status::NO_CONTENT)
        });
    let server = Server::new(site)
        .limits(Limits::default().connections_max(20_000))
        // One file is served; the descriptors are for clients.
        .cache(CacheLimits::default().descriptors_max(100))
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(&address)
        .start()?;
    println!("{}", server.addresses()[0]);
    server.wait();
    Ok(())
}
