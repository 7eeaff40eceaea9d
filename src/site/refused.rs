//! A request that may not go on, as a line of the log names it.
//!
//! It must never know why it is refused.

use crate::http::{RequestHead, RequestName};
use std::fmt;
use std::net::SocketAddr;

/// The client, and the request if it is known.
pub(super) struct Refused {
    client: Option<SocketAddr>,
    request: Option<RequestName>,
}

impl Refused {
    /// The client of a request, and the request.
    pub(super) fn of(request: &RequestHead<'_>) -> Refused {
        Refused { client: request.peer(), request: Some(RequestName::of(request)) }
    }

    /// The same where perhaps nothing will be logged: the request is not named if that is for sure.
    pub(super) fn named(client: Option<SocketAddr>, request: Option<&RequestHead<'_>>) -> Refused {
        let is_logged = log::log_enabled!(log::Level::Info);
        Refused { client, request: request.filter(|_| is_logged).map(RequestName::of) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.client {
            // A proxy has named it without its port.
            Some(client) if client.port() == 0 => client.ip().fmt(formatter)?,
            Some(client) => client.fmt(formatter)?,
            None => formatter.write_str("unix client")?,
        }
        self.request.as_ref().map_or(Ok(()), |request| write!(formatter, ": {request}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

    #[test]
    fn a_client_is_named_with_its_request_if_that_is_known() {
        let named = |client: Option<&str>, request| {
            let client = client.map(|it| it.parse().expect("an address"));
            Refused { client, request }.to_string()
        };
        let request = || Some(RequestName { method: Method::Get, path: (*b"/a").into() });
        assert_eq!(named(Some("192.0.2.1:7"), request()), "192.0.2.1:7: GET /a");
        assert_eq!(named(Some("192.0.2.1:0"), None), "192.0.2.1");
        assert_eq!(named(None, request()), "unix client: GET /a");
    }
}
