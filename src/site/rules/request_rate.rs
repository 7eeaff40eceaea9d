//! How many requests a client may send in a time: each client has an account that the rate fills and each request
//! empties.
//!
//! A client's connections come to any worker, so the workers of a process share the accounts. Each is behind the lock of
//! a small part of the table, which is held for about a hundred nanoseconds. It must never know what is asked for, or
//! what becomes of a request that is too much.

use super::client_key::ClientKey;
use crate::sys::uptime::uptime;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A rate, and the accounts of the clients that it is for.
#[derive(Debug)]
pub(crate) struct RequestRate {
    /// How long the rate takes for one request.
    spacing: u64,
    /// How far ahead of the rate a client may be with its next request.
    ahead_max: u64,
    accounts: Accounts,
}

impl RequestRate {
    /// So many requests in such a time, of which `burst` may come at once. None of them is 0.
    pub(crate) fn new(count: u32, time: Duration, burst: u32) -> RequestRate {
        let spacing = nanos(time) / u64::from(count.max(1));
        RequestRate {
            spacing,
            ahead_max: spacing.saturating_mul(u64::from(burst.max(1) - 1)),
            accounts: Accounts::new(),
        }
    }

    /// Counts a request of a client, if it is not too much.
    ///
    /// # Errors
    /// How long the client has to wait until a request is not too much.
    pub(crate) fn admit(&self, client: ClientKey) -> Result<(), Duration> {
        self.admit_at(client, uptime())
    }

    /// The same at a time, counted from any other.
    fn admit_at(&self, client: ClientKey, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        self.accounts.with(client, |paid_until| {
            let ahead = paid_until.saturating_sub(now);
            if ahead > self.ahead_max {
                return Err(Duration::from_nanos(ahead - self.ahead_max));
            }
            *paid_until = (*paid_until).max(now).saturating_add(self.spacing);
            Ok(())
        })
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Until when each client has used up the rate, in nanoseconds. A time that has passed says as much as no account, so
/// a full set forgets the client that has used least.
struct Accounts {
    shards: Box<[Mutex<Vec<Account>>]>,
    /// Nobody can choose addresses that come to the same place.
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Account {
    client: ClientKey,
    paid_until: u64,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Accounts")
    }
}

impl Accounts {
    fn new() -> Accounts {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Accounts { shards, hasher: RandomState::new() }
    }

    /// Looks at the account of a client, and changes it.
    fn with<R>(&self, client: ClientKey, change: impl FnOnce(&mut u64) -> R) -> R {
        let hash = self.hasher.hash_one(client) as usize;
        let mut shard = self.shards[hash % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            shard.resize(SETS * WAYS, Account::default());
        }
        let first = hash / SHARDS % SETS * WAYS;
        let set = &mut shard[first..first + WAYS];
        let place = match set.iter().position(|account| account.client == client) {
            Some(place) => place,
            None => {
                let all = set.iter().enumerate();
                let least = all.min_by_key(|(_, account)| account.paid_until);
                let place = least.map_or(0, |(place, _)| place);
                set[place] = Account { client, paid_until: 0 };
                place
            }
        };
        change(&mut set[place].paid_until)
    }
}

/// Two workers rarely want the same of so many at once.
const SHARDS: usize = 64;

/// Each client has its place in one of these.
const SETS: usize = 128;

/// How many clients a set has room for: 65,536 in all, in 2 MiB. The memory of a shard is taken when it is first used.
const WAYS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, SocketAddr};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    fn key(ip: &str) -> ClientKey {
        let ip: IpAddr = ip.parse().expect("an address");
        ClientKey::of(Some(SocketAddr::new(ip, 1)))
    }

    fn number(number: u32) -> ClientKey {
        ClientKey::of(Some(SocketAddr::new(IpAddr::V4(number.into()), 1)))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_may_come_at_once_and_then_one_each_time() {
        let rate = RequestRate::new(10, SECOND, 3);
        let at = Duration::from_millis;
        let client = key("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(rate.admit_at(client, at(0)), Ok(()));
        }
        assert_eq!(rate.admit_at(client, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(rate.admit_at(client, at(60)), Err(Duration::from_millis(40)));
        assert_eq!(rate.admit_at(client, at(99)), Err(Duration::from_millis(1)));
        assert_eq!(rate.admit_at(client, at(100)), Ok(()));
        assert!(
            rate.admit_at(client, at(100)).is_err(),
            "a refusal costs nothing and earns nothing"
        );
        // A client that waits longer has no more than the burst.
        for _ in 0..3 {
            assert_eq!(rate.admit_at(client, at(60_000)), Ok(()));
        }
        assert_eq!(rate.admit_at(client, at(60_000)), Err(Duration::from_millis(100)));
    }

    #[test]
    fn over_a_long_time_the_rate_is_exact() {
        let rate = RequestRate::new(30, 60 * SECOND, 1);
        let client = key("192.0.2.1");
        let admitted = (0..3600_u64)
            .flat_map(|second| [0, 250, 500, 750].map(|millis| second * 1000 + millis))
            .filter(|millis| rate.admit_at(client, Duration::from_millis(*millis)).is_ok())
            .count();
        assert_eq!(admitted, 1800);
    }

    #[test]
    fn every_client_has_its_own_account_and_ipv6_clients_one_for_each_64_bits() {
        let rate = RequestRate::new(1, SECOND, 1);
        let now = Duration::ZERO;
        for (ip, is_admitted) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("192.0.2.2", true),
            ("::ffff:192.0.2.2", false),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::2", false),
            ("2001:db8:0:2::1", true),
            ("::1", true),
        ] {
            assert_eq!(rate.admit_at(key(ip), now).is_ok(), is_admitted, "{ip}");
        }
        assert!(rate.admit_at(ClientKey::of(None), now).is_ok());
        assert!(rate.admit_at(ClientKey::of(None), now).is_err());
    }

    #[test]
    fn several_threads_admit_together_what_one_would() {
        let rate = RequestRate::new(1, 3600 * SECOND, 1000);
        let admitted = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if rate.admit_at(key("192.0.2.1"), Duration::ZERO).is_ok() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.load(Ordering::Relaxed), 1000);
    }

    #[test]
    fn the_table_stays_as_large_as_it_is_and_remembers_who_asks_most() {
        let rate = RequestRate::new(1, SECOND, 100);
        let greedy = key("198.51.100.1");
        for _ in 0..100 {
            rate.admit_at(greedy, Duration::ZERO).expect("it is not too much");
        }
        for client in 0..1_000_000 {
            assert_eq!(
                rate.admit_at(number(client), Duration::ZERO),
                Ok(()),
                "nobody else has to wait"
            );
        }
        assert!(rate.admit_at(greedy, Duration::ZERO).is_err(), "it is not forgotten");
        let capacity: usize =
            rate.accounts.shards.iter().map(|shard| shard.lock().expect("sound").capacity()).sum();
        assert_eq!(capacity, 65_536);
        assert_eq!(size_of::<Account>(), 32);
    }
}
