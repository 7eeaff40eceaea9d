//! The handler that forwards requests to a WSGI application (PEP 3333).
//!
//! It must never know how the application is run, or reached.

use super::application::Application;
use super::handler::{Answer, Backend, Context, Decision, Forward, Handler};
use super::methods::Methods;
use super::request_body::{BodyPolicy, BodyUse};
use super::{Request, Response};
use crate::files::SpoolPlace;
use crate::http::Status;
use crate::wsgi::{BODY_BYTES_MAX, ENVIRON_BYTES_MAX, environ};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A WSGI application (PEP 3333) as a handler: Python in processes of its own, which the server
/// starts, supervises and ends.
///
/// A clone is the same application, with the same processes, and may stand at another path.
///
/// ```
/// use httpd::{Site, Wsgi};
/// let shop = Wsgi::new("shop.wsgi:application").directory("/srv/shop").processes(2).threads(4);
/// let site = Site::new().at("/shop", shop);
/// # let _ = site;
/// ```
#[derive(Clone, Debug)]
pub struct Wsgi {
    backend: Backend,
}

impl Wsgi {
    /// The application `package.module:callable`, or `package.module:factory()`; without a name,
    /// `application` or `app` in that module. One process of four threads, run by the Python of the
    /// active virtual environment or else by `python3`.
    pub fn new(target: &str) -> Wsgi {
        let application = Application::new(target, usual_python());
        Wsgi { backend: Backend(Arc::new(application)) }
    }

    /// The same with some of it changed; a new application, with processes of its own.
    pub(crate) fn with(self, change: impl FnOnce(&mut Application)) -> Wsgi {
        let application = Arc::unwrap_or_clone(self.backend.0).changed(change);
        Wsgi { backend: Backend(Arc::new(application)) }
    }

    /// Which Python runs it, such as that of a virtual environment.
    pub fn python(self, python: impl Into<PathBuf>) -> Wsgi {
        let python = python.into();
        self.with(|it| it.python = python)
    }

    /// The folder that it runs in.
    pub fn directory(self, directory: impl Into<PathBuf>) -> Wsgi {
        let directory = directory.into();
        self.with(|it| it.directory = directory)
    }

    /// How many processes; at least one.
    pub fn processes(self, processes: usize) -> Wsgi {
        self.with(|it| it.processes = processes.max(1))
    }

    /// How many threads each process has; at least one.
    pub fn threads(self, threads: usize) -> Wsgi {
        self.with(|it| it.threads = threads.max(1))
    }

    /// One more variable of its environment.
    pub fn environment(self, name: &str, value: &str) -> Wsgi {
        let pair = (name.to_owned(), value.to_owned());
        self.with(|it| it.environment.push(pair))
    }

    /// How long a request may wait for a free thread, and how long it may then take to begin its answer.
    pub fn timeout(self, timeout: Duration) -> Wsgi {
        self.with(|it| it.timeout = timeout)
    }

    /// How long an answer that has begun may say nothing while its client stays.
    pub fn stream_timeout(self, timeout: Duration) -> Wsgi {
        self.with(|it| it.stream_timeout = timeout)
    }
}

impl Handler for Wsgi {
    /// Whatever a client may ask: which methods there are is the application's to say.
    fn methods(&self) -> Methods {
        Methods::ALL
    }

    fn body_policy(&self, _request: &Request<'_>) -> BodyPolicy {
        let bytes_max = self.backend.0.body_bytes_max;
        // What memory holds goes to the process in one message.
        let memory_bytes_max = Some(BODY_BYTES_MAX);
        let group = self.backend.0.file_group;
        let place = SpoolPlace::Named { group };
        BodyPolicy(BodyUse::Collect { bytes_max, memory_bytes_max, place })
    }

    fn backend(&self) -> Option<&Backend> {
        Some(&self.backend)
    }

    fn answer(&self, request: &Request<'_>, _context: &mut Context<'_>) -> Answer {
        let body = request.take_body();
        let mut environ = Vec::with_capacity(ENVIRON_BYTES_USUAL);
        environ::write(
            &mut environ,
            request.as_head(),
            request.prefix_bytes(),
            body.length().unwrap_or(0),
            request.user().as_deref(),
        );
        if environ.len() > ENVIRON_BYTES_MAX {
            return Response::new(Status::REQUEST_HEADER_FIELDS_TOO_LARGE).into();
        }
        Answer(Decision::Forward(Forward { backend: self.backend.clone(), message: environ, body }))
    }
}

/// That of the active virtual environment, which its `activate` names.
fn usual_python() -> PathBuf {
    match std::env::var_os("VIRTUAL_ENV") {
        Some(environment) if !environment.is_empty() => {
            PathBuf::from(environment).join("bin/python")
        }
        _ => PathBuf::from("python3"),
    }
}

/// That of a browser's request.
const ENVIRON_BYTES_USUAL: usize = 2048;
