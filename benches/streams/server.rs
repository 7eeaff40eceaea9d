//! This server's program.

use httpd::{
    Broadcast, CacheLimits, Event, Limits, Root, Server, Site, StaticFiles, Status, Workers,
};
use std::num::NonZeroUsize;

/// Serves until it is killed.
pub fn serve(address: &str, directory: &str) -> Result<(), String> {
    let broadcast = Broadcast::new();
    let listeners = broadcast.clone();
    let root = Root::open(directory).map_err(|error| format!("{directory}: {error}"))?;
    let site = Site::new()
        .at("/", StaticFiles::new(root))
        .get("/events", move |_| listeners.listen())
        .post("/messages", move |request| -> std::io::Result<Status> {
            broadcast.send(Event::data(String::from_utf8_lossy(&request.read_body()?)));
            Ok(Status::NO_CONTENT)
        });
    let limits = Limits::default().connections_max(30_000);
    Server::new(site)
        .limits(limits)
        // What the cache may not use is for connections.
        .cache(CacheLimits::default().descriptors_max(100))
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(address)
        .run()
        .map_err(|error| error.to_string())
}
