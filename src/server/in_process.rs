//! A site that is asked on the caller's thread, without a server: for tests.
//!
//! It must never know a socket, or a worker.

mod request_builder;

pub use request_builder::RequestBuilder;

use super::asker::Asker;
use crate::files::{CachedFile, Contents};
use crate::http::Method;
use crate::http::encoder::{self, Effort};
use crate::site::encoded::EncodedBody;
use crate::site::pipe::{self, Piece};
use crate::site::response::Produce;
use crate::site::stream::{Received, Receiver, StreamKey, WakeWorker, Waker};
use crate::site::{Body, Deferred, Response, Site, error_page};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, mpsc};

impl Site {
    /// The response to a request, found on this thread as a server would find it: by the functions around the handler,
    /// the handlers, files and error pages of this site. It is for tests that need no socket.
    ///
    /// What a server does beyond the site is left out: `Date` and `Server`, what frames the body, the limits of a
    /// connection, and time limits. A handler made by [`blocking`](crate::blocking) runs on this thread. A request for
    /// an application of another process is answered with 502.
    ///
    /// ```
    /// use httpd::{Request, Site, Status};
    /// let site = Site::new().post("/add", |request| -> std::io::Result<String> {
    ///     let body = String::from_utf8_lossy(&request.read_body()?).into_owned();
    ///     Ok(body.split('+').filter_map(|it| it.trim().parse::<i64>().ok()).sum::<i64>().to_string())
    /// });
    /// let response = site.handle(Request::post("/add").body("20 + 22"));
    /// assert_eq!(response.status, Status::OK);
    /// assert_eq!(response.into_text()?, "42");
    /// assert_eq!(site.handle(Request::get("/add")).status, Status::METHOD_NOT_ALLOWED);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&self, request: RequestBuilder) -> Response {
        let body = request.body.clone();
        request.with_head(|head| match head {
            Ok(head) => {
                let response = Asker::new().ask(self, head, body).response;
                match head.method() {
                    Method::Head => Response { body: Body::Empty, ..response },
                    _ => response,
                }
            }
            Err(status) => {
                let mut response = Response::new(status);
                error_page::add_error_page(&mut response);
                response
            }
        })
    }
}

impl Response {
    /// The whole body, as it is sent: for tests with [`Site::handle`]. A body that is produced while it is sent is
    /// produced now. One that a [`Sender`](crate::Sender) sends is waited for until it ends.
    ///
    /// # Errors
    /// If a file cannot be read, or what produces the body breaks it off.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.body {
            Body::Empty => {}
            Body::Static(all) => bytes.extend_from_slice(all),
            Body::Bytes(all) => bytes = all,
            Body::Cached(file, range) => append(&mut bytes, &file, range)?,
            Body::Parts(parts) => {
                for number in 0..=parts.count() {
                    if let Some((file, range)) = parts.write_before(number, &mut bytes) {
                        append(&mut bytes, file, range)?;
                    }
                }
            }
            Body::Channel(receiver) => return sent(&receiver),
            Body::Piped(..) => return Err(io::ErrorKind::Unsupported.into()),
            Body::Encoded(body) => {
                let EncodedBody { inner, coding, .. } = *body;
                let plain = Response { body: inner, ..Response::new(self.status) }.into_bytes()?;
                bytes = encoder::encode(&plain, coding, Effort::Fast)?;
            }
            Body::Deferred(deferred) => match *deferred {
                Deferred::Produced(production) => return produced(production.produce),
                // The site has made other bodies of these.
                Deferred::Named(_) | Deferred::Open(..) | Deferred::Passed => {
                    return Err(io::ErrorKind::Unsupported.into());
                }
            },
        }
        Ok(bytes)
    }

    /// The same as text.
    ///
    /// # Errors
    /// Also if the body is not UTF-8.
    pub fn into_text(self) -> io::Result<String> {
        String::from_utf8(self.into_bytes()?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

fn append(out: &mut Vec<u8>, file: &CachedFile, range: Range<u64>) -> io::Result<()> {
    match file.contents() {
        Contents::Memory(bytes) => {
            out.extend_from_slice(
                bytes.get(range.start as usize..range.end as usize).unwrap_or_default(),
            );
        }
        Contents::Descriptor(descriptor) => {
            let start = out.len();
            out.resize(start + (range.end - range.start) as usize, 0);
            File::from(descriptor.try_clone()?).read_exact_at(&mut out[start..], range.start)?;
        }
    }
    Ok(())
}

/// What a function writes, which may wait for somebody who reads it.
fn produced(produce: Box<Produce>) -> io::Result<Vec<u8>> {
    let (woken, wakes) = mpsc::channel();
    let (mut writer, mut outlet) = pipe::to_worker(Box::new(move || {
        let _ = woken.send(());
    }));
    std::thread::spawn(move || match produce(&mut writer) {
        Ok(()) => drop(writer.finish()),
        Err(error) => log::error!("producing a response body: {error}"),
    });
    let mut bytes = Vec::new();
    loop {
        match outlet.take() {
            Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
            Piece::NotYet => drop(wakes.recv()),
            Piece::End => return Ok(bytes),
            Piece::Broken => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// All that a sender sends.
fn sent(receiver: &Receiver) -> io::Result<Vec<u8>> {
    let (woken, wakes) = mpsc::channel();
    let key = StreamKey { connection: 0, stream: 0 };
    receiver.attach(Waker { worker: Arc::new(Woken(woken)), key });
    let mut bytes = Vec::new();
    loop {
        match receiver.take() {
            Received::Bytes(piece) => bytes.extend_from_slice(&piece),
            Received::Shared(piece) => bytes.extend_from_slice(&piece),
            Received::NotYet => drop(wakes.recv()),
            Received::End => return Ok(bytes),
            Received::Broken => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Wakes the thread that waits for a sender.
struct Woken(mpsc::Sender<()>);

impl WakeWorker for Woken {
    fn wake(&self, _: &[StreamKey]) {
        let _ = self.0.send(());
    }
}
