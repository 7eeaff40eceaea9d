//! One message to many streams.

use super::Response;
use super::stream::{Sender, TrySendError, WakeBatch};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sends each message to all its listeners: a chat, a news ticker, a progress bar for everybody.
///
/// Clones share the listeners. Messages of all clones reach every listener in the same order. The bytes of a message
/// are shared by the listeners, each worker is woken once for it, and nobody waits for a slow client: see
/// [`SlowListener`]. Listeners that have gone are removed.
///
/// ```
/// use httpd::{Broadcast, Event, RequestError, Site, Status};
/// let chat = Broadcast::new();
/// let listeners = chat.clone();
/// let site = Site::new()
///     .get("/events", move |_| listeners.listen())
///     .post("/messages", move |request| -> Result<Status, RequestError> {
///         chat.send(Event::data(request.read_text()?));
///         Ok(Status::NO_CONTENT)
///     });
/// # let _ = site;
/// ```
#[derive(Clone, Default)]
pub struct Broadcast {
    shared: Arc<Mutex<Listeners>>,
}

/// What happens to a listener that has no room for a message, because its client has not taken earlier ones: see
/// [`Sender::buffer_bytes_max`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowListener {
    /// Its response is broken off. A browser connects again, and says in `Last-Event-ID` what it has seen: so no
    /// client misses anything without knowing.
    #[default]
    Drop,
    /// It does not get this message.
    Skip,
}

#[derive(Default)]
struct Listeners {
    senders: Vec<Sender>,
    slow: SlowListener,
    /// How many there may be before those that have gone are looked for.
    prune_at: usize,
    /// Whether one of them was a stream of server-sent events.
    has_events: bool,
    /// Whether the log has a warning of a message that is none.
    has_warned: bool,
}

impl Broadcast {
    /// One without listeners.
    pub fn new() -> Broadcast {
        Broadcast::default()
    }

    /// What happens to listeners that are too slow, from now on. Default: [`SlowListener::Drop`].
    pub fn slow(self, slow: SlowListener) -> Broadcast {
        self.lock().slow = slow;
        self
    }

    /// A response that is one more listener: a stream of server-sent events.
    pub fn listen(&self) -> Response {
        let (events, response) = Response::events();
        self.add(events);
        response
    }

    /// Adds a listener: [`Events`](super::Events), or a [`Sender`] of anything else.
    pub fn add(&self, listener: impl Into<Sender>) {
        let listener = listener.into();
        let mut listeners = self.lock();
        listeners.has_events |= listener.is_of_events();
        if listeners.senders.len() >= listeners.prune_at {
            listeners.senders.retain(|sender| !sender.is_gone());
            listeners.prune_at = PRUNE_MIN.max(listeners.senders.len() * 2);
        }
        listeners.senders.push(listener);
    }

    /// Sends a message to all listeners, and never waits; returns how many will get it. Streams of server-sent events
    /// need an [`Event`](super::Event): browsers ignore any other text, and the log warns of it once.
    pub fn send(&self, message: impl AsRef<[u8]>) -> usize {
        let message: Arc<[u8]> = message.as_ref().into();
        let mut batch = WakeBatch::default();
        let mut count = 0;
        let mut listeners = self.lock();
        listeners.warn_of(&message);
        let slow = listeners.slow;
        listeners.senders.retain(|sender| match sender.try_send_shared(&message, &mut batch) {
            Ok(()) => {
                count += 1;
                true
            }
            Err(TrySendError::Gone) => false,
            Err(TrySendError::Full) if slow == SlowListener::Skip => true,
            Err(TrySendError::Full) => {
                log::debug!("a listener of a broadcast is too slow: its response is broken off");
                sender.clone().abort();
                false
            }
        });
        drop(listeners);
        batch.wake();
        count
    }

    /// How many listeners there are.
    pub fn len(&self) -> usize {
        self.lock().senders.iter().filter(|sender| !sender.is_gone()).count()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the responses of all listeners after what was sent.
    pub fn finish(&self) {
        let senders = std::mem::take(&mut self.lock().senders);
        senders.into_iter().for_each(Sender::finish);
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listeners {
    /// Warns once of a message that browsers would ignore.
    fn warn_of(&mut self, message: &[u8]) {
        if !self.has_events || self.has_warned || message.ends_with(b"\n\n") {
            return;
        }
        self.has_warned = true;
        let message = message[..message.len().min(SHOWN_BYTES_MAX)].escape_ascii();
        log::warn!(
            "\"{message}\" was sent to streams of server-sent events and is none: browsers ignore it; \
             send Event::data(text)"
        );
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Broadcast").field("listeners", &self.len()).finish()
    }
}

/// With fewer listeners it is not worth looking.
const PRUNE_MIN: usize = 64;

/// How much of a message a line of the log shows.
const SHOWN_BYTES_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::stream::{Received, channel};

    #[test]
    fn listeners_share_the_bytes_of_a_message() {
        let broadcast = Broadcast::new();
        let receivers = [0; 3].map(|_| {
            let (sender, receiver) = channel();
            broadcast.add(sender);
            receiver
        });
        assert_eq!(broadcast.send("all"), 3);
        let taken = receivers.each_ref().map(|receiver| match receiver.take() {
            Received::Shared(bytes) => bytes,
            other => panic!("{other:?}"),
        });
        assert!(taken.iter().all(|bytes| Arc::ptr_eq(bytes, &taken[0])));
        assert_eq!(&*taken[0], b"all");
        drop(receivers);
        assert_eq!((broadcast.len(), broadcast.send("nobody")), (0, 0));
        assert!(broadcast.lock().senders.is_empty());
    }

    #[test]
    fn a_slow_listener_is_dropped_or_skipped_and_the_others_get_all() {
        for (slow, left) in [(SlowListener::Drop, 1), (SlowListener::Skip, 2)] {
            let broadcast = Broadcast::new().slow(slow);
            let [(quick, quick_receiver), (slow, slow_receiver)] = [0; 2].map(|_| channel());
            broadcast.add(quick);
            broadcast.add(slow.buffer_bytes_max(5));
            assert_eq!(broadcast.send("one"), 2);
            assert_eq!(quick_receiver.take(), Received::Shared(Arc::from(*b"one")));
            assert_eq!(broadcast.send("two"), 1);
            assert_eq!(quick_receiver.take(), Received::Shared(Arc::from(*b"two")));
            assert_eq!(broadcast.len(), left);
            match left {
                1 => assert_eq!(slow_receiver.take(), Received::Broken),
                _ => {
                    assert_eq!(slow_receiver.take(), Received::Shared(Arc::from(*b"one")));
                    assert_eq!(broadcast.send("three"), 2);
                    assert_eq!(slow_receiver.take(), Received::Shared(Arc::from(*b"three")));
                }
            }
        }
    }

    #[test]
    fn listeners_that_have_gone_do_not_pile_up_without_messages() {
        let broadcast = Broadcast::new();
        let (_kept, receiver) = channel();
        broadcast.add(_kept.clone());
        for _ in 0..10_000 {
            drop(broadcast.listen());
        }
        assert!(broadcast.lock().senders.len() <= PRUNE_MIN);
        assert_eq!(broadcast.len(), 1);
        broadcast.finish();
        assert_eq!(receiver.take(), Received::End);
    }
}
