//! How a supervisor gathers the numbers of its processes: it asks all others for the process that has asked, and answers
//! with their sum. `numbers_message` shows what is sent.

use std::time::{Duration, Instant};

use super::child::{Child, ChildState};
use super::numbers::{BY_SUPERVISOR, Question};
use super::numbers_message::{NumbersMessage, unpacked};
use super::{Supervisor, SupervisorState};
use crate::site::status::families::{PROCESSES_SILENT, READY};
use crate::sys::channel::ChannelMessage;

impl Supervisor {
    /// Takes what processes have sent about numbers, and answers questions that can be.
    pub(super) fn advance_numbers(&mut self, now: Instant) {
        for index in 0..self.children.len() {
            let id = self.children[index].id();
            for message in std::mem::take(&mut self.children[index].numbers) {
                self.take_numbers(id, message, now);
            }
        }
        let questions = std::mem::take(&mut self.numbers.questions);
        let (over, open): (Vec<_>, Vec<_>) =
            questions.into_iter().partition(|it| it.awaited.is_empty() || it.by <= now);
        self.numbers.questions = open;
        for question in over {
            self.answer(&question);
        }
    }

    /// Takes what a process has sent before its end.
    pub(super) fn take_last_numbers(&mut self, child: &mut Child, now: Instant) {
        let id = child.id();
        for message in std::mem::take(&mut child.numbers) {
            self.take_numbers(id, message, now);
        }
        self.numbers.end(id);
    }

    fn take_numbers(&mut self, from: u32, message: ChannelMessage, now: Instant) {
        match NumbersMessage::read(&message.bytes) {
            Some(NumbersMessage::Asks(number)) => {
                if let Some(numbers) = unpacked(message.descriptors.into_iter().next()) {
                    self.numbers.last.insert(from, numbers);
                }
                let others =
                    |child: &&Child| child.id() != from && child.state != ChildState::Starting;
                let mut awaited = Vec::new();
                for child in self.children.iter().filter(others) {
                    child.send_bytes(&NumbersMessage::Wanted.bytes());
                    awaited.push(child.id());
                }
                // It has given up an earlier one.
                self.numbers.questions.retain(|question| question.asker != from);
                let by = now + ANSWER_TIME;
                self.numbers.questions.push(Question { asker: from, number, awaited, by });
            }
            Some(NumbersMessage::Are) => {
                if let Some(numbers) = unpacked(message.descriptors.into_iter().next()) {
                    self.numbers.last.insert(from, numbers);
                    self.numbers.note_answer(from);
                }
            }
            Some(NumbersMessage::Wanted | NumbersMessage::Answer(_)) | None => {}
        }
    }

    /// Sends the numbers of all but the process that asks.
    fn answer(&self, question: &Question) {
        let mut all = self.numbers.past.clone();
        for child in self.children.iter().filter(|child| child.id() != question.asker) {
            let Some(last) = self.numbers.last.get(&child.id()) else { continue };
            let last = last.without(BY_SUPERVISOR);
            match question.awaited.contains(&child.id()) {
                // What it counts does not become smaller; what it does now is not known.
                true => all.add_all(&last.counted()),
                false => all.add_all(&last),
            }
        }
        all.count(PROCESSES_SILENT, &[], question.awaited.len() as u64);
        let serve = (0..self.slots.len()).all(|slot| self.serves(slot));
        let is_ready = self.state == SupervisorState::Serving && serve;
        all.count(READY, &[], u64::from(is_ready));
        for child in self.children.iter().filter(|child| child.id() == question.asker) {
            child.send_numbers(NumbersMessage::Answer(question.number), &all);
        }
    }
}

/// How long processes have to answer: longer than they wait for their workers.
const ANSWER_TIME: Duration = Duration::from_millis(1300);
