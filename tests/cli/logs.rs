//! Where logs go: files that are rotated, syslog, the journal; hosts and locations with logs of their own; and what
//! happens when a log cannot be written.

use std::collections::HashMap;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::client::Request;
use crate::support::{Client, Folder, PATIENCE, Program, Signal, lossy, until};

fn start(folder: &Folder, config: &str) -> Program {
    folder.write("httpd.toml", config);
    Program::start(&mut folder.httpd(&["-c", "httpd.toml"]))
}

/// The lines of a file, which may not be there.
fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn ends_well(serving: Program) -> String {
    serving.signal(Signal::TERM);
    let (code, rest) = serving.end();
    assert_eq!(code, Some(0), "{rest}");
    rest
}

#[test]
fn two_hundred_rotations_under_load_lose_no_line_and_write_none_twice() {
    const CLIENTS: usize = 4;
    const ROTATIONS: usize = 200;
    let folder = Folder::with_www();
    let serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 2\naccess_log = \"a.log\"\n\
         [log]\nfile = \"e.log\"\nlevel = \"info\"\n",
    );
    let path = folder.path("a.log");
    let is_over = AtomicBool::new(false);
    let asked: usize = thread::scope(|scope| {
        let ask = |client: usize| {
            let mut connection = Client::connect(serving.address());
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                connection.send(format!("GET /{client}/{asked}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
                connection.reply().expect(404);
                asked += 1;
            }
            asked
        };
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || ask(client))).collect();
        for number in 0..ROTATIONS {
            fs::rename(&path, folder.path(format!("a.log.{number}"))).unwrap();
            serving.signal(Signal::USR1);
            until("a new file", || path.exists());
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|it| it.join().expect("no client fails")).sum()
    });
    let errors = fs::read_to_string(folder.path("e.log")).unwrap();
    assert!(errors.contains("the logs are opened again"), "{errors}");
    ends_well(serving);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let names = (0..ROTATIONS).map(|number| format!("a.log.{number}"));
    for line in names.chain(["a.log".to_owned()]).flat_map(|name| lines(&folder.path(name))) {
        let rest = line.strip_prefix("127.0.0.1 - - [").expect("a whole line begins so");
        let target = rest.split('"').nth(1).expect("the request").to_owned();
        assert!(line.contains("\" 404 ") && line.contains(" \"-\" \"-\" 0."), "{line}");
        *seen.entry(target).or_default() += 1;
    }
    assert_eq!(seen.values().sum::<usize>(), asked, "lines are missing or too many");
    assert_eq!(seen.len(), asked, "a request has two lines");
}

#[test]
fn a_log_that_is_moved_removed_or_truncated_is_noticed_without_a_signal() {
    let folder = Folder::with_www();
    let serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = \"a.log\"\n[log]\nfile = \"e.log\"\nlevel = \"debug\"\n",
    );
    let (path, errors) = (folder.path("a.log"), folder.path("e.log"));
    let ask_until_seen = |what: &str| {
        until(what, || {
            serving.get("/");
            // Each log has something to say of this.
            Client::connect(serving.address()).send("nonsense\r\n\r\n").reply().expect(400);
            !lines(&path).is_empty() && !lines(&errors).is_empty()
        });
    };
    ask_until_seen("the first lines");
    fs::rename(&path, folder.path("moved")).unwrap();
    fs::rename(&errors, folder.path("moved-too")).unwrap();
    ask_until_seen("new files after they were moved");
    fs::remove_file(&path).unwrap();
    fs::remove_file(&errors).unwrap();
    ask_until_seen("new files after they were removed");
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    ask_until_seen("lines after it was truncated");
    let text = fs::read(&path).unwrap();
    assert!(text.starts_with(b"127.0.0.1 "), "{}", text.escape_ascii());
    ends_well(serving);
}

#[test]
fn a_log_that_cannot_be_opened_again_goes_on_where_it_was() {
    let folder = Folder::with_www();
    fs::create_dir(folder.path("logs")).unwrap();
    let mut serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = \"logs/a.log\"\n[log]\nlevel = \"warn\"\n",
    );
    fs::rename(folder.path("logs"), folder.path("elsewhere")).unwrap();
    serving.signal(Signal::USR1);
    let line = serving.says("cannot open the log");
    assert!(line.contains("its lines go to the file that was there before"), "{line}");
    serving.get("/");
    until("the line", || lines(&folder.path("elsewhere/a.log")).len() == 1);
    ends_well(serving);
}

