//! What an application is told of a request (PEP 3333, RFC 3875).

use super::server::{Folder, Server, location};
use crate::support::{Reply, lacks};

/// The dump of the environ, as the validator lets it pass.
fn dump_at(path: &str) -> Server {
    Server::at(path, "behaviours:checked_dump", "processes = 1\nthreads = 3")
}

/// Demands that the environ has this name with this value, as JSON writes it.
#[track_caller]
fn has(reply: &Reply, name: &str, value: &str) {
    let line = format!("\"{name}\": {value}");
    let found = reply.text().lines().any(|told| told.trim_end_matches(',') == line);
    assert!(found, "no line {line} in {}", reply.text());
}

#[track_caller]
fn has_no(reply: &Reply, name: &str) {
    let told = reply.text();
    assert!(!told.contains(&format!("\"{name}\":")), "{name} is in {told}");
}

fn a_header_with_a_long_name_arrives() {
    let dump = dump_at("/app");
    for length in [247, 251, 255, 256, 300, 2000] {
        let name = "N".repeat(length);
        let reply = dump.request("GET", "/app").header(&name, "long").send();
        reply.expect(200);
        has(&reply, &format!("HTTP_{name}"), r#""long""#);
    }
}

fn a_path_under_a_mount_is_split_after_it() {
    let dump = dump_at("/app");
    for (target, path_info, query) in [
        ("/app", r#""""#, r#""""#),
        ("/app/", r#""/""#, r#""""#),
        ("/app?x=1&y=%20+", r#""""#, r#""x=1&y=%20+""#),
        ("/app/a%20b;c=d?", r#""/a b;c=d""#, r#""""#),
        ("/app/caf%C3%A9/%e2%82%ac", r#""/caf\u00c3\u00a9/\u00e2\u0082\u00ac""#, r#""""#),
        ("/app/%FF%01", r#""/\u00ff\u0001""#, r#""""#),
        ("/app/x/", r#""/x/""#, r#""""#),
        ("/app//x///y", r#""//x///y""#, r#""""#),
        ("/app/x/https://e/a", r#""/x/https://e/a""#, r#""""#),
        ("/app/%2F%2F", r#""///""#, r#""""#),
        ("//app/x", r#""/x""#, r#""""#),
        ("/app/x//../y", r#""/y""#, r#""""#),
        ("/app/x/../y/./z", r#""/y/z""#, r#""""#),
        ("/app/%61pp?%61", r#""/app""#, r#""%61""#),
        ("/%61pp/x", r#""/x""#, r#""""#),
        ("http://other.example/app/x?q", r#""/x""#, r#""q""#),
    ] {
        let reply = dump.get(target);
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
        has(&reply, "SCRIPT_NAME", r#""/app""#);
        has(&reply, "PATH_INFO", path_info);
        has(&reply, "QUERY_STRING", query);
        has(&reply, "REQUEST_URI", &format!("{target:?}"));
        has(&reply, "RAW_URI", &format!("{target:?}"));
    }
    // Neighbours of the mount are no part of it, and no spelling leads out of it.
    for outside in ["/apple", "/ap", "/app/../app2"] {
        dump.get(outside).expect(404);
    }
    dump.get("/app/../index.html").expect(200).body("from www\n");
    for refused in ["/app/%zz", "/app/%00"] {
        dump.get(refused).expect(400);
    }
}

/// RFC 9110 §9.1: which methods there are is the application's to say.
fn any_method_reaches_an_application() {
    let dump = dump_at("/app");
    for method in ["PROPFIND", "REPORT", "MKCALENDAR", "get", "X-!#$%&'*+.^_`|~1"] {
        let reply = dump.request(method, "/app/x").send();
        reply.expect(200);
        has(&reply, "REQUEST_METHOD", &format!("{method:?}"));
    }
    // Files know nothing of it, but the server does.
    let reply = dump.request("PROPFIND", "/index.html").send();
    reply.expect(405).header("Allow", "GET, HEAD, OPTIONS");
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "CONNECT" { "a.example:80" } else { "/app/x" };
        dump.request(method, target).send().expect(405);
    }
    dump.request(&"M".repeat(25), "/app/x").send().expect(501);
}

/// RFC 9112 §3.2.2.
fn the_server_is_called_as_the_target_calls_it_then_as_host_does_then_as_it_listens() {
    let dump = dump_at("/app");
    let own = dump.authority();
    let (ip, port) = own.split_once(':').expect("it has a port");
    for (head, host, name, port) in [
        ("GET http://a/app/ HTTP/1.1\r\nHost: b:1\r\n", Some("a"), "a", "80"),
        ("GET /app/ HTTP/1.1\r\nHost: localhost:\r\n", Some("localhost:"), "localhost", "80"),
        ("GET /app/ HTTP/1.0\r\n", None, ip, port),
    ] {
        let mut client = dump.connect();
        client.send(format!("{head}Connection: close\r\n\r\n"));
        let reply = client.reply();
        reply.expect(200);
        has(&reply, "SERVER_NAME", &format!("{name:?}"));
        has(&reply, "SERVER_PORT", &format!("{port:?}"));
        match host {
            Some(host) => has(&reply, "HTTP_HOST", &format!("{host:?}")),
            None => has_no(&reply, "HTTP_HOST"),
        }
    }
}

fn a_path_at_the_root_is_all_path_info() {
    let dump = dump_at("/");
    for (target, path_info) in [
        ("/", r#""/""#),
        ("/?q", r#""/""#),
        ("/index.html", r#""/index.html""#),
        ("/a/", r#""/a/""#),
    ] {
        let reply = dump.get(target);
        reply.expect(200);
        has(&reply, "SCRIPT_NAME", r#""""#);
        has(&reply, "PATH_INFO", path_info);
    }
}

fn headers_become_variables_and_none_passes_for_another() {
    let dump = dump_at("/app");
    let reply = dump
        .request("POST", "/app/x")
        .header("Content-Type", "text/x-test; charset=utf-8")
        .header("X-One", "1")
        .header("x-one", "2")
        .header("Cookie", "a=1")
        .header("Cookie", "b=2")
        .header("X-Bytes", [b'c', 0xc3, 0xa9])
        .header("X-Long", "l".repeat(300))
        .header("X-Two-Words", "")
        // Would pass for X-One, for the length, and for what many libraries take for their proxy.
        .header("X_One", "forged")
        .header("Content_Length", "underscored")
        .header("Proxy", "http://evil.example/")
        .content("12345")
        .send();
    reply.expect(200);
    for (name, value) in [
        ("REQUEST_METHOD", r#""POST""#),
        ("CONTENT_TYPE", r#""text/x-test; charset=utf-8""#),
        ("CONTENT_LENGTH", r#""5""#),
        ("HTTP_X_ONE", r#""1, 2""#),
        ("HTTP_COOKIE", r#""a=1; b=2""#),
        ("HTTP_X_BYTES", r#""c\u00c3\u00a9""#),
        ("HTTP_X_TWO_WORDS", r#""""#),
        ("HTTP_HOST", r#""test""#),
    ] {
        has(&reply, name, value);
    }
    has(&reply, "HTTP_X_LONG", &format!("{:?}", "l".repeat(300)));
    for name in ["HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"]
    {
        has_no(&reply, name);
    }
    assert!(!reply.text().contains("forged") && !reply.text().contains("underscored"), "{reply:?}");
}

fn the_environ_describes_the_server() {
    let dump = dump_at("/app");
    let reply = dump.get("/app/");
    for (name, value) in [
        ("SERVER_NAME", r#""test""#),
        ("SERVER_PROTOCOL", r#""HTTP/1.1""#),
        ("REMOTE_ADDR", r#""127.0.0.1""#),
        ("wsgi.url_scheme", r#""http""#),
        ("wsgi.multithread", "true"),
        ("wsgi.multiprocess", "false"),
        ("wsgi.run_once", "false"),
        ("wsgi.input_terminated", "true"),
    ] {
        has(&reply, name, value);
    }
    // A tuple, and over several lines.
    assert!(reply.text().contains("\"wsgi.version\": [\n1,\n0\n]"), "{}", reply.text());
    has_no(&reply, "CONTENT_TYPE");
    has_no(&reply, "CONTENT_LENGTH");

    let mut old = dump.connect();
    old.send("GET /app/ HTTP/1.0\r\n\r\n");
    let reply = old.reply();
    has(reply.expect(200), "SERVER_PROTOCOL", r#""HTTP/1.0""#);
    has_no(&reply, "HTTP_HOST");

    let several = Server::at("/app", "behaviours:checked_dump", "processes = 2\nthreads = 1");
    let reply = several.get("/app/");
    has(&reply, "wsgi.multithread", "false");
    has(&reply, "wsgi.multiprocess", "true");
}

fn the_client_and_the_scheme_are_those_that_a_trusted_proxy_names() {
    let folder = Folder::new();
    let location = location("/app", "behaviours:checked_dump", "threads = 1");
    let config = format!("root = \"www\"\ntrusted_proxies = \"127.0.0.1\"\n{location}");
    let file = folder.write("httpd.toml", config);
    let mut command = folder.httpd(&["-c", file.to_str().expect("a path of ours is text")]);
    let dump = Server::start(folder, &mut command);
    let reply = dump
        .request("GET", "/app/")
        .header("X-Forwarded-For", "203.0.113.9, 2001:db8::1, 127.0.0.1")
        .header("X-Forwarded-Proto", "https")
        .send();
    reply.expect(200);
    has(&reply, "REMOTE_ADDR", r#""2001:db8::1""#);
    has_no(&reply, "REMOTE_PORT");
    has(&reply, "wsgi.url_scheme", r#""https""#);
    has(&reply, "SERVER_PORT", r#""443""#);
    let reply = dump.request("GET", "/app/").header("X-Forwarded-For", "192.0.2.1:4711").send();
    has(reply.expect(200), "REMOTE_ADDR", r#""192.0.2.1""#);
    has(&reply, "REMOTE_PORT", r#""4711""#);
    has(&reply, "wsgi.url_scheme", r#""http""#);
}

/// RFC 3875 §4.1.1, §4.1.11.
fn the_user_of_a_right_password_is_named_and_no_other() {
    // `ann` has the password `secret`.
    const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";
    const RIGHT: &str = "Basic YW5uOnNlY3JldA==";
    const WRONG: &str = "Basic YW5uOndyb25n";
    let folder = Folder::new();
    folder.write("people", ANN);
    let one = "processes = 1\nthreads = 1\n";
    let config = format!(
        "root = \"www\"\nauth_basic = {{ file = \"people\" }}\n{}{}{}",
        location("/app", "behaviours:checked_dump", one),
        location("/open", "behaviours:checked_dump", &format!("{one}auth_basic = \"off\"")),
        location(
            "/reads",
            "behaviours:checked_dump",
            &format!("{one}auth_basic = {{ file = \"people\", methods = [\"POST\"] }}")
        ),
    );
    let file = folder.write("httpd.toml", config);
    let mut command = folder.httpd(&["-c", file.to_str().expect("a path of ours is text")]);
    let dump = Server::start(folder, &mut command);
    let ask = |method: &str, target: &str, authorization: &str| {
        dump.request(method, target)
            .header("Authorization", authorization)
            .header("Remote-User", "forged")
            .header("REMOTE_USER", "forged")
            .header("Auth-Type", "forged")
            .content("x")
            .send()
    };
    // Compared at first, and then remembered.
    for _ in 0..2 {
        let reply = ask("GET", "/app/", RIGHT);
        has(reply.expect(200), "REMOTE_USER", r#""ann""#);
        has(&reply, "AUTH_TYPE", r#""Basic""#);
        has(&reply, "HTTP_REMOTE_USER", r#""forged""#);
    }
    has(ask("POST", "/reads/", RIGHT).expect(200), "REMOTE_USER", r#""ann""#);
    ask("GET", "/app/", WRONG).expect(401);
    ask("POST", "/reads/", WRONG).expect(401);
    // Nobody has asked for these passwords.
    for (method, target, authorization) in
        [("GET", "/reads/", RIGHT), ("GET", "/open/", RIGHT), ("GET", "/open/", WRONG)]
    {
        let reply = ask(method, target, authorization);
        has_no(reply.expect(200), "REMOTE_USER");
        has_no(&reply, "AUTH_TYPE");
    }
}

tests! {
    lacks::python:
        a_header_with_a_long_name_arrives,
        a_path_under_a_mount_is_split_after_it,
        any_method_reaches_an_application,
        the_server_is_called_as_the_target_calls_it_then_as_host_does_then_as_it_listens,
        a_path_at_the_root_is_all_path_info,
        headers_become_variables_and_none_passes_for_another,
        the_client_and_the_scheme_are_those_that_a_trusted_proxy_names,
        the_user_of_a_right_password_is_named_and_no_other,
        the_environ_describes_the_server;
}
