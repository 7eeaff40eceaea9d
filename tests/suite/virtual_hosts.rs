//! Several sites behind one address, told apart by the names of their hosts.

use crate::support::{Fixture, TestServer};
use httpd::{HostName, Site, UnknownHost, blocking};

fn name(text: &str) -> HostName {
    text.parse().expect("it is a name")
}

fn says(text: &'static str) -> Site {
    Site::new().get("/", move |_| text)
}

/// What the site behind a host says of itself.
#[track_caller]
fn asked(server: &TestServer, host: &str) -> String {
    server.get("/").host(host).send().expect(200).text().to_owned()
}

#[test]
fn each_host_has_its_site_and_others_have_the_default() {
    let server = Fixture::new()
        .site(|site| {
            site.get("/", |_| "default")
                .host(name("example.org"), says("exact"))
                .hosts([name("*.example.org"), name("example.net")], says("below"))
                .host(name("[::1]"), says("address"))
        })
        .serve();
    for (host, site) in [
        ("example.org", "exact"),
        ("EXAMPLE.ORG:8080", "exact"),
        ("example.org.", "exact"),
        ("www.example.org", "below"),
        ("a.b.example.org:1", "below"),
        ("example.net", "below"),
        ("[::1]:8080", "address"),
        ("example.com", "default"),
        ("localhost", "default"),
        ("example.org.example.com", "default"),
        ("[::2]", "default"),
    ] {
        assert_eq!(asked(&server, host), site, "{host}");
    }
    let mut client = server.connect();
    client.send("GET http://example.org/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
    client.reply().expect(200).body("exact");
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.reply().expect(200).body("default");
}

#[test]
fn a_host_has_its_own_locations_methods_and_refusals() {
    let server = Fixture::new()
        .file("a.txt", "of the default")
        .site(|site| {
            let inner = Site::new()
                .get("/only/here", |request| request.host().to_owned())
                .post("/post", |request| request.read_body())
                .at("/thread", blocking(|request| request.path_in_location().map(str::to_owned)));
            site.host(name("inner"), inner)
        })
        .serve();
    server.get("/a.txt").send().expect(200);
    server.get("/a.txt").host("inner").send().expect(404);
    server.get("/only/here").send().expect(404);
    server.get("/only/here").host("inner:5").send().expect(200).body("inner:5");
    server.request("POST", "/post").host("inner").content("body").send().expect(200).body("body");
    server.request("POST", "/a.txt").host("inner").send().expect(404);
    server.get("/post").host("inner").send().expect(405).header("Allow", "POST, OPTIONS");
    server.get("/thread/x").host("inner").send().expect(200).body("/x");
}

#[test]
fn unknown_hosts_are_refused_where_that_is_wanted() {
    let server = Fixture::new()
        .site(|site| {
            site.get("/", |_| "default")
                .names([name("example.org")])
                .host(name("inner"), says("inner"))
                .unknown_host(UnknownHost::Refuse)
        })
        .serve();
    assert_eq!(asked(&server, "example.org"), "default");
    assert_eq!(asked(&server, "inner"), "inner");
    assert!(server.get("/").host("other").send().expect(421).text().contains("421"));
    let long = format!("{}.org", "x".repeat(300));
    server.get("/").host(&long).send().expect(421);
    server.request("POST", "/").host("other").content("body").send().expect(421);
    server.raw("GET / HTTP/1.0\r\n\r\n").last_reply().expect(421);
}

#[test]
fn other_names_of_a_host_are_redirected_to_its_canonical_one() {
    let server = Fixture::new()
        .site(|site| {
            let inner = says("inner").canonical_host(name("example.org"));
            site.hosts([name("example.org"), name("*.example.org")], inner)
        })
        .serve();
    assert_eq!(asked(&server, "example.org:80"), "inner");
    let to = |target: &str, host: &str| server.get(target).host(host).send();
    to("/a%20b/../c?d=e%20f", "www.example.org")
        .expect(301)
        .header("Location", "http://example.org/c?d=e%20f");
    to("//evil.com/", "www.example.org:8080")
        .expect(301)
        .header("Location", "http://example.org:8080/evil.com/");
    let post = server.request("POST", "/x").host("www.example.org").content("body").send();
    post.expect(308).header("Location", "http://example.org/x");
}

#[test]
fn functions_around_the_outer_site_are_around_the_inner_ones() {
    let server = Fixture::new()
        .site(|site| {
            let inner = says("inner")
                .around("/", |_, next| next.then(|response| response.header("X-Inner", "1")));
            site.around("/", |_, next| next.then(|response| response.header("X-Outer", "1")))
                .host(name("inner"), inner)
                .get("/", |_| "outer")
        })
        .serve();
    server.get("/").host("inner").send().header("X-Inner", "1").header("X-Outer", "1");
    server.get("/").send().header("X-Outer", "1").no_header("X-Inner");
}

#[test]
fn two_sites_cannot_have_one_name() {
    let made = std::panic::catch_unwind(|| {
        Site::new().host(name("a"), Site::new()).hosts([name("b"), name("A.")], Site::new())
    });
    let panic = made.expect_err("it is refused");
    assert_eq!(panic.downcast_ref::<String>().expect("it says why"), "a has a site already");
}
