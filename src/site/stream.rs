//! A body that the program sends from anywhere, at any time: no thread waits for it.
//!
//! The program has a [`Sender`]; the response has the [`Receiver`], which the worker pulls. Between them is a bounded
//! buffer in memory. It must never know how a worker is woken, nor how the body is framed.

mod channel;
mod error;
mod wake;

pub(crate) use channel::{Received, Receiver};
pub use error::{Gone, TrySendError};
pub(super) use wake::WakeBatch;
pub(crate) use wake::{StreamKey, WakeWorker, Waker};

use super::{Body, Response};
use crate::http::Status;
use channel::{Channel, KeepAlive, Message};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Sends the body of a response, from any thread and at any time after the response was returned, or before.
///
/// It can be cloned, kept and sent to other threads; an open response with a sender occupies no thread and a few
/// hundred bytes. What the client has not taken yet waits in memory, up to [`Sender::buffer_bytes_max`].
///
/// The body ends when [`Sender::finish`] is called or the last clone is dropped. [`Sender::abort`] breaks it off, so
/// that the client can tell that something is missing; so does dropping the last clone by a panic. When the server
/// stops, a body that has not ended within [`Limits::stop_timeout`](crate::Limits::stop_timeout) is broken off.
///
/// ```
/// use httpd::{Response, Site};
/// use std::time::Duration;
/// let site = Site::new().get("/countdown", |_| {
///     let (sender, response) = Response::stream("text/plain");
///     std::thread::spawn(move || {
///         for number in (0..10).rev() {
///             // It fails when the client has gone: then stop.
///             let Ok(()) = sender.send(format!("{number}\n")) else { return };
///             std::thread::sleep(Duration::from_secs(1));
///         }
///     });
///     response
/// });
/// # let _ = site;
/// ```
pub struct Sender {
    channel: Arc<Channel>,
}

impl Response {
    /// `200 OK` with a body of this type that the [`Sender`] sends, at any time and from any thread.
    ///
    /// A response without a body, as one to HEAD, leaves its sender [gone](Sender::is_gone).
    pub fn stream(content_type: &str) -> (Sender, Response) {
        let (sender, receiver) = channel();
        let mut response = Response::new(Status::OK);
        response.headers.put("Content-Type", content_type);
        response.body = Body::Channel(receiver);
        (sender, response)
    }
}

/// Both ends of a body.
pub(super) fn channel() -> (Sender, Receiver) {
    let channel = Channel::open(BUFFER_BYTES_MAX);
    (Sender { channel: Arc::clone(&channel) }, Receiver::new(channel))
}

impl Sender {
    /// Sends bytes, and never waits.
    ///
    /// # Errors
    /// [`TrySendError::Full`] when they would have to wait and there is no room; one message finds room in an empty
    /// buffer, however long it is. [`TrySendError::Gone`] when nobody will take them.
    pub fn try_send(&self, bytes: impl AsRef<[u8]>) -> Result<(), TrySendError> {
        self.channel.push(Message::Copied(bytes.as_ref()), None)
    }

    /// Sends bytes, and waits while there is no room for them.
    ///
    /// # Errors
    /// When nobody will take them.
    ///
    /// # Panics
    /// When it would have to wait on a worker, because that worker is the one to make room: a handler that runs there
    /// uses [`Sender::try_send`], or hands the sender to a thread.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Result<(), Gone> {
        self.channel.push_waiting(bytes.as_ref())
    }

    /// Whether the body has ended, so that nobody will take more.
    ///
    /// A client that closes its connection is noticed at once, one whose machine or network fails when something is
    /// sent.
    pub fn is_gone(&self) -> bool {
        self.channel.is_gone()
    }

    /// Calls this once when the client has gone before the end of the body, or the server has stopped; at once if that
    /// has happened already. It runs on the worker, which serves others: it must not wait for anything.
    ///
    /// ```
    /// use httpd::Response;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// let open = Arc::new(AtomicUsize::new(1));
    /// let (sender, response) = Response::stream("text/plain");
    /// sender.on_gone({
    ///     let open = Arc::clone(&open);
    ///     move || {
    ///         open.fetch_sub(1, Ordering::Relaxed);
    ///     }
    /// });
    /// drop(response);
    /// assert!(sender.is_gone());
    /// assert_eq!(open.load(Ordering::Relaxed), 0);
    /// ```
    pub fn on_gone(&self, call: impl FnOnce() + Send + 'static) {
        self.channel.on_gone(Box::new(call));
    }

    /// Ends the body after what was sent. Other clones are [gone](Sender::is_gone) then.
    pub fn finish(self) {
        self.channel.finish();
    }

    /// Breaks the body off: what the client has not taken yet is dropped, and it can tell that something is missing.
    pub fn abort(self) {
        self.channel.abort();
    }

    /// How many bytes may wait for the client. Default: 64 KiB.
    pub fn buffer_bytes_max(self, bytes: usize) -> Sender {
        self.channel.set_bytes_max(bytes);
        self
    }

    /// Sends a message that others send too.
    pub(super) fn try_send_shared(
        &self,
        bytes: &Arc<[u8]>,
        batch: &mut WakeBatch,
    ) -> Result<(), TrySendError> {
        self.channel.push(Message::Shared(bytes), Some(batch))
    }

    /// Ends the body when the server begins to stop.
    pub(super) fn end_at_stop(&self) {
        self.channel.end_at_stop();
    }

    /// Whether its messages have to be server-sent events: no other body ends when the server begins to stop.
    pub(super) fn is_of_events(&self) -> bool {
        self.channel.ends_at_stop()
    }

    /// Sends these bytes when nothing else was sent for so long.
    pub(super) fn keep_alive(&self, interval: Option<Duration>, bytes: &'static [u8]) {
        self.channel.set_keep_alive(interval.map(|interval| KeepAlive { interval, bytes }));
    }
}

impl Clone for Sender {
    fn clone(&self) -> Sender {
        self.channel.add_sender();
        Sender { channel: Arc::clone(&self.channel) }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.channel.remove_sender();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("is_gone", &self.is_gone()).finish_non_exhaustive()
    }
}

/// Forbids this thread to wait for room, because it is a worker.
pub(crate) fn forbid_waiting() {
    channel::forbid_waiting();
}

/// Enough for some hundred events, and little enough for thousands of slow clients.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests;
