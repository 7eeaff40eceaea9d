//! What the threads of one process do right now: a page of memory that the process and the workers share.
//!
//! A thread writes the token of a request there when it begins the request, with the time, and zeros when it has
//! ended it. That costs no system call. The workers read the page once a second while requests wait, when the time
//! of a request is over, and when the process has died: only requests that it had begun may have had an effect.
//! (The socket cannot show this, because a thread that is being killed still takes a message from it.) In the
//! other direction, each worker writes the requests that nobody waits for any more; the process skips those
//! that it has not begun.
//!
//! It must never know what a request is, nor what follows from what is read.

use crate::sys::{memory, uptime};
use crate::wsgi::Token;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// One process's page.
pub(crate) struct Scoreboard {
    memory: OwnedFd,
    threads: usize,
    /// One moment, as the threads count time and as the workers do.
    moment: (u64, Instant),
}

/// A request that a thread has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BegunRequest {
    pub token: Token,
    /// When it began, as the thread says.
    pub at: Instant,
}

impl Scoreboard {
    /// A page for a process of so many threads that serves so many workers; every thread is idle.
    ///
    /// # Errors
    /// When out of descriptors or memory.
    pub(crate) fn new(threads: usize, workers: usize) -> io::Result<Scoreboard> {
        let bytes = threads * THREAD_BYTES + workers * AREA_BYTES;
        let memory = memory::create("httpd-scoreboard", bytes as u64)?;
        // In this order no request ever seems to have begun before it has.
        let moment = (uptime::monotonic_nanoseconds(), Instant::now());
        Ok(Scoreboard { memory, threads, moment })
    }

    /// What each thread has begun and not ended, by its number; `None` for one that is idle.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn threads(&self) -> io::Result<Vec<Option<BegunRequest>>> {
        let mut bytes = vec![0; self.threads * THREAD_BYTES];
        // A thread writes the time before the token, and this reads the tokens before the times: a token that is
        // here already comes with its own time, or with that of the next request.
        memory::read(self.memory.as_fd(), &mut bytes, 0)?;
        let (tokens, times) = bytes.split_at(self.threads * Token::BYTES);
        let (tokens, times) = (tokens.as_chunks().0, times.as_chunks().0);
        let begun = tokens.iter().zip(times).map(|(&token, &time)| {
            let at = self.instant_of(u64::from_le_bytes(time));
            (token != IDLE).then_some(BegunRequest { token: Token(token), at })
        });
        Ok(begun.collect())
    }

    fn instant_of(&self, nanoseconds: u64) -> Instant {
        let (then, moment) = self.moment;
        let earlier = moment.checked_sub(Duration::from_nanos(then.saturating_sub(nanoseconds)));
        let later = Duration::from_nanos(nanoseconds.saturating_sub(then));
        earlier.and_then(|it| it.checked_add(later)).unwrap_or(moment)
    }

    /// Has the process skip this worker's requests with these numbers, and no others, unless it has begun
    /// them. There is room for [`WITHDRAWN_MAX`] numbers; requests beyond them are served.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn withdraw(&self, worker: usize, numbers: &[u64]) -> io::Result<()> {
        let numbers = &numbers[..numbers.len().min(WITHDRAWN_MAX)];
        let mut area = Vec::with_capacity(AREA_BYTES);
        area.extend_from_slice(&(numbers.len() as u64).to_le_bytes());
        numbers.iter().for_each(|number| area.extend_from_slice(&number.to_le_bytes()));
        let at = self.threads * THREAD_BYTES + worker * AREA_BYTES;
        memory::write(self.memory.as_fd(), &area, at as u64)
    }
}

impl AsFd for Scoreboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

/// What an idle thread writes. No request has this token.
const IDLE: [u8; Token::BYTES] = [0; Token::BYTES];

/// Requests that a worker can withdraw from a process at a time. The adapter has the same number.
pub(crate) const WITHDRAWN_MAX: usize = 63;

/// What a thread may write: a token and, behind the tokens of all threads, a time in nanoseconds.
const THREAD_BYTES: usize = Token::BYTES + 8;

/// What a worker may write: how many it withdraws, and their numbers.
const AREA_BYTES: usize = 8 * (1 + WITHDRAWN_MAX);

#[cfg(test)]
impl Scoreboard {
    /// Plays a thread that begins a request, or that ends its request.
    pub(crate) fn begin(&self, thread: usize, begun: Option<BegunRequest>) {
        if let Some(BegunRequest { at, .. }) = begun {
            let (then, moment) = self.moment;
            let nanoseconds =
                |from: Instant, to: Instant| to.duration_since(from).as_nanos() as u64;
            let time = then + nanoseconds(moment, at) - nanoseconds(at, moment);
            let place = (self.threads * Token::BYTES + thread * 8) as u64;
            memory::write(self.memory.as_fd(), &time.to_le_bytes(), place).expect("it is there");
        }
        let token = begun.map_or(IDLE, |begun| begun.token.0);
        let place = (thread * Token::BYTES) as u64;
        memory::write(self.memory.as_fd(), &token, place).expect("it is there");
    }

    /// What a process would skip.
    pub(crate) fn withdrawn(&self, worker: usize) -> Vec<u64> {
        let mut area = [0; AREA_BYTES];
        let at = (self.threads * THREAD_BYTES + worker * AREA_BYTES) as u64;
        memory::read(self.memory.as_fd(), &mut area, at).expect("it is there");
        let words = area.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        let words: Vec<u64> = words.collect();
        words[1..=words[0] as usize].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_begin_is_seen_until_they_end_it() {
        let board = Scoreboard::new(3, 2).expect("there is memory");
        assert_eq!(board.threads().expect("it is read"), [None; 3]);
        let at = Instant::now() + Duration::from_secs(5);
        let begun = BegunRequest { token: Token::new(1, 7), at };
        board.begin(1, Some(begun));
        assert_eq!(board.threads().expect("it is read"), [None, Some(begun), None]);
        board.begin(1, None);
        assert_eq!(board.threads().expect("it is read"), [None; 3]);
    }

    #[test]
    fn a_thread_and_a_worker_have_the_same_clock_and_any_time_is_one() {
        let board = Scoreboard::new(1, 1).expect("there is memory");
        let before = Instant::now();
        let at = board.instant_of(uptime::monotonic_nanoseconds());
        assert!(before <= at && at <= Instant::now() + Duration::from_millis(100));
        for nanoseconds in [0, 1, u64::MAX / 2, u64::MAX] {
            board.instant_of(nanoseconds);
        }
    }

    #[test]
    fn what_workers_withdraw_stands_apart_and_is_bounded() {
        let board = Scoreboard::new(3, 2).expect("there is memory");
        board.withdraw(0, &[5, 6]).expect("it is written");
        board.withdraw(1, &[7]).expect("it is written");
        assert_eq!((board.withdrawn(0), board.withdrawn(1)), (vec![5, 6], vec![7]));
        board.withdraw(0, &(1..1000).collect::<Vec<u64>>()).expect("it is written");
        assert_eq!(board.withdrawn(0).len(), WITHDRAWN_MAX);
        assert_eq!(board.withdrawn(1), [7]);
        board.withdraw(0, &[]).expect("it is written");
        assert_eq!(board.withdrawn(0), [0; 0]);
        assert_eq!(board.threads().expect("it is read"), [None; 3]);
    }
}
