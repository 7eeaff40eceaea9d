//! Paths that are answered as others, without their clients knowing.

use crate::support::{Configured, configured};

fn start(config: &str) -> Configured {
    let files = [
        "www/new/a.txt",
        "www/app/index.html",
        "www/docs/guide/index.html",
        "www/about.html",
        "www/secret/a.txt",
        "www/open/a.txt",
        "staff.htpasswd",
    ];
    let contents = files.map(|name| match name {
        "staff.htpasswd" => ANN.to_owned(),
        name => format!("{name}\n"),
    });
    let files: Vec<_> = files.into_iter().zip(contents.iter().map(String::as_str)).collect();
    Configured::start_with(&format!("root = \"www\"\n{config}"), &files)
}

/// `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";

#[test]
fn a_path_is_answered_as_another_and_no_client_sees_it() {
    let server = start(
        "[[rewrite]]\nfrom = \"/old\"\nto = \"/new/a.txt\"\n\
         [[rewrite]]\nfrom = \"/x/*\"\nto = \"/new/$1\"\n\
         [[rewrite]]\nregex = '^/(\\w+)-(\\w)\\.txt$'\nto = \"/$1/$2.txt\"\n",
    );
    for target in ["/old", "/old?q=1", "/x/a.txt", "/x//a.txt", "/new-a.txt", "/%6Fld"] {
        let reply = server.get(target).send();
        reply.expect(200).no_header("Location").header("Content-Type", "text/plain; charset=utf-8");
        reply.body("www/new/a.txt\n");
        let tag = reply.etag();
        server.get(target).header("If-None-Match", tag).send().expect(304);
        server.get(target).header("Range", "bytes=4-6").send().expect(206).body("new");
        server.request("HEAD", target).send().expect(200);
    }
    server.get("/old/").send().expect(404);
    server.get("/new/a.txt").send().expect(200);
    server.request("POST", "/old").send().expect(405);
}

#[test]
fn the_first_that_matches_wins_and_a_request_is_rewritten_once() {
    let server = start(
        "[[rewrite]]\nfrom = \"/a/*\"\nto = \"/new/a.txt\"\n\
         [[rewrite]]\nfrom = \"/a/b\"\nto = \"/about.html\"\n\
         [[rewrite]]\nfrom = \"/c\"\nto = \"/a/x\"\n\
         [[location]]\npath = \"/a/own/\"\nmethods = [\"GET\"]\n\
         [[location.rewrite]]\nfrom = \"/a/own/*\"\nto = \"/about.html\"\n",
    );
    server.get("/a/b").send().expect(200).body("www/new/a.txt\n");
    server.get("/a/own/x").send().expect(200).body("www/about.html\n");
    server.get("/c").send().expect(404);
}

#[test]
fn everything_can_be_served_from_a_folder() {
    let server = start("[[rewrite]]\nfrom = \"/*\"\nto = \"/new/$1\"\n");
    server.get("/a.txt").send().expect(200).body("www/new/a.txt\n");
    server.get("/new/a.txt").send().expect(404);
}

#[test]
fn an_application_in_the_browser_gets_its_page_for_every_path() {
    let server = start("[[rewrite]]\nfrom = \"/*\"\nto = \"/app/index.html\"\n");
    for target in ["/", "/users/7", "/new/a.txt", "/app/index.html"] {
        server.get(target).send().expect(200).body("www/app/index.html\n");
    }
}

#[test]
fn redirects_come_first_and_do_not_see_where_a_rewrite_leads() {
    let server = start(
        "[[redirect]]\nfrom = \"/about.html\"\nto = \"/about\"\n\
         [[rewrite]]\nfrom = \"/about\"\nto = \"/about.html\"\n",
    );
    server.get("/about.html").send().expect(301).header("Location", "/about");
    server.get("/about").send().expect(200).body("www/about.html\n");
}

