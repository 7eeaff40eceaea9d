//! Where workers put their numbers when they are asked.

use super::WorkerNumbers;
use crate::server::mailbox::{Mailbox, Message};
use crate::site::Metrics;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The last numbers of all workers of a server.
#[derive(Default)]
pub(crate) struct Board {
    state: Mutex<BoardState>,
    changed: Condvar,
}

#[derive(Default)]
struct BoardState {
    /// By the numbers of the workers.
    places: Vec<BoardPlace>,
    /// What workers had counted that have ended.
    past: Metrics,
}

#[derive(Default)]
struct BoardPlace {
    numbers: Option<Box<WorkerNumbers>>,
    /// Since when the worker has a question that it has not answered.
    asked_at: Option<Instant>,
    is_running: bool,
    /// Whether it has begun, and perhaps ended again.
    has_begun: bool,
}

/// The numbers of all workers, and how they answered.
pub(crate) struct Answers {
    /// Of those that run.
    pub(crate) numbers: Vec<WorkerNumbers>,
    /// What others had counted.
    pub(crate) past: Metrics,
    /// The workers that have not answered yet, and for how long.
    pub(crate) silent: Vec<(usize, Duration)>,
    /// How many workers serve.
    pub(crate) running: usize,
}

impl Board {
    /// A worker begins.
    pub(crate) fn begin(&self, worker: usize) {
        self.change(worker, |place, _| {
            // It may have been asked already.
            let asked_at = place.asked_at.filter(|_| !place.has_begun);
            *place = BoardPlace { numbers: None, asked_at, is_running: true, has_begun: true };
        });
    }

    /// Asks all workers, also those that are about to begin, and waits until they have answered, for `time` at most.
    /// Several threads may ask at once; a worker that has not answered yet is not asked again.
    pub(crate) fn ask(&self, mailboxes: &[Arc<Mailbox>], time: Duration) -> Answers {
        let now = Instant::now();
        let mut state = self.lock();
        if state.places.len() < mailboxes.len() {
            state.places.resize_with(mailboxes.len(), BoardPlace::default);
        }
        for (place, mailbox) in state.places.iter_mut().zip(mailboxes) {
            if (place.is_running || !place.has_begun) && place.asked_at.is_none() {
                place.asked_at = Some(now);
                if let Err(error) = mailbox.post(Message::Report) {
                    log::error!("waking a worker: {error}");
                }
            }
        }
        let is_waiting =
            |state: &mut BoardState| state.places.iter().any(|place| place.asked_at.is_some());
        let waited = self.changed.wait_timeout_while(state, time, is_waiting);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let silent_for = |place: &BoardPlace| Some(now.saturating_duration_since(place.asked_at?));
        let places = &state.places;
        let silent = places.iter().enumerate();
        Answers {
            numbers: places.iter().filter_map(|place| place.numbers.as_deref().cloned()).collect(),
            past: state.past.clone(),
            silent: silent.filter_map(|(number, it)| Some((number, silent_for(it)?))).collect(),
            running: places.iter().filter(|place| place.is_running).count(),
        }
    }

    /// A worker answers.
    pub(crate) fn put(&self, worker: usize, numbers: WorkerNumbers) {
        self.change(worker, |place, _| {
            place.numbers = Some(Box::new(numbers));
            place.asked_at = None;
        });
    }

    /// A worker has ended; these are its last numbers.
    pub(crate) fn end(&self, worker: usize, numbers: WorkerNumbers) {
        self.change(worker, |place, past| {
            let mut last = Metrics::default();
            numbers.add_to(&mut last);
            past.add_all(&last.counted());
            *place = BoardPlace { has_begun: true, ..BoardPlace::default() };
        });
    }

    fn change(&self, worker: usize, change: impl FnOnce(&mut BoardPlace, &mut Metrics)) {
        let mut state = self.lock();
        let BoardState { places, past } = &mut *state;
        if places.len() <= worker {
            places.resize_with(worker + 1, BoardPlace::default);
        }
        change(&mut places[worker], past);
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
