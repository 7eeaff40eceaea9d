//! Keys of session tickets (RFC 5077, RFC 8446 §4.6.1): with a ticket, a client resumes its session, and the server keeps
//! nothing of it. All workers and all processes have the same keys, so that any of them takes the tickets of the others.
//!
//! A ticket is the name of its key, a random nonce, and the session under AES-256-GCM. After six hours there is a new key;
//! the one before it still opens its tickets. So a ticket is good for twelve hours at most, and with it what somebody can
//! read who steals the keys: of TLS 1.3, nothing that was sent, because resumed sessions agree on new keys too; of TLS 1.2,
//! the sessions of these tickets. Keys are never written to a disk, and are zeroed when they are dropped.

use super::crypto::primitives::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use super::crypto::primitives::rand;
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

use super::current::Current;

/// Keys as they are handed to other processes: the newest first, and the one before it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TicketSecrets {
    /// When the newest was made, in seconds since 1970.
    made: u64,
    newest: TicketSecret,
    before: Option<TicketSecret>,
}

#[derive(Clone, PartialEq, Eq)]
struct TicketSecret {
    name: [u8; NAME_BYTES],
    key: Zeroizing<[u8; KEY_BYTES]>,
}

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRandomNumbers;

impl TicketSecrets {
    /// A first key.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(crate) fn generate() -> Result<TicketSecrets, NoRandomNumbers> {
        Ok(TicketSecrets { made: seconds(), newest: TicketSecret::generate()?, before: None })
    }

    /// A new key; the newest so far is the one before it, and the one before that is dropped.
    ///
    /// # Errors
    /// As `generate`; nothing has changed then.
    pub(crate) fn rotate(&mut self) -> Result<(), NoRandomNumbers> {
        let newest = TicketSecret::generate()?;
        self.before = Some(std::mem::replace(&mut self.newest, newest));
        self.made = seconds();
        Ok(())
    }

    /// How long there has been no newer key.
    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(seconds().saturating_sub(self.made))
    }

    /// As bytes, for another process.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 + 2 * SECRET_BYTES));
        bytes.extend_from_slice(&self.made.to_le_bytes());
        for secret in [&self.newest].into_iter().chain(&self.before) {
            bytes.extend_from_slice(&secret.name);
            bytes.extend_from_slice(&*secret.key);
        }
        bytes
    }

    /// Of such bytes; `None`: they are something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<TicketSecrets> {
        let (made, bytes) = bytes.split_first_chunk()?;
        let made = u64::from_le_bytes(*made);
        let (secrets, []) = bytes.as_chunks::<SECRET_BYTES>() else { return None };
        match secrets {
            [newest] => {
                Some(TicketSecrets { made, newest: TicketSecret::of(newest), before: None })
            }
            [newest, before] => Some(TicketSecrets {
                made,
                newest: TicketSecret::of(newest),
                before: Some(TicketSecret::of(before)),
            }),
            _ => None,
        }
    }
}

impl TicketSecret {
    fn generate() -> Result<TicketSecret, NoRandomNumbers> {
        let mut secret =
            TicketSecret { name: [0; NAME_BYTES], key: Zeroizing::new([0; KEY_BYTES]) };
        rand::fill(&mut secret.name).map_err(|_| NoRandomNumbers)?;
        rand::fill(&mut *secret.key).map_err(|_| NoRandomNumbers)?;
        Ok(secret)
    }

    fn of(bytes: &[u8; SECRET_BYTES]) -> TicketSecret {
        let mut secret =
            TicketSecret { name: [0; NAME_BYTES], key: Zeroizing::new([0; KEY_BYTES]) };
        secret.name.copy_from_slice(&bytes[..NAME_BYTES]);
        secret.key.copy_from_slice(&bytes[NAME_BYTES..]);
        secret
    }
}

impl fmt::Debug for TicketSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TicketSecrets")
    }
}

impl fmt::Display for NoRandomNumbers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the system has no random numbers")
    }
}

impl std::error::Error for NoRandomNumbers {}

/// Keys that are ready for use: the newest first.
pub(super) struct TicketKeys(Vec<TicketKey>);

struct TicketKey {
    name: [u8; NAME_BYTES],
    key: RandomizedNonceKey,
}

