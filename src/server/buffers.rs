//! Large buffers that are used again. A fresh one costs a page fault for every 4 KiB of it, several times
//! what it takes to fill it.

/// A worker's store of them.
#[derive(Default)]
pub struct Buffers {
    kept: Vec<Vec<u8>>,
}

impl Buffers {
    /// So many bytes at the beginning of a buffer, to be kept: a copy if they fill less than half of
    /// it, otherwise the buffer itself, and there is another in its place, of any length. So what is
    /// kept takes twice its length at most.
    pub fn keep(&mut self, buffer: &mut Vec<u8>, length: usize) -> Vec<u8> {
        if length < CAPACITY / 2 {
            return buffer[..length].to_vec();
        }
        let other = self.kept.pop().unwrap_or_else(|| Vec::with_capacity(CAPACITY));
        let mut kept = std::mem::replace(buffer, other);
        kept.truncate(length);
        kept
    }

    /// Takes one back, if it is worth keeping.
    pub fn give(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() == CAPACITY && self.kept.len() < KEPT_MAX {
            self.kept.push(buffer);
        }
    }
}

/// Holds the longest message of an application, and what frames it.
const CAPACITY: usize = 132 * 1024;

/// Four megabytes, for a worker that had use for them.
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
