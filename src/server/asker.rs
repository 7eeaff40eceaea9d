//! A site that is asked on the caller's thread, one request after another, as a worker asks it.
//!
//! It must never know a socket, or a worker.

use super::clock::{self, TurnClock};
use crate::files::{CacheLimits, Disk, Now, OpenFiles, Prefetch, Root};
use crate::http::h1::write::{Delimiter, Persistence, ResponseLine, write_head};
use crate::http::{Cancellation, RequestHead, Status, Version};
use crate::site::{
    Answer, Body, BodyPolicy, BodyUse, Context, Decision, Freshness, Job, Leading, RequestBody,
    Response, Route, Site, Worked, take_answer,
};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

/// Asks sites on this thread, and remembers what it has seen of the disk meanwhile.
pub(crate) struct Asker {
    files: OpenFiles,
}

/// What a site makes of a request.
pub(crate) struct Asked {
    /// Where the request went.
    pub(crate) route: Route,
    /// The response; that to a HEAD has the body that a GET would get.
    pub(crate) response: Response,
    /// Whether it is for an application in another process, so that the response is made up.
    pub(crate) is_forwarded: bool,
}

impl Asker {
    pub(crate) fn new() -> Asker {
        Asker { files: OpenFiles::new(CacheLimits::default()) }
    }

    /// Where the file is that a response sends, if it sends one from one of these roots.
    pub(crate) fn file_of<'r>(
        &self,
        response: &Response,
        mut roots: impl Iterator<Item = &'r Root>,
    ) -> Option<PathBuf> {
        let file = match &response.body {
            Body::Cached(file, _) => file,
            Body::Parts(parts) => parts.file(),
            _ => return None,
        };
        roots.find_map(|root| {
            let path = self.files.path_of(root, file)?;
            Some(root.path().join(OsStr::from_bytes(path)))
        })
    }

    /// What a site makes of a request, found as a server finds it.
    pub(crate) fn ask(&mut self, site: &Site, head: &RequestHead<'_>, body: Vec<u8>) -> Asked {
        let mut route = site.route_of(head);
        let mut is_forwarded = false;
        let response = site.respond(&mut route, head, body, &mut self.files, &mut is_forwarded);
        Asked { route, response, is_forwarded }
    }
}

impl Site {
    fn respond(
        &self,
        route: &mut Route,
        head: &RequestHead<'_>,
        body: Vec<u8>,
        files: &mut OpenFiles,
        is_forwarded: &mut bool,
    ) -> Response {
        let mut found = self.refusal(route, head);
        let policy = match found {
            Some(_) => BodyPolicy::discard(),
            None => self.body_policy(route, head),
        };
        let bytes_max = match policy.0 {
            BodyUse::Refuse(mut response) => {
                self.finish(route, &mut response);
                return *response;
            }
            BodyUse::Discard => u64::MAX,
            BodyUse::Memory { bytes_max }
            | BodyUse::Collect { bytes_max, .. }
            | BodyUse::Stream { bytes_max } => bytes_max,
        };
        if body.len() as u64 > bytes_max {
            let mut response = Response::new(Status::CONTENT_TOO_LARGE);
            self.finish(route, &mut response);
            return response;
        }
        let body = RefCell::new(RequestBody::from(body));
        let mut has_waited_for_encoding = false;
        loop {
            let mut scratch = Vec::new();
            let mut context = Context {
                files: &mut *files,
                freshness: &mut Freshness::Known,
                now: Now { monotonic: Instant::now(), wall: SystemTime::now() },
                disk: Disk::MayBlock,
                may_wait_for_encoding: !has_waited_for_encoding,
                scratch: &mut scratch,
                ranges_max: RANGES_MAX,
                ran_function: false,
                leading: Leading::default(),
            };
            let asked = catch_unwind(AssertUnwindSafe(|| match found {
                None => self.answer(route, head, &body, &mut context),
                _ => take_answer(&mut found, head, &mut context),
            }));
            let mut response = match asked {
                Ok(Answer(Decision::Ready(response))) => response,
                Ok(Answer(Decision::Cold(prefetch))) => {
                    has_waited_for_encoding |= matches!(prefetch, Prefetch::Encode(_));
                    prefetch.run();
                    continue;
                }
                Ok(Answer(Decision::Blocking(job) | Decision::Status(job))) => worked(job),
                Ok(Answer(Decision::Forward(_))) => {
                    *is_forwarded = true;
                    Response::new(Status::BAD_GATEWAY)
                }
                Err(_) => Response::new(Status::INTERNAL_SERVER_ERROR),
            };
            if response.is_passed() {
                continue;
            }
            if response.is_named() {
                found = Some(response);
                continue;
            }
            self.finish(route, &mut response);
            if response.is_named() {
                found = Some(response);
                continue;
            }
            return response;
        }
    }

    /// The response of what keeps a request from its handler, before its body is looked at, if anything does.
    fn refusal(&self, route: &mut Route, head: &RequestHead<'_>) -> Option<Response> {
        loop {
            let response = match self.admit(route, head)?.0 {
                Decision::Ready(response) => return Some(response),
                Decision::Blocking(job) | Decision::Status(job) => worked(job),
                Decision::Cold(_) | Decision::Forward(_) => return None,
            };
            if !response.is_passed() {
                return Some(response);
            }
        }
    }
}

/// What a job comes to, on this thread.
fn worked(mut job: Job) -> Response {
    let cancellation = Cancellation::default();
    let worked = catch_unwind(AssertUnwindSafe(|| {
        loop {
            match job(&cancellation) {
                Worked::Done(response) => return response,
                Worked::Later(pause) => std::thread::sleep(pause),
            }
        }
    }));
    worked.unwrap_or_else(|_| Response::new(Status::INTERNAL_SERVER_ERROR))
}

/// The head of a response as it is sent now over a connection that stays open, to a client that asked for all of it.
pub(crate) fn head_on_the_wire(response: &Response) -> Vec<u8> {
    let line = ResponseLine {
        status: response.status,
        reason: response.reason.as_deref(),
        persistence: Persistence::KeepAlive,
        delimiter: Delimiter::of(response.body.length(), Version::Http11),
    };
    let mut head = Vec::new();
    let clock = TurnClock::new(clock::read());
    write_head(&mut head, line, clock.server_and_date(), &response.headers);
    head
}

/// As the server's default.
const RANGES_MAX: usize = 256;
