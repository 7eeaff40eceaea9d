//! Responses whose bodies a program sends from anywhere, at any time, without a thread for each.

use crate::support::client::End;
use crate::support::{Client, Fixture, TestServer, digits, logged, until};
use httpd::{
    Broadcast, Event, Events, Gone, Request, Response, Sender, SlowListener, Status, TrySendError,
    blocking,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Serves `/stream`, and hands out the sender of each response.
fn serve(fixture: Fixture) -> (TestServer, mpsc::Receiver<Sender>) {
    let (opened, senders) = mpsc::channel();
    let opened = Mutex::new(opened);
    let handler = move |_: &Request<'_>| {
        let (sender, response) = Response::stream("text/plain");
        opened.lock().expect("nobody panics").send(sender).expect("the test waits");
        response
    };
    (fixture.file("a.txt", "it").handler("/stream", handler).serve(), senders)
}

/// Serves `/events`, and hands out each stream of events.
fn serve_events(
    fixture: Fixture,
    keep_alive: Option<Duration>,
) -> (TestServer, mpsc::Receiver<Events>) {
    let (opened, streams) = mpsc::channel();
    let opened = Mutex::new(opened);
    let handler = move |_: &Request<'_>| {
        let (events, response) = Response::events();
        let events = events.keep_alive(keep_alive);
        opened.lock().expect("nobody panics").send(events).expect("the test waits");
        response
    };
    (fixture.file("a.txt", "it").handler("/events", handler).serve(), streams)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

fn open<S>(server: &TestServer, target: &str, opened: &mpsc::Receiver<S>) -> (Client, S) {
    let mut client = server.raw(get(target));
    client.reply_head("GET").expect(200).header("Transfer-Encoding", "chunked");
    (client, opened.recv().expect("it was opened"))
}

/// Reads chunks until so many bytes have come.
#[track_caller]
fn read(client: &mut Client, length: usize) -> String {
    let mut all = Vec::new();
    while all.len() < length {
        let chunk = client.try_chunk().expect("it goes on");
        assert!(!chunk.is_empty(), "it ends after {}", all.escape_ascii());
        all.extend(chunk);
    }
    String::from_utf8(all).expect("it is text")
}

/// So many bytes, as text.
fn long(length: usize) -> String {
    String::from_utf8(digits(length)).expect("they are digits")
}

#[track_caller]
fn reads(client: &mut Client, text: &str) {
    let came = read(client, text.len());
    assert!(came == text, "{} bytes: {:.100}", came.len(), came);
}

#[track_caller]
fn ends(client: &mut Client) {
    assert_eq!(client.try_chunk().as_deref(), Ok(&b""[..]));
}

#[test]
fn what_any_thread_sends_comes_at_once_and_in_order() {
    let (server, senders) = serve(Fixture::new());
    let (mut client, sender) = open(&server, "/stream", &senders);
    for word in ["one ", "two ", "three "] {
        let sender = sender.clone();
        thread::spawn(move || sender.send(word)).join().expect("it does not panic").expect("open");
        reads(&mut client, word);
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || (0..1000).try_for_each(|_| sender.send("0123456789")))
        })
        .collect();
    drop(sender);
    reads(&mut client, &long(40_000));
    ends(&mut client);
    for thread in threads {
        assert_eq!(thread.join().expect("it does not panic"), Ok(()));
    }
    // The connection goes on.
    client.send(get("/a.txt"));
    client.reply().expect(200).body("it");
}

