//! Large buffers that are used again. A fresh one costs a page fault for every 4 KiB of it, several times
//! as much as filling it.

/// A worker's buffers that are free at the moment.
#[derive(Default)]
pub(crate) struct Buffers {
    kept: Vec<Vec<u8>>,
}

impl Buffers {
    /// Keeps the first `length` bytes of a buffer. If they fill less than half of it, returns a copy; otherwise returns
    /// the buffer itself and leaves another one, of any length, in its place. So the bytes take at most twice their
    /// length.
    pub(crate) fn keep(&mut self, buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
        if length < CAPACITY / 2 {
            return buffer[..length].to_vec();
        }
        let other = self.kept.pop().unwrap_or_else(|| Vec::with_capacity(CAPACITY));
        let mut kept = std::mem::replace(buffer, other);
        kept.truncate(length);
        kept
    }

    /// Takes a buffer back, if it is worth keeping.
    pub(crate) fn give(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() == CAPACITY && self.kept.len() < KEPT_MAX {
            self.kept.push(buffer);
        }
    }
}

/// Holds the longest message of an application with its framing.
const CAPACITY: usize = 132 * 1024;

/// Four megabytes at most, for a worker that has needed them.
const KEPT_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_is_used_again_and_a_strange_one_is_not_kept() {
        let mut buffers = Buffers::default();
        let mut buffer = Vec::with_capacity(CAPACITY);
        buffer.resize(100_000, 1);
        let place = buffer.as_ptr();
        let first = buffers.keep(&mut buffer, 90_000);
        assert_eq!((first.as_ptr(), &first[..]), (place, &[1; 90_000][..]));
        buffers.give(first);
        buffer.resize(100_000, 2);
        assert_eq!(buffers.keep(&mut buffer, 100_000), [2; 100_000]);
        assert_eq!(buffer.as_ptr(), place);
        assert!(buffers.kept.is_empty());
        buffers.give(vec![0; 90_000]);
        assert!(buffers.kept.is_empty(), "a strange one");
        buffer.fill(3);
        assert_eq!(buffers.keep(&mut buffer, 65_000), [3; 65_000]);
        assert_eq!(buffer.as_ptr(), place, "less than half is copied");
    }
}
