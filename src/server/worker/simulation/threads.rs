//! The threads of the simulated world: coroutines, which wait where threads would, and go on when the world lets them.

use crate::server::pool::Pool;
use generator::{Generator, Gn};
use std::sync::Arc;

/// Those that work for one pool. There is always one more.
pub(super) struct SimulatedThreads {
    pool: Arc<Pool>,
    /// Those that wait for a pipe to move.
    waiting: Vec<Generator<'static, (), ()>>,
}

impl SimulatedThreads {
    pub(super) fn of(pool: &Arc<Pool>) -> SimulatedThreads {
        SimulatedThreads { pool: Arc::clone(pool), waiting: Vec::new() }
    }

    /// A thread begins the next job. `false`: there is none.
    pub(super) fn begin(&mut self) -> bool {
        if self.pool.waiting() == 0 {
            return false;
        }
        let pool = Arc::clone(&self.pool);
        let mut thread = Gn::new_opt(STACK_WORDS, move || {
            pool.do_next();
        });
        thread.resume();
        if !thread.is_done() {
            self.waiting.push(thread);
        }
        true
    }

    /// One of those that wait looks whether it still has to.
    pub(super) fn one_goes_on(&mut self, choice: usize) {
        if let Some(place) = choice.checked_rem(self.waiting.len()) {
            self.goes_on(place);
        }
    }

    /// All of them do so. Returns whether one has ended.
    pub(super) fn all_go_on(&mut self) -> bool {
        let before = self.waiting.len();
        for place in (0..before).rev() {
            self.goes_on(place);
        }
        self.waiting.len() < before
    }

    fn goes_on(&mut self, place: usize) {
        self.waiting[place].resume();
        if self.waiting[place].is_done() {
            self.waiting.swap_remove(place);
        }
    }

    /// Whether none of them has anything to do.
    pub(super) fn are_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A quarter of a megabyte, for the text of a panic.
const STACK_WORDS: usize = 1 << 15;
