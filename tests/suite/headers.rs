//! Headers that an operator adds to responses.

use crate::support::{Configured, configured};

#[test]
fn every_response_gets_a_header_of_the_site() {
    let server = Configured::start(
        &["www/a.txt"],
        "root = \"www\"\n[[header]]\nset = { X-Frame-Options = \"DENY\" }\n\
         [[redirect]]\nfrom = \"/old\"\nto = \"/a.txt\"\n",
    );
    let reply = server.get("/a.txt").send();
    reply.expect(200).header("X-Frame-Options", "DENY").body("www/a.txt\n");
    let not_modified = server.get("/a.txt").header("If-None-Match", "*").send();
    not_modified.expect(304).header("X-Frame-Options", "DENY").no_header("Content-Type");
    server
        .get("/a.txt")
        .header("Range", "bytes=0-1")
        .send()
        .expect(206)
        .header("X-Frame-Options", "DENY");
    server.get("/missing").send().expect(404).header("X-Frame-Options", "DENY");
    server.get("/old").send().expect(301).header("X-Frame-Options", "DENY");
    server.request("OPTIONS", "/").send().expect(204).header("X-Frame-Options", "DENY");
    server
        .request("PUT", "/a.txt")
        .content("x")
        .send()
        .expect(405)
        .header("X-Frame-Options", "DENY");
    let broken = server.program.connect().send("nonsense\r\n\r\n").last_reply();
    broken.expect(400).header("X-Frame-Options", "DENY");
}

#[test]
fn a_rule_is_for_some_paths_and_some_statuses() {
    let server = Configured::start(
        &["www/assets/d/a.js", "www/b.pdf", "www/a.js"],
        "root = \"www\"\n\
         [[header]]\npath = \"/assets/*\"\nstatus = \"2xx\"\nset = { Cache-Control = \"max-age=60\" }\n\
         [[header]]\npath = \"*.pdf\"\nset = { X-Robots-Tag = \"noindex\" }\n\
         [[header]]\nstatus = [404, \"5xx\"]\nset = { Cache-Control = \"no-store\" }\n",
    );
    server.get("/assets/d/a.js").send().expect(200).header("Cache-Control", "max-age=60");
    let reply = server.get("/assets/d/a.js").header("If-None-Match", "*").send();
    reply.expect(304).header("Cache-Control", "max-age=60");
    server.get("/assets/missing.js").send().expect(404).header("Cache-Control", "no-store");
    server.get("/a.js").send().expect(200).no_header("Cache-Control");
    server.get("/b.pdf").send().expect(200).header("X-Robots-Tag", "noindex");
    server.get("/c.pdf").send().expect(404).header("X-Robots-Tag", "noindex");
}

#[test]
fn hosts_that_serve_the_same_file_with_rules_of_their_own_keep_them_apart() {
    let hosts = ["a", "b", "c", "d"].map(|name| {
        format!(
            "[[host]]\nserver_name = \"{name}.test\"\n[[host.header]]\nset = {{ X-Host = \"{name}\" }}\n\
             [[host.header]]\npath = \"/*.css\"\nset = {{ X-Style = \"{name}\" }}\n"
        )
    });
    let config = format!("root = \"www\"\n{}", hosts.concat());
    let server = Configured::start(&["www/a.txt", "www/a.css"], &config);
    for round in 0..3 {
        for name in ["a", "b", "c", "d"] {
            let get = |path| server.get(path).host(&format!("{name}.test"));
            let text = get("/a.txt").send();
            text.expect(200).header("X-Host", name).no_header("X-Style").body("www/a.txt\n");
            let tag = text.etag();
            get("/a.css").send().expect(200).header("X-Host", name).header("X-Style", name);
            let part = get("/a.css").header("Range", "bytes=0-2").send();
            part.expect(206).header("X-Style", name).header("Content-Range", "bytes 0-2/10");
            let same = get("/a.txt").header("If-None-Match", &tag).send();
            same.expect(304).header("X-Host", name).no_header("Content-Type");
        }
        let rewritten = format!("round {round}\n");
        server.folder.write("www/a.css", &rewritten);
        let style = server.get("/a.css").host("d.test").send();
        style.expect(200).header("X-Style", "d").body(&rewritten);
        server.folder.write("www/a.css", "www/a.css\n");
    }
}

