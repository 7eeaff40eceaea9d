//! How the worker that sends a body is woken: one stream, or many of them with one call.

use std::sync::Arc;

/// Wakes a worker.
pub(crate) trait WakeWorker: Send + Sync {
    /// There is something new for these of its streams.
    fn wake(&self, streams: &[StreamKey]);
}

/// Names a stream for the worker that sends it. Only that knows what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey {
    pub connection: u64,
    pub stream: u32,
}

/// Wakes the worker of one stream.
#[derive(Clone)]
pub(crate) struct Waker {
    pub worker: Arc<dyn WakeWorker>,
    pub key: StreamKey,
}

impl Waker {
    /// Wakes it now.
    pub(super) fn wake(&self) {
        self.worker.wake(&[self.key]);
    }
}

/// Streams to be woken together.
#[derive(Default)]
pub(crate) struct WakeBatch {
    workers: Vec<(Arc<dyn WakeWorker>, Vec<StreamKey>)>,
}

impl WakeBatch {
    /// Adds a stream.
    pub(super) fn add(&mut self, waker: &Waker) {
        let worker = Arc::as_ptr(&waker.worker);
        match self.workers.iter_mut().find(|(it, _)| std::ptr::addr_eq(Arc::as_ptr(it), worker)) {
            Some((_, keys)) => keys.push(waker.key),
            None => self.workers.push((Arc::clone(&waker.worker), vec![waker.key])),
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake(self) {
        for (worker, keys) in self.workers {
            worker.wake(&keys);
        }
    }
}
