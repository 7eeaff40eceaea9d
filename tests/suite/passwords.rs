//! Parts of a site that ask for a name and a password.

use crate::support::{Fixture, TestServer, wait::until};
use httpd::{BasicAuth, Method, Request, Site, Status, blocking};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";

/// `ann:secret`, `ann:wrong` and `bob:secret` in Base64.
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";
const WRONG: &str = "Basic YW5uOndyb25n";
const UNKNOWN: &str = "Basic Ym9iOnNlY3JldA==";

fn serve(passwords: &str) -> (TestServer, PathBuf) {
    let fixture = Fixture::new()
        .file("a.txt", "for everybody")
        .file("staff/a.txt", "for the staff")
        .outside("staff.htpasswd", passwords);
    let path = fixture.place().join("staff.htpasswd");
    let auth = BasicAuth::new("the \"staff\"", &path).expect("it was just written");
    let server = fixture
        .site(move |site| {
            site.around("/staff", move |request, next| auth.check(request, next))
                .post("/staff/echo", |request| request.read_body())
                .at("/staff/thread", blocking(|_| "from a thread"))
                .at(
                    "/staff/stream",
                    blocking(|request| request.read_body())
                        .methods(&[Method::Post])
                        .body_bytes_max(1 << 30)
                        .streamed(),
                )
        })
        .serve();
    (server, path)
}

#[test]
fn only_who_has_a_password_gets_in() {
    let (server, _) = serve(ANN);
    server.get("/a.txt").send().expect(200);
    let refused = server.get("/staff/a.txt").send();
    let challenge = "Basic realm=\"the \\\"staff\\\"\", charset=\"UTF-8\"";
    refused.expect(401).header("WWW-Authenticate", challenge);
    for credentials in ["", "Bearer x", "Basic ", "Basic !!!", WRONG, UNKNOWN] {
        let reply = server.get("/staff/a.txt").header("Authorization", credentials).send();
        reply.expect(401).header("WWW-Authenticate", challenge);
    }
    let with = |target: &str| server.get(target).header("Authorization", RIGHT).send();
    with("/staff/a.txt").expect(200).body("for the staff");
    with("/staff/missing").expect(404);
    with("/staff/thread").expect(200).body("from a thread");
    server.get("/staff/missing").send().expect(401);
    server.request("DELETE", "/staff/a.txt").send().expect(401);
}

#[test]
fn bodies_reach_their_handlers_once_the_password_is_known() {
    let (server, _) = serve(ANN);
    for target in ["/staff/echo", "/staff/stream"] {
        let large = vec![b'x'; 60_000];
        let post = || server.request("POST", target).header("Authorization", RIGHT);
        post().content(&large).send().expect(200).body(&large);
        let refused = server.request("POST", target).header("Authorization", WRONG);
        refused.content("body").send().expect(401);
    }
}

#[test]
fn a_wrong_password_is_slow_and_delays_nobody_else() {
    // A hash that takes long: cost 10.
    let (server, _) = serve("ann:$2y$10$.eeIsQboqybkrxozggDaNeCQLD0vXd0l3/FDZ1vbVRAE/cXQB0EFy\n");
    let timed = |credentials: &str| {
        let began = Instant::now();
        let reply = server.get("/staff/a.txt").header("Authorization", credentials).send();
        (reply.status, began.elapsed())
    };
    let (status, time) = timed(WRONG);
    assert!(status == 401 && time >= Duration::from_millis(500), "{status} {time:?}");
    let began = Instant::now();
    let mut waiting = server.connect();
    waiting.send(format!(
        "GET /staff/a.txt HTTP/1.1\r\nHost: test\r\nAuthorization: {UNKNOWN}\r\n\r\n"
    ));
    server.get("/a.txt").send().expect(200);
    assert!(began.elapsed() < Duration::from_millis(500));
    waiting.reply().expect(401);
}

#[test]
fn the_file_is_read_again_when_it_has_changed() {
    let (server, path) = serve("# nobody yet\n");
    server.get("/staff/a.txt").header("Authorization", RIGHT).send().expect(401);
    fs::write(&path, ANN).expect("it is ours");
    let status = || server.get("/staff/a.txt").header("Authorization", RIGHT).send().status;
    until("ann gets in", || (status() == 200).then_some(()));
    fs::remove_file(&path).expect("it is ours");
    let reply = server.get("/staff/a.txt").header("Authorization", UNKNOWN).send();
    reply.expect(500);
}

#[test]
fn a_check_that_may_block_stands_between_functions_around_a_handler() {
    let server = Fixture::new()
        .site(|site| {
            let tag = |name: &'static str| {
                move |_: &httpd::Request<'_>, next: httpd::Next| {
                    next.then(move |response| response.header(name, "1"))
                }
            };
            site.around("/", tag("X-Outer"))
                .around("/", |request, next| {
                    let is_allowed = request.query() == Some("yes");
                    next.blocking(move || match is_allowed {
                        true => Ok(()),
                        false => Err((Status::FORBIDDEN, "no\n")),
                    })
                })
                .around("/", tag("X-Inner"))
                .get("/", |_| "yes")
        })
        .serve();
    server
        .get("/?yes")
        .send()
        .expect(200)
        .header("X-Outer", "1")
        .header("X-Inner", "1")
        .body("yes");
    server.get("/").send().expect(403).header("X-Outer", "1").no_header("X-Inner").body("no\n");
    server.get("/missing?yes").send().expect(404).header("X-Inner", "1");
    // They are asked in their order by requests of one connection too.
    let mut client = server.connect();
    client.send("GET /?yes HTTP/1.1\r\nHost: test\r\n\r\n".repeat(3));
    for _ in 0..3 {
        client.reply().expect(200).body("yes");
    }
}

#[test]
fn every_one_of_several_checks_that_may_block_has_to_pass() {
    let checked = |site: Site| {
        site.around("/", |_, next| next.blocking(|| Ok::<(), Status>(())))
            .around("/", |request, next| {
                let is_allowed = request.query() == Some("yes");
                next.blocking(move || if is_allowed { Ok(()) } else { Err(Status::FORBIDDEN) })
            })
            .around("/", |_, next| next.blocking(|| Ok::<(), Status>(())))
            .get("/", |_| "it was let in")
            .post("/", |request| request.read_body())
    };
    let server = Fixture::new().site(checked).serve();
    server.get("/?yes").send().expect(200).body("it was let in");
    server.get("/").send().expect(403);
    server.request("POST", "/?yes").content("a body").send().expect(200).body("a body");
    server.request("POST", "/").content("a body").send().expect(403);
    let site = checked(Site::new());
    let large = vec![b'x'; 100_000];
    let post = |target: &str| site.handle(Request::post(target).body(large.clone())).status;
    assert_eq!(post("/?yes"), Status::CONTENT_TOO_LARGE);
    assert_eq!(post("/"), Status::FORBIDDEN, "it is asked before the body is looked at");
    assert_eq!(site.handle(Request::get("/?yes")).status, Status::OK);
    assert_eq!(site.handle(Request::get("/")).status, Status::FORBIDDEN);
}
