//! Proxies in front of the program: the keys that say which are trusted, and what follows from it.

use std::fs;
use std::io::{Read, Write};

use crate::support::client::Request;
use crate::support::{Configured, Folder, Program, configured, lossy, until};

#[test]
fn rules_redirects_and_the_log_are_about_the_client_behind_the_proxy() {
    let server = Configured::start(
        &["www/a.txt", "www/staff/a.txt"],
        "root = \"www\"\nlisten = \":80\"\ntrusted_proxies = [\"127.0.0.0/8\", \"unix\"]\n\
         access_log = { file = \"access.log\" }\n\
         [[redirect]]\nfrom = \"/old/*\"\nto = \"$scheme://$host/$1\"\n\
         [[location]]\npath = \"/staff\"\nallow = \"192.0.2.0/24\"\n\
         [[host]]\nserver_name = \"b.example\"\ncanonical_host = \"www.b.example\"\n",
    );
    let from = |client: &str, target: &str| server.get(target).header("X-Forwarded-For", client);
    from("192.0.2.1", "/staff/a.txt").send().expect(200);
    from("203.0.113.9", "/staff/a.txt").send().expect(403);
    // What the client itself has sent to the proxy.
    from("192.0.2.1, 203.0.113.9", "/staff/a.txt").send().expect(403);
    server.get("/staff/a.txt").send().expect(403);
    let https = |target: &str, host: &str| {
        let request = server.get(target).host(host).header("X-Forwarded-For", "192.0.2.7");
        request.header("X-Forwarded-Proto", "https").send()
    };
    https("/old/a.txt", "a.example").expect(301).header("Location", "https://a.example/a.txt");
    https("/a.txt", "b.example").expect(301).header("Location", "https://www.b.example/a.txt");
    let log = server.folder.path("access.log");
    let lines = until("six lines", || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() == 6).then_some(lines)
    });
    let clients = lines.iter().map(|line| line.split(' ').next().unwrap_or_default());
    assert_eq!(
        clients.collect::<Vec<_>>(),
        ["192.0.2.1", "203.0.113.9", "203.0.113.9", "127.0.0.1", "192.0.2.7", "192.0.2.7"]
    );
}

#[test]
fn forwarded_is_believed_if_it_is_chosen() {
    let server = Configured::start(
        &["www/a.txt"],
        "root = \"www\"\nallow = \"192.0.2.1\"\ntrusted_proxies = \"127.0.0.1\"\n\
         forwarded_header = \"Forwarded\"\n",
    );
    let get = |name: &str, value: &str| server.get("/a.txt").header(name, value).send();
    get("Forwarded", "for=203.0.113.9, for=\"192.0.2.1:80\"").expect(200);
    get("Forwarded", "for=192.0.2.1, for=203.0.113.9").expect(403);
    get("X-Forwarded-For", "192.0.2.1").expect(403);
}

#[test]
fn a_proxy_that_speaks_tls_has_the_usual_port_for_it() {
    let server = Configured::start(
        &["www/a.txt"],
        "root = \"www\"\ntrusted_proxies = [\"127.0.0.0/8\", \"unix\"]\nredirect_https = true\n\
         [[host]]\nserver_name = [\"a.org\", \"www.a.org\"]\ncanonical_host = \"a.org\"\n",
    );
    let get = |host: &str, scheme: &str| {
        server.get("/a.txt").host(host).header("X-Forwarded-Proto", scheme).send()
    };
    for (host, location) in [
        ("a.org", "https://a.org/a.txt"),
        ("a.org:8000", "https://a.org/a.txt"),
        ("www.a.org", "https://a.org/a.txt"),
    ] {
        get(host, "http").expect(308).header("Location", location);
    }
    get("a.org", "https").expect(200);
    get("www.a.org:8443", "https").expect(301).header("Location", "https://a.org:8443/a.txt");
}

