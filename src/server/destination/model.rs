//! A destination for models: it keeps what is written.

use super::Unwritten;
use crate::sys::sync::{Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// Keeps what is written.
#[derive(Clone)]
pub(crate) struct ModelSink(Arc<Mutex<Written>>);

#[derive(Default)]
pub(crate) struct Written {
    text: Vec<u8>,
    /// How often it was opened again.
    pub reopened: u64,
}

impl ModelSink {
    pub(crate) fn new() -> ModelSink {
        ModelSink(Arc::new(Mutex::new(Written::default())))
    }

    pub(super) fn follow(&mut self, is_asked: bool) {
        self.lock().reopened += u64::from(is_asked);
    }

    pub(super) fn write(&mut self, messages: &[u8]) -> Result<(), Unwritten> {
        self.lock().text.extend_from_slice(messages);
        Ok(())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().text).into_owned()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
