//! What the library offers beyond files: paths with names, functions around handlers, whatever can be made a response.

use crate::support::{Fixture, TestServer};
use httpd::{
    Failure, IntoResponse, Location, Method, Request, Response, Root, Site, Status, blocking,
};
use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A server of this site, which the fixture's files are behind.
fn serve(site: impl FnOnce(Site) -> Site + Send + 'static) -> TestServer {
    Fixture::new().file("a.txt", "file").site(site).serve()
}

#[test]
fn names_in_a_path_stand_for_what_the_client_sends() {
    let server = serve(|site| {
        site.get("/users/{id}/notes/{note}", |request| {
            format!("{:?} {:?}", request.parameter("id"), request.parameter("note"))
        })
        .get("/users/me", |_| "me")
        .get("/users/{id}", |request| request.parameter("id").map(str::to_owned))
        .at(
            "/threads/{id}",
            blocking(|request| {
                let rest = request.path_in_location().unwrap_or_default();
                format!("{} {rest}", request.parameter("id").unwrap_or_default())
            }),
        )
        .get("/files/{*path}", |request| request.parameter("path").map(str::to_owned))
    });
    server.get("/users/7/notes/a%20b").send().expect(200).body("Some(\"7\") Some(\"a b\")");
    server.get("/users/me").send().body("me");
    server.get("/users/%E2%82%AC").send().body("€");
    server.get("/users/%FF").send().expect(404);
    server.get("/threads/5/deep/er").send().body("5 /deep/er");
    server.get("/files/a/b.txt").send().body("a/b.txt");
    server.get("/users/7/notes/").send().expect(404);
    server.get("/a.txt").send().body("file");
    server.request("POST", "/users/7").send().expect(405).header("Allow", "GET, HEAD, OPTIONS");
}

#[test]
fn each_method_of_a_path_has_its_function() {
    let server = serve(|site| {
        site.get("/it", |_| "got")
            .post("/it", |request| request.read_body())
            .put("/it", |_| (Status::CREATED, "put"))
            .patch("/it", |_| "patched")
            .delete("/it", |_| ())
    });
    server.get("/it").send().expect(200).header("Content-Type", "text/plain; charset=utf-8");
    server.request("POST", "/it").content("posted").send().expect(200).body("posted");
    server.request("PUT", "/it").content("x").send().expect(201).body("put");
    server.request("DELETE", "/it").send().expect(204);
    server.request("PATCH", "/it").send().expect(200).body("patched");
    server.request("REPORT", "/it").send().expect(501);
    server.get("/it/below").send().expect(404);
}

#[test]
fn paths_that_cannot_be_meant_are_refused_when_the_site_is_made() {
    let refused = |make: fn(Site) -> Site| {
        let panic = std::panic::catch_unwind(|| make(Site::new())).expect_err("it is refused");
        panic.downcast_ref::<String>().expect("it says why").clone()
    };
    let why = refused(|site| site.get("/a/{b}", |_| "").get("/a/{c}", |_| ""));
    assert_eq!(why, "\"/a/{c}\" and \"/a/{b}\" have the same paths; use the same names in both");
    let why = refused(|site| site.get("/users/:id", |_| ""));
    assert!(why.starts_with("the location \"/users/:id\": write {name} instead of :name"), "{why}");
    let why = refused(|site| site.get("users", |_| ""));
    assert_eq!(why, "the location \"users\": it has to begin with a slash");
    let why = refused(|site| site.get("/a{b}", |_| ""));
    assert!(
        why.starts_with("the location \"/a{b}\": a name in braces has to stand alone"),
        "{why}"
    );
}

/// An error that decides its status.
enum Refusal {
    Taken,
    Broken(io::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Taken => (Status::CONFLICT, "this name is taken\n").into_response(),
            Refusal::Broken(error) => error.into_response(),
        }
    }
}