#[test]
fn hosts_and_locations_have_logs_of_their_own_or_none() {
    let folder = Folder::with_www();
    let serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nworkers = 1\nroot = \"www\"\naccess_log = { file = \"top.log\", format = \"$host $location $request_uri\" }\n\
         [[location]]\npath = \"/quiet/\"\naccess_log = false\n\
         [[location]]\npath = \"/shop/\"\naccess_log = \"shop.log\"\n\
         [[host]]\nserver_name = [\"blog.example\", \"www.blog.example\"]\naccess_log = { file = \"blog.log\", format = \"$server_name $status\" }\n\
         [[host.location]]\npath = \"/quiet/\"\naccess_log = false\n\
         [[host.location]]\npath = \"/loud/\"\naccess_log = { format = \"loud $uri\" }\n\
         [[host]]\nserver_name = \"plain.example\"\n",
    );
    let ask = |host: &str, target: &str| {
        Request::new(serving.address(), "GET", target).host(host).send();
    };
    ask("any.example:80", "/");
    ask("any.example", "/quiet/x");
    ask("any.example", "/shop/x?y");
    ask("WWW.blog.example", "/");
    ask("blog.example", "/quiet/");
    ask("blog.example", "/loud/%41%22");
    ask("plain.example", "/p");
    ends_well(serving);
    assert_eq!(lines(&folder.path("top.log")), ["any.example / /", "plain.example / /p"]);
    assert_eq!(lines(&folder.path("shop.log")), ["any.example /shop/ /shop/x?y"]);
    assert_eq!(lines(&folder.path("blog.log")), ["blog.example 200", r"loud /loud/A\x22"]);
}

#[test]
fn paths_and_statuses_can_be_left_out() {
    let folder = Folder::with_www();
    let serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nworkers = 1\nroot = \"www\"\n\
         access_log = { file = \"a.log\", format = \"$status $request_uri\", skip_paths = [\"/health\", \"*.css\"], skip_status = [\"2xx\", 405] }\n",
    );
    serving.get("/");
    serving.get("/health?x");
    serving.get("/he%61lth");
    serving.get("/a/b.css");
    serving.get("/healthy");
    Request::new(serving.address(), "DELETE", "/x").send();
    ends_well(serving);
    assert_eq!(lines(&folder.path("a.log")), ["404 /healthy"]);
}

#[test]
fn a_format_of_ones_own_has_the_variables_of_nginx() {
    let folder = Folder::with_www();
    let serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\n[access_log]\nfile = \"a.log\"\nformat = '''\
$remote_addr|$remote_user|$request_method|$request_uri|$uri|$args|$is_args|$server_protocol|$scheme|$host|\
$http_x_one|${sent_http_content_type}|$status|$body_bytes_sent|$request_length|$request_completion|$ssl_protocol|\
$cache_status|$server_port|$pid|$hostname'''\n",
    );
    let port = serving.addresses()[0].port();
    let request = "GET /?a=b&c HTTP/1.1\r\nHost: X.example:1\r\nX-One: \"1\"\r\nAuthorization: Basic bWU6c2VjcmV0\r\n\r\n";
    Client::connect(serving.address()).send(request).reply().expect(200);
    let pid = serving.child.id();
    ends_well(serving);
    let line = lines(&folder.path("a.log")).pop().expect("there is one");
    let values: Vec<&str> = line.split('|').collect();
    let length = request.len().to_string();
    assert_eq!(
        values[..19],
        [
            "127.0.0.1",
            "me",
            "GET",
            "/?a=b&c",
            "/",
            "a=b&c",
            "?",
            "HTTP/1.1",
            "http",
            "x.example",
            r"\x221\x22",
            "text/html",
            "200",
            "9",
            &length,
            "OK",
            "-",
            "MISS",
            &port.to_string(),
        ]
    );
    assert!(
        values[19].parse::<u32>().is_ok_and(|it| it >= pid) && !values[20].is_empty(),
        "{line}"
    );
}

#[test]
fn a_full_disk_stops_no_request_and_is_said_in_one_line() {
    let folder = Folder::with_www();
    let mut serving =
        start(&folder, "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = \"/dev/full\"\n");
    serving.get("/").expect(200);
    let line = serving.says("cannot write the access log");
    assert!(line.contains("its lines are dropped and counted"), "{line}");
    // Each is written, or is not, before the next is asked for.
    for _ in 0..3 {
        serving.get("/").expect(200);
        thread::sleep(std::time::Duration::from_millis(600));
    }
    let rest = ends_well(serving);
    assert_eq!(rest.matches("cannot write").count(), 0, "{rest}");
    assert!(rest.contains("4 lines of the access log \"/dev/full\" are lost"), "{rest}");
}

/// What stands at the end of a message for syslog, after checking what stands before it.
fn syslog_text(message: &[u8], priority: u32, tag: &str) -> String {
    let text = String::from_utf8(message.to_vec()).expect("it is UTF-8");
    let mut fields = text.splitn(8, ' ');
    let mut next = || fields.next().expect("there are eight").to_owned();
    assert_eq!(next(), format!("<{priority}>1"), "{text}");
    let time = next();
    assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{text}");
    assert!(!next().is_empty(), "a host: {text}");
    assert_eq!(next(), tag, "{text}");
    assert!(next().parse::<u32>().is_ok(), "a process: {text}");
    let kind = next();
    assert!(kind == "access" || kind == "-", "{text}");
    assert_eq!(next(), "-", "{text}");
    next()
}

