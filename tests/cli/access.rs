//! Who may: networks and passwords in a configuration.

use crate::support::client::Request;
use crate::support::{Folder, Program, Signal, lossy, output};

/// `ann` has the password `secret`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";

#[test]
fn everybody_may_read_and_those_with_a_password_may_write() {
    let folder = Folder::with_www();
    folder.write("www/drop/a.txt", "a");
    folder.write("staff.htpasswd", ANN);
    folder.write(
        "httpd.toml",
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\n\
         [[location]]\npath = \"/drop\"\nmethods = [\"GET\", \"PUT\"]\n\
         auth_basic = { realm = \"staff\", file = \"staff.htpasswd\", methods = [\"PUT\"] }\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let request = |method, target| Request::new(program.address(), method, target);
    request("GET", "/drop/a.txt").send().expect(200).body("a");
    let refused = request("PUT", "/drop/b.txt").content("b").send();
    refused.expect(401).header("WWW-Authenticate", "Basic realm=\"staff\", charset=\"UTF-8\"");
    let put = request("PUT", "/drop/b.txt").header("Authorization", RIGHT).content("b").send();
    put.expect(201);
    request("GET", "/drop/b.txt").send().expect(200).body("b");
}

#[test]
fn a_location_may_be_stricter_or_more_open_than_what_is_around_it() {
    let folder = Folder::with_www();
    for name in ["www/open/a", "www/closed/a", "www/local/a", "www/none/a"] {
        folder.write(name, "a");
    }
    folder.write("people", ANN);
    folder.write(
        "httpd.toml",
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/open\"\nauth_basic = \"off\"\n\
         [[location]]\npath = \"/closed\"\nallow = \"10.0.0.0/8\"\n\
         [[location]]\npath = \"/local\"\nallow = [\"127.0.0.0/8\", \"::1\"]\nauth_basic = \"off\"\n\
         [[location]]\npath = \"/none\"\nallow = \"all\"\ndeny = \"127.0.0.1\"\nauth_basic = \"off\"\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let get = |target: &str| Request::new(program.address(), "GET", target);
    get("/")
        .send()
        .expect(401)
        .header("WWW-Authenticate", "Basic realm=\"restricted\", charset=\"UTF-8\"");
    get("/").header("Authorization", RIGHT).send().expect(200);
    get("/missing").send().expect(401);
    get("/open/a").send().expect(200);
    get("/closed/a").header("Authorization", RIGHT).send().expect(403);
    get("/local/a").send().expect(200);
    get("/none/a").send().expect(403);
}

#[test]
fn a_guarded_file_is_guarded_by_whatever_path_it_is_found() {
    let folder = Folder::with_www();
    for name in
        ["www/top.html", "www/top.html.gz", "www/in/index.html", "www/page.html", "www/open.html"]
    {
        folder.write(name, "secret");
    }
    folder.write("people", ANN);
    let auth = "auth_basic = { file = \"people\" }\n";
    for key in ["clean_urls = true", "try_files = [\"$uri\", \"$uri.html\", \"$uri/\"]"] {
        folder.write(
            "httpd.toml",
            format!(
                "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprecompressed = true\n{key}\n\
                 [[location]]\npath = \"/top.html\"\n{auth}\
                 [[location]]\npath = \"/in/index.html\"\n{auth}\
                 [[location]]\npath = \"/page\"\n{auth}"
            ),
        );
        let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
        let get = |target: &str| Request::new(program.address(), "GET", target);
        for target in [
            "/top.html",
            "/top",
            "/top/",
            "/top.html.gz",
            "//%74op",
            "/in/",
            "/in/index",
            "/in/index.html",
            "/page",
            "/page.html",
        ] {
            get(target).send().expect(401);
        }
        get("/top").header("Authorization", RIGHT).send().expect(200).body("secret");
        get("/in/").header("Authorization", RIGHT).send().expect(200).body("secret");
        get("/open").send().expect(200);
        get("/").send().expect(200);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let folder = Folder::with_www();
    folder.write("old.htpasswd", format!("{ANN}bob:$apr1$x$y\n"));
    folder.write(
        "httpd.toml",
        "root = \"www\"\nallow = [\"10.0.0.1/8\", \"localhost\"]\nauth_basic = true\n\
         [[location]]\npath = \"/a\"\nauth_basic = { file = \"missing\" }\n\
         [[location]]\npath = \"/b\"\nauth_basic = { file = \"old.htpasswd\", user = \"x\" }\n\
         [[location]]\npath = \"/c\"\nauth_basic = { realm = \"x\" }\n",
    );
    let output = output(&mut folder.httpd(&["-t", "-c", "httpd.toml"]));
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for line in [
        "httpd: httpd.toml:2:10: allow \"10.0.0.1/8\" has bits beyond its length; write \"10.0.0.0/8\"",
        "httpd: httpd.toml:2:24: allow \"localhost\" is no address; write",
        "httpd: httpd.toml:3:14: auth_basic must be \"off\", or a table such as",
        "httpd: httpd.toml:6:23: cannot read the passwords in \"missing\": it does not exist",
        "httpd: httpd.toml:9:23: \"old.htpasswd\", line 2: its hash is MD5",
        "httpd: httpd.toml:9:39: unknown key \"user\" in auth_basic; known: realm, file, methods",
        "httpd: httpd.toml:12:14: auth_basic needs a file, as `htpasswd -B -c FILE NAME` makes it",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_refusal_is_one_line_that_names_the_rule_and_none_at_the_usual_level() {
    let folder = Folder::with_www();
    folder.write("people", ANN);
    folder.write(
        "httpd.toml",
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\n\
         [[location]]\npath = \"/out\"\ndeny = \"all\"\n\
         [[location]]\npath = \"/in\"\nallow = \"10.0.0.0/8\"\n\
         [[location]]\npath = \"/staff\"\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/few\"\nrequest_rate = \"1/h\"\n",
    );
    let wrong = "Basic YW5uOndyb25n";
    for (level, is_logged) in [("info", true), ("warn", false)] {
        let mut command = folder.httpd(&["-c", "httpd.toml"]);
        let program = Program::start(command.env("HTTPD_LOG_LEVEL", level));
        let get = |target: &str, authorization: &str| {
            Request::new(program.address(), "GET", target)
                .header("Authorization", authorization)
                .send()
                .status
        };
        assert_eq!(get("/out/a?secret", ""), 403);
        assert_eq!(get("/in/a", ""), 403);
        // A client that has yet to learn that a password is needed is none to report.
        assert_eq!(get("/staff/none", ""), 401);
        assert_eq!(get("/staff/a", wrong), 401);
        assert_eq!(get("/few/a", ""), 404);
        assert_eq!(get("/few/a", ""), 429);
        program.signal(Signal::TERM);
        let (_, log) = program.end();
        for words in [
            ": GET /out/a: forbidden by deny; answered 403",
            ": GET /in/a: forbidden by allow; answered 403",
            ": GET /staff/a: wrong name or password for \"ann\"; answered 401",
            ": GET /few/a: request_rate exceeded; answered 429",
        ] {
            let lines = log.lines().filter(|line| line.contains(words));
            let lines = lines.filter(|line| line.contains("[INFO]") && line.contains("127.0.0.1:"));
            assert_eq!(lines.count(), usize::from(is_logged), "{words} at {level}: {log}");
        }
        assert!(!log.contains("/staff/none") && !log.contains("secret"), "{log}");
    }
}
