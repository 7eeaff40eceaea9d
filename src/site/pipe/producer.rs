//! Who makes the body of a response, as a line of the log names it.

use crate::http::RequestName;
use crate::site::Application;
use std::fmt;
use std::sync::Arc;

/// An application or a handler, and the request that it responds to.
pub(crate) struct Producer {
    request: RequestName,
    application: Option<Arc<Application>>,
}

impl Producer {
    /// The application that a request went to, or its handler.
    pub(crate) fn new(request: RequestName, application: Option<Arc<Application>>) -> Producer {
        Producer { request, application }
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.request)?;
        match &self.application {
            Some(application) => write!(formatter, "the application {}", application.target),
            None => formatter.write_str("its handler"),
        }
    }
}
