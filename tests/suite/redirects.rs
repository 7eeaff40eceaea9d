//! Old URLs lead to new ones.

use crate::support::{Configured, configured};

fn start(config: &str) -> Configured {
    Configured::start(&["www/new/a.txt"], &format!("root = \"www\"\n{config}"))
}

const HELLO: &str = "def app(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'hello']\n";

#[test]
fn an_old_path_leads_to_the_new_one() {
    let server = start("[[redirect]]\nfrom = \"/old\"\nto = \"/new/a.txt\"\n");
    let reply = server.get("/old").send();
    reply
        .expect(301)
        .header("Location", "/new/a.txt")
        .header("Content-Type", "text/html; charset=utf-8");
    assert!(reply.text().contains("<a href=\"/new/a.txt\">"), "{reply:?}");
    server.get("/old/").send().expect(404);
    server.get("/older").send().expect(404);
    server.get("/new/a.txt").send().expect(200).body("www/new/a.txt\n");
    server.request("HEAD", "/old").send().expect(301).header("Location", "/new/a.txt");
}

#[test]
fn a_host_may_consist_of_redirects_alone() {
    let server = Configured::start(
        &[],
        "redirect = [{ from = \"/*\", to = \"https://example.org/$1\" }]\n\
         [[host]]\nserver_name = \"old.test\"\n\
         redirect = [{ from = \"/a\", to = \"https://new.test/b\" }]\n",
    );
    let ask = |host: &str| server.get("/a").host(host).send();
    ask("old.test").expect(301).header("Location", "https://new.test/b");
    ask("other.test").expect(301).header("Location", "https://example.org/a");
}

#[test]
fn everything_below_a_path_moves_with_it_and_keeps_its_query() {
    let server = start("[[redirect]]\nfrom = \"/old/*\"\nto = \"/new/$1\"\n");
    for (target, location) in [
        ("/old/", "/new/"),
        ("/old/a/b.txt", "/new/a/b.txt"),
        ("/old/a%20b/%C3%BC?q=1&r=%20", "/new/a%20b/%C3%BC?q=1&r=%20"),
        ("//old///a", "/new/a"),
        ("/x/../old/a", "/new/a"),
    ] {
        server.get(target).send().expect(301).header("Location", location);
    }
    server.get("/old").send().expect(404);
}

#[test]
fn a_target_with_a_query_of_its_own_drops_that_of_the_request() {
    let server = start(
        "redirect = [{ from = \"/a\", to = \"/b?x=1\" }, { from = \"/c\", to = \"/d?x=1&$query\" },\n\
         { from = \"/e/*\", to = \"/f?path=$1\" }, { from = \"/g\", to = \"/h?\" }]\n",
    );
    for (target, location) in [
        ("/a?y=2", "/b?x=1"),
        ("/c?y=2", "/d?x=1&y=2"),
        ("/e/a&b=c?y=2", "/f?path=a%26b%3Dc"),
        ("/g?y=2", "/h?"),
    ] {
        server.get(target).send().expect(301).header("Location", location);
    }
}

#[test]
fn globs_and_regular_expressions_capture_parts_of_the_path() {
    let server = start(
        "[[redirect]]\nfrom = \"/*/feed.xml\"\nto = \"/feeds/$1.xml\"\nstatus = 302\n\
         [[redirect]]\nregex = '^/(\\d{4})/(\\d\\d)/([^/]+)\\.php$'\nto = \"/posts/$3?year=$1\"\nstatus = 308\n",
    );
    server.get("/blog/feed.xml").send().expect(302).header("Location", "/feeds/blog.xml");
    server.get("/a/b/feed.xml").send().expect(404);
    server.get("/2025/04/hi.php").send().expect(308).header("Location", "/posts/hi?year=2025");
    server.get("/2025/4/hi.php").send().expect(404);
}

#[test]
fn the_first_that_matches_wins_and_a_location_has_its_own_before_those_of_the_top() {
    let server = start(
        "[[redirect]]\nfrom = \"/a/*\"\nto = \"/first\"\n\
         [[redirect]]\nfrom = \"/a/b\"\nto = \"/second\"\n\
         [[redirect]]\nfrom = \"/c/d\"\nto = \"/third\"\n\
         [[redirect]]\nfrom = \"/c/*\"\nto = \"/fourth\"\n\
         [[location]]\npath = \"/c/e/\"\nmethods = [\"GET\"]\n\
         [[location.redirect]]\nfrom = \"/c/e/f\"\nto = \"/fifth\"\n",
    );
    for (target, location) in [
        ("/a/b", "/first"),
        ("/c/d", "/third"),
        ("/c/x", "/fourth"),
        ("/c/e/f", "/fifth"),
        ("/c/e/x", "/fourth"),
    ] {
        server.get(target).send().expect(301).header("Location", location);
    }
}