#[test]
fn a_listener_may_expect_a_proxy_header_in_one_process_and_in_several() {
    for processes in ["1", "2"] {
        let folder = Folder::with_www();
        folder.write(
            "httpd.toml",
            "root = \"www\"\nallow = [\"192.0.2.1\", \"unix\"]\n\
             listen = [{ address = \"127.0.0.1:0\", proxy_protocol = true }, \"unix:plain.sock\"]\n",
        );
        let program =
            Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-P", processes, "-w", "2"]));
        for _ in 0..20 {
            let mut stream = program.stream();
            let header = b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 8443\r\n";
            let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(&[&header[..], request].concat()).expect("it is sent");
            let mut reply = String::new();
            stream.read_to_string(&mut reply).expect("it is text");
            assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
            assert!(reply.ends_with("from www\n"), "{reply}");
        }
        let plain = format!("unix:{}", folder.path("plain.sock").display());
        let plain = httpd::Address::parse(&plain).expect("an address").remove(0);
        Request::new(&plain, "GET", "/").send().expect(200);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let errors = configured::errors(
        &[],
        "root = \"www\"\n\
         trusted_proxies = [\"10.0.0.1/8\", \"all\", \"0.0.0.0/0\", \"proxy.example\"]\n\
         listen = [\":80\", { proxy_protocol = true }, { address = \":81\", tls = 1 },\n\
         { address = \":82\", proxy_protocol = \"v2\" }]\n\
         [[location]]\npath = \"/a\"\ntrusted_proxies = \"10.0.0.1\"\n",
    );
    for (error, expected) in errors.iter().zip([
        "c.toml:2:20: trusted_proxies \"10.0.0.1/8\" has bits beyond its length; write \"10.0.0.0/8\"",
        "c.toml:2:34: trusted_proxies \"all\" is everybody, so that each client could name any address",
        "c.toml:2:41: trusted_proxies \"0.0.0.0/0\" is everybody",
        "c.toml:2:54: trusted_proxies \"proxy.example\" is no address",
        "c.toml:3:18: listen needs an address, such as { address = \":80\", proxy_protocol = true }",
        "c.toml:3:64: unknown key \"tls\" in listen; known: address, proxy_protocol",
        "c.toml:4:37: proxy_protocol must be true or false, not text",
        "c.toml:7:1: unknown key \"trusted_proxies\" in [[location]]; it belongs at the top of the file",
    ]) {
        assert!(error.starts_with(expected), "{expected}\n{errors:#?}");
    }
    assert_eq!(errors.len(), 8, "{errors:#?}");
    let errors = configured::errors(&[], "root = \"www\"\nforwarded_header = \"Forwarded\"\n");
    assert_eq!(
        errors,
        ["c.toml:2:20: forwarded_header needs trusted_proxies: no header is believed without them"]
    );
    let errors = configured::errors(&[], "root = \"www\"\nset_real_ip_from = \"10.0.0.0/8\"\n");
    assert!(errors[0].contains("write trusted_proxies"), "{errors:#?}");
}

#[test]
fn an_address_where_anybody_may_name_any_client_is_a_warning() {
    let folder = Folder::with_www();
    let test = |config: &str| {
        folder.write("httpd.toml", format!("root = \"www\"\n{config}\n"));
        let output = folder.output(&["-c", "httpd.toml", "-t"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        lossy(&output.stderr)
    };
    let proxied =
        |address: &str| format!("listen = {{ address = \"{address}\", proxy_protocol = true }}\n");
    let text = test(&proxied(":80"));
    assert!(
        text.contains(
            "httpd.toml:2:22: anyone who can connect to \":80\" can name any client in a PROXY header"
        ),
        "{text}"
    );
    for config in [
        proxied(":80") + "trusted_proxies = \"10.0.0.0/8\"\n",
        proxied("localhost:80"),
        proxied("unix:x.sock"),
    ] {
        let text = test(&config);
        assert!(!text.contains("PROXY"), "{text}");
    }
}
