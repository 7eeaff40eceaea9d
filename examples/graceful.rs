//! A graceful stop: `cargo run --example graceful`, then
//!
//! ```sh
//! curl -N localhost:8080/countdown     # takes three seconds; meanwhile, in another terminal:
//! pkill -TERM -x graceful              # or press Ctrl-C where it runs
//! ```
//!
//! The countdown goes on to its end while new connections are refused; then the program exits with
//! status 0. A second signal stops it at once, in the middle of a response.

use httpd::{Response, Server, Site, blocking};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    // Before the server starts: from here on, a signal no longer ends the program by itself.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;

    let countdown = blocking(|_| {
        Response::written("text/plain; charset=utf-8", |out| {
            for seconds in (1..=3).rev() {
                writeln!(out, "{seconds}")?;
                out.flush()?;
                thread::sleep(Duration::from_secs(1));
            }
            writeln!(out, "done")
        })
    });
    let site = Site::new().at("/countdown", countdown);
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/countdown", server.addresses()[0]);

    let handle = server.handle();
    thread::spawn(move || {
        let mut signals = signals.forever();
        signals.next();
        println!("stopping: waiting for open requests, for 10 seconds at most");
        handle.stop();
        signals.next();
        handle.stop_now();
    });
    server.wait();
    println!("stopped");
    Ok(())
}
