//! The site that is driven: its files and its handlers.

use super::digits;
use crate::files::{Prefetch, Root};
use crate::http::{Method, Status};
use crate::site::{
    Answer, Context, Decision, Handler, Request, Response, Site, StaticFiles, blocking, inline,
};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// The sample site.
pub(super) fn site(folder: &SampleFolder) -> Site {
    let root = Root::open(&folder.path).expect("the folder was just made");
    let site = Site::new()
        .at("/", StaticFiles::new(root))
        .at("/hello", |_: &Request<'_>| "hello\n")
        .at("/long", |_: &Request<'_>| Response::text(digits(LONG_BYTES)))
        .at("/empty", |_: &Request<'_>| Response::new(Status::NO_CONTENT))
        .at("/cold", ColdOnce::default())
        .at("/mirror", inline(mirror).methods(&[Method::Post]))
        .at("/offload", blocking(offload).methods(&[Method::Post]))
        .at("/early", blocking(early).methods(&[Method::Post]).streamed())
        .at("/shout", blocking(shout).methods(&[Method::Post]).streamed());
    // Any bytes would wait for a sender for ever.
    #[cfg(test)]
    let site = super::senders::with_streams(site, folder);
    site
}

/// A handler that has to wait for the disk every other time that it is asked.
#[derive(Default)]
pub(in crate::server) struct ColdOnce(AtomicBool);

impl Handler for ColdOnce {
    fn answer(&self, _request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        if self.0.fetch_not(Ordering::Relaxed) {
            Response::text("warm\n").into()
        } else {
            let file = File::open("/dev/null").expect("every Linux has it");
            Answer(Decision::Cold(Prefetch::Piece {
                file: file.into(),
                range: 0..1,
                ahead_bytes: 0,
            }))
        }
    }
}

/// Sends the body back, at once.
pub(in crate::server) fn mirror(request: &Request<'_>) -> Response {
    Response::bytes("text/plain", request.read_body().expect("it is in memory"))
}

/// Sends the body back, from a thread.
pub(in crate::server) fn offload(request: &Request<'_>) -> Response {
    let body = request.read_body().expect("it is whole");
    Response::bytes("text/plain", body)
}

/// Responds before it has read the body, and never reads it.
fn early(_: &Request<'_>) -> Response {
    Response::bytes("text/plain", digits(LONG_BYTES).into_bytes())
}

/// Sends the body back in capitals as it comes, from a thread.
fn shout(request: &Request<'_>) -> Response {
    let mut arriving = request.take_body();
    Response::written("text/plain", move |out| {
        let mut body = Vec::new();
        arriving.read_to_end(&mut body)?;
        out.write_all(&body.to_ascii_uppercase())
    })
}

/// A folder with the sample files, gone when it is dropped.
pub(super) struct SampleFolder {
    pub(super) path: PathBuf,
    /// What the handlers of streams have opened.
    #[cfg(test)]
    pub(super) senders: super::senders::Senders,
}

impl SampleFolder {
    pub(super) fn new() -> SampleFolder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("httpd-driven-{}-{number}", std::process::id());
        let folder = SampleFolder {
            path: std::env::temp_dir().join(name),
            #[cfg(test)]
            senders: super::senders::Senders::default(),
        };
        fs::create_dir(&folder.path).expect("the name is new");
        folder.write("small.txt", "small\n");
        folder.write("middle.txt", &digits(MIDDLE_BYTES));
        folder.write("large.bin", &digits(LARGE_BYTES));
        folder
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that has rested for a day.
    pub(super) fn write(&self, name: &str, contents: &str) {
        write_old(&self.path_of(name), contents);
    }
}

fn write_old(path: &Path, contents: &str) {
    fs::write(path, contents).expect("the folder is ours");
    let file = File::options().write(true).open(path);
    let a_day_ago = SystemTime::now() - Duration::from_secs(86_400);
    file.and_then(|file| file.set_modified(a_day_ago)).expect("the file is ours");
}

impl Drop for SampleFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Larger than what is copied behind a head, small enough to be kept in memory.
pub(super) const MIDDLE_BYTES: usize = 5_000;
pub(super) const IN_MEMORY_BYTES_MAX: u64 = 6_000;

/// Sent from its descriptor.
pub(super) const LARGE_BYTES: usize = 12_500;

/// Content of a handler that is not copied behind its head.
pub(super) const LONG_BYTES: usize = 4_500;