/// What would redirect to itself again and again, or show a path that nobody asked for.
#[test]
fn a_rewritten_path_is_redirected_neither_to_its_clean_form_nor_to_its_slash() {
    let server = start(
        "clean_urls = true\n\
         [[rewrite]]\nfrom = \"/about\"\nto = \"/about.html\"\n\
         [[rewrite]]\nfrom = \"/us/\"\nto = \"/about/\"\n\
         [[rewrite]]\nfrom = \"/docs/guide/\"\nto = \"/docs/guide\"\n\
         [[rewrite]]\nfrom = \"/handbook/*\"\nto = \"/docs/$1\"\n",
    );
    server.get("/about").send().expect(200).body("www/about.html\n");
    server.get("/us/").send().expect(200).body("www/about.html\n");
    server.get("/docs/guide/").send().expect(200).body("www/docs/guide/index.html\n");
    server.get("/handbook/guide").send().expect(200).body("www/docs/guide/index.html\n");
    server.get("/handbook/guide/").send().expect(200).body("www/docs/guide/index.html\n");
}

#[test]
fn who_may_is_asked_for_the_path_that_is_served_as_well_as_for_the_one_that_was_asked() {
    let auth = "auth_basic = { file = \"staff.htpasswd\" }\n";
    let server = start(&format!(
        "clean_urls = true\n\
         [[rewrite]]\nfrom = \"/in/*\"\nto = \"/secret/$1\"\n\
         [[rewrite]]\nfrom = \"/secret/out\"\nto = \"/open/a.txt\"\n\
         [[rewrite]]\nfrom = \"/page\"\nto = \"/about\"\n\
         [[rewrite]]\nfrom = \"/denied\"\nto = \"/none/a.txt\"\n\
         [[location]]\npath = \"/secret/\"\n{auth}\
         [[location]]\npath = \"/about.html\"\n{auth}\
         [[location]]\npath = \"/none/\"\nallow = \"192.0.2.1\"\n"
    ));
    for (target, content) in [
        ("/in/a.txt", "www/secret/a.txt\n"),
        ("/secret/a.txt", "www/secret/a.txt\n"),
        ("/secret/out", "www/open/a.txt\n"),
        // Guarded by its other path.
        ("/page", "www/about.html\n"),
        ("/about", "www/about.html\n"),
    ] {
        server.get(target).send().expect(401);
        let reply = server.get(target).header("Authorization", RIGHT).send();
        reply.expect(200).body(content);
    }
    server.get("/open/a.txt").send().expect(200);
    server.get("/denied").header("Authorization", RIGHT).send().expect(403);
}

