use super::*;
use crate::files::SpoolPlace;
use crate::server::application::orders::Orders;
use crate::server::id::ConnectionId;
use crate::site::pipe::{Outlet, Piece};
use crate::site::{Handler, OwnedContent, Wsgi};
use crate::sys::channel::{Channel, Received};
use crate::wsgi::WINDOW_BYTES;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A worker's gateway to one application, and the ends that its processes have.
struct Played {
    gateway: Gateway,
    application: Arc<Application>,
    orders: Orders,
    now: Instant,
}

/// The ends of one process.
struct Python {
    process: ProcessId,
    requests: Channel,
    answers: Channel,
    credits: Channel,
}

impl Played {
    /// With one thread in each process, so that two requests fill it.
    fn new() -> Played {
        Played::with(Wsgi::new("m:app").threads(1))
    }

    fn with(wsgi: Wsgi) -> Played {
        let wsgi = wsgi.timeout(Duration::from_secs(10));
        let application = Arc::clone(wsgi.application().expect("it has one"));
        let orders = Orders::new().expect("descriptors are left");
        Played { gateway: Gateway::new(0), application, orders, now: Instant::now() }
    }

    /// A process that has taken a request.
    fn asked() -> (Played, Python, Token) {
        let mut it = Played::new();
        let python = it.joins(1);
        it.submits(0);
        let (token, _) = python.takes().expect("it was sent");
        (it, python, token)
    }

    /// One that has begun its answer, with the content "one".
    fn streaming() -> (Played, Python, Token, Outlet) {
        let (mut it, python, token) = Played::asked();
        python.says(token, 1, false, OK, b"one");
        let (_, delivery) = it.reads(&python).pop().expect("the head is here");
        let Delivery::Answered(response) = delivery else { panic!("no answer") };
        let OwnedContent::Piped(outlet, None) = response.content else { panic!("not piped") };
        (it, python, token, outlet)
    }

    fn joins(&mut self, number: u64) -> Python {
        let pair = || {
            let (here, there) = Channel::pair().expect("descriptors are left");
            (here, Channel::from_end(there))
        };
        let ((requests, its_requests), (answers, its_answers), (credits, its_credits)) =
            (pair(), pair(), pair());
        let process = ProcessId(number);
        let link =
            Link::new(process, self.orders.clone(), Arc::new(requests), answers, [credits].into());
        let news = News::Joined(Box::new(link));
        assert!(self.hears(news).is_empty());
        Python { process, requests: its_requests, answers: its_answers, credits: its_credits }
    }

    fn submits(&mut self, number: u32) -> Handed {
        let forward = Forward {
            application: Arc::clone(&self.application),
            environ: b"{0".to_vec(),
            content: Content::from(vec![number as u8]),
        };
        self.gateway.submit(id(number), forward, self.now, None)
    }

    fn hears(&mut self, news: News) -> Deliveries {
        self.gateway.hear(&self.application, news, self.now, &mut Buffers::default())
    }

    fn reads(&mut self, python: &Python) -> Deliveries {
        let mut deliveries = Deliveries::new();
        let mut buffers = Buffers::default();
        let mut read =
            || self.gateway.read(python.process, self.now, &mut buffers, &mut deliveries);
        while read() == Rest::Perhaps {}
        self.gateway.send_waiting(self.now);
        deliveries
    }

    fn leaves(&mut self, python: &Python, unread: &[Token]) -> Deliveries {
        self.hears(News::Left(python.process, unread.into()))
    }
}

impl Python {
    /// The next request: its token, and which one it is.
    fn takes(&self) -> Option<(Token, u8)> {
        match self.requests.receive().expect("the socket lives") {
            Received::Message(message) => {
                let token = Token::of_request(&message.bytes).expect("it has one");
                Some((token, *message.bytes.last().expect("it has content")))
            }
            Received::Nothing | Received::End => None,
        }
    }

