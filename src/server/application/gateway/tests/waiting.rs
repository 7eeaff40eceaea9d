//! How long requests wait, which of them give up their place, and what counts as a hang.

use super::*;
use crate::server::application::gateway::upstream::YIELDED_MAX;
use crate::server::pool::Yielded;
use std::collections::BTreeSet;

#[test]
fn a_request_that_no_thread_has_begun_in_its_time_has_waited_and_nothing_hangs() {
    let (mut it, python, _) = Played::asked();
    it.submits(1);
    it.submits(2);
    it.passes(10);
    for number in [1, 2] {
        assert_eq!(it.gateway.expire(id(number), it.now), RequestExpired::InQueue);
    }
    assert!(!it.replaces());
    let (sent, number) = python.takes().expect("the next was sent before its time was over");
    assert_eq!((number, python.scoreboard.withdrawn(0)), (1, vec![sent.second()]));
    assert_eq!(python.takes(), None);
}

#[test]
fn the_time_of_a_request_runs_from_when_it_has_begun() {
    let (mut it, python, first) = Played::asked();
    it.submits(1);
    it.passes(8);
    python.says(first, 1, true, OK, b"");
    it.reads(&python);
    let (token, _) = python.takes().expect("it is next");
    python.begins(token, it.now);
    // Nobody has looked since.
    it.now += Duration::from_secs(2);
    let RequestExpired::NotYet(until) = it.gateway.expire(id(1), it.now) else {
        panic!("it has begun")
    };
    assert_eq!(until, it.now + Duration::from_secs(8), "it began two seconds ago");
    it.passes(7);
    assert!(!it.replaces());
    it.passes(1);
    assert_eq!(it.gateway.expire(id(1), it.now), RequestExpired::Hangs);
    assert!(it.replaces());
    python.says(token, 1, true, OK, b"late");
    assert!(it.reads(&python).is_empty(), "a late answer is nobody's");
}

#[test]
fn a_request_that_was_begun_at_once_has_its_time_and_no_more() {
    let (mut it, _python, _) = Played::asked();
    it.now += Duration::from_secs(10);
    assert_eq!(it.gateway.expire(id(0), it.now), RequestExpired::Hangs);
    assert!(it.replaces());
}

#[test]
fn a_thread_that_writes_a_time_to_come_has_no_more_time_for_it() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it was sent");
    python.begins(token, it.now + Duration::from_secs(3600));
    it.passes(11);
    assert_eq!(it.gateway.expire(id(0), it.now), RequestExpired::Hangs);
}

#[test]
fn a_process_that_leaves_requests_in_its_queue_while_a_thread_is_idle_hangs() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    it.passes(1);
    assert!(!it.replaces(), "it may not have come to it");
    it.passes(9);
    assert!(it.replaces());
    assert_eq!(it.gateway.expire(id(0), it.now), RequestExpired::Hangs);
    drop(python);
}

#[test]
fn a_process_that_hangs_gets_no_more_requests_while_another_serves() {
    let (mut it, python, _) = Played::asked();
    it.passes(11);
    assert_eq!(it.gateway.expire(id(0), it.now), RequestExpired::Hangs);
    let other = it.joins(2);
    it.submits(1);
    it.submits(2);
    assert_eq!(std::iter::from_fn(|| other.takes()).count(), 2);
    assert_eq!(python.takes(), None);
}

#[test]
fn a_request_that_finds_all_threads_hanging_waits_for_the_process_that_replaces_theirs() {
    let (mut it, python, _) = Played::asked();
    it.passes(10);
    assert_eq!(it.gateway.expire(id(0), it.now), RequestExpired::Hangs);
    it.submits(1);
    assert_eq!(python.takes(), None);
    let other = it.joins(2);
    assert_eq!(other.takes().map(|(_, number)| number), Some(1));
    assert_eq!(it.gateway.expire(id(1), it.now), RequestExpired::InQueue);
}

#[test]
fn requests_behind_one_that_hangs_are_taken_back_for_the_next_process_in_their_order() {
    let mut it = Played::with(Wsgi::new("m:app").threads(2));
    let python = it.joins(1);
    (0..4).for_each(|number| assert_eq!(it.submits(number), Submitted::Accepted));
    let begun: Vec<Token> = (0..2).map_while(|_| python.takes()).map(|(token, _)| token).collect();
    python.begins(begun[0], it.now);
    it.gateway.withdraw(id(3), it.now);
    it.submits(4);
    it.submits(5);
    let other = it.joins(2);
    assert_eq!(other.takes().map(|(_, number)| number), Some(4));
    // Another worker counts in the same numbers.
    let of_another = Token::new(1, begun[0].second());
    let taken: Vec<Token> = std::iter::from_fn(|| python.takes()).map(|(token, _)| token).collect();
    let taken = [&[of_another], &taken[..]].concat();
    assert!(it.reports(ProcessEvent::Leaves(python.process)).is_empty());
    assert!(it.reports(ProcessEvent::TakenBack(python.process, taken.into())).is_empty());
    let rest: Vec<u8> = std::iter::from_fn(|| other.takes()).map(|(_, number)| number).collect();
    assert_eq!(rest, [5, 2], "the one that was withdrawn is nobody's");
    let lost = answered(it.leaves(&python, &begun));
    assert_eq!(
        lost.iter().map(|(slot, ..)| *slot).collect::<BTreeSet<_>>(),
        BTreeSet::from([0, 1])
    );
}