#[test]
fn headers_are_set_added_and_removed_and_a_location_adds_to_those_of_the_top() {
    let server = Configured::start(
        &["www/a.txt", "www/x/a.txt"],
        "root = \"www\"\n\
         [[header]]\nset = { X-A = \"top\", X-B = \"top\" }\nadd = { Set-Cookie = [\"a=1\", \"b=2\"] }\nremove = [\"Last-Modified\"]\n\
         [[location]]\npath = \"/x/\"\n\
         [[location.header]]\nset = { X-A = \"inner\" }\nadd = { Set-Cookie = \"c=3\" }\nremove = \"X-Content-Type-Options\"\n",
    );
    let values = |path: &str, name: &str| -> Vec<String> {
        let reply = server.get(path).send();
        let reply = reply.expect(200);
        let fit = reply.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        fit.map(|(_, value)| value.to_string()).collect()
    };
    assert_eq!(values("/a.txt", "X-A"), ["top"]);
    assert_eq!(values("/a.txt", "Set-Cookie"), ["a=1", "b=2"]);
    assert!(values("/a.txt", "Last-Modified").is_empty());
    assert_eq!(values("/x/a.txt", "X-A"), ["inner"]);
    assert_eq!(values("/x/a.txt", "X-B"), ["top"]);
    assert_eq!(values("/x/a.txt", "Set-Cookie"), ["a=1", "b=2", "c=3"]);
    assert!(values("/x/a.txt", "X-Content-Type-Options").is_empty());
}

#[test]
fn a_host_adds_headers_to_those_of_the_top() {
    let server = Configured::start(
        &["www/a.txt"],
        "root = \"www\"\n[[header]]\nset = { X-A = \"top\" }\n\
         [[host]]\nserver_name = \"inner.example\"\n[[host.header]]\nset = { X-B = \"host\" }\n",
    );
    let get = |host: &str| {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        server.program.connect().send(request).reply()
    };
    get("inner.example").expect(200).header("X-A", "top").header("X-B", "host");
    get("other.example").expect(200).header("X-A", "top").no_header("X-B");
}

#[test]
fn browsers_never_guess_the_type_of_a_file() {
    let server = Configured::start(&["www/a.txt"], "root = \"www\"\n");
    let reply = server.get("/a.txt").send();
    reply
        .expect(200)
        .header("X-Content-Type-Options", "nosniff")
        .header("Content-Type", "text/plain; charset=utf-8");
    let part = server.get("/a.txt").header("Range", "bytes=1-2").send();
    part.expect(206).header("X-Content-Type-Options", "nosniff");
}

#[test]
fn the_policy_web_keeps_hashed_names_for_a_year_asks_again_for_pages_and_never_keeps_errors() {
    let hashed = "/assets/app.3f2a9b1c.js";
    let server = Configured::start(
        &["www/assets/app.3f2a9b1c.js", "www/b.3f2a9b1c.html", "www/c.css", "www/d.txt"],
        "root = \"www\"\ncache_policy = \"web\"\n\
         [[header]]\npath = \"/d.txt\"\nset = { Cache-Control = \"private\" }\n\
         [[location]]\npath = \"/none/\"\ncache_policy = \"none\"\n",
    );
    let year = "public, max-age=31536000, immutable";
    server.get(hashed).send().expect(200).header("Cache-Control", year);
    server
        .get(hashed)
        .header("If-None-Match", "*")
        .send()
        .expect(304)
        .header("Cache-Control", year);
    server
        .get(hashed)
        .header("Range", "bytes=0-1")
        .send()
        .expect(206)
        .header("Cache-Control", year);
    server.get("/").send().expect(200).header("Cache-Control", "no-cache");
    server
        .get("/")
        .header("If-None-Match", "*")
        .send()
        .expect(304)
        .header("Cache-Control", "no-cache");
    server.get("/b.3f2a9b1c.html").send().expect(200).header("Cache-Control", "no-cache");
    server.get("/c.css").send().expect(200).header("Cache-Control", "no-cache");
    server.get("/d.txt").send().expect(200).header("Cache-Control", "private");
    server.get("/assets/old.11111111aa.js").send().expect(404).header("Cache-Control", "no-store");
    server.get("/none/x").send().expect(404).no_header("Cache-Control");
}

#[test]
fn pages_of_some_origins_may_read_responses() {
    let server = Configured::start(
        &["www/a.json"],
        "root = \"www\"\n[cors]\norigins = [\"https://app.example\", \"https://*.example.org\"]\n\
         methods = [\"GET\", \"PUT\"]\nheaders = [\"Content-Type\", \"X-Token\"]\ncredentials = true\nmax_age = \"10m\"\n",
    );
    let get = |origin: &str| server.get("/a.json").header("Origin", origin).send();
    get("https://app.example")
        .expect(200)
        .header("Access-Control-Allow-Origin", "https://app.example")
        .header("Access-Control-Allow-Credentials", "true")
        .header("Vary", "Origin");
    get("https://a.b.example.org").header("Access-Control-Allow-Origin", "https://a.b.example.org");
    get("https://evil.example")
        .expect(200)
        .no_header("Access-Control-Allow-Origin")
        .header("Vary", "Origin");
    get("null").no_header("Access-Control-Allow-Origin");
    server
        .get("/a.json")
        .send()
        .expect(200)
        .header("Vary", "Origin")
        .no_header("Access-Control-Allow-Origin");
    let missing = server.get("/b.json").header("Origin", "https://app.example").send();
    missing.expect(404).header("Access-Control-Allow-Origin", "https://app.example");
    let ask = |origin: &str| {
        let request = server.request("OPTIONS", "/a.json").header("Origin", origin);
        request.header("Access-Control-Request-Method", "PUT").send()
    };
    ask("https://app.example")
        .expect(204)
        .header("Access-Control-Allow-Origin", "https://app.example")
        .header("Access-Control-Allow-Methods", "GET, PUT")
        .header("Access-Control-Allow-Headers", "Content-Type, X-Token")
        .header("Access-Control-Allow-Credentials", "true")
        .header("Access-Control-Max-Age", "600")
        .header("Vary", "Origin");
    ask("https://evil.example")
        .expect(204)
        .no_header("Access-Control-Allow-Methods")
        .header("Vary", "Origin");
    let plain = server.request("OPTIONS", "/a.json").header("Origin", "https://app.example").send();
    plain.expect(204).has_header("Allow").no_header("Access-Control-Allow-Methods");
}

