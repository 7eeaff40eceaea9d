//! RFC 9110 §15: what a status says, and what must come with it.

use super::origin::{Origin, expect_open, request};

#[test]
fn no_interim_response_comes_unasked() {
    let origin = Origin::new();
    for version in ["1.0", "1.1"] {
        let request = format!(
            "POST /echo HTTP/{version}\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        );
        let mut client = origin.connect();
        client.send(request);
        client.reply().expect(200);
        client.ends();
    }
}

#[test]
fn a_status_without_a_body_has_none_whatever_the_handler_says() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("GET", "/none", &[]));
    client.reply().expect(204);
    client.send(request("GET", "/reset", &[]));
    client.reply().expect(205).header("Content-Length", "0");
    expect_open(&mut client);
}

#[test]
fn a_folder_is_redirected_to_itself_with_a_slash() {
    let origin = Origin::new();
    let reply = origin.get("/folder?a=b&c", &[]);
    reply.expect(301).header("Location", "/folder/?a=b&c");
    assert!(reply.text().contains("href=\"/folder/?a=b&amp;c\""));
    let reply = origin.get("//folder", &[]);
    reply.expect(301).header("Location", "/folder/");
}

#[test]
fn errors_explain_themselves_and_reflect_nothing() {
    let origin = Origin::new();
    let mut asked = vec![
        (404, origin.get("/secret-name", &["Cookie: secret-name"])),
        (400, origin.get("/secret-name%zz", &[])),
        (405, origin.ask(request("POST", "/small.txt?secret-name", &[]))),
        (412, origin.get("/small.txt", &["If-Match: \"secret-name\""])),
        (416, origin.get("/small.txt", &["Range: bytes=900-", "X: secret-name"])),
        (417, origin.get("/small.txt", &["Expect: secret-name"])),
    ];
    asked.push((501, origin.ask(request("SECRET", "/secret-name", &[]))));
    for (status, reply) in asked {
        let text = reply.expect(status).text();
        assert!(text.contains(&status.to_string()), "{text}");
        assert!(!text.to_lowercase().contains("secret"), "{text}");
    }
}

#[test]
fn errors_to_head_have_no_body() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("HEAD", "/no-such", &[]));
    client.reply_to("HEAD").expect(404);
    expect_open(&mut client);
    client.send(request("HEAD", "/small.txt", &["Expect: tea"]));
    client.reply_to("HEAD").expect(417);
    client.ends();
}

#[test]
fn errors_of_the_request_alone_leave_the_connection_open() {
    let origin = Origin::new();
    let mut client = origin.connect();
    for (request, status) in [
        (request("GET", "/no-such", &[]), 404),
        (request("POST", "/small.txt", &[]), 405),
        (request("GET", "/small.txt", &["If-Match: \"x\""]), 412),
        (request("GET", "/small.txt", &["Range: bytes=900-"]), 416),
    ] {
        client.send(request);
        client.reply().expect(status).header("Connection", "keep-alive");
    }
    expect_open(&mut client);
}

#[test]
fn a_body_too_large_is_413_and_closes() {
    let origin = Origin::new();
    let mut client = origin.connect();
    client.send(request("POST", "/echo", &["Content-Length: 99999999999"]));
    client.reply().expect(413).header("Connection", "close");
    client.ends();
}

#[test]
fn a_version_that_is_not_spoken_is_505() {
    let origin = Origin::new();
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"] {
        origin.ask(format!("GET / {version}\r\nHost: a\r\n\r\n")).expect(505);
    }
}

#[test]
fn an_expectation_that_nobody_knows_is_417() {
    let origin = Origin::new();
    for expectation in ["tea", "200-ok", "100-continue, tea", "100-continue=1"] {
        origin.get("/small.txt", &[&format!("Expect: {expectation}")]).expect(417);
    }
}