#[test]
fn a_process_that_takes_its_requests_does_not_hang_although_one_is_always_on_its_way() {
    let mut it = Played::new();
    let python = it.joins(1);
    for number in 0..30 {
        it.submits(number);
        it.passes(1);
        let (token, _) = python.takes().expect("it was sent");
        python.says(token, 1, true, OK, b"");
        it.reads(&python);
    }
    assert!(!it.replaces());
}

#[test]
fn a_process_that_waits_for_a_slow_client_does_not_hang() {
    let (mut it, _python, _, outlet) = Played::streaming();
    it.submits(1);
    it.passes(10);
    assert_eq!(it.gateway.expire(id(1), it.now), RequestExpired::InQueue);
    it.passes(5000);
    assert!(!it.replaces());
    drop(outlet);
}

#[test]
fn an_answer_that_has_begun_may_be_quiet_for_as_long_as_it_is_let() {
    let (mut it, _python, _, mut outlet) = Played::streaming();
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    it.passes(3590);
    assert!(!it.replaces());
    it.passes(20);
    assert!(it.replaces());
}

#[test]
fn a_quiet_answer_whose_client_has_gone_hangs_when_somebody_needs_its_thread() {
    let (mut it, _python, _, mut outlet) = Played::streaming();
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    drop(outlet);
    it.passes(30);
    assert!(!it.replaces(), "nobody waits");
    it.submits(1);
    it.passes(1);
    assert!(it.replaces());
}

#[test]
fn what_a_client_that_has_gone_asked_for_is_not_begun() {
    let (mut it, python, first) = Played::asked();
    for number in 1..=3 {
        it.submits(number);
    }
    it.passes(1);
    it.gateway.withdraw(id(1), it.now);
    it.gateway.withdraw(id(2), it.now);
    let (sent, number) = python.takes().expect("one was sent already");
    assert_eq!(
        (number, python.scoreboard.withdrawn(0)),
        (1, vec![sent.second()]),
        "and is skipped"
    );
    python.says(sent, 2, true, b"", b"");
    assert!(it.reads(&python).is_empty());
    assert_eq!(python.takes().map(|(_, number)| number), Some(3));
    it.gateway.withdraw(id(0), it.now);
    assert_eq!(python.scoreboard.withdrawn(0), [sent.second()], "what has begun goes on");
    python.says(first, 1, true, OK, b"done");
    assert!(it.reads(&python).is_empty());
}

#[test]
fn those_who_may_have_gone_wait_behind_all_others_and_not_in_any_number() {
    let mut it = Played::new();
    for number in 0..YIELDED_MAX as u32 + 2 {
        it.submits(number);
    }
    for number in 0..YIELDED_MAX as u32 {
        assert_eq!(it.gateway.yield_place(id(number)), Yielded::Kept);
    }
    assert_eq!(it.gateway.yield_place(id(YIELDED_MAX as u32)), Yielded::Refused);
    it.gateway.withdraw(id(YIELDED_MAX as u32), it.now);
    let python = it.joins(1);
    let (token, number) = python.takes().expect("it is the only one that waits for sure");
    assert_eq!(number as usize, YIELDED_MAX + 1);
    assert_eq!(python.takes(), None, "what is sent ahead is for those that wait for sure");
    python.says(token, 1, true, OK, b"");
    it.reads(&python);
    assert_eq!(python.takes().map(|(_, number)| number), Some(0), "now nobody else waits");
}

#[test]
fn what_an_ended_process_has_not_begun_goes_to_another_in_its_order() {
    let mut it = Played::with(Wsgi::new("m:app").threads(4));
    let gone = it.joins(1);
    for number in 0..10 {
        assert_eq!(it.submits(number), Submitted::Accepted);
    }
    let (begun, first) = gone.takes().expect("it was sent");
    assert_eq!(answered(it.leaves(&gone, &[begun])), [(first.into(), 502, Vec::new())]);
    let another = it.joins(2);
    let order: Vec<u8> = std::iter::from_fn(|| another.takes()).map(|(_, which)| which).collect();
    assert_eq!(order, (1..9).collect::<Vec<u8>>());
}