fn receive(socket: &UnixDatagram) -> Vec<u8> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut message = vec![0; 64 * 1024];
    let length = socket.recv(&mut message).expect("a message");
    message.truncate(length);
    message
}

#[test]
fn syslog_gets_both_logs_one_message_for_each_line() {
    let folder = Folder::with_www();
    let daemon = UnixDatagram::bind(folder.path("dev-log")).unwrap();
    let remote = UdpSocket::bind("127.0.0.1:0").unwrap();
    remote.set_read_timeout(Some(PATIENCE)).unwrap();
    let (path, port) = (folder.path("dev-log"), remote.local_addr().unwrap().port());
    let serving = start(
        &folder,
        &format!(
            "listen = \"127.0.0.1:0\"\nworkers = 1\nroot = \"www\"\n\
             access_log = {{ file = \"syslog:udp://127.0.0.1:{port}\", facility = \"local7\", tag = \"www\", format = \"common\" }}\n\
             [log]\nfile = \"syslog:{}\"\nlevel = \"info\"\n",
            path.display()
        ),
    );
    serving.get("/%0A\"");
    serving.get("/");
    let mut texts = Vec::new();
    for _ in 0..2 {
        let mut message = vec![0; 64 * 1024];
        let length = remote.recv(&mut message).expect("a message");
        texts.push(syslog_text(&message[..length], 23 * 8 + 6, "www"));
    }
    assert!(texts[0].contains(r#""GET /%0A\x22 HTTP/1.1" 404 "#), "{texts:?}");
    assert!(texts[1].ends_with("\"GET / HTTP/1.1\" 200 9"), "{texts:?}");
    serving.signal(Signal::TERM);
    until("the other log", || {
        let text = syslog_text(&receive(&daemon), 3 * 8 + 6, "httpd");
        text.starts_with("stopping when open requests")
    });
    assert_eq!(serving.end().0, Some(0));
}

/// The fields of an entry, as the journal reads them.
fn fields(entry: &[u8]) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    let mut rest = entry;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').expect("a line ends");
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            fields.insert(lossy(&line[..at]), lossy(&line[at + 1..]));
            rest = behind;
        } else {
            let (length, behind) = behind.split_first_chunk().expect("eight bytes of length");
            let (value, behind) = behind.split_at(u64::from_le_bytes(*length) as usize);
            fields.insert(lossy(line), lossy(value));
            rest = behind.strip_prefix(b"\n").expect("a value ends");
        }
    }
    fields
}

#[test]
fn the_journal_gets_lines_with_their_fields() {
    let folder = Folder::with_www();
    let journal = UnixDatagram::bind(folder.path("journal")).unwrap();
    let place = folder.path("journal").display().to_string();
    let serving = start(
        &folder,
        &format!(
            "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = {{ file = \"journald:{place}\", tag = \"www\" }}\n\
             [log]\nfile = \"journald:{place}\"\nlevel = \"info\"\n"
        ),
    );
    Request::new(serving.address(), "GET", "/?x=y").host("x.example").send();
    let next_of = |tag: &str| {
        until("an entry", || {
            Some(fields(&receive(&journal))).filter(|it| it["SYSLOG_IDENTIFIER"] == tag)
        })
    };
    let entry = next_of("www");
    for (name, value) in [
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "www"),
        ("HTTP_CLIENT", "127.0.0.1"),
        ("HTTP_METHOD", "GET"),
        ("HTTP_HOST", "x.example"),
        ("HTTP_TARGET", "/?x=y"),
        ("HTTP_STATUS", "200"),
    ] {
        assert_eq!(entry.get(name).map(String::as_str), Some(value), "{name} in {entry:?}");
    }
    assert!(entry["MESSAGE"].contains("\"GET /?x=y HTTP/1.1\" 200 9 "), "{entry:?}");
    serving.signal(Signal::TERM);
    until("the other log", || next_of("httpd")["MESSAGE"].starts_with("stopping when"));
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_daemon_that_is_not_there_stops_nothing_and_gets_its_lines_when_it_comes() {
    let folder = Folder::with_www();
    let path = folder.path("dev-log");
    let mut serving = start(
        &folder,
        &format!(
            "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = \"syslog:{}\"\n",
            path.display()
        ),
    );
    serving.get("/").expect(200);
    serving.says("cannot write the access log to syslog");
    let daemon = UnixDatagram::bind(&path).unwrap();
    serving.get("/there").expect(404);
    let text = syslog_text(&receive(&daemon), 3 * 8 + 6, "httpd");
    assert!(text.contains("\"GET /there HTTP/1.1\" 404 "), "{text}");
    serving.says("1 lines of the access log");
    ends_well(serving);
}

#[test]
fn standard_error_can_have_the_access_log() {
    let folder = Folder::with_www();
    let mut serving = start(
        &folder,
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\naccess_log = { file = \"stderr\", format = \"it is $status\" }\n",
    );
    serving.get("/");
    serving.says("it is 200");
    ends_well(serving);
}
