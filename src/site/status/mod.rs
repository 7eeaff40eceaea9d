//! The status of a server: whether it lives and is ready, its numbers for collectors, and a page for people.
//!
//! It must never know where the numbers come from: the server lends a [`StatusSource`] when it starts.

pub(crate) mod families;
mod history;
mod metrics;
mod names;
mod page;
mod refusals;
mod source;
mod text;
mod units;

pub(crate) use metrics::Histogram;
pub use metrics::Metrics;
pub(crate) use names::StatusNames;
pub(crate) use refusals::Refusal;
pub use source::StatusSocket;
pub(crate) use source::{Reading, StatusSource};

use super::handler::{Answer, Decision, Handler};
use super::job::Worked;
use super::redirect;
use super::{Context, Methods, Request, Response};
use crate::http::Status as HttpStatus;
use crate::sys::uptime::uptime;
use history::History;
use source::Shared;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use text::Format;

/// Serves the status of the server at a location: `livez`, `readyz` and `metrics` below it, and a page for people
/// at the location itself.
///
/// | path | is |
/// |---|---|
/// | `livez` | 200 while the workers take their turns, otherwise 503 |
/// | `readyz` | 200 while new requests are served; 503 while the server stops or a worker does not answer |
/// | `metrics` | [`Metrics`] in the text format of Prometheus, or of OpenMetrics for those who accept it |
/// | the location | a page that renews itself, without anything from elsewhere |
///
/// Everyone who can ask for the location sees it: put a guard around it, or listen at an address of its own.
///
/// ```
/// use httpd::{Request, Server, Site, Status, StatusPages};
/// let site = Site::new()
///     .around("/status", |request, next| match request.peer() {
///         Some(peer) if peer.ip().is_loopback() => next.run(),
///         _ => Status::FORBIDDEN.into(),
///     })
///     .at("/status", StatusPages::new());
/// let server = Server::new(site).listen("127.0.0.1:0").start()?;
/// // … curl http://127.0.0.1:8080/status/readyz
/// server.handle().stop();
/// server.wait();
/// # Ok::<(), httpd::StartError>(())
/// ```
#[derive(Clone, Default)]
pub struct StatusPages {
    shared: Arc<Shared>,
    /// By which names they may be asked for. `None`: by any.
    names: Option<Arc<StatusNames>>,
}

impl StatusPages {
    /// The pages of the server that serves them.
    pub fn new() -> StatusPages {
        StatusPages::default()
    }

    /// Lends them what is known of a server.
    pub(crate) fn plug(&self, source: Arc<dyn StatusSource>) {
        let _ = self.shared.source.set(source);
    }

    /// The same pages, for these names alone.
    pub(crate) fn only_for(&self, names: StatusNames) -> StatusPages {
        StatusPages { shared: Arc::clone(&self.shared), names: Some(Arc::new(names)) }
    }
}

impl fmt::Debug for StatusPages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StatusPages").finish_non_exhaustive()
    }
}

impl Handler for StatusPages {
    fn methods(&self) -> Methods {
        Methods::READ
    }

    fn status_socket(&self) -> Option<StatusSocket> {
        Some(StatusSocket(Arc::clone(&self.shared)))
    }

    fn answer(&self, request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        let asked = match request.path_in_location_bytes() {
            // The files of the page are beside it only if its path ends in a slash.
            b"" => return redirect::add_slash(request).into(),
            b"/" => Asked::Page,
            b"/livez" => Asked::Liveness,
            b"/readyz" => Asked::Readiness,
            b"/metrics" => Asked::Metrics(Format::accepted(request.header("Accept"))),
            b"/status.css" => return page::style().into(),
            b"/status.js" => return page::script().into(),
            _ => return Response::new(HttpStatus::NOT_FOUND).into(),
        };
        // What health checks ask tells nothing, and they use any name.
        let is_health = matches!(asked, Asked::Liveness | Asked::Readiness);
        if !is_health && self.names.as_ref().is_some_and(|names| !names.admit(request)) {
            return plain(HttpStatus::MISDIRECTED_REQUEST, WRONG_NAME).into();
        }
        let Some(source) = self.shared.source.get() else {
            return match asked {
                Asked::Liveness => health(None),
                _ => health(Some("the server has not started")),
            }
            .into();
        };
        let (source, shared) = (Arc::clone(source), Arc::clone(&self.shared));
        let mut has_waited = false;
        Answer(Decision::Status(Box::new(move |_| {
            let reading = source.read();
            let now = uptime();
            let is_new = shared.history.add(now, &reading.metrics);
            if asked == Asked::Page && is_new && !has_waited {
                // Rates need two readings.
                has_waited = true;
                return Worked::Later(BETWEEN_READINGS);
            }
            Worked::Done(answer(asked, &reading, &shared.history, now))
        })))
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Liveness,
    Readiness,
    Metrics(Format),
}

fn answer(asked: Asked, reading: &Reading, history: &History, now: Duration) -> Response {
    match asked {
        Asked::Liveness => health(reading.stuck.as_deref()),
        Asked::Readiness => health(reading.unready.as_deref()),
        Asked::Metrics(format) => {
            let metrics = text::write(&reading.metrics, format);
            let response = Response::bytes(format.content_type(), metrics.into_bytes());
            response.header("Vary", "Accept").header("Cache-Control", "no-store")
        }
        Asked::Page => page::page(reading, &history.view(now)),
    }
}

/// `ok`, or what is wrong.
fn health(wrong: Option<&str>) -> Response {
    match wrong {
        None => plain(HttpStatus::OK, "ok\n"),
        Some(why) => plain(HttpStatus::SERVICE_UNAVAILABLE, &format!("{why}\n")),
    }
}

fn plain(status: HttpStatus, text: &str) -> Response {
    Response::text(text).status(status).header("Cache-Control", "no-store")
}

/// For those who ask by another name. A stranger's page may read it, too.
const WRONG_NAME: &str = "This host name is not one of the server's, so that a page elsewhere could read its status by it (DNS rebinding).\n\
    Ask by an address or by localhost, or write the name in the configuration: [status] server_name = \"...\".\n";

/// As long as numbers can be compared over, and no longer than a person waits gladly.
const BETWEEN_READINGS: Duration = Duration::from_millis(400);
