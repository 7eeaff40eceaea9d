//! Work for a thread, which ends in a response.

use super::response::Response;
use crate::http::Cancellation;
use std::time::Duration;

/// Work that ends in an answer and may take its time. Where all threads are busy and their queue is
/// full it is not done, and the request answered with 503. It can ask whether somebody still waits for it.
///
/// Instead of waiting for something that no thread can hasten, such as a lock, it says when it is to be
/// called again: other work has the thread meanwhile.
pub(crate) type Job = Box<dyn FnMut(&Cancellation) -> Worked + Send>;

/// How far work has come.
#[expect(clippy::large_enum_variant, reason = "it is nearly always done, and goes by value")]
pub(crate) enum Worked {
    Done(Response),
    /// It is to be called again after so long.
    Later(Duration),
}