    fn says(&self, token: Token, kind: u8, last: bool, head: &[u8], content: &[u8]) {
        let mut message = token.0.to_vec();
        message.extend_from_slice(&[kind, u8::from(last), 0, 0]);
        message.extend_from_slice(&(head.len() as u32).to_le_bytes());
        message.extend_from_slice(content);
        message.extend_from_slice(head);
        self.answers.send(&message, &[]).expect("there is room");
    }

    /// One that is longer than any that is received.
    fn says_cut(&self, token: Token) {
        let message = [&token.0[..], &[1, 1, 0, 0, 0, 0, 0, 0], &[0; MESSAGE_BYTES_MAX]].concat();
        let socket = self.answers.as_fd().try_clone_to_owned().expect("a descriptor is left");
        UnixDatagram::from(socket).send(&message).expect("there is room");
    }
}

fn id(number: u32) -> ConnectionId {
    ConnectionId::new(number, 1)
}

/// Who is answered, with which status and content.
fn answered(deliveries: Deliveries) -> Vec<(usize, u16, Vec<u8>)> {
    deliveries
        .into_iter()
        .map(|(id, delivery)| match delivery {
            Delivery::Answered(response) => {
                let content = match response.content {
                    OwnedContent::Bytes(bytes) => bytes,
                    OwnedContent::Empty => Vec::new(),
                    _ => b"piped".to_vec(),
                };
                (id.slot(), response.status.code(), content)
            }
            _ => panic!("no answer"),
        })
        .collect()
}

const OK: &[u8] = b"200 OK\nContent-Type\0text/plain\n";

#[test]
fn a_request_goes_out_and_its_answer_finds_who_asked() {
    let mut it = Played::new();
    let python = it.joins(1);
    assert_eq!(it.submits(7), Handed::Over);
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
        assert_eq!(it.submits(number), Handed::Over, "it waits for a process");
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
        assert_eq!(it.submits(number), Handed::Over);
    }
    assert_eq!(it.submits(9999), Handed::Refused);
}

