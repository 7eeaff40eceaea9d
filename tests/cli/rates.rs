//! How much one client may ask for, and how fast it gets it: over real connections, to several workers and processes.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Request;
use crate::support::{Client, Configured, Folder, Program, Reply, configured, noise, until};

/// A program with so many processes and workers, behind a proxy that names its clients.
fn start(config: &str, processes: &str, workers: &str) -> (Program, Folder) {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "a");
    folder.write("www/own/a.txt", "a");
    folder.write("www/open/a.txt", "a");
    folder.write("www/large.bin", noise(20_000_000));
    folder.write("www/429.html", "slow down");
    folder.write("people", "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n");
    let config = format!(
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\ntrusted_proxies = \"127.0.0.1\"\n{config}"
    );
    folder.write("httpd.toml", config);
    let arguments = ["-c", "httpd.toml", "-P", processes, "-w", workers];
    (Program::start(&mut folder.httpd(&arguments)), folder)
}

/// A request for a client behind the proxy, on a connection of its own.
fn get_for(program: &Program, client: &str, target: &str) -> Reply {
    Request::new(program.address(), "GET", target).header("X-Forwarded-For", client).send()
}

/// How many of so many requests of a client are admitted; the others get 429.
fn admitted(program: &Program, client: &str, target: &str, count: usize) -> usize {
    let statuses = (0..count).map(|_| get_for(program, client, target).status);
    statuses.filter(|status| [200, 429].contains(status) && *status == 200).count()
}

#[test]
fn all_workers_count_a_client_together() {
    let (program, _folder) = start("request_rate = \"5/h\"\n", "1", "4");
    let total: usize = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| admitted(&program, "192.0.2.1", "/a.txt", 20))).collect();
        threads.into_iter().map(|it| it.join().expect("it does not panic")).sum()
    });
    assert_eq!(total, 5);
    let refused = get_for(&program, "192.0.2.1", "/a.txt");
    refused.expect(429);
    // One more every 720 seconds.
    let wait: u32 = refused.value("Retry-After").parse().expect("seconds");
    assert!((600..=720).contains(&wait), "{wait}");
    assert!(refused.text().contains("Too Many Requests"), "{}", refused.text());
    // Others have their own, and one IPv6 network is one client.
    assert_eq!(admitted(&program, "192.0.2.2", "/a.txt", 7), 5);
    assert_eq!(admitted(&program, "2001:db8::1", "/a.txt", 3), 3);
    assert_eq!(admitted(&program, "2001:db8:0:0:ffff::2", "/a.txt", 3), 2);
    assert_eq!(admitted(&program, "2001:db8:0:1::1", "/a.txt", 3), 3);
}

#[test]
fn requests_of_one_connection_count_as_those_of_several() {
    let (program, _folder) = start("request_rate = \"2/h\"\nrequest_burst = 3\n", "1", "2");
    let mut client = program.connect();
    for expected in [200, 200, 200, 429, 429] {
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
        client.reply().expect(expected);
    }
    // The connection stays open for it, also if the refused request has a body.
    client.send("POST /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 3\r\n\r\nabc");
    client.reply().expect(429);
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n");
    client.reply().expect(200);
    get_for(&program, "192.0.2.1", "/a.txt").expect(429);
}

/// Processes share nothing, so each counts what comes to it.
#[test]
fn several_processes_count_each_for_themselves() {
    let (program, _folder) = start("request_rate = \"5/h\"\n", "2", "2");
    let mut total = 0;
    until("both processes have refused the client", || {
        total += admitted(&program, "192.0.2.1", "/a.txt", 20);
        total == 10
    });
    assert_eq!(admitted(&program, "192.0.2.1", "/a.txt", 40), 0);
    let total = admitted(&program, "192.0.2.2", "/a.txt", 10);
    assert!((5..=10).contains(&total), "{total}");
}

