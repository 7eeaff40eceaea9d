//! Which requests are too many, and on which terms the others are answered.
//!
//! It must never know how a response is sent.

use super::client_key::ClientKey;
use super::connections::{ConnectionsPerClient, UnderWay};
use super::request_rate::RequestRate;
use crate::http::{RequestHead, Status};
use crate::site::Response;
use crate::site::refused::Refused;
use crate::site::status::Refusal;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// The bounds of a location.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub(crate) requests: Option<Arc<RequestRate>>,
    pub(crate) connections: Option<Arc<ConnectionsPerClient>>,
    pub(crate) pace: Option<PaceRule>,
}

/// How fast the body of a response may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PaceRule {
    pub(crate) bytes_per_second: NonZeroU64,
    /// How much of it leaves as fast as it can.
    pub(crate) after_bytes: u64,
}

/// On which terms a request is answered.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// It counts as one of its client's until the response has been sent, at each place that it was led to.
    pub(crate) under_way: Vec<UnderWay>,
    pub(crate) pace: Option<PaceRule>,
}

impl Terms {
    /// Those of two places together: that of the first one that a request was led from, and that of the second.
    pub(crate) fn both(one: Option<Box<Terms>>, other: Option<Box<Terms>>) -> Option<Box<Terms>> {
        let (one, mut other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.or(other),
        };
        other.under_way.extend(one.under_way);
        other.pace = other.pace.or(one.pace);
        Some(other)
    }
}

/// By which bounds of its location a request has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    requests: bool,
    connections: bool,
    pace: bool,
}

impl Rates {
    /// Whether there is nothing to look at.
    pub(crate) fn are_none(&self) -> bool {
        self.requests.is_none() && self.connections.is_none() && self.pace.is_none()
    }

    /// By which of these bounds a request has been counted that comes from a place with those.
    pub(crate) fn counted_at(&self, before: &Rates) -> Counted {
        fn is_same<T>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
            one.as_ref().map(Arc::as_ptr) == other.as_ref().map(Arc::as_ptr)
        }
        Counted {
            requests: is_same(&self.requests, &before.requests),
            connections: is_same(&self.connections, &before.connections),
            pace: self.pace == before.pace,
        }
    }

    /// Counts a request by those bounds that it was not counted by before. `None`: it has no more terms.
    ///
    /// # Errors
    /// The response to one that is too much.
    pub(crate) fn admit(
        &self,
        head: &RequestHead<'_>,
        counted: &mut Counted,
    ) -> Result<Option<Box<Terms>>, Box<Response>> {
        if self.are_none() {
            return Ok(None);
        }
        let all = Counted { requests: true, connections: true, pace: true };
        let before = std::mem::replace(counted, all);
        let client = ClientKey::of(head.peer());
        let mut under_way = Vec::new();
        if let (Some(limit), false) = (&self.connections, before.connections) {
            match limit.begin(client) {
                Some(begun) => under_way.push(begun),
                None => {
                    Refusal::ConnectionsPerClient.note();
                    return Err(too_many(head, "connections_per_client", WHILE_BUSY));
                }
            }
        }
        if let (Some(rate), false) = (&self.requests, before.requests) {
            rate.admit(client).map_err(|wait| {
                Refusal::RequestRate.note();
                too_many(head, "request_rate", wait)
            })?;
        }
        let pace = self.pace.filter(|_| !before.pace);
        let has_terms = !under_way.is_empty() || pace.is_some();
        Ok(has_terms.then(|| Box::new(Terms { under_way, pace })))
    }
}

/// RFC 6585 §4.
fn too_many(head: &RequestHead<'_>, key: &str, wait: Duration) -> Box<Response> {
    log::info!("{}: {key} exceeded; answered 429", Refused::of(head));
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let response = Response::new(Status::TOO_MANY_REQUESTS);
    Box::new(response.header("Retry-After", seconds.max(1).to_string()))
}

/// When a request under way ends is not known.
const WHILE_BUSY: Duration = Duration::from_secs(1);