impl TicketKeys {
    pub(super) fn new(secrets: &TicketSecrets) -> TicketKeys {
        let secrets = [&secrets.newest].into_iter().chain(&secrets.before);
        // The key has the length that the algorithm needs.
        let keys = secrets.filter_map(|secret| {
            let key = RandomizedNonceKey::new(&AES_256_GCM, &*secret.key).ok()?;
            Some(TicketKey { name: secret.name, key })
        });
        TicketKeys(keys.collect())
    }

    /// A ticket with this in it.
    fn seal(&self, session: &[u8]) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.0.first()?;
        let mut sealed = session.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(name), &mut sealed).ok()?;
        Some([&name[..], nonce.as_ref(), &sealed].concat())
    }

    /// What is in a ticket that was sealed with one of these keys.
    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        // Names are no secrets.
        let TicketKey { name, key } = self.0.iter().find(|key| key.name == *name)?;
        let mut session = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.open_in_place(nonce, Aad::from(name), &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TicketKeys({})", self.0.len())
    }
}

/// Tickets under the keys of the moment.
#[derive(Debug)]
pub(super) struct Tickets(pub(super) Arc<Current>);

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    /// For at least this long, its key opens a ticket.
    fn lifetime(&self) -> u32 {
        ROTATED_EVERY.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.with(|material| material.tickets.seal(plain))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.with(|material| material.tickets.open(cipher))
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How often there is a new key. A key seals far less in that time than the 2³² tickets that random nonces allow.
pub(crate) const ROTATED_EVERY: Duration = Duration::from_secs(6 * 3600);

const NAME_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const SECRET_BYTES: usize = NAME_BYTES + KEY_BYTES;
const NONCE_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_opened_with_its_key_for_one_rotation_more() {
        let mut secrets = TicketSecrets::generate().expect("random numbers");
        let ticket = TicketKeys::new(&secrets).seal(b"a session").expect("it is sealed");
        let elsewhere = TicketSecrets::from_bytes(&secrets.to_bytes()).expect("it is whole");
        assert_eq!(TicketKeys::new(&elsewhere).open(&ticket).as_deref(), Some(&b"a session"[..]));
        secrets.rotate().expect("random numbers");
        let elsewhere = TicketSecrets::from_bytes(&secrets.to_bytes()).expect("it is whole");
        assert!(elsewhere == secrets);
        assert_eq!(TicketKeys::new(&elsewhere).open(&ticket).as_deref(), Some(&b"a session"[..]));
        secrets.rotate().expect("random numbers");
        assert_eq!(TicketKeys::new(&secrets).open(&ticket), None);
        let other = TicketSecrets::generate().expect("random numbers");
        assert_eq!(TicketKeys::new(&other).open(&ticket), None);
    }

    #[test]
    fn a_ticket_that_was_changed_or_cut_anywhere_is_refused() {
        let secrets = TicketSecrets::generate().expect("random numbers");
        let keys = TicketKeys::new(&secrets);
        let ticket = keys.seal(b"a session").expect("it is sealed");
        assert_eq!(ticket.len(), NAME_BYTES + NONCE_BYTES + 9 + 16);
        for place in 0..ticket.len() {
            assert_eq!(keys.open(&ticket[..place]), None, "cut at {place}");
            let mut other = ticket.clone();
            other[place] ^= 1;
            assert_eq!(keys.open(&other), None, "changed at {place}");
        }
        assert_eq!(keys.open(&[&ticket[..], b"x"].concat()), None);
        assert_ne!(keys.seal(b"a session").expect("it is sealed"), ticket, "no nonce comes twice");
    }

    #[test]
    fn other_bytes_are_no_keys() {
        for length in [0, 7, 8, 7 + SECRET_BYTES, 9 + SECRET_BYTES, 8 + 3 * SECRET_BYTES] {
            assert!(TicketSecrets::from_bytes(&vec![7; length]).is_none(), "{length}");
        }
        let secrets = TicketSecrets::generate().expect("random numbers");
        assert_eq!(
            format!("{secrets:?} {:?}", TicketKeys::new(&secrets)),
            "TicketSecrets TicketKeys(1)"
        );
    }
}
