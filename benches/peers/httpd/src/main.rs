//! The service with httpd: `peer-httpd ADDRESS ROOT INTERVAL_MS`.

use httpd::{Limits, Method, Request, Response, Root, Server, Site, StaticFiles, Status, Workers, blocking, inline};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
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
    let listeners = Arc::new(Mutex::new(Vec::<Sender<Arc<str>>>::new()));
    let all = Arc::clone(&listeners);
    std::thread::spawn(move || {
        for number in 0_u64.. {
            std::thread::sleep(interval);
            let message: Arc<str> = format!("data: message {number}\n\n").into();
            let mut all = all.lock().expect("no thread panics with the lock");
            all.retain(|it| it.send(Arc::clone(&message)).is_ok());
        }
    });
    let events = blocking(move |_: &Request<'_>| {
        let (sender, receiver) = channel();
        listeners.lock().expect("no thread panics with the lock").push(sender);
        Response::stream("text/event-stream", move |out| {
            out.flush()?;
            while let Ok(message) = receiver.recv() {
                out.write_all(message.as_bytes())?;
                out.flush()?;
            }
            Ok(())
        })
        .header("Cache-Control", "no-cache")
    });
    let site = Site::new()
        .at("/", StaticFiles::new(Root::open(&root)?))
        .at("/hello", hello)
        .at("/add", inline(add).methods(&[Method::Post]))
        .at("/events", events);
    let limits =
        Limits::default().connections_max(20_000).handler_threads_max(1_100);
    let server = Server::new(site)
        .limits(limits)
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(&address)
        .start()?;
    println!("{}", server.addresses()[0]);
    server.wait();
    Ok(())
}
