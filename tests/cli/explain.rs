//! `httpd explain`: what becomes of a request, and why.

use crate::support::client::Request;
use crate::support::secured::Authority;
use crate::support::{Folder, Program, lossy};
use std::fs::File;
use std::time::{Duration, SystemTime};

const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";

fn site() -> Folder {
    let folder = Folder::with_www();
    folder.write("www/private/a.txt", "a");
    folder.write("www/404.html", "not here");
    folder.write("www/.env", "x");
    folder.write("docs/index.html", "manual");
    folder.write("docs/app.css", "a {}");
    folder.write("docs/app.css.br", "br");
    folder.write("people", ANN);
    folder.write(
        "httpd.toml",
        "root = \"www\"\n\
         error_pages = { 404 = \"404.html\" }\n\
         [[header]]\n\
         set = { X-Frame-Options = \"DENY\" }\n\
         [[location]]\n\
         path = \"/private/\"\n\
         auth_basic = { realm = \"staff\", file = \"people\" }\n\
         [[host]]\n\
         server_name = [\"example.org\", \"www.example.org\"]\n\
         canonical_host = \"example.org\"\n\
         redirect = [{ from = \"/old/*\", to = \"/manual/$1\" }]\n\
         [[host.location]]\n\
         path = \"/manual/\"\n\
         alias = \"docs\"\n\
         precompressed = true\n\
         [[host.location.header]]\n\
         path = \"*.css\"\n\
         add = { X-Style = \"yes\" }\n",
    );
    folder
}