#[test]
fn time_earns_requests() {
    let (program, _folder) = start("request_rate = \"4/s\"\nrequest_burst = 1\n", "1", "1");
    let begin = Instant::now();
    let mut admitted = 0;
    while admitted < 5 {
        if get_for(&program, "192.0.2.1", "/a.txt").status == 200 {
            admitted += 1;
        }
    }
    // One at once, and four that took a quarter of a second each.
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn locations_inherit_a_rate_with_its_counts_or_have_their_own() {
    let (program, _folder) = start(
        "request_rate = \"3/h\"\nerror_pages = { 429 = \"429.html\" }\n\
         [[redirect]]\nfrom = \"/old\"\nto = \"/a.txt\"\n\
         [[location]]\npath = \"/own\"\nrequest_rate = \"2/h\"\n\
         [[location]]\npath = \"/open\"\nrequest_rate = \"off\"\n\
         [[location]]\npath = \"/guarded\"\nauth_basic = { file = \"people\" }\n",
        "1",
        "1",
    );
    let get = |target: &str| get_for(&program, "192.0.2.1", target);
    // Redirects are not counted; what is missing and what needs a password is.
    get("/old").expect(301);
    get("/a.txt").expect(200);
    get("/missing").expect(404);
    get("/guarded/a").expect(401);
    get("/guarded/a").expect(429).body("slow down");
    get("/a.txt").expect(429).header("Cache-Control", "no-store");
    get("/missing").expect(429);
    get("/old").expect(301);
    for expected in [200, 200, 429] {
        get("/own/a.txt").expect(expected);
    }
    assert_eq!(admitted(&program, "192.0.2.1", "/open/a.txt", 20), 20);
}

#[test]
fn a_request_that_is_rewritten_counts_once_where_both_places_count_together() {
    let (program, _folder) = start(
        "request_rate = \"3/h\"\nconnections_per_client = 1\n\
         [[rewrite]]\nfrom = \"/x\"\nto = \"/open/a.txt\"\n\
         [[rewrite]]\nfrom = \"/y\"\nto = \"/own/a.txt\"\n\
         [[location]]\npath = \"/open\"\nlimit_rate = \"1MB\"\n\
         [[location]]\npath = \"/own\"\nrequest_rate = \"1/h\"\n",
        "1",
        "1",
    );
    assert_eq!(admitted(&program, "192.0.2.1", "/x", 5), 3);
    // Where they count for themselves, both have to let it pass.
    assert_eq!(admitted(&program, "192.0.2.2", "/y", 2), 1);
    assert_eq!(admitted(&program, "192.0.2.2", "/x", 5), 1);
}

#[test]
fn so_many_requests_of_a_client_are_under_way_and_not_one_more() {
    let (program, _folder) = start("connections_per_client = 2\n", "1", "2");
    let head = |client: &str, target: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n")
    };
    let begin = || {
        let mut client = program.connect();
        client.send(head("192.0.2.1", "/large.bin"));
        client.reply_head("GET").expect(200);
        client
    };
    let mut first = begin();
    let second = begin();
    for target in ["/large.bin", "/a.txt"] {
        get_for(&program, "192.0.2.1", target).expect(429).header("Retry-After", "1");
        get_for(&program, "192.0.2.2", target).expect(200);
    }
    // One goes away, and the other ends: then both count no longer.
    drop(second);
    until("the server has noticed it", || get_for(&program, "192.0.2.1", "/a.txt").status == 200);
    let third = begin();
    get_for(&program, "192.0.2.1", "/a.txt").expect(429);
    let mut left = 20_000_000;
    while left > 0 {
        left -= first.read(left).expect("it comes").len();
    }
    // The connection stays, and counts for nothing.
    until("it has ended", || get_for(&program, "192.0.2.1", "/a.txt").status == 200);
    drop(third);
    first.send(head("192.0.2.1", "/a.txt"));
    first.reply();
}

