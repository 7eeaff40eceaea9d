//! What the application of a world does, and how its worker learns of that.

use super::World;
use crate::server::mailbox::Message;

impl World {
    /// The application does something.
    pub(super) fn application_acts(&mut self) {
        let now = self.shared.borrow().now.monotonic;
        let application = &mut self.truth.application;
        match self.dice.below(16) {
            0 | 1 => application.supervises(now),
            2 if self.plan.kills && self.dice.below(12) == 0 => {
                application.one_dies(self.dice.below(8));
            }
            3 if self.dice.below(20) == 0 => application.renews(now),
            _ => {
                application.acts(&mut self.dice, now);
            }
        }
        self.hears_of_application();
    }

    /// It does all that it can do. Returns whether that was anything.
    pub(super) fn application_does_all(&mut self) -> bool {
        let now = self.shared.borrow().now.monotonic;
        self.truth.application.supervises(now);
        let has_acted = self.truth.application.all_act(now);
        self.hears_of_application();
        has_acted
    }

    /// Its slot looks after its processes.
    pub(super) fn supervises(&mut self) {
        let now = self.shared.borrow().now.monotonic;
        self.truth.application.supervises(now);
        self.hears_of_application();
    }

    /// All of its processes die.
    pub(super) fn application_ends(&mut self) {
        self.truth.application.ends();
        self.hears_of_application();
    }

    fn hears_of_application(&mut self) {
        let application = &mut self.truth.application;
        for event in application.take_reports() {
            let message = Message::Application(application.application(), event);
            self.mailbox.post(message).expect("it can be woken");
        }
        let mut shared = self.shared.borrow_mut();
        for stirred in application.stirred.drain(..) {
            let process = shared.processes.iter_mut().find(|(process, _)| *process == stirred);
            if let Some((_, has_messages)) = process {
                *has_messages = true;
            }
        }
    }
}