/// What it prints, without the name of the folder; each line with single spaces.
#[track_caller]
fn explain(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.output(&[&["explain", "-c", "httpd.toml"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
    let text = lossy(&output.stdout).replace(&format!("{}/", folder.here().display()), "");
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn host_location_rules_file_variant_and_head_are_shown() {
    let folder = site();
    let text = explain(
        &folder,
        &["GET", "https://example.org/manual/app.css", "-H", "Accept-Encoding: br"],
    );
    let expected = "request GET https://example.org/manual/app.css from 127.0.0.1\n\
                    host example.org httpd.toml:8\n\
                    location /manual/ httpd.toml:12\n\
                    serves files below docs (without the path of the location) httpd.toml:14\n\
                    rule header: set X-Frame-Options httpd.toml:3\n\
                    rule header: add X-Style httpd.toml:16\n\
                    file docs/app.css\n\
                    variant br: docs/app.css.br\n\n\
                    HTTP/1.1 200 OK\n";
    assert!(text.starts_with(expected), "{text}");
    for line in ["Content-Encoding: br\n", "Content-Length: 2\n", "X-Style: yes\n", "Vary: "] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_redirect_names_its_line() {
    let folder = site();
    let text = explain(&folder, &["http://example.org/old/a?b"]);
    assert!(text.contains("rule redirect with 301"), "{text}");
    assert!(text.contains("to /manual/a?b httpd.toml:11\n"), "{text}");
    assert!(text.contains("Location: /manual/a?b\n"), "{text}");
    let text = explain(&folder, &["http://www.example.org/"]);
    assert!(text.contains("rule canonical_host = \"example.org\""), "{text}");
    assert!(text.contains("httpd.toml:10\n"), "{text}");
}

#[test]
fn a_refusal_says_who_refuses() {
    let folder = site();
    let text = explain(&folder, &["/private/a.txt"]);
    assert!(
        text.contains("rule auth_basic: a name and a password are needed httpd.toml:7\n"),
        "{text}"
    );
    assert!(text.contains("HTTP/1.1 401 Unauthorized\n"), "{text}");
    assert!(!text.contains("file "), "what is refused is not named: {text}");
    let text = explain(&folder, &["/private/a.txt", "-H", "Authorization: Basic YW5uOnNlY3JldA=="]);
    assert!(text.contains("file www/private/a.txt\n") && text.contains("200 OK"), "{text}");
}

#[test]
fn a_missing_file_says_why_and_which_page_is_sent() {
    let folder = site();
    let text = explain(&folder, &["/.env"]);
    assert!(text.contains("rule error page www/404.html httpd.toml:2\n"), "{text}");
    assert!(text.contains("note /.env is not served: it is a dotfile or below one\n"), "{text}");
    assert!(text.contains("HTTP/1.1 404 Not Found\n"), "{text}");
    let text = explain(&folder, &["/private"]);
    assert!(text.contains("location /private/ httpd.toml:5\n"), "{text}");
    let text = explain(&folder, &["http://example.org/manual/x y"]);
    assert!(text.contains("404 Not Found"), "{text}");
}

#[test]
fn an_outdated_sibling_is_named() {
    let folder = site();
    folder.write("docs/app.css.gz", "");
    let text =
        explain(&folder, &["http://example.org/manual/app.css", "-H", "Accept-Encoding: gzip"]);
    assert!(text.contains("not sent docs/app.css.gz: it is empty\n"), "{text}");
}

#[test]
fn a_304_names_the_file_that_has_not_changed() {
    let folder = site();
    let text = explain(&folder, &["HEAD", "/index.html", "-H", "If-None-Match: *"]);
    assert!(text.contains("304 Not Modified") && text.contains("file www/index.html\n"), "{text}");
}

#[test]
fn what_the_server_compresses_is_compressed() {
    let folder = site();
    let old = SystemTime::now() - Duration::from_secs(1000);
    let path = folder.write("www/big.css", "a {} ".repeat(2000));
    let file = File::options().write(true).open(path).expect("it was just written");
    file.set_modified(old).expect("a time can be set");
    folder.write("httpd.toml", "root = \"www\"\ncompression = [\"gzip\"]\n");
    let text = explain(&folder, &["/big.css", "-H", "Accept-Encoding: gzip"]);
    assert!(text.contains("file www/big.css\nvariant gzip: compressed by the server\n"), "{text}");
    assert!(text.contains("Content-Encoding: gzip\n"), "{text}");
}

#[test]
fn the_client_is_the_one_that_a_trusted_proxy_names() {
    let folder = site();
    folder.write(
        "httpd.toml",
        "root = \"www\"\ntrusted_proxies = \"10.0.0.0/8\"\nallow = \"192.0.2.0/24\"\nrequest_rate = \"9/s\"\n",
    );
    let forwarded = ["-H", "X-Forwarded-For: 192.0.2.7", "-H", "X-Forwarded-Proto: https"];
    let text = explain(&folder, &[&["/", "--from", "10.0.0.1"], &forwarded[..]].concat());
    assert!(
        text.contains("client 192.0.2.7 over https, as the proxy says httpd.toml:2\n"),
        "{text}"
    );
    assert!(text.contains("request_rate: a client has so many requests httpd.toml:4\n"), "{text}");
    assert!(text.contains("200 OK"), "{text}");
    let text = explain(&folder, &[&["/", "--from", "11.0.0.1"], &forwarded[..]].concat());
    assert!(text.contains("rule allow: only some clients may httpd.toml:3\n"), "{text}");
    assert!(text.contains("403 Forbidden") && !text.contains("client 192"), "{text}");
}

#[test]
fn an_unknown_host_is_refused_where_the_configuration_says_so() {
    let folder = site();
    folder.write(
        "httpd.toml",
        "root = \"www\"\nserver_name = \"a.org\"\nunknown_host = \"refuse\"\n",
    );
    let text = explain(&folder, &["http://b.org/"]);
    assert!(text.contains("rule no host goes by this name httpd.toml:3\n"), "{text}");
    assert!(text.contains("HTTP/1.1 421"), "{text}");
    // A path alone is asked of a name that the default host has.
    let text = explain(&folder, &["/"]);
    assert!(text.contains("GET http://a.org/") && text.contains("200 OK"), "{text}");
}

#[test]
fn the_way_to_https_is_explained() {
    let folder = site();
    Authority::new().issue(&["a.org", "www.a.org"]).write(&folder, "cert.pem", "key.pem");
    folder.write(
        "httpd.toml",
        "listen = [\":8080\", \"https://:8443\"]\nroot = \"www\"\nredirect_https = true\nserver_name = \"a.org\"\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
         [[host]]\nserver_name = \"www.a.org\"\nhsts = \"1h\"\n\
         [[host]]\nserver_name = [\"b.org\", \"www.b.org\"]\ncanonical_host = \"b.org\"\n",
    );
    let text = explain(&folder, &["http://a.org/x"]);
    let rule = "rule redirect_https: requests without TLS are redirected httpd.toml:3\n";
    assert!(text.contains(rule), "{text}");
    assert!(text.contains("\nLocation: https://a.org/x\n"), "{text}");
    let text = explain(&folder, &["http://a.org:8080/x"]);
    assert!(text.contains("\nLocation: https://a.org:8443/x\n"), "{text}");
    let text = explain(&folder, &["http://www.b.org/x"]);
    assert!(text.contains(rule), "{text}");
    assert!(text.contains("rule canonical_host = \"b.org\": the other names"), "{text}");
    assert!(text.contains("\nLocation: https://b.org/x\n"), "{text}");
    let text = explain(&folder, &["https://www.a.org/index.html"]);
    let rule =
        "rule hsts: browsers use nothing but HTTPS for so long (max-age=3600) httpd.toml:9\n";
    assert!(text.contains(rule) && text.contains("200 OK"), "{text}");
    let text = explain(&folder, &["http://www.a.org/index.html"]);
    assert!(!text.contains("hsts") && text.contains("308"), "{text}");
}

#[test]
fn a_host_that_no_certificate_covers_is_refused_over_https() {
    let folder = site();
    Authority::new().issue(&["a.org", "*.a.org"]).write(&folder, "cert.pem", "key.pem");
    Authority::new().issue(&["c.org"]).write(&folder, "c.pem", "c.key");
    let config = "listen = [\":8080\", \"https://:8443\"]\nroot = \"www\"\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
         [[host]]\nserver_name = \"b.org\"\n\
         [[host]]\nserver_name = \"c.org\"\ncertificate = \"c.pem\"\ncertificate_key = \"c.key\"\n";
    folder.write("httpd.toml", config);
    for host in ["b.org", "b.org:8443", "a.b.org", "x.y.a.org", "[::1]:8443"] {
        let text = explain(&folder, &[&format!("https://{host}/")]);
        assert!(
            text.contains(
                "refused with 421 Misdirected Request: no certificate covers this host httpd.toml:3\n"
            ),
            "{host} {text}"
        );
    }
    for host in ["a.org", "A.org.:8443", "x.a.org", "c.org"] {
        let text = explain(&folder, &[&format!("https://{host}/")]);
        assert!(text.contains("200 OK"), "{host} {text}");
    }
    assert!(explain(&folder, &["http://b.org/"]).contains("200 OK"));
    // A connection to one host, and a request for another one.
    let text = explain(&folder, &["https://a.org/", "-H", "Host: c.org"]);
    assert!(text.contains("refused with 421"), "{text}");
    folder.write(
        "httpd.toml",
        format!("server_name = \"a.org\"\nunknown_host = \"refuse\"\n{config}"),
    );
    let text = explain(&folder, &["https://d.org/"]);
    assert!(
        text.contains("refused in the TLS handshake: no host goes by this name httpd.toml:2\n"),
        "{text}"
    );
}

#[test]
fn the_head_is_the_one_that_the_server_sends() {
    let folder = site();
    let config = ["-h", "127.0.0.1", "-p", "0", "-c", "httpd.toml"];
    let program = Program::start(&mut folder.httpd(&config));
    for (host, target) in [
        ("example.org", "/manual/app.css"),
        ("example.org", "/manual"),
        ("example.org", "/old/x"),
        ("localhost", "/"),
        ("localhost", "/nowhere"),
        ("localhost", "/private/"),
    ] {
        let url = format!("http://{host}{target}");
        let output = folder.output(&["explain", "-c", "httpd.toml", &url]);
        let text = lossy(&output.stdout);
        let (_, head) = text.split_once("\n\n").expect("a head follows an empty line");
        let sent = Request::new(program.address(), "GET", target).host(host).send();
        let mut lines = head.trim_end().lines();
        let status = lines.next().expect("a status line");
        assert_eq!(status, format!("HTTP/1.1 {} {}", sent.status, sent.reason), "{url}");
        let explained: Vec<_> = lines.filter(|it| !it.starts_with("Date: ")).collect();
        let sent: Vec<String> =
            sent.lasting_headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(explained, sent, "{url}");
    }
}

#[test]
fn a_rewrite_names_its_line_and_the_location_is_that_of_the_new_path() {
    let folder = site();
    folder.write(
        "httpd.toml",
        "root = \"www\"\nhost_files = true\n[[rewrite]]\nfrom = \"/old/*\"\nto = \"/private/$1\"\n\
         [[location]]\npath = \"/private/\"\ndeny = \"192.0.2.1\"\n",
    );
    folder.write("www/_redirects", "/there /private/a.txt 200\n");
    let text = explain(&folder, &["GET", "http://localhost/old/a.txt"]);
    for line in [
        "location /private/ httpd.toml:6\n",
        "rule rewrite to /private/a.txt httpd.toml:4\n",
        "file www/private/a.txt\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let text = explain(&folder, &["GET", "http://localhost/there"]);
    assert!(text.contains("_redirects leads to /private/a.txt"), "{text}");
}