#[test]
fn streams_occupy_no_thread() {
    let broadcast = Broadcast::new();
    let listeners = broadcast.clone();
    let server = Fixture::new()
        .handler("/events", move |_: &Request<'_>| listeners.listen())
        .limits(|limits| limits.handler_threads_max = 1)
        .serve();
    let mut clients: Vec<Client> = (0..300).map(|_| server.raw(get("/events"))).collect();
    for client in &mut clients {
        let head = client.reply_head("GET");
        head.expect(200).header("Content-Type", "text/event-stream");
        head.header("Cache-Control", "no-store");
    }
    assert_eq!(broadcast.len(), 300);
    for number in 0..5 {
        assert_eq!(broadcast.send(Event::data("all").id(number)), 300);
        for client in &mut clients {
            reads(client, &format!("data: all\nid: {number}\n\n"));
        }
    }
    broadcast.finish();
    clients.iter_mut().for_each(ends);
}

#[test]
fn a_stream_to_an_old_client_ends_with_its_connection() {
    let (server, senders) = serve(Fixture::new());
    let mut client = server.raw("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let head = client.reply_head("GET");
    head.expect(200).no_header("Transfer-Encoding").no_header("Content-Length");
    let sender = senders.recv().expect("it was opened");
    sender.send("one").expect("the client waits");
    assert_eq!(client.read(3).as_deref(), Ok(&b"one"[..]));
    sender.send("two").expect("the client waits");
    sender.finish();
    assert_eq!(client.rest(), (b"two".to_vec(), End::Fin));
}

#[test]
fn a_response_to_head_leaves_its_sender_gone() {
    let (server, senders) = serve(Fixture::new());
    server.head("/stream").send().expect(200).header("Transfer-Encoding", "chunked");
    let sender = senders.recv().expect("it was opened");
    assert_eq!((sender.is_gone(), sender.send("x")), (true, Err(Gone)));
}

#[test]
fn what_is_sent_before_the_response_leaves_comes_with_it() {
    let server = Fixture::new()
        .handler("/greeting", |_: &Request<'_>| {
            let (sender, response) = Response::stream("text/plain");
            sender.send("hello").expect("there is room");
            sender.finish();
            response
        })
        .serve();
    server.get("/greeting").send().expect(200).body("hello");
}

#[test]
fn a_handler_on_a_thread_and_functions_around_it_hand_a_stream_on() {
    let (opened, senders) = mpsc::channel();
    let opened = Mutex::new(opened);
    let handler = blocking(move |_| {
        let (sender, response) = Response::stream("text/plain");
        opened.lock().expect("nobody panics").send(sender).expect("the test waits");
        response
    });
    let server = Fixture::new()
        .handler("/stream", handler)
        .limits(|limits| limits.handler_threads_max = 1)
        .site(|site| {
            site.around("/", |request, next| {
                let is_forbidden = request.query() == Some("forbidden");
                next.then(move |response| match is_forbidden {
                    true => Response::new(Status::FORBIDDEN),
                    false => response.header("X-Around", "yes"),
                })
            })
        })
        .serve();
    let (mut first, first_sender) = open(&server, "/stream", &senders);
    let (mut second, second_sender) = open(&server, "/stream", &senders);
    for (client, sender) in [(&mut first, first_sender), (&mut second, second_sender)] {
        sender.send("it").expect("the client reads");
        sender.finish();
        reads(client, "it");
        ends(client);
    }
    server.get("/stream?forbidden").send().expect(403);
    until("its sender knows", || senders.recv().expect("it was opened").is_gone());
}

#[test]
fn a_request_behind_a_stream_is_answered_after_its_end() {
    let (server, senders) = serve(Fixture::new().access_log());
    let mut client = server.raw(get("/stream") + &get("/a.txt"));
    client.reply_head("GET").expect(200);
    let sender = senders.recv().expect("it was opened");
    for word in ["one", "two"] {
        sender.send(word).expect("the client waits");
        reads(&mut client, word);
    }
    // This one comes while the stream is open.
    client.send(get("/a.txt"));
    sender.send("three").expect("the client waits");
    sender.finish();
    reads(&mut client, "three");
    ends(&mut client);
    client.reply().expect(200).body("it");
    client.reply().expect(200).body("it");
    drop(client);
    let lines = server.log_lines(3);
    assert!(lines[0].contains("\"GET /stream HTTP/1.1\" 200 11 "), "{}", lines[0]);
}

#[test]
fn a_sender_without_room_is_refused_until_the_client_reads() {
    let (server, senders) = serve(Fixture::new());
    let (mut client, sender) = open(&server, "/stream", &senders);
    let piece = long(10_000);
    let mut sent = 0;
    let mut refusals = 0;
    // The sockets take some megabytes, and then nothing.
    until("it is full", || match sender.try_send(&piece) {
        Ok(()) => {
            sent += 1;
            refusals = 0;
            false
        }
        Err(error) => {
            assert_eq!(error, TrySendError::Full);
            // The worker may be about to take some.
            server.get("/a.txt").send().expect(200);
            refusals += 1;
            refusals == 3
        }
    });
    let waiting = thread::spawn({
        let (sender, piece) = (sender.clone(), piece.clone());
        move || sender.send(&piece)
    });
    assert!(read(&mut client, (sent + 1) * piece.len()) == piece.repeat(sent + 1));
    assert_eq!(waiting.join().expect("it does not panic"), Ok(()));
    sender.finish();
    ends(&mut client);
}

#[test]
fn a_stream_that_is_aborted_is_broken_off_even_if_its_client_reads_nothing() {
    let (server, senders) = serve(Fixture::new());
    let (mut client, sender) = open(&server, "/stream", &senders);
    sender.send("half").expect("the client waits");
    reads(&mut client, "half");
    sender.abort();
    assert_eq!(client.rest(), (Vec::new(), End::Reset));

    let (mut client, sender) = open(&server, "/stream", &senders);
    until("it is full", || (sender.try_send(digits(60_000)).is_err()).then_some(()));
    let gone = told(|call| sender.on_gone(call));
    sender.abort();
    until("the connection is gone", || gone.load(Ordering::SeqCst) == 1);
    assert_eq!(client.rest().1, End::Reset);
}

/// Counts the calls of `on_gone`.
fn told(ask: impl FnOnce(Box<dyn FnOnce() + Send>)) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    ask(Box::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    calls
}

#[test]
fn a_client_that_goes_while_nothing_is_sent_is_noticed() {
    let (server, streams) = serve_events(Fixture::new(), Some(Duration::from_secs(60)));
    let streams: Vec<_> = (0..20).map(|_| open(&server, "/events", &streams)).collect();
    for (client, events) in streams {
        let gone = told(|call| events.on_gone(call));
        assert!(!events.is_gone());
        drop(client);
        until("the client has gone", || gone.load(Ordering::SeqCst) == 1 && events.is_gone());
        assert_eq!(events.try_send(&Event::data("x")), Err(TrySendError::Gone));
    }
}

#[test]
fn a_client_that_only_closes_its_side_gets_the_rest() {
    let (server, senders) = serve(Fixture::new());
    let (mut client, sender) = open(&server, "/stream", &senders);
    client.finish();
    for word in ["one", "two"] {
        sender.send(word).expect("the client reads");
        reads(&mut client, word);
    }
    sender.finish();
    ends(&mut client);
    client.ends();

    let (server, streams) = serve_events(Fixture::new(), Some(Duration::from_secs(60)));
    let (mut client, events) = open(&server, "/events", &streams);
    client.finish();
    reads(&mut client, ":\n\n");
    events.send(&Event::data("it")).expect("the client reads");
    reads(&mut client, "data: it\n\n");
}

#[test]
fn a_client_that_closes_its_side_of_a_quiet_stream_is_not_waited_for_for_ever() {
    let fixture = Fixture::new().limits(|it| it.answer_timeout = Duration::from_millis(100));
    let (server, senders) = serve(fixture);
    let (mut client, sender) = open(&server, "/stream", &senders);
    client.finish();
    until("it is given up", || sender.is_gone());
}

#[test]
fn a_quiet_stream_stays_open_and_is_kept_alive() {
    let fixture = Fixture::new().limits(|limits| {
        limits.answer_timeout = Duration::from_millis(100);
        limits.send_timeout = Duration::from_millis(300);
    });
    let (server, streams) = serve_events(fixture, Some(Duration::from_millis(200)));
    let (mut client, events) = open(&server, "/events", &streams);
    let began = Instant::now();
    for _ in 0..4 {
        reads(&mut client, ":\n\n");
    }
    assert!(began.elapsed() >= Duration::from_millis(4 * 200 - 50), "they come one by one");
    events.send(&Event::data("it")).expect("the client reads");
    reads(&mut client, "data: it\n\n");
    events.finish();
    // A comment may have been on its way.
    while !client.try_chunk().expect("it ends in good order").is_empty() {}
}

#[test]
fn a_stop_ends_streams_of_events_at_once() {
    let fixture = Fixture::new().limits(|it| it.stop_timeout = Duration::from_secs(120));
    let (mut server, streams) = serve_events(fixture, None);
    let mut streams: Vec<_> = (0..100).map(|_| open(&server, "/events", &streams)).collect();
    let gone = told(|call| streams[0].1.on_gone(call));
    streams[0].1.send(&Event::data("the last")).expect("the client reads");
    let began = Instant::now();
    server.handle().stop();
    reads(&mut streams[0].0, "data: the last\n\n");
    for (client, events) in &mut streams {
        ends(client);
        client.ends();
        until("its sender knows", || events.is_gone());
    }
    server.wait();
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(gone.load(Ordering::SeqCst), 1);
}

#[test]
fn a_stop_lets_other_streams_come_to_their_end() {
    let fixture = Fixture::new().limits(|it| it.stop_timeout = Duration::from_secs(120));
    let (mut server, senders) = serve(fixture);
    let (mut client, sender) = open(&server, "/stream", &senders);
    let (mut other, other_sender) = open(&server, "/stream", &senders);
    server.handle().stop();
    other_sender.finish();
    ends(&mut other);
    other.ends();
    sender.send("the rest").expect("it may be sent");
    reads(&mut client, "the rest");
    sender.finish();
    ends(&mut client);
    client.ends();
    server.wait();
}

#[test]
fn a_stop_breaks_off_a_stream_that_does_not_end() {
    let fixture = Fixture::new().limits(|it| it.stop_timeout = Duration::from_millis(50));
    let (mut server, senders) = serve(fixture);
    let (mut client, sender) = open(&server, "/stream", &senders);
    server.handle().stop();
    server.wait();
    assert_eq!(client.rest(), (Vec::new(), End::Reset));
    assert!(sender.is_gone());
}

#[test]
fn a_slow_listener_is_dropped_and_holds_up_nobody() {
    let broadcast = Broadcast::new();
    let listeners = broadcast.clone();
    let server =
        Fixture::new().handler("/events", move |_: &Request<'_>| listeners.listen()).serve();
    let [mut quick, mut slow] = [0; 2].map(|_| {
        let mut client = server.raw(get("/events"));
        client.reply_head("GET").expect(200);
        client
    });
    let message = Event::data(long(50_000));
    let text = message.to_string();
    until("the slow one is dropped", || {
        broadcast.send(&message);
        // It waits for nobody else.
        reads(&mut quick, &text);
        broadcast.len() == 1
    });
    assert_eq!(slow.rest().1, End::Reset);
    assert_eq!(broadcast.send("data: on\n\n"), 1);
    reads(&mut quick, "data: on\n\n");
}

#[test]
fn a_slow_listener_may_miss_messages_instead() {
    let broadcast = Broadcast::new().slow(SlowListener::Skip);
    let listeners = broadcast.clone();
    let server =
        Fixture::new().handler("/events", move |_: &Request<'_>| listeners.listen()).serve();
    let mut slow = server.raw(get("/events"));
    slow.reply_head("GET").expect(200);
    let text = Event::data(long(50_000)).to_string();
    let mut reached = 0;
    until("it misses some", || match broadcast.send(&text) {
        0 => Some(()),
        count => {
            reached += count;
            None
        }
    });
    assert_eq!(broadcast.len(), 1);
    // It gets the others, each of them whole.
    assert!(read(&mut slow, reached * text.len()) == text.repeat(reached));
    until("it gets one again", || broadcast.send("data: on\n\n") == 1);
    reads(&mut slow, "data: on\n\n");
}

#[test]
fn text_that_is_no_event_is_named_in_the_log_once() {
    logged::listen();
    let chat = Broadcast::new();
    chat.send("to nobody");
    let response = chat.listen();
    assert_eq!(chat.send(Event::data("an event")), 1);
    assert_eq!(chat.send("text that is no event"), 1);
    assert_eq!(chat.send("text that is no event"), 1);
    let line = logged::line("text that is no event");
    assert!(line.ends_with("browsers ignore it; send Event::data(text)"), "{line}");
    assert_eq!(logged::lines("that is no event").len(), 1);
    drop(response);
}