#[test]
fn what_depends_on_several_headers_of_a_request_says_so_in_one_line() {
    let server = Configured::start(
        &[],
        "root = \"www\"\nfallback = \"index.html\"\n\
         cors = { origins = \"https://a.example\", headers = \"*\" }\n",
    );
    let reply = server.get("/route").header("Sec-Fetch-Mode", "navigate").send();
    reply.expect(200).header("Vary", "Accept, Sec-Fetch-Mode, Origin");
    let ask = server.request("OPTIONS", "/x").header("Origin", "https://a.example");
    let reply = ask.header("Access-Control-Request-Method", "PUT").send();
    reply.expect(204).header("Vary", "Access-Control-Request-Headers, Origin");
}

#[test]
fn pages_of_every_origin_may_read_what_is_public() {
    let server = Configured::start(
        &["www/a.json"],
        "root = \"www\"\ncors = { origins = \"*\", headers = \"*\" }\n\
         redirect = [{ from = \"/*\", to = \"/a.json\" }]\n",
    );
    let reply = server.get("/a.json").header("Origin", "https://any.example").send();
    reply.expect(200).header("Access-Control-Allow-Origin", "*").no_header("Vary");
    let ask = server.request("OPTIONS", "/x").header("Origin", "https://any.example");
    let ask = ask.header("Access-Control-Request-Method", "POST");
    let reply = ask.header("Access-Control-Request-Headers", "x-a,x-b").send();
    reply.expect(204).header("Access-Control-Allow-Headers", "x-a,x-b");
    reply.header("Access-Control-Allow-Methods", "GET, HEAD, POST");
}

#[test]
fn an_error_in_a_header_rule_is_named_with_its_place_and_what_to_write() {
    for (config, error) in [
        (
            "[[header]]\npath = \"/a\"",
            "2:1: this header rule changes nothing: write set = { X-Frame-Options = \"DENY\" }, add or remove",
        ),
        ("[[header]]\nset = { Server = \"x\" }", "3:18: the server itself sends the header Server"),
        ("[[header]]\nset = { \"X Y\" = \"x\" }", "3:17: \"X Y\" is no header name"),
        (
            "[[header]]\nset = { X = \"a\\r\\nY: b\" }",
            "3:13: X must not contain control characters",
        ),
        ("[[header]]\nset = \"X: y\"", "3:7: set must be a table, not text"),
        ("[[header]]\npath = \"a/b\"\nremove = \"X\"", "3:8: path must begin with a slash"),
        (
            "[[header]]\nstatus = \"6xx\"\nremove = \"X\"",
            "3:10: status must be a status such as 404 or a class such as \"4xx\", not \"6xx\"",
        ),
        (
            "header = { set = { X = \"y\" } }",
            "2:10: header is written with two brackets: [[header]]",
        ),
        (
            "cache_policy = \"ten years\"",
            "2:16: cache_policy must be \"none\" or \"web\", not \"ten years\"",
        ),
        (
            "[cors]\nmethods = \"GET\"",
            "2:1: cors needs origins: write origins = [\"https://example.org\"], or \"*\" for every one",
        ),
        (
            "[cors]\norigins = \"example.org\"",
            "3:11: origins has the wrong origin \"example.org\": write \"https://example.org\"",
        ),
        (
            "[cors]\norigins = \"https://example.org/\"",
            "3:11: origins has the wrong origin \"https://example.org/\": an origin has no path: write \"https://example.org\"",
        ),
        (
            "[cors]\norigins = \"*\"\ncredentials = true",
            "4:15: credentials cannot be true for every origin: browsers refuse that; write the origins",
        ),
        (
            "[cors]\norigins = \"*\"\nmax_age = 600",
            "4:11: max_age needs a unit: write \"600s\" for seconds",
        ),
    ] {
        let said = configured::errors(&[], &format!("root = \"www\"\n{config}\n"));
        assert!(said.contains(&format!("c.toml:{error}")), "{config}\n{said:#?}");
    }
}
