//! The status of the server as an operator sees it: an address of its own, a location, and `httpd healthcheck`.

use crate::support::client::Request;
use crate::support::configured::{Configured, errors};
use crate::support::program::HTTPD;
use crate::support::{Folder, Program, Signal, lossy, output, until};
use httpd::Address;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// A program with an address for its status, and the folder that it serves.
fn start(config: &str) -> (Program, Folder, Address) {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "a\n");
    folder.write("httpd.toml", config);
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"]));
    let place = program.line.split_once(" status=http://").expect("it says where").1;
    let place = place.split(' ').next().and_then(|it| it.parse().ok()).expect("an address");
    (program, folder, Address::Tcp(place))
}

const CONFIG: &str =
    "listen = \"127.0.0.1:0\"\nroot = \"www\"\n[status]\nlisten = \"127.0.0.1:0\"\n";

/// Exit code and output of `httpd healthcheck`.
fn healthcheck(arguments: &[&str]) -> (Option<i32>, String) {
    let output = output(Command::new(HTTPD).arg("healthcheck").args(arguments));
    (output.status.code(), format!("{}{}", lossy(&output.stdout), lossy(&output.stderr)))
}

#[test]
fn the_status_has_an_address_of_its_own() {
    let (program, _folder, status) = start(CONFIG);
    let ask = |target| Request::new(&status, "GET", target).send();
    assert_eq!(program.get("/a.txt").status, 200);
    assert_eq!(program.get("/metrics").status, 404);
    assert_eq!((ask("/livez").status, ask("/readyz").status), (200, 200));
    until("the request is counted", || {
        let metrics = lossy(&ask("/metrics").body);
        metrics.contains("httpd_requests_total{host=\"default\",method=\"GET\",status=\"2xx\"} 1\n")
    });
    assert!(lossy(&ask("/").body).contains("<h1>httpd</h1>"));
}

#[test]
fn a_name_that_a_stranger_can_have_sees_nothing_but_health() {
    let config =
        format!("server_name = \"example.org\"\n{CONFIG}server_name = \"web1.example.net\"\n");
    let (_program, _folder, status) = start(&config);
    let ask = |host: &str, target| Request::new(&status, "GET", target).host(host).send();
    let own = ["localhost:9090", "127.0.0.1", "web1:9090", "example.org", "Web1.Example.NET:9090"];
    let others = ["stranger.example", "localhost.stranger.example:9090", "www.example.org"];
    for target in ["/", "/metrics"] {
        for host in own {
            ask(host, target).expect(200);
        }
        for host in others {
            let refused = ask(host, target);
            refused.expect(421);
            assert!(refused.text().contains("[status] server_name ="), "{}", refused.text());
        }
    }
    for host in own.iter().chain(&others) {
        ask(host, "/livez").expect(200).body("ok\n");
        ask(host, "/readyz").expect(200).body("ok\n");
    }
}

#[test]
fn a_location_shows_the_status_to_those_who_may_see_it() {
    let config = "root = \"www\"\n[[location]]\npath = \"/status/\"\nstatus_pages = true\nallow = [\"192.0.2.0/24\", \"127.0.0.1\"]\n\
        [[location]]\npath = \"/secret/\"\nstatus_pages = true\nallow = [\"192.0.2.0/24\"]\n";
    let server = Configured::start(&["www/a.txt"], config);
    assert_eq!(server.get("/status/livez").send().body, b"ok\n");
    assert_eq!(server.get("/secret/livez").send().status, 403);
    assert_eq!(server.get("/secret/").send().status, 403);
}

#[test]
fn a_healthcheck_is_one_line_and_an_exit_code() {
    let (program, _folder, status) = start(CONFIG);
    let url = |path: &str| format!("http://{status}{path}");
    let (code, text) = healthcheck(&[&url("/readyz")]);
    assert_eq!((code, text), (Some(0), format!("{}: 200 OK: ok\n", url("/readyz"))));
    let (code, text) = healthcheck(&[&format!("http://{}/missing", program.address())]);
    assert_eq!(code, Some(1));
    assert!(text.ends_with("/missing: 404 Not Found\n"), "{text}");
    drop(program);
    let (code, text) = healthcheck(&[&url("/readyz")]);
    assert_eq!(code, Some(1));
    assert!(text.contains("refused") && text.lines().count() == 1, "{text}");
}

