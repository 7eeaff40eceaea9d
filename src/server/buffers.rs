//! Large buffers that are used again. A fresh one costs a page fault for every 4 KiB of it, several times
//! what it takes to fill it.

/// A worker's store of them.
#[derive(Default)]
pub struct Buffers {
    kept: Vec<Vec<u8>>,
}

impl Buffers {
    /// A copy of these bytes, in a buffer that was used before if there is one.
    pub fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() < LENGTH_MIN {
            return bytes.to_vec();
        }
        let mut buffer = self.kept.pop().unwrap_or_else(|| Vec::with_capacity(CAPACITY));
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes one back, if it is worth keeping.
    pub fn give(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() == CAPACITY && self.kept.len() < KEPT_MAX {
            self.kept.push(buffer);
        }
    }
}

/// Smaller ones are cheap.
const LENGTH_MIN: usize = 16 * 1024;

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
        let first = buffers.copy(&[1; 50_000]);
        let place = first.as_ptr();
        buffers.give(first);
        let second = buffers.copy(&[2; 60_000]);
        assert_eq!((second.as_ptr(), &second[..]), (place, &[2; 60_000][..]));
        buffers.give(vec![0; 50_000]);
        assert!(buffers.kept.is_empty());
        assert_eq!(buffers.copy(b"small"), b"small");
    }
}
