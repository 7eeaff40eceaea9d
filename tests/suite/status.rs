//! What a server tells of itself: its numbers, whether it is healthy, and a page for people.

use crate::support::client::Request;
use crate::support::{Client, Fixture, PATIENCE, Reply, TestServer, until};
use httpd::{Address, Metrics, Request as Asked, Response, Site, Status, StatusPages, blocking};
use std::sync::mpsc;
use std::time::Instant;

/// A site, and an address of its own for the status.
fn serve(fixture: Fixture) -> TestServer {
    let fixture = fixture.file("a.txt", "0123456789");
    fixture.listen("127.0.0.1:0").listen("status://127.0.0.1:0").serve()
}

fn status_address(server: &TestServer) -> &Address {
    &server.addresses()[1]
}

#[track_caller]
fn status(server: &TestServer, target: &str) -> Reply {
    Request::new(status_address(server), "GET", target).send()
}

/// Waits until a number is what it has to be, because a response is counted after its last byte has left.
#[track_caller]
fn counts(server: &TestServer, family: &str, labels: &[(&str, &str)], expected: f64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics = server.handle().metrics();
        if metrics.value(family, labels) == Some(expected) {
            return;
        }
        let text = metrics.to_prometheus();
        assert!(Instant::now() < deadline, "{family} {labels:?} is not {expected} in {text}");
    }
}

/// The samples of a text, and nothing that is no sample. What Prometheus reads is held to its grammar.
#[track_caller]
fn samples(text: &str) -> Vec<(&str, f64)> {
    let mut samples = Vec::new();
    let mut typed: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(!typed.contains(&name), "{name} comes twice");
            typed.push(name);
        } else if !line.starts_with('#') {
            let (series, number) = line.rsplit_once(' ').expect("a number");
            let name = series.split('{').next().expect("a name");
            let family = ["", "_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|it| typed.contains(it)));
            assert_eq!(family, typed.last().copied(), "{line}");
            samples.push((series, number.parse().unwrap_or_else(|_| panic!("{line}"))));
        }
    }
    samples
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).expect("it is text")
}

#[test]
fn requests_are_counted_by_host_method_and_class_of_status() {
    let blog = Site::new().get("/", |_| "the blog\n");
    let server =
        serve(Fixture::new().site(|site| site.host("blog.test".parse().expect("a name"), blog)));
    server.get("/a.txt").send();
    server.get("/a.txt").send();
    server.head("/missing").send();
    server.get("/").host("blog.test").send();
    let of = |host, method, class| [("host", host), ("method", method), ("status", class)];
    counts(&server, "httpd_requests", &of("default", "GET", "2xx"), 2.0);
    counts(&server, "httpd_requests", &of("default", "HEAD", "4xx"), 1.0);
    counts(&server, "httpd_requests", &of("blog.test", "GET", "2xx"), 1.0);
    counts(&server, "httpd_responses", &[("status", "404")], 1.0);
}

#[test]
fn a_method_that_a_client_makes_up_makes_up_no_label() {
    let server = serve(Fixture::new());
    for number in 0..3 {
        server.request(&format!("MADEUP{number}"), "/a.txt").send();
    }
    counts(&server, "httpd_requests", &[("method", "other")], 3.0);
    let metrics = server.handle().metrics().to_prometheus();
    assert!(!metrics.contains("MADEUP"), "{metrics}");
}

#[test]
fn pipelined_requests_and_their_bytes_are_all_counted() {
    let server = serve(Fixture::new());
    let mut client = server.connect();
    let one = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    client.send(one.repeat(40));
    let replies: Vec<Reply> = (0..40).map(|_| client.reply()).collect();
    assert!(replies.iter().all(|reply| reply.body == b"0123456789"));
    counts(&server, "httpd_requests", &[("method", "GET")], 40.0);
    counts(&server, "httpd_received_bytes", &[], (one.len() * 40) as f64);
    let sent = server.handle().metrics().value("httpd_sent_bytes", &[]).expect("a number");
    assert!(sent > 40.0 * 100.0 && sent < 40.0 * 1000.0, "{sent}");
    let metrics = server.handle().metrics().to_prometheus();
    let count = "httpd_request_duration_seconds_count{host=\"default\"} 40\n";
    assert!(metrics.contains(count), "{metrics}");
}