#[test]
fn what_is_gone_is_gone() {
    let server = start("[[redirect]]\nfrom = \"/gone/*\"\nstatus = 410\n");
    let reply = server.get("/gone/a").send();
    assert!(reply.expect(410).no_header("Location").text().contains("410 Gone"), "{reply:?}");
}

#[test]
fn a_whole_site_moves_to_another_host_except_that_host_itself() {
    let server = start("[[redirect]]\nfrom = \"/*\"\nto = \"http://example.org/$1\"\n");
    let get = |host: &str| {
        let request = format!("GET /a?b HTTP/1.1\r\nHost: {host}\r\n\r\n");
        server.program.connect().send(request).reply()
    };
    get("www.example.org").expect(301).header("Location", "http://example.org/a?b");
    get("example.org:8080").expect(301).header("Location", "http://example.org/a?b");
    get("EXAMPLE.org:80").expect(404);
    get("example.org").expect(404);
}

#[test]
fn requests_over_http_lead_to_https() {
    let server = start("[[redirect]]\nfrom = \"/*\"\nto = \"https://$host$path\"\nstatus = 307\n");
    let request = "GET /a%20b?c HTTP/1.1\r\nHost: Example.org:8080\r\n\r\n";
    let reply = server.program.connect().send(request).reply();
    reply.expect(307).header("Location", "https://example.org/a%20b?c");
    server.program.connect().send("GET / HTTP/1.0\r\n\r\n").last_reply().expect(400);
}

#[test]
fn every_path_can_lead_to_one_page_and_the_page_itself_is_served() {
    let server = start("[[redirect]]\nfrom = \"/*\"\nto = \"/index.html\"\nstatus = 302\n");
    server.get("/a").send().expect(302).header("Location", "/index.html");
    server.get("/index.html").send().expect(200).body("from www\n");
}

#[test]
fn no_path_makes_a_redirect_to_another_host_or_another_header() {
    let server = start(
        "[[redirect]]\nfrom = \"/old*/**\"\nto = \"/$2\"\n\
         [[redirect]]\nregex = '^/re(.*)$'\nto = \"/$1\"\n\
         [[redirect]]\nfrom = \"/x/*\"\nto = \"https://example.org/$1\"\n",
    );
    for (target, location) in [
        ("/old//evil.example", "/evil.example"),
        ("/old/%2Fevil.example", "/evil.example"),
        ("/old/%5Cevil.example", "/%5Cevil.example"),
        ("/re/evil.example", "/evil.example"),
        ("/re/%5c/evil.example", "/%5C/evil.example"),
        ("/old/a%0D%0ASet-Cookie:%20b", "/a%0D%0ASet-Cookie:%20b"),
        ("/x/@evil.example", "https://example.org/@evil.example"),
        ("/x/%0A", "https://example.org/%0A"),
    ] {
        let reply = server.get(target).send();
        reply.expect(301).header("Location", location).no_header("Set-Cookie");
    }
}

#[test]
fn a_redirect_answers_every_method_and_an_upload_without_reading_it() {
    let server = start("[[redirect]]\nfrom = \"/old\"\nto = \"/new\"\nstatus = 307\n");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        server
            .request(method, "/old")
            .content("body")
            .send()
            .expect(307)
            .header("Location", "/new");
    }
    let mut client = server.program.connect();
    client.send(
        "PUT /old HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n",
    );
    client.reply().expect(307);
}

#[test]
fn ten_thousand_redirects_are_found_as_fast_as_one() {
    let mut config = String::new();
    for number in 0..10_000 {
        config += &format!("[[redirect]]\nfrom = \"/old/{number}\"\nto = \"/new/{number}\"\n");
    }
    let server = start(&config);
    for number in [0, 4_711, 9_999] {
        let reply = server.get(&format!("/old/{number}")).send();
        reply.expect(301).header("Location", &format!("/new/{number}"));
    }
}

#[test]
fn an_application_has_redirects_as_well() {
    let config = "[[location]]\npath = \"/app\"\nwsgi = \"hello:app\"\n\
                  [[location.redirect]]\nfrom = \"/app/old\"\nto = \"/app/new\"\n";
    let server = Configured::start_with(config, &[("hello.py", HELLO)]);
    server.get("/app/old").send().expect(301).header("Location", "/app/new");
    server.get("/app/new").send().expect(200).body("hello");
}

