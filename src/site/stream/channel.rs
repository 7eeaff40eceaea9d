//! The bounded buffer between senders and the worker that sends the body.

use super::error::{Gone, TrySendError};
use super::{WakeBatch, Waker};
use crate::sys::sync::{Condvar, Mutex, MutexGuard};
use crate::sys::unwinding::is_unwinding;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What both ends share.
pub(super) struct Channel {
    state: Mutex<ChannelState>,
    moved: Condvar,
}

struct ChannelState {
    waiting: Waiting,
    flow: Flow,
    senders: usize,
    /// How many threads wait for room. Without any, nothing is notified, for that is a system call.
    blocked: usize,
    bytes_max: usize,
    /// Set when the worker begins to send.
    waker: Option<Waker>,
    /// Whether the worker has taken everything and waits to be woken.
    sleeps: bool,
    ends_at_stop: bool,
    /// Whether it has ended for that reason.
    was_stopped: bool,
    /// Whether the client was probed after it closed its side.
    is_probed: bool,
    keep_alive: Option<KeepAlive>,
    on_gone: Vec<Box<dyn FnOnce() + Send>>,
}

/// What has been sent and not been taken yet. One message to many streams is shared by them; what has to wait behind
/// something else is copied to its end.
#[derive(Default)]
enum Waiting {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    Shared(Arc<[u8]>),
}

/// How far the body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    /// It ends after what waits.
    Finished,
    Broken,
    /// Nobody takes anything any more.
    Gone,
}

/// What is sent when nothing else was for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeepAlive {
    pub interval: Duration,
    pub bytes: &'static [u8],
}

/// Bytes to send.
#[derive(Clone, Copy)]
pub(crate) enum Message<'a> {
    Copied(&'a [u8]),
    Shared(&'a Arc<[u8]>),
}

/// What a channel has for the worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Bytes, at least one.
    Bytes(Vec<u8>),
    Shared(Arc<[u8]>),
    /// Nothing yet; the worker will be woken.
    NotYet,
    /// The body is complete.
    End,
    /// The body was broken off.
    Broken,
}

impl Waiting {
    fn bytes(&self) -> &[u8] {
        match self {
            Waiting::Nothing => &[],
            Waiting::Bytes(bytes) => bytes,
            Waiting::Shared(bytes) => bytes,
        }
    }

    fn append(&mut self, message: Message<'_>) {
        match (&mut *self, message) {
            (Waiting::Nothing, Message::Copied(bytes)) => *self = Waiting::Bytes(bytes.to_vec()),
            (Waiting::Nothing, Message::Shared(bytes)) => {
                *self = Waiting::Shared(Arc::clone(bytes))
            }
            (Waiting::Bytes(before), message) => before.extend_from_slice(message.bytes()),
            (Waiting::Shared(before), message) => {
                *self = Waiting::Bytes([before, message.bytes()].concat());
            }
        }
    }
}

impl Message<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Message::Copied(bytes) => bytes,
            Message::Shared(bytes) => bytes,
        }
    }
}

impl ChannelState {
    fn has_room(&self, message: Message<'_>) -> bool {
        let waiting = self.waiting.bytes().len();
        waiting == 0 || waiting + message.bytes().len() <= self.bytes_max
    }

    /// The function that wakes the worker, if it sleeps. It is woken once.
    fn due(&mut self) -> Option<&Waker> {
        if std::mem::take(&mut self.sleeps) { self.waker.as_ref() } else { None }
    }
}