#[test]
fn what_a_function_returns_becomes_the_response() {
    let server = serve(|site| {
        site.get("/text", |_| "text")
            .get("/bytes", |_| vec![0, 255])
            .get("/status", |_| Status::GONE)
            .get("/none", |_| None::<String>)
            .get("/taken", |_| Err::<(), Refusal>(Refusal::Taken))
            .get("/broken", |_| Err::<(), Refusal>(Refusal::Broken(io::ErrorKind::Other.into())))
            .get("/failed", |_| -> Result<String, Failure> {
                Ok("x".parse::<u8>().map(|number| number.to_string())?)
            })
            .get("/boxed", |request| -> Result<String, Box<dyn Error>> {
                Ok(request.query_value("x").ok_or("no x")?.parse::<u8>()?.to_string())
            })
            .post("/boxed", |request| -> Result<String, Box<dyn Error + Send + Sync>> {
                Ok(request.read_text()?)
            })
            .get("/moved", |_| Response::redirect(Status::SEE_OTHER, "/text"))
    });
    server.get("/bytes").send().header("Content-Type", "application/octet-stream").body([0, 255]);
    let gone = server.get("/status").send();
    assert!(gone.expect(410).text().contains("410 Gone"));
    server.get("/none").send().expect(404);
    server.get("/taken").send().expect(409).body("this name is taken\n");
    server.get("/broken").send().expect(500);
    let failed = server.get("/failed").send();
    assert!(!failed.expect(500).text().contains("invalid digit"), "the reason is not the client's");
    server.get("/boxed?x=7").send().expect(200).body("7");
    server.get("/boxed?x=z").send().expect(500);
    server.request("POST", "/boxed").content("ä").send().expect(200).body("ä");
    let refused = server.request("POST", "/boxed").content([0xff]).send();
    refused.expect(400).body("the body is not UTF-8\n");
    server.get("/moved").send().expect(303).header("Location", "/text");
}

#[test]
fn a_function_on_a_worker_may_send_a_file_and_a_stream() {
    let fixture = Fixture::new().outside("private/it.txt", "0123456789");
    let root = Root::open(fixture.place().join("private")).expect("it was just made");
    let server = fixture
        .site(move |site| {
            site.get("/it", move |_| Response::file(&root, "it.txt").header("X-Own", "1"))
                .get("/made", |_| {
                    Response::written("text/plain", |out| out.write_all(&[b'x'; 100_000]))
                })
        })
        .serve();
    server.get("/it").send().expect(200).header("X-Own", "1").has_header("ETag").body("0123456789");
    server.get("/it").header("Range", "bytes=2-3").send().expect(206).body("23");
    server.get("/made").send().expect(200).body([b'x'; 100_000]);
}

/// A site that puts down what passes around its handlers.
fn watched(site: Site, seen: &Arc<Mutex<Vec<String>>>) -> Site {
    let seen = Arc::clone(seen);
    site.around("/", move |request, next| {
        let (seen, what) = (Arc::clone(&seen), format!("{} {}", request.method(), request.path()));
        next.then(move |response| {
            let what = format!("{what} {}", response.status.code());
            seen.lock().expect("no test panics in here").push(what);
            response.header("X-Seen", "1")
        })
    })
}

#[test]
fn a_function_around_handlers_sees_every_response_once() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watching = Arc::clone(&seen);
    let server = Fixture::new()
        .file("a.txt", "file")
        .limits(|limits| limits.body_discard_bytes_max = 10)
        .site(move |site| {
            watched(site, &watching)
                .get("/panics", |_| -> String { panic!("on purpose") })
                .at("/thread", blocking(|_| "from a thread"))
                .post("/small", |_| "small")
        })
        .serve();
    server.get("/a.txt").send().expect(200).header("X-Seen", "1").body("file");
    let etag = server.get("/a.txt").send().value("ETag").to_owned();
    server.get("/a.txt").header("If-None-Match", &etag).send().expect(304).header("X-Seen", "1");
    server.get("/a.txt").header("Range", "bytes=1-2").send().expect(206).header("X-Seen", "1");
    server.get("/thread").send().expect(200).header("X-Seen", "1");
    server.get("/missing").send().expect(404).header("X-Seen", "1");
    server.get("/panics").send().expect(500).header("X-Seen", "1");
    server.request("DELETE", "/small").send().expect(405).header("X-Seen", "1");
    server.request("PUT", "/a.txt").content("12345678901").send().expect(413).header("X-Seen", "1");
    server.request("POST", "/small").content([b'x'; 70_000]).send().expect(413);
    let seen = seen.lock().expect("no handler panics in here").clone();
    assert_eq!(
        seen,
        [
            "GET /a.txt 200",
            "GET /a.txt 200",
            "GET /a.txt 304",
            "GET /a.txt 206",
            "GET /thread 200",
            "GET /missing 404",
            "GET /panics 500",
            "DELETE /small 405",
            "PUT /a.txt 413",
            "POST /small 413",
        ]
    );
}