#[test]
fn connections_are_counted_by_what_they_do() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = blocking(move |_: &Asked<'_>| {
        let _ = wait.lock().map(|wait| wait.recv());
        Response::text("at last\n")
    });
    let server = serve(Fixture::new().handler("/slow", slow));
    let _silent = server.connect();
    let mut waiting = server.connect();
    waiting.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut reading = server.connect();
    reading.send("GET /a.txt HTTP/1.1\r\nHos");
    let mut idle = server.connect();
    idle.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply();
    for (state, expected) in [("waiting", 1.0), ("reading", 1.0), ("closing", 0.0)] {
        counts(&server, "httpd_connections", &[("state", state)], expected);
    }
    counts(&server, "httpd_pool_threads", &[("pool", "handlers"), ("state", "busy")], 1.0);
    drop(release);
    assert_eq!(waiting.reply().body, b"at last\n");
    counts(&server, "httpd_connections", &[("state", "waiting")], 0.0);
}

#[test]
fn lookups_of_files_are_counted_by_whether_the_cache_had_them() {
    let server = serve(Fixture::new());
    let lookups = |result: &str| {
        let metrics: Metrics = server.handle().metrics();
        metrics.value("httpd_cache_lookups", &[("result", result)]).unwrap_or(0.0)
    };
    server.get("/a.txt").send();
    until("a lookup is counted", || lookups("miss") >= 1.0);
    // A file that was just written is looked at each time.
    until("the cache has it", || {
        server.get("/a.txt").send();
        lookups("hit") >= 3.0
    });
    counts(&server, "httpd_cache_entries", &[], 1.0);
}

#[test]
fn what_is_refused_is_counted_by_reason() {
    let server = serve(Fixture::new());
    let refused = |reason: &str| {
        let metrics = server.handle().metrics();
        metrics.value("httpd_refusals", &[("reason", reason)]).unwrap_or(0.0)
    };
    // They are counted for the whole process, in which other tests run.
    let before = refused("malformed");
    server.raw("GET / HTTP/1.1\r\nHost : test\r\n\r\n").last_reply();
    until("it is counted", || refused("malformed") > before);
}

#[test]
fn a_response_that_is_cut_is_counted() {
    let server = serve(Fixture::new().file("large.bin", vec![b'x'; 30_000_000]));
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.read(1000).expect("it begins");
    drop(client);
    counts(&server, "httpd_responses_cut", &[], 1.0);
}

#[test]
fn collectors_get_the_format_that_they_accept() {
    let server = serve(Fixture::new());
    server.get("/a.txt").send();
    let reply = status(&server, "/metrics");
    assert_eq!(reply.status, 200);
    reply.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    let plain = text(&reply);
    let found = samples(&plain);
    let build = format!("httpd_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!(found.contains(&(&build, 1.0)), "{plain}");
    assert!(found.iter().any(|(series, number)| *series == "process_open_fds" && *number > 3.0));
    let open = Request::new(status_address(&server), "GET", "/metrics")
        .header("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        .send();
    assert!(open.value("Content-Type").starts_with("application/openmetrics-text; "));
    assert!(text(&open).ends_with("# EOF\n"));
}

#[test]
fn what_is_asked_at_the_address_for_the_status_is_not_counted_and_serves_nothing_of_the_site() {
    let server = serve(Fixture::new());
    assert_eq!(status(&server, "/a.txt").status, 404);
    for _ in 0..3 {
        assert_eq!(status(&server, "/livez").body, b"ok\n");
        assert_eq!(status(&server, "/readyz").body, b"ok\n");
    }
    assert_eq!(server.handle().metrics().value("httpd_requests", &[]), None);
    assert_eq!(server.get("/livez").send().status, 404, "nor does the site serve the status");
}

#[test]
fn busy_handlers_do_not_keep_anybody_from_seeing_that_they_are_busy() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = blocking(move |_: &Asked<'_>| {
        let _ = wait.lock().map(|wait| wait.recv());
        "at last\n"
    });
    let fixture = Fixture::new().handler("/slow", slow).limits(|limits| {
        limits.handler_threads_max = 1;
        limits.handler_queue_max = 1;
    });
    let server = serve(fixture);
    let mut clients: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    clients[0].send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    counts(&server, "httpd_pool_threads", &[("pool", "handlers"), ("state", "busy")], 1.0);
    counts(&server, "httpd_pool_jobs_waiting", &[("pool", "handlers")], 0.0);
    clients[1].send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    counts(&server, "httpd_pool_jobs_waiting", &[("pool", "handlers")], 1.0);
    assert_eq!(server.get("/slow").send().status, 503);
    assert_eq!(status(&server, "/readyz").status, 200);
    assert_eq!(status(&server, "/").status, 200);
    drop(release);
    clients.iter_mut().for_each(|client| assert_eq!(client.reply().status, 200));
}

