//! Streams whose responses wait for their senders: nothing shows that little is kept of them meanwhile.

use super::*;
use crate::site::Sender;

/// A client that has asked for this on streams 1, 3, 5 and so on, of which only the heads have come.
fn waiting(target: &str, count: usize) -> (Speaker, Vec<Sender>) {
    let mut it = Speaker::new();
    let mut senders = Vec::new();
    for number in 0..count {
        it.gets(2 * number as u32 + 1, target);
        senders.push(it.it.sender());
    }
    it.reads();
    assert!(it.replies.values().all(|reply| reply.status() == 200 && reply.body.is_empty()));
    it.rest(count);
    (it, senders)
}

impl Speaker {
    /// So many streams rest.
    #[track_caller]
    fn rest(&self, count: usize) {
        let audit = self.it.connection.audit().expect("it speaks HTTP/2");
        assert_eq!(audit.resting, count);
    }

    /// A message of a sender comes on its stream.
    #[track_caller]
    fn receives_from(&mut self, sender: &Sender, stream: u32, message: &str) {
        let before = self.replies[&stream].body.len();
        sender.send(message).expect("the client reads");
        self.it.works();
        self.reads();
        assert_eq!(text(&self.replies[&stream].body[before..]), message);
    }
}

#[test]
fn each_stream_gets_its_messages_and_rests_between_them() {
    let (mut it, senders) = waiting("/events", 3);
    for number in 0..10 {
        let place = number * 2 % 3;
        it.receives_from(&senders[place], 2 * place as u32 + 1, &format!("data: {number}\n\n"));
        it.rest(3);
    }
    it.goes_on(7);
    it.rest(3);
    senders[1].send("the end").expect("the client reads");
    senders[1].clone().finish();
    it.it.works();
    it.reads();
    assert!(it.replies[&3].has_ended);
    it.rest(2);
    it.receives_from(&senders[2], 5, "x");
}

#[test]
fn windows_stay_as_they_were() {
    let (mut it, senders) = waiting("/stream", 2);
    it.makes_room = false;
    it.receives_from(&senders[0], 1, &"x".repeat(65_535));
    it.rest(2);
    // Room for the connection alone is none for the stream that has used its own up.
    it.sends(&window_update(0, 10));
    senders[0].send("waits").expect("there is room");
    it.it.works();
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 65_535);
    it.receives_from(&senders[1], 3, "goes");
    it.sends(&window_update(1, 3));
    it.reads();
    assert_eq!(text(&it.replies[&1].body[65_535..]), "wai");
    it.sends(&window_update(1, 100));
    it.reads();
    assert_eq!(text(&it.replies[&1].body[65_535..]), "waits");
    it.rest(2);
    // A setting changes all of them.
    let mut smaller = Vec::new();
    write::settings(&mut smaller, &[(4, 4)]);
    it.sends(&smaller);
    it.rest(2);
    senders[1].send("x").expect("there is room");
    it.it.works();
    it.reads();
    assert_eq!(text(&it.replies[&3].body), "goes", "of four bytes all are used");
}

#[test]
fn frames_for_a_stream_that_rests_do_what_they_always_do() {
    let (mut it, senders) = waiting("/stream", 3);
    it.sends(&frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1"));
    it.rest(3);
    it.sends(&frame(kind::RST_STREAM, 0, 1, b"\0\0\0\x08"));
    assert!(senders[0].is_gone());
    it.rest(2);
    it.sends(&data(3, b"x", false));
    it.is_reset(3, ErrorCode::StreamClosed);
    assert!(senders[1].is_gone());
    it.rest(1);
    it.sends(&window_update(5, 0));
    it.is_reset(5, ErrorCode::Protocol);
    it.rest(0);
    it.goes_on(7);
}

#[test]
fn they_are_not_bounded_in_time_and_the_connection_is_not_idle() {
    let (mut it, senders) = waiting("/stream", 2);
    for _ in 0..10 {
        it.it.advances(Duration::from_secs(3600));
        it.rest(2);
    }
    it.receives_from(&senders[0], 1, "still there");
    assert_eq!(it.goaways, []);

    let (mut it, _senders) = waiting("/events", 2);
    it.it.advances(Duration::from_secs(15));
    it.it.works();
    it.reads();
    assert_eq!(text(&it.replies[&1].body), ":\n\n");
    assert_eq!(text(&it.replies[&3].body), ":\n\n");
    it.rest(2);
}

#[test]
fn they_count_as_streams() {
    let (mut it, _senders) = waiting("/stream", 128);
    it.gets(257, "/hello");
    it.is_reset(257, ErrorCode::RefusedStream);
}

#[test]
fn a_stop_ends_events_and_lets_other_streams_end() {
    let (mut it, senders) = waiting("/events", 2);
    it.it.is_stopped();
    it.it.works();
    it.reads();
    assert!(it.replies[&1].has_ended && it.replies[&3].has_ended);
    assert!(senders.iter().all(Sender::is_gone));

    let (mut it, senders) = waiting("/stream", 1);
    it.it.is_stopped();
    it.it.advances(Duration::from_secs(2));
    it.receives_from(&senders[0], 1, "the rest");
    senders[0].clone().finish();
    it.it.works();
    it.ends_with(ErrorCode::NoError);
}

#[test]
fn a_connection_that_ends_tells_all_senders() {
    for cut in [false, true] {
        let (mut it, senders) = waiting("/stream", 3);
        match cut {
            true => it.it.connection.cut(&mut it.it.cx),
            false => it.it.receives_reset(),
        }
        it.it.connection.abandon(&mut it.it.cx);
        assert!(senders.iter().all(Sender::is_gone));
    }
}

#[test]
fn a_client_that_closes_its_side_still_gets_what_comes() {
    let (mut it, senders) = waiting("/stream", 2);
    it.it.receives_fin();
    it.receives_from(&senders[1], 3, "one");
    let timeout = Limits::default().answer_timeout;
    it.it.advances(timeout);
    it.reads();
    assert!(senders[0].is_gone(), "nothing came for it in its time");
}