#[test]
fn a_response_takes_as_long_as_its_rate_says() {
    let server = Configured::start_with(
        "root = \"www\"\nlimit_rate = \"200KB\"\nlimit_rate_after = \"50KB\"\n\
         [[location]]\npath = \"/fast\"\nlimit_rate = \"off\"\n",
        &[("www/fast/a.bin", &"x".repeat(350_000)), ("www/a.bin", &"x".repeat(350_000))],
    );
    let timed = |target: &str| {
        let begin = Instant::now();
        assert_eq!(server.get(target).send().expect(200).body.len(), 350_000);
        begin.elapsed()
    };
    // 300,000 bytes at 200,000 bytes per second, but for the first tenth of a second.
    let slow = timed("/a.bin");
    assert!(slow >= Duration::from_millis(1_350), "{slow:?}");
    assert!(slow < Duration::from_secs(10), "{slow:?}");
    // Another process may have the CPU for a while.
    assert!((0..5).any(|_| timed("/fast/a.bin") < Duration::from_secs(1)));
}

#[test]
fn many_slow_responses_keep_nobody_waiting() {
    let server = Configured::start_with(
        "root = \"www\"\nlimit_rate = \"100KB\"\n[[location]]\npath = \"/fast\"\nlimit_rate = \"off\"\n",
        &[("www/a.bin", &"x".repeat(50_000)), ("www/fast/a.txt", "a")],
    );
    let begin = Instant::now();
    let mut slow: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = server.program.connect();
            client.send("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    server.get("/fast/a.txt").send().expect(200).body("a");
    for client in &mut slow {
        assert_eq!(client.reply().expect(200).body.len(), 50_000);
    }
    // Each has the whole rate.
    let time = begin.elapsed();
    assert!(time >= Duration::from_millis(350) && time < Duration::from_secs(10), "{time:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let errors = configured::errors(
        &[],
        "root = \"www\"\n\
         request_rate = 10\n\
         request_burst = 0\n\
         connections_per_client = \"many\"\n\
         limit_rate = 0\n\
         [[location]]\npath = \"/a\"\nrequest_rate = \"10/day\"\n\
         [[location]]\npath = \"/b\"\nlimit_req = \"zone=one\"\nlimit_conn = 1\nlimit_rates = 1\n",
    );
    for (error, expected) in errors.iter().zip([
        "c.toml:2:16: request_rate must be a rate such as \"10/s\", \"30/m\" or \"1000/h\", or \"off\", not a number",
        "c.toml:3:17: request_burst must be at least 1",
        "c.toml:4:26: connections_per_client must be a whole number, not text",
        "c.toml:5:14: limit_rate must be at least 1",
        "c.toml:8:16: request_rate must be a rate such as \"10/s\", \"30/m\" or \"1000/h\", or \"off\", not \"10/day\"",
        "c.toml:11:1: unknown key \"limit_req\" in [[location]]: write request_rate = \"10/s\"",
        "c.toml:12:1: unknown key \"limit_conn\" in [[location]]: write connections_per_client",
        "c.toml:13:1: unknown key \"limit_rates\" in [[location]]; did you mean \"limit_rate\"?",
    ]) {
        assert!(error.starts_with(expected), "{expected}\n{errors:#?}");
    }
    assert_eq!(errors.len(), 8, "{errors:#?}");
    let errors = configured::errors(
        &[],
        "root = \"www\"\nlimit_rate_after = 1\n\
         [[location]]\npath = \"/a\"\nrequest_burst = 1\n\
         [[location]]\npath = \"/b\"\nlimit_rate_after = 1\n",
    );
    assert_eq!(
        errors,
        [
            "c.toml:2:20: limit_rate_after needs a limit_rate, such as limit_rate = \"1MiB\"",
            "c.toml:5:17: request_burst needs a request_rate, such as request_rate = \"10/s\"",
            "c.toml:8:20: limit_rate_after needs a limit_rate, such as limit_rate = \"1MiB\"",
        ]
    );
}
