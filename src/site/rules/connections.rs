//! How many requests of one client may be under way at once: with HTTP/1, each is a connection in use.
//!
//! As the accounts of [`RequestRate`](super::request_rate::RequestRate), the counts are shared by the workers of a
//! process. There is one for each client that has a request under way, so that the bound of open connections bounds
//! them. It must never know what is asked for.

use super::client_key::ClientKey;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// A bound, and how many requests of each client are under way.
#[derive(Debug)]
pub(crate) struct ConnectionsPerClient {
    most: u32,
    shards: Box<[Mutex<HashMap<ClientKey, u32>>]>,
    hasher: RandomState,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    of: Arc<ConnectionsPerClient>,
    client: ClientKey,
}

impl ConnectionsPerClient {
    pub(crate) fn new(most: u32) -> ConnectionsPerClient {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        ConnectionsPerClient { most, shards, hasher: RandomState::new() }
    }

    /// One more request of a client, unless that is too much.
    pub(crate) fn begin(self: &Arc<Self>, client: ClientKey) -> Option<UnderWay> {
        self.with(client, |counts| {
            let count = counts.entry(client).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
            Some(UnderWay { of: Arc::clone(self), client })
        })
    }

    fn with<R>(
        &self,
        client: ClientKey,
        change: impl FnOnce(&mut HashMap<ClientKey, u32>) -> R,
    ) -> R {
        let place = self.hasher.hash_one(client) as usize % SHARDS;
        change(&mut self.shards[place].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.of.with(self.client, |counts| {
            if let Some(count) = counts.get_mut(&self.client) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&self.client);
                }
            }
        });
    }
}

/// Two workers rarely want the same of so many at once.
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_under_way_and_not_one_more() {
        let limit = Arc::new(ConnectionsPerClient::new(2));
        let [one, other] = ["192.0.2.1:1", "192.0.2.2:1"]
            .map(|address| ClientKey::of(Some(address.parse().expect("an address"))));
        let first = limit.begin(one).expect("the first");
        let second = limit.begin(one).expect("the second");
        assert!(limit.begin(one).is_none());
        assert!(limit.begin(other).is_some());
        drop(first);
        let third = limit.begin(one).expect("there is room again");
        assert!(limit.begin(one).is_none());
        drop((second, third));
        let counts = limit.shards.iter().map(|shard| shard.lock().expect("it is sound").len());
        assert_eq!(counts.sum::<usize>(), 0, "nothing is kept of who has ended");
    }
}
