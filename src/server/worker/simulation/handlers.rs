//! The handlers of the simulated site.

use super::content::all_produced;
use crate::http::Status;
use crate::site::{Request, Response};
use std::io::{Read, Write};

/// Sends the body back, from a thread. A body that is on the disk may not be readable.
pub(super) fn offload(request: &Request<'_>) -> Response {
    match request.read_body() {
        Ok(body) => Response::bytes("text/plain", body),
        Err(_) => Response::new(Status::INTERNAL_SERVER_ERROR),
    }
}

/// Sends the body back in capitals when it is whole, from a thread that reads it as it comes.
pub(super) fn shout(request: &Request<'_>) -> Response {
    let mut arriving = request.take_body();
    Response::written("text/plain", move |out| {
        let mut body = Vec::new();
        arriving.read_to_end(&mut body)?;
        out.write_all(&body.to_ascii_uppercase())
    })
}

/// Sends the body back as it comes, from a thread.
pub(super) fn echo(request: &Request<'_>) -> Response {
    let mut arriving = request.take_body();
    Response::written("text/plain", move |out| {
        let mut piece = [0; 500];
        loop {
            match arriving.read(&mut piece)? {
                0 => return Ok(()),
                count => out.write_all(&piece[..count])?,
            }
            out.flush()?;
        }
    })
}

/// Produces more than memory keeps for a slow client, and now and then more than a pipe holds.
pub(super) fn produced(_: &Request<'_>) -> Response {
    Response::written("text/plain", |out| out.write_all(all_produced()))
}
