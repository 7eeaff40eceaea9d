//! Bodies that are produced faster than their clients read them.

use super::*;
use crate::http::Status;
use crate::site::pipe::{BACKLOG_BYTES, Drained, Feeder, PIPE_BYTES_MAX, within_worker};
use crate::site::{Body, Response};
use memchr::memmem;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A response under way, and the producer of its body.
struct Made {
    it: Driven,
    feeder: Feeder,
    /// How much the pipe has taken from the producer.
    taken: Arc<AtomicUsize>,
    made: String,
}

impl Made {
    /// The head is on its way to a client that takes so many bytes for now.
    fn for_client_that_takes(bytes: usize, limits: Limits) -> Made {
        let mut it = Driven::threaded(limits);
        it.receives(request("POST", "/offload", "Content-Length: 0\r\n"));
        it.will_take(bytes);
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let (feeder, outlet) = within_worker(Box::new(move |taken| {
            if let Drained::Bytes(bytes) = taken {
                counter.fetch_add(bytes, Ordering::Relaxed);
            }
        }));
        let mut response = Response::new(Status::OK);
        response.body = Body::Piped(outlet, None);
        it.completes(Completion::Answered(Box::new(response)));
        Made { it, feeder, taken, made: String::new() }
    }

    /// More is produced, as much at a time as an honest producer may send.
    fn is_made(&mut self, bytes: usize) {
        for piece in digits(bytes).as_bytes().chunks(PIPE_BYTES_MAX / 8) {
            self.made.push_str(std::str::from_utf8(piece).expect("digits are ASCII"));
            if self.feeder.push(piece.to_vec()) {
                self.it.completes(Completion::Moved);
            }
        }
    }

    /// Whether the producer could go on, if it had to wait until everything that it sends is taken.
    fn waits_for_nobody(&self) -> bool {
        self.feeder.bytes() < BACKLOG_BYTES
    }

    fn is_complete(&mut self) {
        if self.feeder.finish() {
            self.it.completes(Completion::Moved);
        }
    }

    /// The client takes everything, a little at a time, and gets what was produced.
    fn arrives(mut self) {
        for _ in 0..TURNS_MAX {
            self.it.takes(40_000);
            self.it.works();
            if self.it.verdict == Verdict::Close || self.it.connection.phase() == Phase::Idle {
                break;
            }
        }
        let body = dechunked(&self.it.sends(200).body);
        assert!(body == self.made.as_bytes(), "{} of {}", body.len(), self.made.len());
        self.it.is_kept();
    }

    /// The files that are in the folder for such bodies.
    fn bytes_on_disk(&self) -> u64 {
        // Files without a name are seen by their descriptors alone.
        let folder = fs::canonicalize(&self.it.folder.path).expect("it is there");
        let descriptors = fs::read_dir("/proc/self/fd").expect("Linux has it");
        let of_folder = descriptors.filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_ours = fs::read_link(&path).ok()?.starts_with(&folder);
            let is_nameless = fs::read_link(&path).ok()?.to_string_lossy().ends_with(" (deleted)");
            (is_ours && is_nameless).then(|| fs::metadata(&path).map_or(0, |file| file.len()))
        });
        of_folder.sum()
    }
}

fn dechunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = memmem::find(chunks, b"\r\n") {
        let length = usize::from_str_radix(&text(&chunks[..end]), 16).expect("a size is a number");
        body.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 2 + length + 2..];
    }
    body
}

#[test]
fn a_client_that_reads_nothing_holds_up_no_producer() {
    let mut it = Made::for_client_that_takes(0, Limits::default());
    it.is_made(BACKLOG_BYTES / 2);
    assert_eq!(it.bytes_on_disk(), 0, "so little can wait in memory");
    for _ in 0..20 {
        it.is_made(BACKLOG_BYTES);
        it.it.works();
        assert!(it.waits_for_nobody());
    }
    assert!(it.bytes_on_disk() >= 19 * BACKLOG_BYTES as u64);
    assert!(it.taken.load(Ordering::Relaxed) >= 19 * BACKLOG_BYTES);
    it.is_complete();
    it.arrives();
}