#[test]
fn a_redirect_that_never_ends_is_refused() {
    for (redirects, error) in [
        (
            "{ from = \"/a\", to = \"/b\" }, { from = \"/b\", to = \"/a\" }",
            "c.toml:1:22: this redirect never ends: /a → /b → /a",
        ),
        (
            "{ from = \"/a/*\", to = \"/a/b/$1\" }",
            "c.toml:1:22: this redirect never ends: /a/x → /a/b/x → /a/b/b/x → /a/b/b/b/x → /a/b/b/b/b/x → …",
        ),
        (
            "{ regex = '^/(.*)$', to = \"/x/$1\" }",
            "c.toml:1:23: this redirect never ends: /x/x → /x/x/x → /x/x/x/x → /x/x/x/x/x → /x/x/x/x/x/x → …",
        ),
        (
            "{ from = \"/a\", to = \"$scheme://$host/a/\" }, { from = \"/a/*\", to = \"/a\" }",
            "c.toml:1:22: this redirect never ends: /a → /a/ → /a",
        ),
    ] {
        let said = configured::errors(&[], &format!("redirect = [{redirects}]\nroot = \"www\"\n"));
        assert_eq!(said, [error]);
    }
}

#[test]
fn an_error_in_a_redirect_is_named_with_its_place_and_what_to_write() {
    for (redirect, error) in [
        (
            "to = \"/b\"",
            "1:1: this redirect needs from: write the path to redirect, such as from = \"/old/*\"",
        ),
        (
            "from = \"/a\"",
            "1:1: this redirect needs to: write where it leads, such as to = \"/new/$1\" (or status = 410 for what is gone)",
        ),
        ("from = \"a\"\nto = \"/b\"", "2:8: from must begin with a slash: write \"/a\""),
        ("from = \"^/a\"\nto = \"/b\"", "2:8: from must begin with a slash: write regex = \"^/a\""),
        (
            "from = \"http://a/b\"\nto = \"/b\"",
            "2:8: from must begin with a slash: leave out scheme and host",
        ),
        ("from = \"/a/{b}\"\nto = \"/b\"", "2:8: from holds '{': the only wildcards are * and **"),
        (
            "from = \"/a?b=c\"\nto = \"/b\"",
            "2:8: from is compared with the path alone: leave out \"?\" and \"#\" with what follows",
        ),
        ("regex = \"(a\"\nto = \"/b\"", "2:9: regex is no regular expression: unclosed group"),
        (
            "from = \"/a\"\nregex = \"b\"\nto = \"/b\"",
            "3:9: regex is here beside \"from\": a rule has one of the two",
        ),
        (
            "from = \"/a\"\nto = \"b\"",
            "3:6: to must be a path such as \"/new\" or a URL such as \"https://example.org/new\"",
        ),
        (
            "from = \"/a\"\nto = \"//b\"",
            "3:6: to must not begin with \"//\", which is another host to a browser: write the URL with its scheme",
        ),
        (
            "from = \"/a/*\"\nto = \"https://b$1\"",
            "3:6: to has $1 in the host, so that a client could choose the host: write a slash before it",
        ),
        (
            "from = \"/a/*\"\nto = \"/b/$2\"",
            "3:6: to uses $2, but its pattern captures only $1 to $1",
        ),
        (
            "from = \"/a\"\nto = \"/b/$1\"",
            "3:6: to uses $1, but its pattern has nothing to capture",
        ),
        (
            "from = \"/a\"\nto = \"/b/$uri\"",
            "3:6: to has the unknown variable \"$uri\"; there are $1 to $9, $host, $scheme, $path and $query ($$ is a dollar sign)",
        ),
        (
            "from = \"/a\"\nto = \"/b\"\nstatus = 200",
            "4:10: status must be 301 (moved for good), 302, 303, 307 (for now), 308 or 410 (gone), not 200",
        ),
        (
            "from = \"/a\"\nto = \"/b\"\nstatus = 410",
            "3:6: to has no meaning beside status = 410: what is gone is nowhere else",
        ),
        (
            "from = \"/a\"\nto = \"/b\"\n[[redirect]]\nfrom = \"/a\"\nto = \"/c\"",
            "5:8: from has the path of an earlier redirect, so this one never matches",
        ),
        (
            "from = \"/a\"\ntarget = \"/b\"\nto = \"/c\"",
            "3:1: unknown key \"target\" in [[redirect]]",
        ),
    ] {
        // `root` goes in by another way.
        let said = configured::errors(&[], &format!("[[redirect]]\n{redirect}\n"));
        assert!(said.contains(&format!("c.toml:{error}")), "{redirect}\n{said:#?}");
    }
    let said =
        configured::errors(&[], "root = \"www\"\nredirect = { from = \"/a\", to = \"/b\" }\n");
    assert_eq!(said, ["c.toml:2:12: redirect is written with two brackets: [[redirect]]"]);
    let said = configured::errors(
        &[],
        "root = \"www\"\n[[location]]\npath = \"/a/\"\nredirect = [{ from = \"/b\", to = \"/c\" }]\n",
    );
    assert_eq!(
        said,
        [
            "c.toml:4:22: from is not below the path of its location, \"/a/\": no request can match it"
        ]
    );
}
