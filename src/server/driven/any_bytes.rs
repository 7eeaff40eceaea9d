//! Any bytes at all, however they are cut: what leaves is the same, and whole (a fuzz target).

use super::*;
use std::cell::RefCell;

thread_local! {
    /// The sample site costs some files; one does for all inputs of a thread.
    static DRIVEN: RefCell<Option<Driven>> = const { RefCell::new(None) };
}

/// Sends the bytes at once, then cut into pieces as the first byte says. The server sends the same both
/// times, and ends in a state in which it waits for the client or is done with it.
pub fn connection(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    DRIVEN.with_borrow_mut(|driven| {
        let mut it = driven.take().unwrap_or_else(|| Driven::threaded(Limits::default()));
        let at_once = it.conversation(stream, stream.len().max(1), usize::MAX);
        let piece = usize::from(cut % 16) * 3 + 1;
        let room = usize::from(cut / 16) * 97 + 1;
        let in_pieces = it.conversation(stream, piece, room);
        // What depends on when bytes come: whether a client that expects 100 needs it.
        let is_timeless = !contains_ignoring_case(stream, b"100-continue");
        assert!(
            !is_timeless || at_once == in_pieces,
            "cut into {piece}:\n{in_pieces}\nat once:\n{at_once}"
        );
        *driven = Some(it);
    });
}

impl Driven {
    /// What the server sends to all of the stream, and how it ends.
    pub(super) fn conversation(&mut self, stream: &[u8], piece: usize, room: usize) -> String {
        self.reconnects();
        // What the last client has left ends, for it is gone.
        self.works();
        self.will_take(room);
        for bytes in stream.chunks(piece) {
            if self.verdict == Verdict::Close {
                break;
            }
            self.receives(bytes);
            self.settles(room);
        }
        self.receives_fin();
        self.settles(room);
        // Streams behind one that the client has left no room for may wait for threads, too.
        while self.verdict != Verdict::Close && self.works_once() {
            self.settles(room);
        }
        let is_over = self.verdict == Verdict::Close || self.connection.phase() == Phase::Lingering;
        assert!(is_over, "it neither ends nor lingers: {}", self.connection.phase());
        format!("{}{:?}", without_boundaries(&text(&self.client.sent())), self.client.end())
    }

    /// The threads and the client do their part until the connection waits for neither.
    fn settles(&mut self, room: usize) {
        for _ in 0..TURNS_MAX {
            match (self.verdict, self.connection.phase()) {
                (Verdict::Close, _) => return,
                // One job at a time: a handler that reads a body as it comes would wait for the rest of it on
                // this very thread, and its request may be the next one.
                (_, Phase::In(ExchangeState::Waiting(_))) => {
                    self.works_once();
                }
                (_, Phase::In(ExchangeState::Sending)) => self.takes(room.min(1 << 20)),
                _ => return,
            }
        }
        panic!("it never settles: {}", self.connection.phase());
    }
}

fn contains_ignoring_case(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// The boundaries between parts are another each time.
fn without_boundaries(sent: &str) -> String {
    let mut rest = sent.split("; boundary=");
    let first = rest.next().unwrap_or_default().to_owned();
    rest.fold(first, |before, after| {
        let boundary = after.split("\r\n").next().unwrap_or_default();
        before + &after.replace(boundary, "boundary")
    })
}
