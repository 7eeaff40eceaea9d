//! How a connection takes in the content of a request (RFC 9110 §6.4, §10.1.1).

use super::{CLOSE, Connection, SLEEP, Step};
use crate::files::SpoolPlace;
use crate::http::Reject;
use crate::http::h1::body::{BodyEnd, Framing};
use crate::http::h1::session::Expectation;
use crate::http::h1::write::CONTINUE;
use crate::server::context::WorkerContext;
use crate::server::exchange::Taken;
use crate::server::intake::Intake;
use crate::server::state::{Awaited, State, Verdict};
use crate::server::transport::Transport;
use crate::site::{BodyPolicy, RequestBody};
use crate::wsgi::BODY_BYTES_MAX;
use std::time::Duration;

impl<T: Transport> Connection<T> {
    /// Decides what happens to the content before a byte of it is read.
    pub(super) fn head_complete(&mut self, length: usize, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        active.head_bytes = length;
        let announced = match active.session.framing() {
            Framing::None | Framing::Length(0) => return self.answer(cx),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let policy = match active.session.request(active.inbox.bytes(), self.peer) {
            Ok(mut request) => cx.site.body_policy(&mut request),
            Err(reject) => return self.refuse(reject, cx),
        };
        let asks_first = active.session.expectation() == Expectation::Continue;
        active.content_key = key(&policy);
        let (intake, bytes_max) = match policy {
            BodyPolicy::Discard => (Intake::Discard, cx.limits.body_discard_bytes_max),
            BodyPolicy::Refuse(response) => return self.refuse_with(*response, cx),
            BodyPolicy::Memory { bytes_max } => {
                (Intake::collect(usize::MAX, SpoolPlace::Temporary), bytes_max)
            }
            BodyPolicy::Collect { bytes_max, place } => {
                let memory_bytes_max = match place {
                    // It is for another process, and what memory holds goes there in a message.
                    SpoolPlace::Named => cx.limits.body_memory_bytes_max.min(BODY_BYTES_MAX),
                    SpoolPlace::Temporary | SpoolPlace::Root { .. } => {
                        cx.limits.body_memory_bytes_max
                    }
                };
                (Intake::collect(memory_bytes_max, place), bytes_max)
            }
            BodyPolicy::Stream { bytes_max } => {
                let (inlet, reader) = cx.pipe_to_thread(self.id);
                active.content = RequestBody::Stream(reader);
                (Intake::Stream(inlet), bytes_max)
            }
        };
        active.body_bytes_max = bytes_max;
        if announced.is_some_and(|length| length > bytes_max) {
            return self.refuse(Reject::BodyTooLarge, cx);
        }
        // A client that waits for 100 gets its answer at once where nobody wants its content.
        // Whether it sends it after that cannot be known, so the connection ends.
        if asks_first && matches!(intake, Intake::Discard) {
            return self.answer(cx);
        }
        // RFC 9110 §10.1.1: one that has begun to send does not wait any more.
        if asks_first && active.inbox.bytes().len() == length {
            active.outbox.head().extend_from_slice(CONTINUE);
        }
        let is_stream = intake.is_stream();
        active.begin_content(intake, bytes_max, cx.clock.monotonic());
        self.set_content_deadline(cx);
        if is_stream { self.answer(cx) } else { Step::Next(State::Body) }
    }

    /// Takes in content up to its end, then asks the site.
    pub(super) fn take_content(&mut self, cx: &mut WorkerContext) -> Step {
        loop {
            let Some(active) = &mut self.active else {
                return CLOSE;
            };
            match active.take_content(&mut cx.share) {
                Ok(Taken::All) => return self.content_complete(cx),
                Ok(Taken::Full) => return self.make_room(cx),
                Ok(Taken::Interrupted) => return Step::Verdict(Verdict::Again),
                Ok(Taken::Arrived) => {}
                Err(reject) => return self.refuse(reject, cx),
            }
            active.inbox.widen_if_filled(WIDE_BYTES);
            self.set_content_deadline(cx);
            // Earlier answers must not wait for this content, nor may a client wait for its 100.
            if let Err(error) = self.flush_gathered(cx) {
                return self.fail(&error);
            }
            if let Err(step) = self.receive(cx) {
                return step;
            }
        }
    }

    fn content_complete(&mut self, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        if let Some((on_disk, bytes)) = active.intake.to_write(BodyEnd::Reached) {
            cx.write(self.id, on_disk, bytes);
            return self.wait_for(Awaited::Write, cx);
        }
        if active.streams_content() {
            active.intake.finish();
            return self.wait_for(Awaited::Answer, cx);
        }
        active.content = active.intake.finish();
        self.answer(cx)
    }

    /// No more content can be taken in before a thread has done something about it.
    fn make_room(&mut self, cx: &mut WorkerContext) -> Step {
        let Some(active) = &mut self.active else {
            return CLOSE;
        };
        match active.intake.to_write(BodyEnd::Open) {
            Some((on_disk, bytes)) => {
                cx.write(self.id, on_disk, bytes);
                self.wait_for(Awaited::Write, cx)
            }
            None => self.wait_for(Awaited::Room, cx),
        }
    }

    /// While an answer is sent whose handler still reads content: hands on what arrives of it, then
    /// sends. What is wrong with the content is the reader's to find: the answer has begun.
    pub(super) fn pump_and(
        &mut self,
        cx: &mut WorkerContext,
        send: impl FnOnce(&mut Connection<T>, &mut WorkerContext) -> Step,
    ) -> Step {
        match self.pump_content(cx) {
            Pumped::All => send(self, cx),
            Pumped::ForNow => match send(self, cx) {
                SLEEP => Step::Verdict(Verdict::Again),
                step => step,
            },
            Pumped::Ended(step) => step,
        }
    }

    fn pump_content(&mut self, cx: &mut WorkerContext) -> Pumped {
        loop {
            let Some(active) = self.active.as_mut().filter(|active| active.streams_content())
            else {
                return Pumped::All;
            };
            match active.take_content(&mut cx.share) {
                Ok(Taken::All) => {
                    active.intake.finish();
                    return Pumped::All;
                }
                // The thread says when there is room again.
                Ok(Taken::Full) => return Pumped::All,
                Ok(Taken::Interrupted) => return Pumped::ForNow,
                Ok(Taken::Arrived) => {}
                Err(_) => {
                    active.intake = Intake::Discard;
                    return Pumped::All;
                }
            }
            active.inbox.widen_if_filled(WIDE_BYTES);
            match self.receive(cx) {
                Ok(()) => {}
                Err(SLEEP) => return Pumped::All,
                Err(Step::Verdict(Verdict::Again)) => return Pumped::ForNow,
                Err(step) => return Pumped::Ended(step),
            }
        }
    }

    /// RFC 9110 §15.5.9: content has `body_timeout`, and longer for as much as has come. What the
    /// server itself was waited for does not count.
    fn set_content_deadline(&mut self, cx: &WorkerContext) {
        if let Some(active) = &self.active {
            let earned = active.content_bytes / cx.limits.body_rate_min_bytes.max(1);
            let began = active.content_began.unwrap_or(cx.clock.monotonic());
            let allowance = cx.limits.body_timeout + Duration::from_secs(earned.min(A_YEAR));
            self.deadline = began + allowance;
        }
    }

    /// The server is ready to take in content again.
    pub(super) fn resume_content(&mut self, cx: &mut WorkerContext) {
        let waited = cx.clock.monotonic().saturating_duration_since(self.waits_since);
        if let Some(active) = &mut self.active
            && let Some(began) = &mut active.content_began
        {
            *began += waited;
        }
        self.set_content_deadline(cx);
    }

    /// Sleeps until a thread has brought what is waited for. Earlier answers must not wait with it.
    pub(super) fn wait_for(&mut self, awaited: Awaited, cx: &mut WorkerContext) -> Step {
        let limits = &cx.limits;
        let timeout = match awaited {
            Awaited::Write | Awaited::Lookup | Awaited::Piece => limits.send_timeout,
            Awaited::Production => {
                let piped = self.active.as_mut().and_then(|active| active.outbox.piped());
                piped.and_then(|piped| piped.quiet_max()).unwrap_or(limits.answer_timeout)
            }
            Awaited::Room | Awaited::Answer | Awaited::Application => limits.answer_timeout,
        };
        self.state = State::Waiting(awaited);
        self.waits_since = cx.clock.monotonic();
        self.deadline = self.waits_since + timeout;
        match self.flush_gathered(cx) {
            Ok(()) => SLEEP,
            Err(error) => self.fail(&error),
        }
    }
}

/// The key of the configuration that bounds content for this policy; none where a handler does.
fn key(policy: &BodyPolicy) -> Option<&'static str> {
    match policy {
        BodyPolicy::Discard => Some("body_discard_bytes_max"),
        BodyPolicy::Collect { place: SpoolPlace::Named, .. } => Some("body_bytes_max"),
        BodyPolicy::Collect { place: SpoolPlace::Root { .. }, .. } => Some("upload_bytes_max"),
        BodyPolicy::Collect { place: SpoolPlace::Temporary, .. }
        | BodyPolicy::Memory { .. }
        | BodyPolicy::Stream { .. }
        | BodyPolicy::Refuse(_) => None,
    }
}

/// How far handing on content came.
enum Pumped {
    /// There is no more for now.
    All,
    /// There may be more, and others have their turn first.
    ForNow,
    /// The connection goes another way.
    Ended(Step),
}

/// What is read at once of content that is large: a worker can then take in a gigabyte with few
/// calls, and still lets others have their turn.
const WIDE_BYTES: usize = 64 * 1024;

/// In seconds: a deadline that far away is none, and no clock overflows by it.
const A_YEAR: u64 = 365 * 86_400;