impl Channel {
    /// An open channel with one sender.
    pub(super) fn open(bytes_max: usize) -> Arc<Channel> {
        let state = ChannelState {
            waiting: Waiting::Nothing,
            flow: Flow::Open,
            senders: 1,
            blocked: 0,
            bytes_max,
            waker: None,
            sleeps: false,
            ends_at_stop: false,
            was_stopped: false,
            is_probed: false,
            keep_alive: None,
            on_gone: Vec::new(),
        };
        Arc::new(Channel { state: Mutex::new(state), moved: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets senders that wait look again.
    fn notify(&self, state: &ChannelState) {
        if state.blocked > 0 {
            self.moved.notify_all();
        }
    }

    /// Wakes the worker if it sleeps, after the lock is released.
    fn wake(mut state: MutexGuard<'_, ChannelState>) {
        let waker = state.due().cloned();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes in a message if there is room. With a batch, the worker is woken by that.
    pub(super) fn push(
        &self,
        message: Message<'_>,
        batch: Option<&mut WakeBatch>,
    ) -> Result<(), TrySendError> {
        let mut state = self.lock();
        if state.flow != Flow::Open {
            return Err(TrySendError::Gone);
        }
        if message.bytes().is_empty() {
            return Ok(());
        }
        if !state.has_room(message) {
            return Err(TrySendError::Full);
        }
        state.waiting.append(message);
        match batch {
            None => Channel::wake(state),
            Some(batch) => {
                if let Some(waker) = state.due() {
                    batch.add(waker);
                }
            }
        }
        Ok(())
    }

    /// Takes in a message as soon as there is room.
    pub(super) fn push_waiting(&self, bytes: &[u8]) -> Result<(), Gone> {
        let message = Message::Copied(bytes);
        let mut state = self.lock();
        while state.flow == Flow::Open && !state.has_room(message) {
            if IS_WORKER.get() {
                drop(state);
                panic!("Sender::send would wait for the worker that it runs on: use try_send");
            }
            state.blocked += 1;
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
        if state.flow != Flow::Open {
            return Err(Gone);
        }
        if !bytes.is_empty() {
            state.waiting.append(message);
            Channel::wake(state);
        }
        Ok(())
    }

    /// Whether nothing more is taken in.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().flow != Flow::Open
    }

    pub(super) fn on_gone(&self, call: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        match state.flow {
            Flow::Gone => {
                drop(state);
                call();
            }
            Flow::Open | Flow::Finished | Flow::Broken => state.on_gone.push(call),
        }
    }

    pub(super) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    /// The last one ends the body, or breaks it off if it goes by a panic.
    pub(super) fn remove_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        if state.senders == 0 {
            drop(state);
            if is_unwinding() { self.abort() } else { self.finish() }
        }
    }

    pub(super) fn finish(&self) {
        let mut state = self.lock();
        if state.flow == Flow::Open {
            state.flow = Flow::Finished;
        }
        self.notify(&state);
        Channel::wake(state);
    }

    /// Breaks the body off. A worker that waits for the client is woken too.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        if state.flow == Flow::Open {
            state.flow = Flow::Broken;
            state.waiting = Waiting::Nothing;
            state.sleeps = true;
        }
        self.notify(&state);
        Channel::wake(state);
    }

    pub(super) fn set_bytes_max(&self, bytes: usize) {
        self.lock().bytes_max = bytes;
    }

    pub(super) fn set_keep_alive(&self, keep_alive: Option<KeepAlive>) {
        self.lock().keep_alive = keep_alive;
    }

    pub(super) fn end_at_stop(&self) {
        self.lock().ends_at_stop = true;
    }

    pub(super) fn ends_at_stop(&self) -> bool {
        self.lock().ends_at_stop
    }
}

/// The worker's end. Dropping it tells the senders that nobody takes anything any more.
pub(crate) struct Receiver {
    channel: Arc<Channel>,
}

impl Receiver {
    pub(super) fn new(channel: Arc<Channel>) -> Receiver {
        Receiver { channel }
    }

    /// From now on, the worker is woken by this.
    pub(crate) fn attach(&self, waker: Waker) {
        self.channel.lock().waker = Some(waker);
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> Received {
        let mut state = self.channel.lock();
        match std::mem::take(&mut state.waiting) {
            Waiting::Nothing => match state.flow {
                Flow::Open => {
                    state.sleeps = true;
                    Received::NotYet
                }
                Flow::Finished => Received::End,
                Flow::Broken | Flow::Gone => Received::Broken,
            },
            Waiting::Bytes(bytes) => {
                self.channel.notify(&state);
                Received::Bytes(bytes)
            }
            Waiting::Shared(bytes) => {
                self.channel.notify(&state);
                Received::Shared(bytes)
            }
        }
    }

    /// Whether the body was broken off.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.channel.lock().flow, Flow::Broken)
    }

    /// After how long something is sent to keep the stream alive, if there is such a thing.
    pub(crate) fn keep_alive_interval(&self) -> Option<Duration> {
        self.channel.lock().keep_alive.map(|keep_alive| keep_alive.interval)
    }

    /// Nothing was sent for a while: sends what keeps the stream alive, as a sender would.
    pub(crate) fn keep_alive(&self) {
        let keep_alive = self.channel.lock().keep_alive;
        if let Some(keep_alive) = keep_alive {
            // If there is no room, something else is on its way.
            let _ = self.channel.push(Message::Copied(keep_alive.bytes), None);
        }
    }

    /// The client has closed its side. Sends something, once, because a client that has gone answers that with a reset.
    /// `false`: there is nothing that could be sent.
    pub(crate) fn probe(&self) -> bool {
        let mut state = self.channel.lock();
        let was_probed = std::mem::replace(&mut state.is_probed, true);
        let can_probe = state.keep_alive.is_some();
        drop(state);
        if !was_probed {
            self.keep_alive();
        }
        can_probe
    }

    /// The server stops: ends a body that has no end of its own.
    pub(crate) fn stop(&self) {
        let mut state = self.channel.lock();
        if state.ends_at_stop && state.flow == Flow::Open {
            state.was_stopped = true;
            drop(state);
            self.channel.finish();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        let is_whole = state.flow == Flow::Finished && state.waiting.bytes().is_empty();
        let was_gone = !is_whole || state.was_stopped;
        state.flow = Flow::Gone;
        state.waiting = Waiting::Nothing;
        state.waker = None;
        let calls = std::mem::take(&mut state.on_gone);
        self.channel.notify(&state);
        drop(state);
        if was_gone {
            for call in calls {
                // The panic hook has logged it, and it must not harm the worker.
                let _ = catch_unwind(AssertUnwindSafe(call));
            }
        }
    }
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a worker: it must not wait for room.
pub(super) fn forbid_waiting() {
    IS_WORKER.set(true);
}

#[cfg(test)]
mod models;