#[test]
fn a_healthcheck_over_a_unix_socket_needs_no_port() {
    let folder = Folder::with_www();
    let config =
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\n[status]\nlisten = \"unix:status.sock\"\n";
    folder.write("httpd.toml", config);
    let _program = Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"]));
    let socket = folder.path("status.sock");
    let (code, text) = healthcheck(&[&format!("unix:{}:/livez", socket.display())]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("/livez: 200 OK: ok\n"), "{text}");
}

#[test]
fn a_healthcheck_gives_up_in_its_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it listens");
    let (code, text) = healthcheck(&[&format!("http://{address}/"), "--timeout", "100ms"]);
    assert_eq!(code, Some(1));
    assert!(text.ends_with(": no answer within 100ms\n"), "{text}");
}

#[test]
fn a_healthcheck_says_what_to_write() {
    for (arguments, expected) in [
        (&["localhost:9090"][..], "write http://HOST:PORT/livez"),
        (&["https://localhost/"], "https is not spoken here"),
        (&[], "Usage: httpd healthcheck"),
    ] {
        let (code, text) = healthcheck(arguments);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let (code, text) = healthcheck(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("HEALTHCHECK CMD"), "{text}");
}

#[test]
fn while_the_program_stops_it_is_not_ready() {
    let (program, _folder, status) = start(CONFIG);
    let mut client = program.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n");
    until("the request is seen to arrive", || {
        let metrics = Request::new(&status, "GET", "/metrics").send();
        lossy(&metrics.body).contains("httpd_connections{state=\"reading\"} 2\n")
            || lossy(&metrics.body).contains("httpd_connections{state=\"reading\"} 1\n")
    });
    program.signal(Signal::TERM);
    until("it is not ready", || {
        let reply = Request::new(&status, "GET", "/readyz").send();
        reply.status == 503 && reply.body == b"the server is stopping\n"
    });
    client.send("\r\n");
    assert_eq!(client.reply().status, 200);
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn what_is_wrong_with_the_status_is_said_with_what_to_write() {
    for (config, expected) in [
        (
            "root = \"www\"\n[status]\nlisten = 9090\n",
            "write \":9090\" for everyone, or \"localhost:9090\"",
        ),
        (
            "root = \"www\"\n[status]\nlisten = \"https://localhost:9090\"\n",
            "listen: https:// is not spoken at an address of [status]; write \"localhost:9090\"",
        ),
        (
            "root = \"www\"\nlisten = \"localhost:9090\"\n[status]\nlisten = \"localhost:9090\"\n",
            "127.0.0.1:9090 is an address of the site already",
        ),
        ("root = \"www\"\n[status]\nport = 9090\n", "unknown key \"port\""),
        (
            "root = \"www\"\nlisten = \"status://localhost:9090\"\n",
            "write it in [status]: listen = \"localhost:9090\"",
        ),
        (
            "[[location]]\npath = \"/s/\"\nstatus_pages = true\nroot = \"www\"\n",
            "a location has the status of the server (status_pages = true), files or an application",
        ),
    ] {
        let errors = errors(&["www/a.txt"], config);
        assert!(errors.len() == 1 && errors[0].contains(expected), "{config}{errors:?}");
    }
}

/// The number of a series that has no labels.
#[track_caller]
fn number(status: &Address, series: &str) -> f64 {
    let metrics = lossy(&Request::new(status, "GET", "/metrics").send().body);
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{series} in {metrics}"))
}

#[test]
fn a_root_that_goes_and_another_that_comes_are_counted_and_logged_once() {
    let config = format!("{CONFIG}[log]\nlevel = \"info\"\n");
    let (mut program, folder, status) = start(&config);
    assert_eq!(program.get("/a.txt").status, 200);
    std::fs::rename(folder.path("www"), folder.path("away")).expect("it can be moved");
    until("its files are missing", || program.get("/a.txt").status == 404);
    let line = program.says("nothing beneath it is found");
    assert!(line.contains("www: ") && line.contains("it does not exist"), "{line}");
    assert_eq!(number(&status, "httpd_root_failures_total"), 1.0);
    folder.write("www/a.txt", "another\n");
    until("the other one is served", || program.get("/a.txt").body == b"another\n");
    std::fs::rename(folder.path("www"), folder.path("away2")).expect("it can be moved");
    std::fs::rename(folder.path("away"), folder.path("www")).expect("it can be moved");
    until("the first is served again", || program.get("/a.txt").body == b"a\n");
    assert_eq!(number(&status, "httpd_root_failures_total"), 1.0, "it is counted once a minute");
}

#[test]
fn lines_that_no_log_takes_are_counted() {
    let config = format!("{CONFIG}[access_log]\nfile = \"/dev/full\"\n");
    let (program, _folder, status) = start(&config);
    for _ in 0..3 {
        assert_eq!(program.get("/a.txt").status, 200, "a worker never waits for a log");
    }
    until("they are counted", || number(&status, "httpd_log_lines_dropped_total") >= 3.0);
}

#[test]
fn an_upgrade_keeps_the_status_at_its_address_and_the_site_away_from_it() {
    let (program, _folder, status) = start(CONFIG);
    let before = program.serving();
    program.signal(Signal::USR2);
    until("another process serves alone", || {
        let serving = program.process().serving();
        serving.len() == 1 && !serving.contains(&before)
    });
    let ask = |target| Request::new(&status, "GET", target).send();
    assert_eq!(ask("/readyz").body, b"ok\n");
    assert_eq!(ask("/a.txt").status, 404);
    assert_eq!(program.get("/a.txt").status, 200);
}

/// The value of a series, if it is there.
fn value(status: &Address, series: &str) -> Option<f64> {
    let metrics = lossy(&Request::new(status, "GET", "/metrics").send().body);
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|number| number.parse().expect("a number"))
}

#[track_caller]
fn shows(status: &Address, series: &str, expected: f64) {
    until(&format!("{series} is {expected}"), || value(status, series) == Some(expected));
}

#[test]
fn several_processes_show_their_numbers_together() {
    let (program, folder, status) = start(&format!("processes = 3\n{CONFIG}"));
    for _ in 0..30 {
        assert_eq!(program.get("/a.txt").status, 200);
    }
    // Whichever process answers.
    for _ in 0..10 {
        shows(&status, "httpd_processes", 3.0);
        shows(&status, "httpd_workers", 3.0);
        shows(&status, "httpd_connections_accepted_total", 30.0);
        shows(
            &status,
            "httpd_requests_total{host=\"default\",method=\"GET\",status=\"2xx\"}",
            30.0,
        );
        shows(&status, "httpd_ready", 1.0);
        shows(&status, "httpd_processes_silent", 0.0);
    }
    let page = lossy(&Request::new(&status, "GET", "/").send().body);
    assert!(page.contains("Serving"), "{page}");
    // A process that stands still is left out, and what it has counted is not.
    let frozen = *program.process().serving().first().expect("there are three");
    frozen.freeze();
    until("it is left out", || {
        // It may be asked itself. After two seconds, another serves in its place.
        let metrics = try_metrics(&status).unwrap_or_default();
        metrics.contains("\nhttpd_processes_silent 1\n")
            && metrics.contains("\nhttpd_connections_accepted_total 30\n")
    });
    frozen.go_on();
    let _ = folder;
}

/// The metrics, unless a process is asked that does not answer.
fn try_metrics(status: &Address) -> Option<String> {
    let Address::Tcp(address) = status else { return None };
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn what_a_process_has_counted_is_not_forgotten_when_another_takes_its_place() {
    let (program, folder, status) = start(CONFIG);
    for _ in 0..5 {
        assert_eq!(program.get("/a.txt").status, 200);
    }
    shows(&status, "httpd_connections_accepted_total", 5.0);
    program.serving().send(Signal::KILL);
    shows(&status, "httpd_process_restarts_total", 1.0);
    shows(&status, "httpd_connections_accepted_total", 5.0);
    // One that ends by itself tells what it has counted since it was last asked.
    for _ in 0..5 {
        assert_eq!(program.get("/a.txt").status, 200);
    }
    let before = program.serving();
    before.send(Signal::TERM);
    until("it has ended", || !before.is_running());
    shows(&status, "httpd_connections_accepted_total", 10.0);
    for count in 1..=2 {
        let upgraded = folder.output(&["upgrade", "-c", "httpd.toml"]);
        assert_eq!(upgraded.status.code(), Some(0), "{}", lossy(&upgraded.stderr));
        shows(&status, "httpd_upgrades_total{outcome=\"success\"}", f64::from(count));
        shows(&status, "httpd_connections_accepted_total", 10.0);
        shows(&status, "httpd_process_restarts_total", 1.0);
        shows(&status, "httpd_ready", 1.0);
    }
}

#[test]
fn reloads_of_the_server_are_counted_once_with_their_time() {
    for kind in ["supervisor = false\n", "processes = 2\n"] {
        let (_program, folder, status) = start(&format!("{kind}{CONFIG}"));
        let reload = || folder.output(&["reload", "-c", "httpd.toml"]).status.code();
        assert_eq!((reload(), reload()), (Some(0), Some(0)));
        folder.write("httpd.toml", "nonsense");
        assert_eq!(reload(), Some(2));
        shows(&status, "httpd_reloads_total{outcome=\"success\"}", 2.0);
        if kind.contains("processes") {
            shows(&status, "httpd_reloads_total{outcome=\"failure\"}", 1.0);
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("it is later").as_secs_f64();
        let last = value(&status, "httpd_reload_last_seconds{outcome=\"success\"}");
        assert!(last.is_some_and(|last| last <= now && last > now - 600.0), "{last:?}");
    }
}

/// A client that watches on one connection is never told that the server stops, because only one of its processes does.
#[test]
fn who_watches_on_one_connection_sees_no_stop_during_an_upgrade() {
    let (_program, folder, status) = start(CONFIG);
    let mut client = crate::support::Client::connect(&status);
    for _ in 0..3 {
        let upgraded = folder.output(&["upgrade", "-c", "httpd.toml"]);
        assert_eq!(upgraded.status.code(), Some(0));
        let ask = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
        client.send(ask).reply().expect(200).body("ok\n");
        // Its process may end when it has answered.
        client = crate::support::Client::connect(&status);
        client.send(ask).reply().expect(200).body("ok\n");
    }
}

#[cfg(feature = "tls")]
#[test]
fn the_end_of_each_certificate_is_shown_with_its_names() {
    use crate::support::secured::Authority;
    let issued = Authority::new().issue(&["example.org", "www.example.org"]);
    let folder = Folder::with_www();
    issued.write(&folder, "x.pem", "x.key");
    let config = "processes = 2\nlisten = \"https://127.0.0.1:0\"\nroot = \"www\"\ncertificate = \"x.pem\"\n\
        certificate_key = \"x.key\"\n[status]\nlisten = \"127.0.0.1:0\"\n";
    folder.write("httpd.toml", config);
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"]));
    let place = program.line.split_once(" status=http://").expect("it says where").1;
    let place = place.split(' ').next().and_then(|it| it.parse().ok()).expect("an address");
    let status = Address::Tcp(place);
    let names = "{names=\"example.org, www.example.org\"}";
    let expiry = value(&status, &format!("httpd_certificate_expiry_seconds{names}"));
    // 2049-01-01
    assert_eq!(expiry, Some(2_493_072_000.0));
    let days = value(&status, &format!("httpd_certificate_days_left{names}")).expect("it is there");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = (2_493_072_000.0 - now.expect("it is later").as_secs_f64()) / 86_400.0;
    assert!((days - left).abs() < 1.5, "{days} {left}");
    let page = lossy(&Request::new(&status, "GET", "/").send().body);
    assert!(page.contains("Certificates") && page.contains("days left"), "{page}");
}
