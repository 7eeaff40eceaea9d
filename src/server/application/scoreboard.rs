//! What the threads of one process do right now: a page of memory that the process and the workers share.
//!
//! A thread writes the token of a request there when it begins the request, and zeros when it has ended it.
//! That costs no system call. The workers read the page once a second while requests wait, when the time of a
//! request is over, and when the process has died: only requests that it had begun may have had an effect.
//! (The socket cannot show this, because a thread that is being killed still takes a message from it.) In the
//! other direction, each worker writes the requests that nobody waits for any more; the process skips those
//! that it has not begun.
//!
//! It must never know what a request is, nor what follows from what is read.

use crate::sys::memory;
use crate::wsgi::Token;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One process's page.
pub(crate) struct Scoreboard {
    memory: OwnedFd,
    threads: usize,
}

impl Scoreboard {
    /// A page for a process of so many threads that serves so many workers; every thread is idle.
    ///
    /// # Errors
    /// When out of descriptors or memory.
    pub(crate) fn new(threads: usize, workers: usize) -> io::Result<Scoreboard> {
        let bytes = threads * Token::BYTES + workers * AREA_BYTES;
        let memory = memory::create("httpd-scoreboard", bytes as u64)?;
        Ok(Scoreboard { memory, threads })
    }

    /// What each thread has begun and not ended, by its number; `None` for one that is idle.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn threads(&self) -> io::Result<Vec<Option<Token>>> {
        let mut bytes = vec![0; self.threads * Token::BYTES];
        memory::read(self.memory.as_fd(), &mut bytes, 0)?;
        let tokens = bytes.as_chunks::<{ Token::BYTES }>().0.iter().copied();
        Ok(tokens.map(|token| (token != IDLE).then_some(Token(token))).collect())
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
        let at = self.threads * Token::BYTES + worker * AREA_BYTES;
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

/// What a worker may write: how many it withdraws, and their numbers.
const AREA_BYTES: usize = 8 * (1 + WITHDRAWN_MAX);

#[cfg(test)]
impl Scoreboard {
    /// Plays a thread that begins a request, or that ends its request.
    pub(crate) fn begin(&self, thread: usize, token: Option<Token>) {
        let token = token.map_or(IDLE, |token| token.0);
        let at = (thread * Token::BYTES) as u64;
        memory::write(self.memory.as_fd(), &token, at).expect("it is there");
    }

    /// What a process would skip.
    pub(crate) fn withdrawn(&self, worker: usize) -> Vec<u64> {
        let mut area = [0; AREA_BYTES];
        let at = (self.threads * Token::BYTES + worker * AREA_BYTES) as u64;
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
        board.begin(1, Some(Token::new(1, 7)));
        assert_eq!(board.threads().expect("it is read"), [None, Some(Token::new(1, 7)), None]);
        board.begin(1, None);
        assert_eq!(board.threads().expect("it is read"), [None; 3]);
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
