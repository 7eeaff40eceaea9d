//! Which requests are too many, and on which terms the others are answered.
//!
//! It must never know how a response is sent.

use super::client_key::ClientKey;
use super::connections::{ConnectionsPerClient, UnderWay};
use super::request_rate::RequestRate;
use crate::http::{RequestHead, Status};
use crate::site::Response;
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

impl Rates {
    /// Whether both count a request together.
    pub(crate) fn are_those_of(&self, other: &Rates) -> bool {
        let requests = |it: &Rates| it.requests.as_ref().map(Arc::as_ptr);
        let connections = |it: &Rates| it.connections.as_ref().map(Arc::as_ptr);
        requests(self) == requests(other)
            && connections(self) == connections(other)
            && self.pace == other.pace
    }

    /// Whether there is nothing to look at.
    pub(crate) fn are_none(&self) -> bool {
        self.requests.is_none() && self.connections.is_none() && self.pace.is_none()
    }

    /// Counts a request. `None`: it has no terms.
    ///
    /// # Errors
    /// The response to one that is too much.
    pub(crate) fn admit(
        &self,
        head: &RequestHead<'_>,
    ) -> Result<Option<Box<Terms>>, Box<Response>> {
        if self.are_none() {
            return Ok(None);
        }
        let client = ClientKey::of(head.peer());
        let under_way = match &self.connections {
            Some(limit) => match limit.begin(client) {
                Some(under_way) => Some(under_way),
                None => return Err(too_many(head, "connections_per_client", WHILE_BUSY)),
            },
            None => None,
        };
        if let Some(rate) = &self.requests {
            rate.admit(client).map_err(|wait| too_many(head, "request_rate", wait))?;
        }
        let has_terms = under_way.is_some() || self.pace.is_some();
        let under_way = under_way.into_iter().collect();
        Ok(has_terms.then(|| Box::new(Terms { under_way, pace: self.pace })))
    }
}

/// RFC 6585 §4.
fn too_many(head: &RequestHead<'_>, key: &str, wait: Duration) -> Box<Response> {
    log::debug!(
        "{}: {key} is exceeded; answered 429",
        head.peer().map_or("unix client".to_owned(), |peer| peer.ip().to_string())
    );
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let response = Response::new(Status::TOO_MANY_REQUESTS);
    Box::new(response.header("Retry-After", seconds.max(1).to_string()))
}

/// When a request under way ends is not known.
const WHILE_BUSY: Duration = Duration::from_secs(1);
