//! Forms that are refused, and what is left of them.

use super::*;

#[test]
fn a_form_that_is_refused_says_why() {
    let server = serve_by(OnConflict::Keep, |rules| rules.quota_bytes = Some(100_000));
    let long = "n".repeat(256);
    let send = |kind: &str, header: (&str, &str), content: &[u8]| {
        let request = server.request("POST", "/drop/").header("Content-Type", kind);
        request.header(header.0, header.1).content(content).send()
    };
    let none = ("X-None", "");
    let large = noise(100_001);
    for (kind, header, content, status, reason) in [
        (
            TYPE,
            none,
            &form(&[("new", b"a"), ("old.txt", b"b")])[..],
            409,
            "\"old.txt\" already exists, so nothing was stored",
        ),
        (TYPE, none, &form(&[("a/.b", b"a")]), 403, "\".b\": names that begin with a dot"),
        (TYPE, none, &form(&[(&long, b"a")]), 400, "longer than 255 bytes"),
        (TYPE, none, &form(&[("a\u{7f}b", b"a")]), 400, "\"a\\u{7f}b\": the name holds a control"),
        (
            TYPE,
            none,
            &form(&[("large", &large)]),
            507,
            "\"large\": quota_bytes = 100000 would be exceeded",
        ),
        (TYPE, none, &form(&[]), 400, "contains no file"),
        (TYPE, none, b"--x", 400, "ends before its last boundary"),
        ("text/plain", none, b"a=b", 415, "not multipart/form-data"),
        (TYPE, ("Origin", "http://evil.example"), b"", 403, "page of another origin"),
        (TYPE, ("Content-Encoding", "gzip"), b"", 415, "Content-Encoding"),
    ] {
        let reply = send(kind, header, content);
        assert!(reply.expect(status).text().contains(reason), "{reason}: {reply:?}");
        reply.header("Content-Type", "text/plain; charset=utf-8");
    }
    let html = send(TYPE, ("Accept", "text/html"), &form(&[("old.txt", b"b")]));
    html.expect(409).header("Content-Type", "text/html; charset=utf-8");
    for part in ["&quot;old.txt&quot; already exists", "<a href=\"\">Go back</a>", "color-scheme"] {
        assert!(html.text().contains(part), "{part}: {html:?}");
    }
    assert_eq!(names(&server), AT_FIRST);
}

#[test]
fn a_body_that_is_no_form_with_files_is_415() {
    let server = serve();
    for kind in [
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "text/plain",
    ] {
        let request = server.request("POST", "/drop/").header("Content-Type", kind);
        request.content("a=b").send().expect(415).header("Accept", "multipart/form-data");
    }
    server.request("POST", "/drop/").content("a=b").send().expect(415);
    server.request("POST", "/drop/").send().expect(415);
    let request = server.request("POST", "/drop/").header("Content-Type", TYPE);
    request.header("Content-Encoding", "gzip").content(form(&[("a", b"A")])).send().expect(415);
    assert_eq!(names(&server), AT_FIRST);
}

#[test]
fn what_is_no_form_although_it_says_so_is_400() {
    let server = serve();
    let whole = form(&[("a", b"A"), ("b", b"B")]);
    for broken in [&whole[..whole.len() - 5], &whole[..150], b"", b"\r\n", b"--other--\r\n"] {
        post(&server, "/drop/", broken).expect(400);
    }
    server.request("POST", "/drop/").header("Content-Type", TYPE).send().expect(411);
    assert_eq!(names(&server), AT_FIRST);
}

#[test]
fn a_form_that_breaks_off_leaves_nothing() {
    let server = serve();
    for length in [200, 500 * KIB] {
        let mut client = server.raw(format!(
            "POST /drop/ HTTP/1.1\r\nHost: test\r\nContent-Type: {TYPE}\r\n\
             Content-Length: 999999\r\n\r\n"
        ));
        client.send(&form(&[("a", &noise(600 * KIB))])[..length]).finish();
        let (rest, end) = client.rest();
        assert_eq!((rest.len(), end), (0, End::Fin));
    }
    assert_eq!(names(&server), AT_FIRST);
}

#[test]
fn a_form_may_be_so_large_and_have_so_many_files() {
    let server = serve_by(OnConflict::Keep, |rules| rules.file_bytes_max = 100_000);
    let reply = post(&server, "/drop/", &form(&[("a", &noise(100_000))]));
    assert!(reply.expect(413).text().contains("at most 100000 are accepted"), "{reply:?}");
    post(&server, "/drop/", &form(&[("a", &noise(99_000))])).expect(201);
    let count = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..], &b"it"[..])).collect();
        post(&server, "/drop/", &form(&files)).status
    };
    assert_eq!(count(129), 413);
    assert_eq!(names(&server), ["a", "index.html", "old.txt"]);
    assert_eq!(count(128), 201);
    assert_eq!(names(&server).len(), 131);
}

#[test]
fn what_is_beyond_the_quota_is_507_and_nothing_of_the_form_is_stored() {
    let server = serve_by(OnConflict::Keep, |rules| rules.quota_bytes = Some(100_000));
    post(&server, "/drop/", &form(&[("a", &noise(60_000)), ("b", &noise(60_000))])).expect(507);
    assert_eq!(names(&server), AT_FIRST);
    post(&server, "/drop/", &form(&[("a", &noise(60_000))])).expect(201);
}

/// Whoever has a page open anywhere shall not send files here by it.
#[test]
fn a_page_of_another_origin_stores_nothing() {
    let server = serve();
    for (name, value, status) in [
        ("Origin", "http://evil.example", 403),
        ("Origin", "null", 403),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Sec-Fetch-Site", "same-origin", 201),
        ("Origin", "https://test", 409),
    ] {
        let request = server.request("POST", "/drop/").header("Content-Type", TYPE);
        let reply = request.header(name, value).content(form(&[("a", b"A")])).send();
        assert_eq!(reply.status, status, "{name}: {value}");
    }
}

#[test]
fn a_client_that_asks_first_need_not_send_a_form_that_is_refused() {
    let server = serve();
    let ask = |headers: &str| {
        let head = "POST /drop/ HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n";
        server.raw(format!("{head}Content-Length: 300\r\n{headers}\r\n"))
    };
    ask("").last_reply_after_finish().expect(415);
    let form_type = format!("Content-Type: {TYPE}\r\n");
    ask(&(form_type.clone() + "Origin: null\r\n")).last_reply_after_finish().expect(403);
    assert!(ask(&form_type).interim().starts_with("HTTP/1.1 100 "));
}
