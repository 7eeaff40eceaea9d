//! What the messages of processes come to, and which exchanges they complete.

use super::*;

#[test]
fn a_body_comes_piece_by_piece_and_its_thread_is_credited() {
    let (mut it, python, token, mut outlet) = Played::streaming();
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    assert_eq!(outlet.take(), Piece::NotYet);
    let piece = vec![b'x'; WINDOW_BYTES / 8];
    python.says(token, 2, false, b"", &piece);
    assert!(matches!(it.reads(&python)[..], [(_, Completion::Moved)]), "it waited for that");
    python.says(token, 2, false, b"", &piece);
    assert!(it.reads(&python).is_empty(), "it has not run dry");
    assert!(matches!(python.credits.receive(), Ok(Received::Nothing)));
    while let Piece::Bytes(_) = outlet.take() {}
    let Ok(Received::Message(credit)) = python.credits.receive() else { panic!("no credit") };
    assert_eq!(credit.bytes[..16], token.0);
    let earned = (2 * piece.len() + 3) as i64;
    assert_eq!(credit.bytes[16..], earned.to_le_bytes());
    python.says(token, 2, true, b"", b"end");
    it.reads(&python);
    assert_eq!(outlet.take(), Piece::Bytes(b"end".to_vec()));
    assert_eq!(outlet.take(), Piece::End);
}

#[test]
fn nobody_is_credited_for_an_answer_that_is_complete() {
    // It would fill the socket that a later answer of that thread waits at.
    let (mut it, python, token, mut outlet) = Played::streaming();
    python.says(token, 2, false, b"", &[b'x'; WINDOW_BYTES / 4]);
    python.says(token, 2, true, b"", &[b'x'; WINDOW_BYTES / 4]);
    it.reads(&python);
    while let Piece::Bytes(_) = outlet.take() {}
    assert!(matches!(python.credits.receive(), Ok(Received::Nothing)));
}

#[test]
fn a_thread_learns_when_nobody_wants_the_rest() {
    let (mut it, python, token) = Played::asked();
    python.says(token, 1, false, OK, b"one");
    drop(it.reads(&python));
    let Ok(Received::Message(message)) = python.credits.receive() else { panic!("no message") };
    assert_eq!(message.bytes[16..], (-1i64).to_le_bytes());
}

#[test]
fn a_body_that_breaks_off_is_broken_off() {
    for dies in [false, true] {
        let (mut it, python, token, mut outlet) = Played::streaming();
        if dies {
            it.leaves(&python, &[]);
        } else {
            python.says(token, 5, true, b"", b"");
            it.reads(&python);
        }
        assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
        assert_eq!(outlet.take(), Piece::Broken);
    }
}

#[test]
fn an_application_that_raises_or_makes_no_sense_is_500() {
    for (kind, head) in [(4, &b""[..]), (1, b"nonsense\n"), (9, b"")] {
        let (mut it, python, token) = Played::asked();
        python.says(token, kind, true, head, b"");
        assert_eq!(answered(it.reads(&python)), [(0, 500, Vec::new())], "{kind}");
    }
}

#[test]
fn an_exchange_is_answered_once_whatever_its_process_says_of_it() {
    // The next request on that connection may be of another client.
    let part = [0u64.to_le_bytes(), 9u64.to_le_bytes()].concat();
    for (kind, head, content) in [(4, &b""[..], &b""[..]), (3, OK, &part), (9, b"", b"")] {
        let (mut it, python, token) = Played::asked();
        python.says(token, kind, false, head, content);
        python.says(token, kind, false, head, content);
        python.says(token, 1, true, OK, b"forged");
        assert_eq!(answered(it.reads(&python)).len(), 1, "{kind}");
    }
}

#[test]
fn nonsense_in_the_middle_of_a_body_breaks_it_off() {
    for (kind, head) in [(1, OK), (4, b""), (9, b"")] {
        let (mut it, python, token, mut outlet) = Played::streaming();
        assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
        assert_eq!(outlet.take(), Piece::NotYet);
        python.says(token, kind, false, head, b"");
        assert!(matches!(it.reads(&python)[..], [(_, Completion::Moved)]), "{kind}");
        assert_eq!(outlet.take(), Piece::Broken, "{kind}");
    }
}

#[test]
fn no_process_makes_a_worker_keep_more_than_a_window_of_a_body() {
    let (mut it, python, token, mut outlet) = Played::streaming();
    // Nobody takes it, and it does not wait for credit.
    for _ in 0..12 {
        python.says(token, 2, false, b"", &[b'x'; 32 * 1024]);
        it.reads(&python);
    }
    let mut kept = 0;
    let end = loop {
        match outlet.take() {
            Piece::Bytes(bytes) => kept += bytes.len(),
            other => break other,
        }
    };
    assert_eq!(end, Piece::Broken);
    assert!(kept <= WINDOW_BYTES, "{kept}");
    assert!(it.commands.has(|command| matches!(command, SlotCommand::Replace { .. })));
}

#[test]
fn a_message_that_arrives_cut_costs_its_exchange_and_hides_none_behind_it() {
    let mut it = Played::new();
    let python = it.joins(1);
    let tokens = [0, 1].map(|number| {
        it.submits(number);
        python.takes().expect("it was sent").0
    });
    python.says_cut(tokens[0]);
    python.says(tokens[1], 1, true, OK, b"whole");
    let expected = [(0, 500, Vec::new()), (1, 200, b"whole".to_vec())];
    assert_eq!(answered(it.reads(&python)), expected);
}

#[test]
fn who_is_put_off_is_read_on_once() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.gateway.put_off(python.process);
    it.gateway.put_off(python.process);
    assert!(it.gateway.has_unread());
    assert_eq!(it.gateway.take_unread(), [python.process]);
    assert!(!it.gateway.has_unread());
}
