use super::*;
use crate::server::id::ConnectionId;
use crate::site::pipe::Piece;
use crate::site::{Handler, Wsgi};
use crate::sys::channel::{Channel, Received};
use crate::wsgi::WINDOW_BYTES;
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
        let wsgi = Wsgi::new("m:app").threads(1).timeout(Duration::from_secs(10));
        let application = Arc::clone(wsgi.application().expect("it has one"));
        let orders = Orders::new().expect("descriptors are left");
        Played { gateway: Gateway::new(0), application, orders, now: Instant::now() }
    }

    fn joins(&mut self, number: u64) -> Python {
        let pair = || {
            let (here, there) = Channel::pair().expect("descriptors are left");
            (here, Channel::from_end(there))
        };
        let ((requests, its_requests), (answers, its_answers), (credits, its_credits)) =
            (pair(), pair(), pair());
        let process = ProcessId(number);
        let link = Link::new(process, Arc::new(requests), answers, [credits].into());
        let news = News::Joined(Box::new(link), self.orders.clone());
        assert!(self.hears(news).is_empty());
        Python { process, requests: its_requests, answers: its_answers, credits: its_credits }
    }

    fn submits(&mut self, number: u32) -> Handed {
        let forward = Forward {
            application: Arc::clone(&self.application),
            environ: b"{0".to_vec(),
            content: Content::from(vec![number as u8]),
        };
        self.gateway.submit(id(number), forward, self.now)
    }

    fn hears(&mut self, news: News) -> Deliveries {
        self.gateway.hear(&self.application, news, self.now, &mut Buffers::default())
    }

    fn reads(&mut self, python: &Python) -> Deliveries {
        let mut deliveries = Deliveries::new();
        let mut buffers = Buffers::default();
        self.gateway.read(python.process, self.now, &mut buffers, &mut deliveries);
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
        message.extend_from_slice(head);
        message.extend_from_slice(content);
        self.answers.send(&message, &[]).expect("there is room");
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
fn a_process_is_given_one_more_than_it_has_threads_and_the_rest_waits() {
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
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it was sent");
    python.says(token, 1, true, OK, b"last words");
    assert_eq!(answered(it.leaves(&python, &[])), [(0, 200, b"last words".to_vec())]);
}

#[test]
fn content_comes_piece_by_piece_and_its_thread_is_credited() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it was sent");
    python.says(token, 1, false, OK, b"one");
    let (_, delivery) = it.reads(&python).pop().expect("the head is here");
    let Delivery::Answered(response) = delivery else { panic!("no answer") };
    let OwnedContent::Piped(mut outlet, None) = response.content else { panic!("not piped") };
    assert_eq!(outlet.take(), Piece::Bytes(b"one".to_vec()));
    assert_eq!(outlet.take(), Piece::NotYet);
    let piece = vec![b'x'; WINDOW_BYTES / 4];
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
fn a_thread_is_told_when_nobody_wants_the_rest() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it was sent");
    python.says(token, 1, false, OK, b"one");
    drop(it.reads(&python));
    let Ok(Received::Message(message)) = python.credits.receive() else { panic!("not told") };
    assert_eq!(message.bytes[16..], (-1i64).to_le_bytes());
}

#[test]
fn content_that_breaks_off_is_broken_off() {
    for dies in [false, true] {
        let mut it = Played::new();
        let python = it.joins(1);
        it.submits(0);
        let (token, _) = python.takes().expect("it was sent");
        python.says(token, 1, false, OK, b"one");
        let (_, delivery) = it.reads(&python).pop().expect("the head is here");
        let Delivery::Answered(response) = delivery else { panic!("no answer") };
        let OwnedContent::Piped(mut outlet, None) = response.content else { panic!("not piped") };
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
        let mut it = Played::new();
        let python = it.joins(1);
        it.submits(0);
        let (token, _) = python.takes().expect("it was sent");
        python.says(token, kind, true, head, b"");
        assert_eq!(answered(it.reads(&python)), [(0, 500, Vec::new())], "{kind}");
    }
}

#[test]
fn a_process_that_hangs_is_ordered_to_be_replaced_and_its_late_answer_is_nobodys() {
    let mut it = Played::new();
    let python = it.joins(1);
    it.submits(0);
    let (token, _) = python.takes().expect("it was sent");
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
