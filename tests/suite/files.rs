//! A file is there, or it is not.

use crate::support::fixture::{HOSTILE_NAMES, MODIFIED, modified, set_modified};
use crate::support::{Fixture, Reply, TestServer, digits, noise, until};
use httpd::{Request, Response};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

#[test]
fn a_file_is_served_with_its_length_type_and_validators() {
    let server = Fixture::new().file("hello.txt", "hello\n").serve();
    server
        .get("/hello.txt")
        .send()
        .expect(200)
        .header("Content-Length", "6")
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("Accept-Ranges", "bytes")
        .header("Last-Modified", MODIFIED)
        .has_header("ETag")
        .body("hello\n");
}

/// RFC 9110 §6.6.1.
#[test]
fn the_date_is_that_of_the_answer() {
    let server = Fixture::new().serve();
    let mut client = server.connect();
    let before = SystemTime::now();
    client.send("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    let date = |reply: &Reply| httpdate::parse_http_date(reply.value("Date")).expect("a date");
    let first = date(&client.reply());
    assert!(first <= SystemTime::now() && before <= first + Duration::from_secs(1));
    until("the date moves on", || {
        client.send("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        (date(&client.reply()) > first).then_some(())
    });
}

#[test]
fn a_missing_file_is_not_found() {
    let server = Fixture::new().serve();
    server.get("/missing").send().expect(404).header("Content-Type", "text/html");
}

#[test]
fn a_missing_directory_on_the_way_is_not_found() {
    let server = Fixture::new().serve();
    server.get("/no/such/file.txt").send().expect(404);
}

#[test]
fn an_empty_file_has_no_body() {
    let server = Fixture::new().file("empty.txt", "").serve();
    server.get("/empty.txt").send().expect(200).header("Content-Length", "0").body("");
}

/// RFC 9110 §9.3.2: the same headers as GET, and nothing after them.
#[test]
fn head_says_what_get_would_say_without_the_body() {
    let server = Fixture::new().file("a.bin", digits(100_000)).serve();
    let get = server.get("/a.bin").send();
    let head = server.head("/a.bin").send();
    head.expect(200).body("");
    for (name, value) in &get.headers {
        if name != "Date" {
            head.header(name, value);
        }
    }
    assert_eq!(head.headers.len(), get.headers.len());
}

#[test]
fn every_hostile_name_is_served() {
    let server = Fixture::new().serve();
    for (name, target) in HOSTILE_NAMES {
        let reply = server.get(target).send();
        assert_eq!(reply.status, 200, "{target}");
        reply.body(name);
    }
}

#[test]
fn any_character_of_a_target_may_be_percent_encoded() {
    let server = Fixture::new().file("a/b.txt", "it").serve();
    server.get("/%61%2fb%2Etxt").send().expect(200).body("it");
}

#[test]
fn a_name_is_decoded_exactly_once() {
    let server = Fixture::new().file("A.txt", "decoded twice").serve();
    server.get("/%2541.txt").send().expect(200).body("%41.txt");
}

#[test]
fn a_plus_is_a_plus() {
    let server = Fixture::new().file("a b", "space").serve();
    server.get("/a+b").send().expect(404);
}

#[test]
fn names_differ_by_the_case_of_their_letters() {
    let server = Fixture::new().file("Read.me", "it").serve();
    server.get("/read.me").send().expect(404);
    server.get("/Read.me").send().expect(200);
}

#[test]
fn a_query_does_not_change_which_file_is_meant() {
    let server = Fixture::new().file("site.css", "a{}").serve();
    for target in ["/site.css?", "/site.css?v=1", "/site.css?a=/../x&b=?%zz"] {
        server.get(target).send().expect(200).body("a{}");
    }
}

#[test]
fn repeated_slashes_count_as_one() {
    let server = Fixture::new().file("a/b.txt", "it").serve();
    server.get("//a///b.txt").send().expect(200).body("it");
}

#[test]
fn a_file_is_no_directory() {
    let server = Fixture::new().file("file.txt", "it").serve();
    server.get("/file.txt/").send().expect(404);
    server.get("/file.txt/x").send().expect(404);
    server.get("/file.txt/.").send().expect(404);
}

#[test]
fn a_name_of_255_bytes_is_served() {
    let name = "n".repeat(255);
    let server = Fixture::new().file(&name, "long").serve();
    server.get(format!("/{name}")).send().expect(200).body("long");
}

#[test]
fn a_segment_that_no_file_system_can_hold_is_not_found() {
    let server = Fixture::new().serve();
    server.get(format!("/{}", "n".repeat(256))).send().expect(404);
}

/// PATH_MAX is 4096 bytes with the NUL.
#[test]
fn a_path_near_the_limit_of_the_kernel_is_served() {
    let directory = format!("{}/", "d".repeat(200)).repeat(18);
    let name = format!("{directory}{}", "f".repeat(200));
    let fixture = Fixture::new();
    // The whole path from / may be too long for one call: go there step by step.
    let open = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = openat(CWD, fixture.root(), open, Mode::empty()).expect("the root");
    for step in directory.split_terminator('/') {
        mkdirat(&here, step, Mode::RWXU).expect("a directory can be made");
        here = openat(&here, step, open, Mode::empty()).expect("it was just made");
    }
    let create = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(&here, "f".repeat(200), create, Mode::RUSR).expect("a file can be made");
    rustix::io::write(&file, b"deep").expect("there is room");
    let server = fixture.serve();
    server.get(format!("/{name}")).send().expect(200).body("deep");
}

#[test]
fn a_path_beyond_the_limit_of_the_kernel_is_not_found() {
    let server = Fixture::new().serve();
    let target = format!("/{}", "d/".repeat(2500));
    server.get(format!("{target}x")).send().expect(404);
    server.get(target).send().expect(404);
}

#[test]
fn a_fifo_is_not_found_and_nobody_waits_for_its_writer() {
    let fixture = Fixture::new().file("a.txt", "it");
    let path = fixture.root().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .expect("a FIFO can be made");
    let server = fixture.serve();
    server.get("/fifo").send().expect(404);
    server.get("/a.txt").send().expect(200);
}

#[test]
fn a_socket_is_not_found() {
    let fixture = Fixture::new();
    let _listener = UnixListener::bind(fixture.root().join("socket")).expect("a socket");
    let server = fixture.serve();
    server.get("/socket").send().expect(404);
}

#[test]
fn a_device_is_not_found() {
    let server = Fixture::new().symlink("zero", "/dev/zero").symlinks(httpd::Symlinks::All).serve();
    server.get("/zero").send().expect(404);
}

#[test]
fn files_of_every_size_around_the_bounds_arrive_whole() {
    let around = [4096, 8192, 65_536, 128 * 1024, 256 * 1024, 1024 * 1024];
    let sizes = around.iter().flat_map(|size| [size - 1, *size, size + 1]);
    let fixture = sizes
        .clone()
        .fold(Fixture::new(), |fixture, size| fixture.file(format!("{size}.bin"), noise(size)));
    let server = fixture.serve();
    for size in sizes {
        let reply = server.get(format!("/{size}.bin")).send();
        reply.expect(200).body(noise(size));
    }
}

#[test]
fn a_new_file_is_found_at_once() {
    let server = Fixture::new().serve();
    server.get("/new.txt").send().expect(404);
    server.replace("new.txt", "it");
    server.get("/new.txt").send().expect(200).body("it");
}

#[test]
fn a_removed_file_is_gone_at_once() {
    let server = Fixture::new().file("old.txt", "it").serve();
    server.get("/old.txt").send().expect(200);
    std::fs::remove_file(server.root().join("old.txt")).expect("it is there");
    server.get("/old.txt").send().expect(404);
}

#[test]
fn a_replaced_file_is_served_as_it_now_is() {
    let server = Fixture::new().file("a.txt", "old").serve();
    let mut client = server.connect();
    for content in ["one", "two, and longer", ""] {
        server.replace("a.txt", content);
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body(content);
    }
}

#[test]
fn a_file_rewritten_in_place_is_served_as_it_now_is() {
    let server = Fixture::new().file("a.txt", "old").serve();
    let mut client = server.connect();
    for content in ["one", "two", "a longer one", "s"] {
        std::fs::write(server.root().join("a.txt"), content).expect("it can be written");
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body(content);
    }
}

/// A server whose only worker can be kept busy while files change and requests come, so that they
/// come after it has looked at the changes and before it looks again.
fn serve_busy() -> (TestServer, Arc<AtomicBool>) {
    let begun = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&begun);
    let server = Fixture::new()
        .file("a.txt", "old")
        .handler("/slow", move |_: &Request<'_>| {
            says.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(200));
            Response::text("slow")
        })
        .serve();
    server.get("/a.txt").send().expect(200).body("old");
    (server, begun)
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: test\r\n\r\n";
const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn a_client_that_connects_after_a_change_sees_it_however_busy_the_worker_is() {
    let (server, begun) = serve_busy();
    let mut busy = server.raw(SLOW);
    until("the worker is busy", || begun.load(Ordering::SeqCst).then_some(()));
    server.replace("a.txt", "new");
    server.raw(GET).reply().expect(200).body("new");
    busy.reply().expect(200).body("slow");
}

