//! Threads that all clients share: nobody keeps them from others.

use crate::support::writable::store;
use crate::support::{Client, Fixture, TestServer, until};
use httpd::{Method, Request, Response, blocking};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Clients that have sent this and wait.
fn crowd(server: &TestServer, count: usize, request: &str) -> Vec<Client> {
    (0..count).map(|_| server.raw(request)).collect()
}

#[test]
fn a_directory_that_another_program_has_locked_delays_nobody_elsewhere() {
    let fixture = Fixture::new().dir("locked").dir("free").workers(2);
    let store = store(&fixture, |rules| rules.lock_wait = Duration::from_secs(2));
    let store = store.methods(&[Method::Put, Method::Delete]);
    let server = fixture.handler("/", store).serve();
    let lock = File::open(server.root().join("locked")).expect("it is there");
    lock.lock().expect("nobody has it");
    let put = "PUT /locked/a HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nit";
    let mut waiting = crowd(&server, 300, put);
    let begun = Instant::now();
    for _ in 0..20 {
        let reply = server.request("PUT", "/free/b").content("it").send();
        assert!(matches!(reply.status, 201 | 204), "{}", reply.status);
    }
    let waited = begun.elapsed();
    // Behind all of the others it would be a minute and more.
    assert!(waited < Duration::from_secs(6), "{waited:?}");
    // Some wait and are given up in time, the others were told to come back at once.
    for client in &mut waiting {
        client.reply().expect(503).header("Retry-After", "1");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // Who waits when the lock is given back is served.
    let mut waiting = crowd(&server, 20, put);
    server.request("PUT", "/free/b").content("it").send().expect(204);
    lock.unlock().expect("it is ours");
    for client in &mut waiting {
        let status = client.reply().status;
        assert!(matches!(status, 201 | 204), "{status}");
    }
}

/// Two threads, and a handler that says when it begins and works until nobody waits for it.
fn serve(begun: mpsc::Sender<()>, ended: mpsc::Sender<()>) -> TestServer {
    let work = move |request: &Request<'_>| {
        let _ = begun.send(());
        let deadline = Instant::now() + Duration::from_secs(10);
        while !request.is_cancelled() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        if request.is_cancelled() {
            let _ = ended.send(());
        }
        Response::text("late")
    };
    Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 2;
            limits.handler_queue_max = 16;
            limits.answer_timeout = Duration::from_secs(1);
        })
        .handler("/work", blocking(work))
        .handler("/quick", blocking(|_| Response::text("quick")))
        .listen_unix()
        .serve()
}

const WORK: &str = "GET /work HTTP/1.1\r\nHost: test\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_handler_learns_that_its_client_has_gone_or_its_time_is_over() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let server = serve(begin, end);
    let gone = server.raw(WORK);
    begun.recv_timeout(PATIENCE).expect("it begins");
    drop(gone);
    ended.recv_timeout(PATIENCE).expect("it is told");
    let mut late = server.raw(WORK);
    late.reply().expect(503);
    ended.recv_timeout(PATIENCE).expect("it is told");
}

#[test]
fn what_clients_that_have_gone_asked_for_is_not_begun_and_frees_its_place() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let server = serve(begin, end);
    let busy = crowd(&server, 2, WORK);
    for _ in &busy {
        begun.recv_timeout(PATIENCE).expect("it begins");
    }
    // More than may wait, one after the other.
    for _ in 0..100 {
        drop(server.raw(WORK));
    }
    let mut wanted = server.raw("GET /quick HTTP/1.1\r\nHost: test\r\n\r\n");
    drop(busy);
    wanted.reply().expect(200).body("quick");
    for _ in 0..2 {
        ended.recv_timeout(PATIENCE).expect("it is told");
    }
    assert!(begun.try_recv().is_err(), "nothing else was begun");
}

#[test]
fn clients_that_may_have_gone_do_not_keep_others_waiting() {
    let done = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&done);
    let work = move |_: &Request<'_>| {
        std::thread::sleep(Duration::from_millis(50));
        counted.fetch_add(1, Ordering::Relaxed);
        Response::text("done")
    };
    let server = Fixture::new()
        .limits(|limits| limits.handler_threads_max = 2)
        .handler("/work", blocking(work))
        .serve();
    // 25 seconds of work for two threads.
    for _ in 0..1000 {
        drop(server.raw(WORK));
    }
    let begun = Instant::now();
    server.get("/work").send().expect(200).body("done");
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    // Those that only closed their half are served all the same, when nobody else waits.
    let mut half = server.raw(WORK);
    half.finish();
    until("some of the others are done", || (done.load(Ordering::Relaxed) > 4).then_some(()));
    let status = half.reply().status;
    assert!(matches!(status, 200 | 503), "{status}");
}
