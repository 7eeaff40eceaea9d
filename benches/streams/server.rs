//! This server's program.

use httpd::{
    Limits, Method, Request, Response, Root, Server, Site, StaticFiles, Status, Workers, blocking,
    inline,
};
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

/// Serves until it is killed.
pub fn serve(address: &str, directory: &str) -> Result<(), String> {
    let subscribers = Arc::new(Mutex::new(Vec::<Sender<String>>::new()));
    let messages = {
        let subscribers = Arc::clone(&subscribers);
        inline(move |request| {
            let body = request.read_body().expect("it is in memory");
            let text = String::from_utf8_lossy(&body).into_owned();
            let mut subscribers = subscribers.lock().expect("no handler panics with the lock");
            subscribers.retain(|it| it.send(text.clone()).is_ok());
            Response::new(Status::NO_CONTENT)
        })
    };
    let events = blocking(move |_: &Request<'_>| {
        let (sender, receiver) = channel();
        subscribers.lock().expect("no handler panics with the lock").push(sender);
        Response::stream("text/event-stream", move |out| {
            loop {
                out.flush()?;
                let Ok(text) = receiver.recv() else { return Ok(()) };
                write!(out, "data: {text}\n\n")?;
            }
        })
    });
    let root = Root::open(directory).map_err(|error| format!("{directory}: {error}"))?;
    let site = Site::new()
        .at("/", StaticFiles::new(root))
        .at("/messages", messages.methods(&[Method::Post]))
        .at("/events", events);
    let limits = Limits::default().connections_max(30_000).handler_threads_max(30_000);
    Server::new(site)
        .limits(limits)
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(address)
        .run()
        .map_err(|error| error.to_string())
}