#[test]
fn a_request_sent_after_a_change_sees_it_although_the_one_before_was_under_way() {
    let (server, begun) = serve_busy();
    let mut client = server.raw(SLOW);
    until("the worker is busy", || begun.load(Ordering::SeqCst).then_some(()));
    server.replace("a.txt", "new");
    client.send(GET);
    client.reply().expect(200).body("slow");
    client.reply().expect(200).body("new");
}

#[test]
fn an_open_connection_sees_a_change_however_busy_the_worker_is() {
    let (server, begun) = serve_busy();
    let mut open = server.raw(GET);
    open.reply().expect(200).body("old");
    let mut busy = server.raw(SLOW);
    until("the worker is busy", || begun.load(Ordering::SeqCst).then_some(()));
    server.replace("a.txt", "new");
    open.send(GET);
    open.reply().expect(200).body("new");
    busy.reply().expect(200).body("slow");
}

#[test]
fn a_renamed_directory_takes_its_files_along_at_once() {
    let server = Fixture::new().file("old/a.txt", "it").serve();
    server.get("/old/a.txt").send().expect(200);
    std::fs::rename(server.root().join("old"), server.root().join("new")).expect("a rename");
    server.get("/old/a.txt").send().expect(404);
    server.get("/new/a.txt").send().expect(200).body("it");
}

