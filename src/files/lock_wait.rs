//! Waiting for a directory that is locked elsewhere, without a thread that sleeps.
//!
//! It must never know what is to be done in the directory, or how it is tried again.

use super::write_error::WriteError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The result of one attempt to change a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt<T> {
    Done(T),
    /// The directory is locked elsewhere: try again after this time.
    Locked(Duration),
}

/// How many changes wait beneath a root, by directory. A clone shares the counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiters {
    by_directory: Arc<Mutex<HashMap<Vec<u8>, usize>>>,
}

/// The wait of one change. It stops counting when this is dropped.
#[derive(Debug)]
pub(crate) struct LockWait {
    waiters: Waiters,
    time: Duration,
    pause: Duration,
    begun: Option<(Instant, Vec<u8>)>,
}

impl Waiters {
    /// A wait of at most this time, which has not begun.
    pub(super) fn wait(&self, time: Duration) -> LockWait {
        LockWait { waiters: self.clone(), time, pause: PAUSE_MIN, begun: None }
    }

    fn count(&self, directory: &[u8], change: impl FnOnce(&mut usize) -> bool) -> bool {
        let mut counts = self.by_directory.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(directory.to_vec()).or_default();
        let done = change(count);
        if *count == 0 {
            counts.remove(directory);
        }
        done
    }
}

impl LockWait {
    /// The time after which to try again.
    ///
    /// # Errors
    /// [`WriteError::Busy`] when the wait is over, or too many changes wait for this directory.
    pub(super) fn again(&mut self, directory: &[u8]) -> Result<Duration, WriteError> {
        let now = Instant::now();
        match &self.begun {
            Some((since, _)) if now.saturating_duration_since(*since) >= self.time => {
                return Err(WriteError::Busy);
            }
            Some(_) => {}
            None => {
                let enters = |count: &mut usize| {
                    let fits = *count < WAITERS_MAX && !self.time.is_zero();
                    *count += usize::from(fits);
                    fits
                };
                if !self.waiters.count(directory, enters) {
                    return Err(WriteError::Busy);
                }
                self.begun = Some((now, directory.to_vec()));
            }
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        Ok(pause)
    }
}

impl Drop for LockWait {
    fn drop(&mut self) {
        if let Some((_, directory)) = &self.begun {
            self.waiters.count(directory, |count| {
                *count = count.saturating_sub(1);
                true
            });
        }
    }
}

/// Tries again until it is done. For callers that may sleep.
#[cfg(test)]
pub(super) fn sleep_while_locked<V>(
    mut attempt: impl FnMut() -> Result<Attempt<V>, WriteError>,
) -> Result<V, WriteError> {
    loop {
        match attempt()? {
            Attempt::Done(value) => return Ok(value),
            Attempt::Locked(pause) => std::thread::sleep(pause),
        }
    }
}

/// A lock is held for a few calls that change names and times.
const PAUSE_MIN: Duration = Duration::from_micros(200);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Each of them has a file open.
const WAITERS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_for_a_directory_and_no_more_and_others_for_another_one() {
        let waiters = Waiters::default();
        let time = Duration::from_secs(60);
        let mut waits: Vec<LockWait> = (0..WAITERS_MAX).map(|_| waiters.wait(time)).collect();
        assert!(waits.iter_mut().all(|wait| wait.again(b"a").is_ok()));
        let mut late = waiters.wait(time);
        assert!(matches!(late.again(b"a"), Err(WriteError::Busy)));
        assert!(waiters.wait(time).again(b"b").is_ok());
        assert!(waits[0].again(b"a").is_ok(), "it has its place");
        waits.pop();
        assert!(late.again(b"a").is_ok());
        drop((waits, late));
        assert!(waiters.by_directory.lock().expect("nobody panics").is_empty());
    }

    #[test]
    fn a_wait_ends() {
        let waiters = Waiters::default();
        assert!(waiters.wait(Duration::ZERO).again(b"a").is_err());
        let mut wait = waiters.wait(Duration::from_millis(5));
        let pauses = std::iter::from_fn(|| {
            let pause = wait.again(b"a").ok()?;
            std::thread::sleep(pause);
            Some(pause)
        });
        assert!(pauses.count() < 20);
    }
}