#[test]
fn functions_around_a_part_run_from_the_outside_in_and_back() {
    let server = serve(|site| {
        let add = |letter: &'static str| {
            move |_: &Request<'_>, next: httpd::Next| {
                next.then(move |mut response| {
                    let inner = response.headers.value("X-Path").unwrap_or_default();
                    let path = [inner, letter.as_bytes()].concat();
                    response.headers.set("X-Path", path).expect("it is a token");
                    response
                })
            }
        };
        site.around("/", add("a"))
            .around("/in", add("b"))
            .around(Location::exact("/in/exact"), add("c"))
            .get("/in/exact", |_| "exact")
            .get("/in/other", |_| "other")
            .get("/out", |_| "out")
    });
    let path = |target: &str| server.get(target).send().expect(200).value("X-Path").to_owned();
    assert_eq!(path("/in/exact"), "cba");
    assert_eq!(path("/in/other"), "ba");
    assert_eq!(path("/out"), "a");
}

#[test]
fn a_function_around_handlers_answers_before_the_body_is_read() {
    let server = serve(|site| {
        site.around("/private", |request, next| match request.header("Authorization") {
            Some("Bearer secret") => next.run(),
            _ => Status::UNAUTHORIZED.into(),
        })
        .post("/private/{name}", |request| request.read_body())
    });
    let granted = server.request("POST", "/private/x").header("Authorization", "Bearer secret");
    granted.content("body").send().expect(200).body("body");
    // The connection goes on after a small body; a client that asks first gets the response at once.
    let mut client = server.connect();
    client.send("POST /private/x HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody");
    assert!(client.reply().expect(401).keeps_alive());
    client.send("POST /private/x HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    client.reply().expect(401);
    let mut client = server.connect();
    client.send("POST /private/x HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999\r\n\r\n");
    client.reply().expect(401);
}

#[test]
fn a_panic_around_a_handler_costs_its_request_only() {
    let server = serve(|site| {
        site.around("/before", |_, _| panic!("on purpose"))
            .around("/after", |_, next| next.then(|_| panic!("on purpose")))
            .get("/before", |_| "x")
            .get("/after", |_| "x")
    });
    let mut client = server.connect();
    for path in ["/before", "/after"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.reply().expect(500);
    }
    server.get("/a.txt").send().expect(200);
}

#[test]
fn an_error_page_may_be_a_file() {
    let fixture = Fixture::new().outside("pages/404.html", "<p>not here");
    let root = Root::open(fixture.place().join("pages")).expect("it was just made");
    let server = fixture
        .site(move |site| {
            site.around("/", move |_, next| {
                let root = root.clone();
                next.then(move |response| match response.status {
                    Status::NOT_FOUND => {
                        Response::file(&root, "404.html").status(Status::NOT_FOUND)
                    }
                    _ => response,
                })
            })
        })
        .serve();
    server.get("/missing").send().expect(404).body("<p>not here");
}

#[test]
fn a_site_is_asked_without_a_socket() {
    let fixture = Fixture::new().outside("www/a.txt", "0123456789").outside("www/index.html", "it");
    let root = Root::open(fixture.place().join("www")).expect("it was just made");
    let site = Site::new()
        .at("/", httpd::StaticFiles::new(root.clone()))
        .get("/sent", move |_| Response::file(&root, "a.txt"))
        .at("/thread", blocking(|request| request.read_body()).methods(&[Method::Post]))
        .get("/made", |_| Response::written("text/plain", |out| out.write_all(&[b'x'; 1_000_000])))
        .get("/panics", |_| -> String { panic!("on purpose") })
        .get("/from", |request| request.peer().map(|peer| peer.to_string()));
    let text = |request| site.handle(request).into_text().expect("it is text");
    assert_eq!(text(Request::get("/a.txt")), "0123456789");
    assert_eq!(text(Request::get("/")), "it");
    assert_eq!(text(Request::get("/a.txt").header("Range", "bytes=1-2")), "12");
    let parts = text(Request::get("/sent").header("Range", "bytes=0-0,9-9"));
    assert_eq!(parts.matches("Content-Range: bytes ").count(), 2, "{parts}");
    assert_eq!(text(Request::post("/thread").body("body")), "body");
    assert_eq!(text(Request::get("/made")).len(), 1_000_000);
    let peer = "192.0.2.1:5".parse().expect("an address");
    assert_eq!(text(Request::get("/from").peer(peer)), "192.0.2.1:5");
    let status = |request| site.handle(request).status;
    assert_eq!(status(Request::get("/panics")), Status::INTERNAL_SERVER_ERROR);
    assert_eq!(status(Request::get("/x y")), Status::BAD_REQUEST);
    assert_eq!(status(Request::delete("/a.txt")), Status::METHOD_NOT_ALLOWED);
    let too_large = vec![b'x'; 2 << 20];
    assert_eq!(status(Request::post("/thread").body(too_large)), Status::CONTENT_TOO_LARGE);
    let head = site.handle(Request::head("/a.txt"));
    assert_eq!((head.status, head.into_text().expect("it is text")), (Status::OK, String::new()));
}