/// RFC 9110 §8.8.2.1: `Last-Modified` is never later than `Date`.
#[test]
fn a_file_from_the_future_has_no_date() {
    let fixture = Fixture::new().file("future.txt", "it");
    let next_week = SystemTime::now() + Duration::from_secs(7 * 86_400);
    set_modified(&fixture.root().join("future.txt"), next_week);
    let reply = fixture.serve().get("/future.txt").send();
    reply.expect(200).no_header("Last-Modified").no_header("ETag");
}

#[test]
fn two_contents_of_one_size_within_one_second_have_different_tags() {
    let fixture = Fixture::new().file("a.txt", "one").file("b.txt", "two");
    let nanosecond = Duration::from_nanos(1);
    set_modified(&fixture.root().join("b.txt"), modified() + nanosecond);
    let server = fixture.serve();
    let first = server.get("/a.txt").send();
    let second = server.get("/b.txt").send();
    assert_eq!(first.value("Last-Modified"), second.value("Last-Modified"));
    assert_ne!(first.value("ETag"), second.value("ETag"));
}

/// RFC 9110 §8.8.1: a tag is weak while a later version could still have the same.
#[test]
fn the_tag_of_an_old_file_is_strong_and_that_of_a_new_one_weak() {
    let server = Fixture::new().file("old.txt", "it").serve();
    std::fs::write(server.root().join("new.txt"), "it").expect("it can be written");
    let tag = |target| server.get(target).send().value("ETag").to_owned();
    assert!(tag("/old.txt").starts_with('"'));
    assert!(tag("/new.txt").starts_with("W/\""));
}

#[test]
fn many_files_at_once_are_kept_apart() {
    let fixture = (0..200).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.txt"), format!("file {number}"))
    });
    let server = fixture.serve();
    let mut client = server.connect();
    for round in 0..3 {
        for number in 0..200 {
            let number = (number * 7 + round) % 200;
            client.send(format!("GET /{number}.txt HTTP/1.1\r\nHost: test\r\n\r\n"));
            client.reply().expect(200).body(format!("file {number}"));
        }
    }
}

#[test]
fn a_cache_with_hardly_any_room_changes_nothing_but_the_speed() {
    let fixture = (0..20).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.bin"), digits(number * 1000))
    });
    let server = fixture
        .cache(|limits| {
            limits.bytes_max = 4096;
            limits.entries_max = 2;
            limits.descriptors_max = 1;
            limits.contents_bytes_max = 1024;
        })
        .serve();
    for _ in 0..2 {
        for number in 0..20 {
            let reply = server.get(format!("/{number}.bin")).send();
            reply.expect(200).body(digits(number * 1000));
        }
    }
}