#[test]
fn no_path_leads_out_of_where_a_rewrite_says() {
    let server = start(
        "[[rewrite]]\nfrom = \"/a*\"\nto = \"/open/$1/a.txt\"\n\
         [[rewrite]]\nregex = '^/b(.*)$'\nto = \"/open/$1\"\n\
         [[rewrite]]\nfrom = \"/hosts/*\"\nto = \"/$host/$1\"\n",
    );
    server.get("/a").send().expect(200).body("www/open/a.txt\n");
    for target in ["/a..", "/a.", "/b../secret/a.txt", "/b%2e%2e/secret/a.txt", "/b%2fa.txt/.."] {
        let status = server.get(target).send().status;
        assert!(status == 404, "{target}: {status}");
    }
    for (host, status) in [("open", 200), ("OPEN:80", 200), ("..", 404), (".", 404)] {
        let request = format!("GET /hosts/a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let reply = server.program.connect().send(request).reply();
        assert!([status, 400].contains(&reply.status), "{host}: {}", reply.status);
    }
    server.program.connect().send("GET /hosts/a.txt HTTP/1.0\r\n\r\n").last_reply().expect(400);
}

#[test]
fn the_headers_of_the_location_that_serves_are_sent() {
    let server = start(
        "[[rewrite]]\nfrom = \"/old/*\"\nto = \"/new/$1\"\n\
         [[header]]\npath = \"/old/*\"\nset = { X-Asked = \"1\" }\n\
         [[header]]\npath = \"/new/*\"\nset = { X-Served = \"1\" }\n\
         [[location]]\npath = \"/new/\"\n\
         [[location.header]]\nset = { X-Location = \"1\" }\n",
    );
    let reply = server.get("/old/a.txt").send();
    reply.expect(200).header("X-Asked", "1").header("X-Served", "1").header("X-Location", "1");
    server.get("/new/a.txt").send().no_header("X-Asked").header("X-Served", "1");
}

#[test]
fn a_client_stores_a_file_where_a_rewrite_leads() {
    let server = start(
        "[[rewrite]]\nfrom = \"/up/*\"\nto = \"/open/$1\"\n\
         [[location]]\npath = \"/open/\"\nmethods = [\"GET\", \"PUT\"]\n",
    );
    let stored = server.request("PUT", "/up/b.txt").content("new").send();
    stored.expect(201).header("Location", "/open/b.txt");
    server.get("/open/b.txt").send().expect(200).body("new");
    server.request("PUT", "/elsewhere").content("new").send().expect(405);
}

#[test]
fn a_rewrite_that_is_wrong_is_an_error_with_its_place() {
    for (rewrite, expected) in [
        (
            "from = \"/a\"",
            "c.toml:2:1: this rewrite needs to: write the path to serve, such as to = \"/new/$1\"",
        ),
        (
            "to = \"/a\"",
            "c.toml:2:1: this rewrite needs from: write the path to rewrite, such as from = \"/old/*\"",
        ),
        (
            "from = \"/a\"\nto = \"https://example.org/\"",
            "c.toml:4:6: to must be a path: a rewrite stays on this host, and [[redirect]] leads to another one",
        ),
        (
            "from = \"/a\"\nto = \"/b#c\"",
            "c.toml:4:6: to must not have a fragment, which no server sees",
        ),
        (
            "from = \"/a\"\nto = \"/../b\"",
            "c.toml:4:6: to must not contain \"//\", \"/./\" or \"/../\": no request's path does",
        ),
        (
            "from = \"/a\"\nto = \"/$1\"",
            "c.toml:4:6: to uses $1, but its pattern has nothing to capture",
        ),
        ("from = \"a\"\nto = \"/b\"", "c.toml:3:8: from must begin with a slash: write \"/a\""),
        ("regex = '('\nto = \"/b\"", "c.toml:3:9: regex is no regular expression: unclosed group"),
        (
            "from = \"/a\"\nto = \"/b\"\nstatus = 301",
            "c.toml:5:1: unknown key \"status\" in [[rewrite]]; it belongs in [[redirect]]",
        ),
    ] {
        let errors = configured::errors(&[], &format!("root = \"www\"\n[[rewrite]]\n{rewrite}\n"));
        assert_eq!(errors[0], expected, "{errors:?}");
    }
}

#[test]
fn rewrites_that_lead_round_in_a_circle_are_refused_when_they_are_loaded() {
    let errors = configured::errors(
        &[],
        "root = \"www\"\nrewrite = [\n{ from = \"/a/*\", to = \"/b/$1\" },\n{ from = \"/b/*\", to = \"/a/$1\" },\n]\n",
    );
    assert_eq!(errors, ["c.toml:3:10: this rewrite leads round in a circle: /a/x → /b/x → /a/x"]);
    let errors = configured::errors(
        &[],
        "root = \"www\"\nrewrite = [\n{ from = \"/a\", to = \"/b\" },\n{ from = \"/a\", to = \"/c\" },\n]\n",
    );
    assert_eq!(
        errors,
        ["c.toml:4:10: from has the path of an earlier rewrite, so this one never matches"]
    );
    let errors = configured::errors(
        &[],
        "root = \"www\"\n[[location]]\npath = \"/l/\"\n[[location.rewrite]]\nfrom = \"/a\"\nto = \"/b\"\n",
    );
    assert!(errors[0].contains("not below the path of its location"), "{errors:?}");
}