#[test]
fn a_full_worker_still_has_room_for_those_who_watch_it() {
    let fixture = Fixture::new().limits(|limits| {
        limits.connections_max = 2;
    });
    let server = serve(fixture);
    let mut clients: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply();
    }
    assert_eq!(status(&server, "/readyz").status, 200);
    let metrics = text(&status(&server, "/metrics"));
    assert!(samples(&metrics).contains(&("httpd_connections_max", 2.0)), "{metrics}");
}

#[test]
fn while_the_server_stops_it_lives_and_is_not_ready() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = blocking(move |_: &Asked<'_>| {
        let _ = wait.lock().map(|wait| wait.recv());
        "at last\n"
    });
    let mut server = serve(Fixture::new().handler("/slow", slow));
    let mut client = server.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    counts(&server, "httpd_pool_threads", &[("pool", "handlers"), ("state", "busy")], 1.0);
    server.handle().stop();
    let reply =
        until("it is not ready", || Some(status(&server, "/readyz")).filter(|it| it.status == 503));
    assert_eq!(reply.body, b"the server is stopping\n");
    assert_eq!(status(&server, "/livez").status, 200);
    assert_eq!(status(&server, "/metrics").status, 200);
    drop(release);
    assert_eq!(client.reply().status, 200);
    server.wait();
}

#[test]
fn a_worker_that_takes_no_turn_makes_the_server_unready_and_is_named() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    // A function that blocks a worker, as it must not.
    let stuck = move |_: &Asked<'_>| {
        let _ = wait.lock().map(|wait| wait.recv());
        "at last\n"
    };
    let server = serve(Fixture::new().workers(2).handler("/stuck", stuck));
    let mut client = server.connect();
    client.send("GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n");
    let silent = || server.handle().metrics().value("httpd_workers_silent", &[]);
    until("a worker is silent", || silent() == Some(1.0));
    assert_eq!(server.handle().metrics().value("httpd_workers", &[]), Some(2.0));
    assert_eq!(server.handle().metrics().value("httpd_ready", &[]), Some(0.0));
    drop(release);
    assert_eq!(client.reply().body, b"at last\n");
    until("it answers again", || silent() == Some(0.0));
}

#[test]
fn numbers_do_not_become_smaller_when_a_server_has_stopped() {
    let mut server = serve(Fixture::new());
    server.get("/a.txt").send();
    counts(&server, "httpd_requests", &[], 1.0);
    let handle = server.handle().clone();
    handle.stop();
    server.wait();
    assert_eq!(handle.metrics().value("httpd_requests", &[]), Some(1.0));
    assert_eq!(handle.metrics().value("httpd_workers", &[]), Some(0.0));
}

#[test]
fn the_page_shows_what_happens_and_has_nothing_from_elsewhere() {
    let server = serve(Fixture::new());
    for _ in 0..5 {
        server.get("/a.txt").send();
    }
    let page = status(&server, "/");
    assert_eq!(page.status, 200);
    let policy = page.value("Content-Security-Policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = text(&page);
    assert!(html.contains("<p class=state>Serving</p>"), "{html}");
    assert!(html.contains("<th scope=row>default<td>"), "{html}");
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("style="));
    for (file, kind) in [("/status.css", "text/css"), ("/status.js", "text/javascript")] {
        let reply = status(&server, file);
        assert_eq!(reply.status, 200);
        assert!(reply.value("Content-Type").starts_with(kind));
        assert!(!text(&reply).contains("http"), "{file} fetches nothing from elsewhere");
    }
}

#[test]
fn a_location_has_the_same_below_its_path() {
    let guarded = |site: Site| {
        site.around("/about", |request, next| match request.header("Authorization") {
            Some("Bearer secret") => next.run(),
            _ => Status::UNAUTHORIZED.into(),
        })
        .at("/about", StatusPages::new())
    };
    let server = Fixture::new().site(guarded).serve();
    assert_eq!(server.get("/about/metrics").send().status, 401);
    let ask = |target: &str| server.get(target).header("Authorization", "Bearer secret").send();
    let redirect = ask("/about");
    assert_eq!((redirect.status, redirect.value("Location")), (301, "/about/"));
    assert_eq!(ask("/about/livez").body, b"ok\n");
    assert_eq!(ask("/about/readyz").body, b"ok\n");
    assert_eq!(ask("/about/nothing").status, 404);
    assert!(text(&ask("/about/")).contains("<title>"));
    let metrics = text(&ask("/about/metrics"));
    assert!(
        metrics.contains("httpd_requests_total{host=\"default\",method=\"GET\",status=\"4xx\"}")
    );
}
