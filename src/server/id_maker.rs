//! Makes ids of requests that nobody can guess, without a system call for each.

use std::hash::{BuildHasher, RandomState};

/// A worker's source of random numbers: a counter, hashed under two keys that the system has made at random.
#[derive(Default)]
pub(crate) struct IdMaker {
    keys: [RandomState; 2],
    count: u64,
}

impl IdMaker {
    /// The next number.
    pub(crate) fn next(&mut self) -> u128 {
        self.count += 1;
        let [high, low] = [0, 1].map(|key| u128::from(self.keys[key].hash_one(self.count)));
        high << 64 | low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_workers_make_the_same_number() {
        let (mut one, mut two) = (IdMaker::default(), IdMaker::default());
        let all: HashSet<u128> = (0..10_000).flat_map(|_| [one.next(), two.next()]).collect();
        assert_eq!(all.len(), 20_000);
        let ones: u32 = all.iter().map(|it| it.count_ones()).sum();
        let share = f64::from(ones) / (20_000.0 * 128.0);
        assert!((0.49..0.51).contains(&share), "{share}");
    }
}
