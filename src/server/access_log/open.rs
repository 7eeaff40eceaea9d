//! The access logs of a process, opened for all of its workers.

use super::envelope::enveloped;
use super::filter::Filter;
use super::format::{Format, LineFormat};
use super::{AccessLog, Target};
use crate::server::background::{Background, Loss, OnLoss, Reopening};
use crate::server::destination::{Destination, Framing};
use crate::sys::reason::reason;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// All logs, in the order of their numbers. `None`: one is off.
#[derive(Clone, Default)]
pub(crate) struct OpenLogs {
    logs: Vec<Option<OpenLog>>,
}

/// A log that all workers of a process write to.
#[derive(Clone)]
pub(super) struct OpenLog {
    destination: Destination,
    pub(super) log: Arc<Background>,
    pub(super) format: Arc<LineFormat>,
    pub(super) filter: Arc<Filter>,
    pub(super) framing: Framing,
    pub(super) flush_after: Duration,
}

impl OpenLogs {
    /// Opens the destinations, each once. Those that were open `before` stay so.
    ///
    /// # Errors
    /// The number of the log whose destination cannot be opened, and why.
    pub(crate) fn open(
        logs: &[AccessLog],
        before: Option<&OpenLogs>,
    ) -> Result<OpenLogs, (usize, io::Error)> {
        let mut open = OpenLogs::default();
        for (number, log) in logs.iter().enumerate() {
            let opened = match &log.target {
                Target::Off => None,
                Target::To(destination) => {
                    let known = open.find(destination);
                    let known = known.or_else(|| before.and_then(|it| it.find(destination)));
                    let background = match known {
                        Some(known) => known,
                        None => start(destination).map_err(|error| (number, error))?,
                    };
                    Some(OpenLog::new(log, destination, background))
                }
            };
            open.logs.push(opened);
        }
        Ok(open)
    }

    fn find(&self, destination: &Destination) -> Option<Arc<Background>> {
        let mut logs = self.iter().flatten();
        logs.find(|log| log.destination == *destination).map(|log| Arc::clone(&log.log))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Option<OpenLog>> {
        self.logs.iter()
    }
}

/// The logs that are open at the moment, to open them again. It keeps none of them open.
#[derive(Default)]
pub(crate) struct Reopener(Mutex<Vec<Weak<Background>>>);

impl Reopener {
    /// From now on these are open.
    pub(crate) fn set(&self, logs: &OpenLogs) {
        let all = logs.iter().flatten().map(|log| Arc::downgrade(&log.log));
        *self.lock() = all.collect();
    }

    /// Has all of them opened again, each once. Never waits.
    pub(crate) fn reopen(&self) -> Vec<Reopening> {
        let mut logs: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        // Several may go to one place.
        logs.sort_by_key(|log| Arc::as_ptr(log).addr());
        logs.dedup_by(|one, other| Arc::ptr_eq(one, other));
        logs.iter().map(Background::reopen).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Background>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenLog {
    fn new(log: &AccessLog, destination: &Destination, background: Arc<Background>) -> OpenLog {
        let line = enveloped(destination, log.format.pieces());
        OpenLog {
            destination: destination.clone(),
            log: background,
            format: Arc::new(LineFormat::new(line)),
            filter: Arc::new(log.filter.clone()),
            framing: destination.framing(),
            flush_after: match log.format {
                Format::Terminal { .. } => TERMINAL_FLUSH_AFTER,
                _ => FLUSH_AFTER,
            },
        }
    }
}

fn start(destination: &Destination) -> io::Result<Arc<Background>> {
    let name = destination.to_string();
    let on_loss: OnLoss = Box::new(move |loss| {
        match loss {
            Loss::Begins(error) => {
                let reason = reason(error);
                log::error!(
                    "cannot write the access log {name}: {reason}; its lines are dropped and counted"
                );
            }
            Loss::Ends { lines, error } => {
                let reason = reason(error);
                log::error!("{lines} lines of the access log {name} are lost: {reason}");
            }
        }
        Vec::new()
    });
    Background::start("access log", destination, on_loss).map(Arc::new)
}

/// Buffers are handed over after this time, so that `tail -f` shows what happens.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// The same for a terminal, where a person waits for the line.
const TERMINAL_FLUSH_AFTER: Duration = Duration::from_millis(50);
