//! Workers that send commands, and the slot that carries them out, in every interleaving (see [`crate::sys::sync`]).
//!
//! The socket that wakes the slot is a real one: what is written to it can be read at once, so that the orders of the
//! threads decide what happens. Threads are interrupted at locks alone, so that no model tries what comes between taking a
//! command and reading from the socket, if these were in the wrong order.
//!
//! With these faults, one of them fails: a command wakes the slot before it is in the queue; a command stays in the queue
//! until it was carried out.

use super::*;
use crate::sys::sync::{AtomicUsize, every_interleaving};
use crate::sys::wait;
use loom::thread;
use std::sync::atomic::Ordering;

const STOP: SlotCommand = SlotCommand::Stop { grace: Duration::ZERO };

/// A slot carries commands out until it is to stop. One that is not woken would wait for ever, which loom finds.
fn carries_out(commands: &CommandQueue, mut each: impl FnMut(SlotCommand)) {
    let mut is_stopping = false;
    while !is_stopping {
        while !wait::is_readable(commands.woken()) {
            thread::yield_now();
        }
        while let Some(command) = commands.next() {
            is_stopping |= command == STOP;
            each(command);
        }
    }
}

#[test]
fn every_command_wakes_its_slot_and_is_carried_out_in_its_order() {
    every_interleaving(|| {
        let commands = CommandQueue::new().expect("descriptors are left");
        let (renews, stops) = (commands.clone(), commands.clone());
        let renewing = thread::spawn(move || {
            renews.send(SlotCommand::Renew);
            renews.send(SlotCommand::GoOn);
        });
        let stopping = thread::spawn(move || stops.send(STOP));
        let mut done = Vec::new();
        carries_out(&commands, |command| done.push(command));
        renewing.join().expect("it does not panic");
        stopping.join().expect("it does not panic");
        // They may come when the slot has stopped.
        done.extend(std::iter::from_fn(|| commands.next()));
        done.retain(|command| *command != STOP);
        assert_eq!(done, [SlotCommand::Renew, SlotCommand::GoOn]);
    });
}

/// The same command again is one command, but only as long as the slot has not begun to carry it out.
#[test]
fn what_changes_before_a_command_is_seen_by_who_carries_it_out() {
    every_interleaving(|| {
        let commands = CommandQueue::new().expect("descriptors are left");
        let sources = Arc::new(AtomicUsize::new(0));
        let (sends, changes) = (commands.clone(), Arc::clone(&sources));
        let sending = thread::spawn(move || {
            for _ in 0..2 {
                changes.fetch_add(1, Ordering::SeqCst);
                sends.send(SlotCommand::Renew);
            }
            sends.send(STOP);
        });
        let mut loaded = 0;
        carries_out(&commands, |command| {
            if command == SlotCommand::Renew {
                loaded = sources.load(Ordering::SeqCst);
            }
        });
        assert_eq!(loaded, 2, "the newest sources are not loaded");
        sending.join().expect("it does not panic");
    });
}