#[test]
fn what_a_dead_process_never_took_is_served_by_the_next_and_what_it_had_begun_is_lost() {
    let mut it = Played::new();
    let python = it.joins(1);
    for number in [0, 1, 2] {
        it.submits(number);
    }
    python.takes().expect("it takes the first and dies");
    let (unread, _) = python.takes().expect("the second is in its queue");
    assert_eq!(answered(it.leaves(&python, &[unread])), [(0, 502, Vec::new())]);
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
fn content_comes_piece_by_piece_and_its_thread_is_credited() {
    let (mut it, python, token, mut outlet) = Played::streaming();
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    assert_eq!(outlet.take(), Piece::NotYet);
    let piece = vec![b'x'; WINDOW_BYTES / 8];
    python.says(token, 2, false, b"", &piece);
    assert!(matches!(it.reads(&python)[..], [(_, Delivery::Moved)]), "it waited for that");
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
fn a_thread_is_told_when_nobody_wants_the_rest() {
    let (mut it, python, token) = Played::asked();
    python.says(token, 1, false, OK, b"one");
    drop(it.reads(&python));
    let Ok(Received::Message(message)) = python.credits.receive() else { panic!("not told") };
    assert_eq!(message.bytes[16..], (-1i64).to_le_bytes());
}

#[test]
fn content_that_breaks_off_is_broken_off() {
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
fn a_process_that_hangs_is_ordered_to_be_replaced_and_its_late_answer_is_nobodys() {
    let (mut it, python, token) = Played::asked();
    it.gateway.give_up(id(0));
    assert!(it.orders.is_given(|order| matches!(order, Order::Replace { .. })));
    python.says(token, 1, true, OK, b"late");
    assert!(it.reads(&python).is_empty());
}

#[test]
fn a_request_that_was_given_up_while_it_waited_is_never_sent() {
    let mut it = Played::new();
    it.submits(0);
    it.submits(1);
    it.gateway.give_up(id(0));
    let python = it.joins(1);
    assert_eq!(python.takes().map(|(_, number)| number), Some(1));
    assert_eq!(python.takes(), None);
}

#[test]
fn a_process_that_leaves_gets_no_more_and_finishes_what_it_has() {
    let mut it = Played::new();
    let (old, new) = (it.joins(1), it.joins(2));
    it.submits(0);
    let (token, _) = old.takes().expect("it was sent there");
    it.hears(News::Leaves(old.process));
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
    assert_eq!(it.submits(0), Handed::Over);
    assert_eq!(it.submits(1), Handed::Over);
    let next = it.joins(2);
    assert_eq!(std::iter::from_fn(|| next.takes()).count(), 2);
}

#[test]
fn a_request_that_no_message_can_hold_is_refused_and_costs_nobody_else_anything() {
    let mut it = Played::new();
    let python = it.joins(1);
    let forward = Forward {
        application: Arc::clone(&it.application),
        environ: vec![b'x'; MESSAGE_BYTES_MAX / 2],
        content: Content::from(vec![b'x'; MESSAGE_BYTES_MAX / 2]),
    };
    assert_eq!(it.gateway.submit(id(0), forward, it.now, None), Handed::Refused);
    assert_eq!(it.submits(1), Handed::Over);
    assert_eq!(python.takes().map(|(_, number)| number), Some(1));
}

#[test]
fn what_another_worker_has_in_the_queue_of_a_dead_process_is_not_taken_for_ones_own() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it takes it and dies");
    let others = Token::new(1, token.second());
    assert_eq!(answered(it.leaves(&python, &[others])), [(0, 502, Vec::new())]);
    let next = it.joins(2);
    assert_eq!(next.takes(), None, "it would be done twice");
}

#[test]
fn an_exchange_is_answered_once_whatever_its_process_says_of_it() {
    // The next request on that connection may be for somebody else.
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
fn nonsense_in_the_midst_of_content_breaks_it_off() {
    for (kind, head) in [(1, OK), (4, b""), (9, b"")] {
        let (mut it, python, token, mut outlet) = Played::streaming();
        assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
        assert_eq!(outlet.take(), Piece::NotYet);
        python.says(token, kind, false, head, b"");
        assert!(matches!(it.reads(&python)[..], [(_, Delivery::Moved)]), "{kind}");
        assert_eq!(outlet.take(), Piece::Broken, "{kind}");
    }
}

#[test]
fn no_process_makes_a_worker_keep_more_than_a_window_of_content() {
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
    assert!(it.orders.is_given(|order| matches!(order, Order::Replace { .. })));
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

#[test]
fn a_process_that_waits_for_a_slow_client_does_not_hang() {
    let (mut it, _python, _, mut outlet) = Played::streaming();
    let hangs = |order| matches!(order, Order::Replace { .. });
    it.now += Duration::from_secs(11);
    it.gateway.look(it.now);
    assert!(!it.orders.is_given(hangs), "nobody has taken what it sent");
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    it.now += Duration::from_secs(11);
    it.gateway.look(it.now);
    assert!(it.orders.is_given(hangs));
}

#[test]
fn the_file_of_a_request_is_dropped_by_a_thread_of_the_disk_pool() {
    let mut it = Played::new();
    let python = it.joins(1);
    let here = crate::sys::temporary::Directory::new();
    let spool = SpoolPlace::Named.create(here.path()).expect("there is room");
    let path = spool.path().expect("it has one").to_owned();
    let forward = Forward {
        application: Arc::clone(&it.application),
        environ: b"{0".to_vec(),
        content: Content::Spooled(spool),
    };
    // Without threads of its own: it does what it is told.
    let disk = Arc::new(Pool::new("test", 0, usize::MAX));
    it.gateway.submit(id(0), forward, it.now, Some(&disk));
    let (token, _) = python.takes().expect("it was sent");
    python.says(token, 1, true, OK, b"");
    assert_eq!(answered(it.reads(&python)), [(0, 200, Vec::new())]);
    assert!(path.exists(), "the worker has left it alone");
    assert!(disk.do_next());
    assert!(!path.exists());
}
