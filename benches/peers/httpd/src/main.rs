//! The service with httpd: `peer-httpd ADDRESS ROOT INTERVAL_MS`.

use httpd::{
    Broadcast, Event, Limits, Method, Request, Response, Root, Server, Site, StaticFiles, Status,
    Workers, inline,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::time::Duration;

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

fn hello(_: &Request<'_>) -> Response {
    json(&Hello { message: "hello" })
}

fn add(request: &Request<'_>) -> Response {
    let body = request.read_body().unwrap_or_default();
    match serde_json::from_slice::<Terms>(&body) {
        Ok(Terms { a, b }) => json(&Sum { sum: a.wrapping_add(b) }),
        Err(error) => Response::text(format!("{error}\n")).status(Status::BAD_REQUEST),
    }
}

fn json<T: Serialize>(value: &T) -> Response {
    Response::bytes("application/json", serde_json::to_vec(value).expect("it is JSON"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [address, root, interval] =
        [1, 2, 3].map(|n| std::env::args().nth(n).expect("an argument"));
    let interval = Duration::from_millis(interval.parse()?);
    let listeners = Broadcast::new();
    let all = listeners.clone();
    std::thread::spawn(move || {
        for number in 0_u64.. {
            std::thread::sleep(interval);
            all.send(Event::data(format!("message {number}")));
        }
    });
    let site = Site::new()
        .at("/", StaticFiles::new(Root::open(&root)?))
        .at("/hello", hello)
        .at("/add", inline(add).methods(&[Method::Post]))
        .get("/events", move |_| listeners.listen());
    let limits = Limits::default().connections_max(20_000);
    let server = Server::new(site)
        .limits(limits)
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(&address)
        .start()?;
    println!("{}", server.addresses()[0]);
    server.wait();
    Ok(())
}