#[test]
fn what_is_made_while_the_disk_is_written_comes_behind_it() {
    let mut it = Made::for_client_that_takes(1000, Limits::default());
    it.is_made(PIPE_BYTES_MAX);
    it.is_made(PIPE_BYTES_MAX / 2);
    // The client takes all that is here; the rest is still with the thread.
    it.it.takes(usize::MAX);
    it.it.sleeps(ExchangeState::Waiting(Awaited::Production));
    it.is_made(PIPE_BYTES_MAX / 2);
    it.it.works();
    it.it.will_take(10);
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    it.is_complete();
    it.arrives();
}

#[test]
fn a_file_that_was_read_to_its_end_is_given_up_and_another_made() {
    let mut it = Made::for_client_that_takes(0, Limits::default());
    for _ in 0..3 {
        it.is_made(PIPE_BYTES_MAX);
        it.it.works();
        assert!(it.bytes_on_disk() > 0);
        it.it.takes(usize::MAX);
        assert!(it.bytes_on_disk() > 0, "the worker does not wait for the disk to free it");
        it.it.works();
        assert_eq!(it.bytes_on_disk(), 0);
        it.it.will_take(0);
    }
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    it.is_complete();
    it.it.takes(usize::MAX);
    assert!(it.bytes_on_disk() > 0, "nor at the end");
    it.it.works();
    assert_eq!(it.bytes_on_disk(), 0);
    it.arrives();
}

#[test]
fn a_disk_that_takes_nothing_loses_nothing() {
    let mut it = Made::for_client_that_takes(0, Limits::default());
    fs::remove_dir_all(&it.it.folder.path).expect("the folder is ours");
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    assert!(!it.waits_for_nobody(), "the disk is not tried again");
    it.is_complete();
    it.arrives();
}

#[test]
fn with_more_than_its_bound_on_the_disk_the_producer_waits_until_all_of_it_is_sent() {
    let limits = Limits::default().response_spool_bytes_max(200_000);
    let mut it = Made::for_client_that_takes(0, limits);
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    assert!(!it.waits_for_nobody());
    let bound = 200_000 + PIPE_BYTES_MAX as u64;
    assert!((1..=bound).contains(&it.bytes_on_disk()), "{}", it.bytes_on_disk());
    it.it.takes(usize::MAX);
    it.it.works();
    assert!(it.waits_for_nobody());
    it.it.will_take(0);
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    assert!(it.waits_for_nobody(), "there is room again");
    it.is_complete();
    it.arrives();
}

#[test]
fn without_room_on_the_disk_the_producer_waits() {
    let limits = Limits::default().response_spool_bytes_max(0);
    let mut it = Made::for_client_that_takes(0, limits);
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    assert!(!it.waits_for_nobody());
    assert_eq!(it.bytes_on_disk(), 0);
    it.is_complete();
    it.arrives();
}

#[test]
fn a_client_that_goes_leaves_nothing_on_the_disk() {
    for writing in [false, true] {
        let mut it = Made::for_client_that_takes(0, Limits::default());
        it.is_made(PIPE_BYTES_MAX);
        it.it.works();
        it.is_made(PIPE_BYTES_MAX);
        if !writing {
            it.it.works();
        }
        it.it.receives_reset();
        it.it.takes(usize::MAX);
        it.it.connection.abandon(&mut it.it.cx);
        it.it.works();
        assert_eq!(it.bytes_on_disk(), 0, "while it is written: {writing}");
    }
}

#[test]
fn a_body_that_breaks_off_breaks_off_behind_what_was_on_the_disk() {
    let mut it = Made::for_client_that_takes(0, Limits::default());
    it.is_made(PIPE_BYTES_MAX);
    it.it.works();
    assert!(!it.feeder.break_off());
    it.it.takes(usize::MAX);
    it.it.works();
    it.it.is_broken_off();
    let sent = it.it.client.sent();
    assert!(sent.len() > PIPE_BYTES_MAX, "{}", sent.len());
}
