//! Where the pages have their numbers from: the server lends a source when it starts.

use super::history::History;
use super::metrics::Metrics;
use std::sync::{Arc, OnceLock};

/// What a server does at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) metrics: Metrics,
    /// Why new requests should go elsewhere.
    pub(crate) unready: Option<String>,
    /// Why it has to be started again.
    pub(crate) stuck: Option<String>,
}

/// Where readings come from.
pub(crate) trait StatusSource: Send + Sync {
    /// Asks all that serves. It waits for a second at most, so it is for threads that may wait.
    fn read(&self) -> Reading;
}

/// What the pages and the server share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) source: OnceLock<Arc<dyn StatusSource>>,
    pub(super) history: History,
}

/// How a server lends its source to the pages in its site.
#[doc(hidden)]
#[derive(Clone)]
pub struct StatusSocket(pub(super) Arc<Shared>);

impl StatusSocket {
    /// The first server that has the pages in its site is the one that they are about.
    pub(crate) fn plug(&self, source: Arc<dyn StatusSource>) {
        let _ = self.0.source.set(source);
    }
}
