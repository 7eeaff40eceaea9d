//! Applications that fail: what the client sees, and what the log does.

use super::server::Server;
use crate::support::client::End;
use crate::support::{lacks, until};

/// What no client may see of it.
const SECRET: &str = "secret-of-the-application";

fn a_raised_exception_is_a_500_whose_traceback_only_the_log_has() {
    let server = Server::behaviours("");
    let mut client = server.connect();
    for (target, words) in [
        ("raises_first", "RuntimeError: raised before the head: "),
        ("raises_started", "RuntimeError: raised after start_response: "),
    ] {
        client.send(format!("GET /app/{target}?page=7 HTTP/1.1\r\nHost: x\r\n\r\n"));
        let reply = client.reply();
        let told = format!("{reply:?}\n{}", String::from_utf8_lossy(&reply.body));
        reply.expect(500);
        for trace in [SECRET, "Traceback", "behaviours.py", "RuntimeError"] {
            assert!(!told.contains(trace), "{told}");
        }
        server.logs(&format!("{words}{SECRET}"));
    }
    let log = server.log();
    assert!(log.contains("Traceback (most recent call last)"), "{log}");
    assert!(log.contains("behaviours.py"), "{log}");
    // Which request it was.
    let line = server.logs("RuntimeError: raised before the head");
    assert!(line.contains("GET /app/raises_first"), "{line}");
    server.get("/app/hello").expect(200);
}

fn an_exception_in_the_middle_breaks_the_answer_off() {
    let server = Server::behaviours("");
    for (target, words) in [
        ("raises_later", "RuntimeError: raised in the middle"),
        ("recovers_late", "ValueError: too late"),
    ] {
        let mut client = server.connect();
        client.send(format!("GET /app/{target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        client.reply_head("GET").expect(200);
        let (content, _) = client.rest();
        assert!(!content.ends_with(b"\r\n0\r\n\r\n"), "{target}: what is cut passes for complete");
        let content = String::from_utf8_lossy(&content);
        assert!(!content.contains(SECRET) && !content.contains("never sent"), "{target}");
        server.logs(words);
    }
    server.get("/app/hello").expect(200);
}

fn an_answer_can_be_taken_back_until_it_is_sent() {
    let server = Server::behaviours("");
    let reply = server.get("/app/recovers");
    reply.expect(503).body("sorry\n").header("X-Second", "2").no_header("X-First");
}

fn what_start_response_does_not_accept_is_a_500() {
    let server = Server::behaviours("timeout = \"3s\"");
    for misuse in [
        "never",
        "twice",
        "none",
        "str",
        "status-bytes",
        "status-number",
        "status-words",
        "status-newline",
        "status-interim",
        "name-number",
        "value-number",
        "value-newline",
        "value-bare-newline",
        "value-bare-return",
        "value-nul",
        "value-beyond-latin",
        "name-newline",
        "name-space",
        "name-colon",
        "name-empty",
        "name-long",
        "length-words",
        "length-negative",
        "length-twice",
    ] {
        let reply = server.get(&format!("/app/misuse/{misuse}"));
        assert_eq!(reply.status, 500, "{misuse}: {reply:?}");
        reply.no_header("X-Forged").no_header("X-Bad");
        server.logs(&format!("[GET /app/misuse/{misuse}]"));
    }
    server.logs("nnn… has 256 characters; 255 are the most");
    let longest = format!("X-{}", "n".repeat(253));
    server.get("/app/misuse/name-longest").expect(200).header(&longest, "1");
    server.get("/app/hello").expect(200);
}

fn what_is_logged_has_the_level_that_pythons_logging_gave_it() {
    let server = Server::behaviours("");
    server.get("/app/logs").expect(200);
    for (level, words) in [
        ("[WARN]", "WARNING: without any set-up"),
        ("[WARN]", "WARNING:shop:basic"),
        ("[INFO]", "INFO in shop: as Flask writes it"),
        ("[ERROR]", "2024-01-02 03:04:05,678 - shop.cart - ERROR - with name and time"),
        ("[ERROR]", "ValueError: WARNING is only a word"),
    ] {
        let line = server.logs(words);
        assert!(line.contains(level) && line.contains("[GET /app/logs]"), "{line}");
    }
}

fn what_an_application_prints_steers_no_terminal() {
    let server = Server::behaviours("");
    server.get("/app/steers").expect(200);
    server.logs(r"red \x1b[31m, back \r, nothing \x00, clear \x9b");
}

fn what_an_application_prints_is_logged_with_its_request() {
    let server = Server::behaviours("");
    server.get("/app/prints?not=told").expect(200).body("printed\n");
    for words in ["on stdout", "on stderr", "on wsgi.errors", "in two pieces", "two", "lines"] {
        server.logs(&format!("[GET /app/prints] {words}"));
    }
    server.logs("[GET /app/prints] caf\u{e9}");
    // A path cannot forge a line, or steer the terminal that it is read on.
    server.get("/app/prints/%0aforged%1b[31m/%0d").expect(200);
    let lines = || server.log().matches("on stderr").count();
    until("both are logged", || (lines() == 2).then_some(()));
    for line in server.log().lines() {
        assert!(!line.starts_with("forged") && !line.contains(['\x1b', '\r']), "{line:?}");
    }
}

fn an_application_that_hangs_in_the_middle_is_cut_off_at_its_limit() {
    let server = Server::behaviours("timeout = \"700ms\"\nstream_timeout = \"700ms\"");
    let old = server.pythons();
    let mut client = server.connect();
    client.send("GET /app/hangs_later HTTP/1.1\r\nHost: x\r\n\r\n");
    client.reply_head("GET").expect(200);
    let (content, end) = client.rest();
    assert!(content.ends_with(b"so far, so good\n\r\n"), "{}", content.escape_ascii());
    assert!(matches!(end, End::Fin | End::Reset));
    server.replaces(&old, 1);
    server.get("/app/hello").expect(200);
}

tests! {
    lacks::python:
        a_raised_exception_is_a_500_whose_traceback_only_the_log_has,
        an_exception_in_the_middle_breaks_the_answer_off,
        an_answer_can_be_taken_back_until_it_is_sent,
        what_start_response_does_not_accept_is_a_500,
        what_is_logged_has_the_level_that_pythons_logging_gave_it,
        what_an_application_prints_steers_no_terminal,
        what_an_application_prints_is_logged_with_its_request,
        an_application_that_hangs_in_the_middle_is_cut_off_at_its_limit;
}
