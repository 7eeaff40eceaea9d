//! The id of a request: on the response, for handlers, in the log.

use crate::support::{Client, Folder, Reply, until};
use httpd::{AccessLog, Escape, Format, Running, Server, Site, blocking};
use std::collections::HashSet;
use std::fs;

/// Answers with the id that a handler sees.
fn site() -> Site {
    let id = |request: &httpd::Request<'_>| request.id().unwrap_or("none").to_owned();
    Site::new().get("/", id).at("/slow", blocking(id))
}

struct Identified {
    running: Option<Running>,
    folder: Folder,
}

impl Identified {
    fn start(change: impl FnOnce(Server) -> Server) -> Identified {
        let folder = Folder::new();
        let format = Format::own("$request_uri $request_id", Escape::Default).expect("it is sound");
        let log = AccessLog::to_file(folder.path("a.log"), format);
        let server = Server::new(site()).listen("127.0.0.1:0").access_log(log);
        let running = Some(change(server).start().expect("it starts"));
        Identified { running, folder }
    }

    fn ask(&self, request: &str) -> Reply {
        let running = self.running.as_ref().expect("it runs");
        Client::connect(&running.addresses()[0]).send(request).reply()
    }

    fn get(&self, target: &str, headers: &str) -> Reply {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
    }
}

impl Drop for Identified {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.handle().stop_now();
            running.wait();
        }
    }
}

fn is_new(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[test]
fn each_request_has_an_id_of_its_own_the_same_on_the_response_for_the_handler_and_in_the_log() {
    let server = Identified::start(|server| server.request_id("X-Request-Id"));
    let mut ids = HashSet::new();
    for target in ["/", "/slow", "/", "/slow"] {
        let reply = server.get(target, "");
        let id = reply.value("X-Request-Id").to_owned();
        assert!(is_new(&id), "{id}");
        reply.body(&id);
        assert!(ids.insert(format!("{target} {id}")), "{id} was there already");
    }
    let logged = || -> HashSet<String> {
        let text = fs::read_to_string(server.folder.path("a.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    until("the lines", || logged() == ids);
}

#[test]
fn what_a_stranger_calls_its_request_is_not_believed() {
    let server = Identified::start(|server| server.request_id("X-Request-Id"));
    let reply = server.get("/", "X-Request-Id: mine\r\n");
    let ids: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("X-Request-Id"))
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(is_new(reply.value("X-Request-Id")), "{reply:?}");
}

#[test]
fn a_trusted_proxy_gives_the_id_if_it_is_one() {
    let server = Identified::start(|server| {
        server.request_id("X-Correlation-Id").trusted_proxies(["127.0.0.1"])
    });
    for id in ["f47ac10b-58cc-4372-a567-0e02b2c3d479", "Root=1-67891233-abcdef012345678912345678"] {
        let reply = server.get("/slow", &format!("x-correlation-id: {id}\r\n"));
        reply.header("X-Correlation-Id", id).body(id);
    }
    for no_id in ["", "a b", "a\"b", "<script>", "\u{e9}", &"x".repeat(200)] {
        let reply = server.get("/", &format!("X-Correlation-Id: {no_id}\r\n"));
        assert!(is_new(reply.value("X-Correlation-Id")), "{no_id}");
    }
}

#[test]
fn a_refusal_has_an_id_too() {
    let server = Identified::start(|server| server.request_id("X-Request-Id"));
    for request in
        ["nonsense\r\n\r\n", "GET /missing HTTP/1.1\r\nHost: x\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n"]
    {
        let reply = server.ask(request);
        assert!(reply.status >= 400 && is_new(reply.value("X-Request-Id")), "{reply:?}");
    }
}

#[test]
fn without_being_asked_for_requests_have_no_ids() {
    let server = Identified::start(|server| server.trusted_proxies(["127.0.0.1"]));
    server.get("/", "X-Request-Id: f47ac10b\r\n").no_header("X-Request-Id").body("none");
}
