//! Which requests the threads of a process have begun, in memory that the process and the server share.
//!
//! A thread writes the token of a request here before it does anything with it. So when a process dies,
//! the server knows which requests may have had an effect. The socket cannot tell this: a thread that is
//! being killed still takes a message from it.

use crate::sys::memory;
use crate::wsgi::Token;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One token for each thread of a process.
pub struct Begun {
    memory: OwnedFd,
    threads: usize,
}

impl Begun {
    /// Memory for so many threads, none of which has begun anything.
    ///
    /// # Errors
    /// When out of descriptors or memory.
    pub fn new(threads: usize) -> io::Result<Begun> {
        let memory = memory::create("httpd-begun", (threads * Token::BYTES) as u64)?;
        Ok(Begun { memory, threads })
    }

    /// The request that each thread began last, whether or not it has been answered.
    ///
    /// # Errors
    /// When the process made the memory smaller.
    pub fn tokens(&self) -> io::Result<Vec<Token>> {
        let mut bytes = vec![0; self.threads * Token::BYTES];
        memory::read(self.memory.as_fd(), &mut bytes)?;
        let (tokens, _) = bytes.as_chunks();
        Ok(tokens.iter().map(|&token| Token(token)).collect())
    }

    /// To be passed to the process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}
