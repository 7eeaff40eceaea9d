//! Where requests go, and what becomes of them when processes come and go.

use super::*;
use crate::site::BodyStore;

#[test]
fn a_request_goes_out_and_its_answer_finds_who_asked() {
    let mut it = Played::new();
    let python = it.joins(1);
    assert_eq!(it.submits(7), Submitted::Accepted);
    let (token, number) = python.takes().expect("it was sent");
    assert_eq!(number, 7);
    python.says(token, 1, true, OK, b"hello");
    assert_eq!(answered(it.reads(&python)), [(7, 200, b"hello".to_vec())]);
    python.says(token, 1, true, OK, b"again");
    assert!(it.reads(&python).is_empty(), "an exchange ends once");
}

#[test]
fn a_process_is_given_what_it_does_next_and_no_more() {
    for (processes, given) in [(1, 6), (2, 4)] {
        let mut it = Played::with(Wsgi::new("m:app").processes(processes).threads(3));
        let python = it.joins(1);
        for number in 0..10 {
            it.submits(number);
        }
        assert_eq!(std::iter::from_fn(|| python.takes()).count(), given, "{processes}");
    }
}

#[test]
fn a_process_is_given_the_next_when_it_has_answered_one() {
    let mut it = Played::new();
    for number in 0..5 {
        assert_eq!(it.submits(number), Submitted::Accepted, "it waits for a process");
    }
    let python = it.joins(1);
    let first = python.takes().expect("one is served");
    assert_eq!(python.takes().map(|(_, number)| number), Some(1), "and one is ready");
    assert_eq!(python.takes(), None);
    python.says(first.0, 1, true, OK, b"");
    it.reads(&python);
    assert_eq!(python.takes().map(|(_, number)| number), Some(2));
}

#[test]
fn the_process_with_the_fewest_requests_gets_the_next() {
    let mut it = Played::new();
    let (one, two) = (it.joins(1), it.joins(2));
    for number in 0..4 {
        it.submits(number);
    }
    for python in [&one, &two] {
        assert_eq!(std::iter::from_fn(|| python.takes()).count(), 2);
    }
}

#[test]
fn when_too_many_wait_the_next_is_refused() {
    let mut it = Played::new();
    for number in 0..WAITING_MAX as u32 {
        assert_eq!(it.submits(number), Submitted::Accepted);
    }
    assert_eq!(it.submits(9999), Submitted::Refused);
}

#[test]
fn what_a_dead_process_had_not_begun_is_served_by_the_next_and_what_it_had_begun_is_lost() {
    let mut it = Played::new();
    let python = it.joins(1);
    for number in [0, 1, 2] {
        it.submits(number);
    }
    let (begun, _) = python.takes().expect("it takes the first, begins it");
    python.takes().expect("and takes the second while it dies");
    assert_eq!(answered(it.leaves(&python, &[begun])), [(0, 502, Vec::new())]);
    let next = it.joins(2);
    let mut served: Vec<u8> = std::iter::from_fn(|| next.takes()).map(|(_, it)| it).collect();
    served.sort_unstable();
    assert_eq!(served, [1, 2]);
}

#[test]
fn what_a_process_said_before_it_died_counts() {
    let (mut it, python, token) = Played::asked();
    python.says(token, 1, true, OK, b"last words");
    assert_eq!(answered(it.leaves(&python, &[])), [(0, 200, b"last words".to_vec())]);
}

#[test]
fn a_process_that_leaves_gets_no_more_and_finishes_what_it_has() {
    let mut it = Played::new();
    let (old, new) = (it.joins(1), it.joins(2));
    it.submits(0);
    let (token, _) = old.takes().expect("it was sent there");
    it.reports(ProcessEvent::Leaves(old.process));
    it.submits(1);
    it.submits(2);
    assert_eq!(old.takes(), None);
    assert_eq!(std::iter::from_fn(|| new.takes()).count(), 2);
    old.says(token, 1, true, OK, b"done");
    assert_eq!(answered(it.reads(&old)), [(0, 200, b"done".to_vec())]);
}

#[test]
fn what_would_go_to_a_process_whose_socket_is_closed_goes_to_the_next() {
    let mut it = Played::new();
    let gone = it.joins(1);
    drop(gone.requests);
    assert_eq!(it.submits(0), Submitted::Accepted);
    assert_eq!(it.submits(1), Submitted::Accepted);
    let next = it.joins(2);
    assert_eq!(std::iter::from_fn(|| next.takes()).count(), 2);
}

#[test]
fn a_request_that_no_message_can_hold_is_refused_and_costs_nobody_else_anything() {
    let mut it = Played::new();
    let python = it.joins(1);
    let forward = Forward {
        backend: Backend(Arc::clone(&it.application)),
        message: vec![b'x'; MESSAGE_BYTES_MAX / 2],
        body: RequestBody::from(vec![b'x'; MESSAGE_BYTES_MAX / 2]),
    };
    assert_eq!(it.gateway.submit(id(0), forward, &disk()), Submitted::Refused);
    assert_eq!(it.submits(1), Submitted::Accepted);
    assert_eq!(python.takes().map(|(_, number)| number), Some(1));
}

#[test]
fn what_a_dead_process_had_begun_for_another_worker_is_not_taken_for_ones_own() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it takes it and dies");
    let others = Token::new(1, token.second());
    assert!(answered(it.leaves(&python, &[others])).is_empty());
    let next = it.joins(2);
    assert_eq!(next.takes().map(|(_, number)| number), Some(0));
}

#[test]
fn the_file_of_a_request_is_dropped_by_a_thread_of_the_disk_pool() {
    let mut it = Played::new();
    let python = it.joins(1);
    let here = crate::sys::temporary::Directory::new();
    let spool = SpoolPlace::Named { group: None }.create(here.path()).expect("there is room");
    let path = spool.path().expect("it has one").to_owned();
    let forward = Forward {
        backend: Backend(Arc::clone(&it.application)),
        message: b"{0".to_vec(),
        body: RequestBody(BodyStore::Spooled(spool)),
    };
    // A pool without threads: the test does its jobs.
    let disk = Arc::new(Pool::new("test", 0, usize::MAX));
    it.gateway.submit(id(0), forward, &disk);
    let (token, _) = python.takes().expect("it was sent");
    python.says(token, 1, true, OK, b"");
    assert_eq!(answered(it.reads(&python)), [(0, 200, Vec::new())]);
    assert!(path.exists(), "the worker has left it alone");
    assert!(disk.do_next());
    assert!(!path.exists());
}
