//! A thread's work on the sum of a large file.

use super::cached::{CachedFile, Contents};
use super::sum::{READ_BYTES, Summer, Sums};
use crate::sys::file::{self, Disk};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A sum that is computed step by step, so that other work for the same threads goes in between.
#[derive(Debug)]
pub(crate) struct Summation {
    file: Arc<CachedFile>,
    sums: Arc<Sums>,
    summer: Summer,
    offset: u64,
    /// That of the worker that asked for it.
    is_computing: Arc<[AtomicBool; 2]>,
}

impl Summation {
    /// One of a file whose tag is awaited, unless another one of a file of about this size is under way in this worker or
    /// for this root.
    pub(super) fn begin(
        file: &Arc<CachedFile>,
        sums: &Arc<Sums>,
        is_computing: &Arc<[AtomicBool; 2]>,
    ) -> Option<Summation> {
        let lane = lane(file);
        if is_computing[lane].load(Ordering::Acquire)
            || sums.is_computing[lane].swap(true, Ordering::AcqRel)
        {
            return None;
        }
        is_computing[lane].store(true, Ordering::Release);
        Some(Summation {
            file: Arc::clone(file),
            sums: Arc::clone(sums),
            summer: Summer::default(),
            offset: 0,
            is_computing: Arc::clone(is_computing),
        })
    }

    /// Computes on for some milliseconds. It may wait for the disk. `None`: it is complete, and the file has its tag, or
    /// it has changed meanwhile.
    pub(crate) fn go_on(mut self) -> Option<Summation> {
        match self.step() {
            Ok(false) => return Some(self),
            Ok(true) => {}
            Err(error) => log::debug!("computing the tag of a file: {error}"),
        }
        None
    }

    /// Whether it is complete.
    fn step(&mut self) -> io::Result<bool> {
        let length = self.file.length();
        match self.file.contents() {
            Contents::Memory(bytes) => {
                self.summer.add(bytes);
                self.offset = length;
            }
            Contents::Descriptor(open) => {
                let mut buffer = vec![0; READ_BYTES];
                for _ in 0..READS_PER_STEP {
                    let left = usize::try_from(length - self.offset).unwrap_or(usize::MAX);
                    let buffer = &mut buffer[..left.min(READ_BYTES)];
                    let count = file::read_at(open.as_fd(), buffer, self.offset, Disk::MayBlock)?;
                    self.summer.add(&buffer[..count]);
                    self.offset += count as u64;
                    if count < buffer.len() || self.offset == length {
                        break;
                    }
                }
                if self.offset < length && file::identity(open.as_fd())? == *self.file.identity() {
                    return Ok(false);
                }
                if file::identity(open.as_fd())? != *self.file.identity() {
                    // The cache finds the new version itself.
                    return Ok(true);
                }
            }
        }
        let sum = self.summer.clone().finish();
        self.sums.add(self.file.identity(), sum);
        self.file.set_sum(sum);
        Ok(true)
    }
}

impl Drop for Summation {
    fn drop(&mut self) {
        let lane = lane(&self.file);
        self.is_computing[lane].store(false, Ordering::Release);
        self.sums.is_computing[lane].store(false, Ordering::Release);
    }
}

/// Small files do not wait for large ones.
fn lane(file: &CachedFile) -> usize {
    usize::from(file.length() > SMALL_BYTES)
}

/// About ten milliseconds.
const READS_PER_STEP: usize = 16;

const SMALL_BYTES: u64 = 16 * 1024 * 1024;
