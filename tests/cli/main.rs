//! The real program, from outside: flags, environment, files, signals, exit codes.

mod blocked;
#[path = "../suite/support/child.rs"]
mod child;
mod memory;
mod processes;
mod program;
mod refusals;
mod terminal;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use program::{Folder, HTTPD, PATIENCE, Serving, get, output, said, until};

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0"))
}

/// A command that runs without privileges even when the tests run with all of them; `None`, with
/// the reason in the output, where that cannot be done.
fn unprivileged(folder: &Folder, arguments: &[&str]) -> Option<Command> {
    if !is_root() {
        return Some(folder.httpd(arguments));
    }
    // The build folder may be closed to others: a copy is not.
    let copy = folder.path("httpd-copy");
    fs::copy(HTTPD, &copy).unwrap();
    let drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    let mut all = drop.to_vec();
    all.push(copy.to_str().unwrap());
    let works = folder.command("setpriv", &all).arg("-V").output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: the tests run as root, and setpriv cannot give that up here");
        return None;
    }
    all.extend(arguments);
    Some(folder.command("setpriv", &all))
}

#[test]
fn help_and_version_are_told_on_standard_output() {
    let folder = Folder::new();
    for flag in ["-h", "--help"] {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        let text = said(&output.stdout);
        for word in ["--config", "--root", "--port", "--host", "--workers", "--log", "HTTPD_ROOT"] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
    for flag in ["-V", "--version"] {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert_eq!(said(&output.stdout), concat!("httpd ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn what_is_asked_wrongly_ends_with_2() {
    let folder = Folder::new();
    let table: [(&[&str], &str); 8] = [
        (&["--nonsense"], "--nonsense"),
        (&["-p", "70000"], "must be a port from 0 to 65535"),
        (&["-w", "0"], "must be \"auto\" or a number from 1"),
        (&["www", "-r", "."], "two directories to serve"),
        (&["-h", "./www"], "is a path"),
        (&["-h", "nowhere.invalid", "www"], "-h: "),
        (&["nowhere"], "httpd: cannot serve \"nowhere\": no such directory\n"),
        (&["shop:app"], "no such directory; to run an application, write --wsgi shop:app"),
    ];
    for (arguments, expected) in table {
        let output = folder.output(arguments);
        let text = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_tested_configuration_is_fine_or_told_why_not() {
    let folder = Folder::new();
    let fine = folder.write("fine.toml", "root = \"www\"\n[log]\nfile = \"made.log\"\n");
    let output = folder.output(&["-t", "-c", "fine.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(said(&output.stdout), "configuration fine.toml is fine\n");
    assert!(fine.exists() && !folder.path("made.log").exists());

    folder.write(
        "bad.toml",
        "rooot = \"www\"\nlisten = [\"localhost:8080\"]\nworkers = 0\nroot = \"gone\"\n",
    );
    let output = folder.output(&["-t", "-c", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output.stderr),
        "httpd: bad.toml:1:1: unknown key \"rooot\"; did you mean \"root\"?\n\
         httpd: bad.toml:3:11: workers must be at least 1\n\
         httpd: bad.toml:4:8: cannot serve \"gone\": no such directory; set this key to the directory to serve\n"
    );
    let output = folder.output(&["-c", "gone.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        said(&output.stderr),
        "httpd: gone.toml: cannot read the configuration: it does not exist\n"
    );
}

#[test]
fn the_shipped_configuration_is_fine_and_serves_its_page() {
    let folder = Folder::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/httpd.toml");
    assert_eq!(folder.output(&["-t", "-c", shipped]).status.code(), Some(0));
    let serving = Serving::start(&mut folder.httpd(&["-c", shipped, "-p", "0"]));
    let reply = serving.get("/");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(reply.contains("<h1>It works.</h1>"), "{reply}");
}

#[test]
fn a_directory_is_served_on_a_free_port_to_this_machine() {
    let folder = Folder::new();
    let serving = Serving::start(&mut folder.httpd(&["-p", "0", "www"]));
    assert!(serving.addresses().iter().all(|it| it.ip().is_loopback() && it.port() != 0));
    assert!(serving.get("/").ends_with("\r\n\r\nfrom www\n"));
    assert!(serving.line.contains(&format!("root={:?}", folder.path("www"))), "{}", serving.line);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = Folder::new();
    for name in ["flag", "env", "file"] {
        folder.write(&format!("{name}/index.html"), format!("from {name}\n"));
    }
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"file\"\nworkers = 1\n");
    let serve = |arguments: &[&str], variables: &[(&str, &str)]| {
        Serving::start(folder.httpd(arguments).envs(variables.iter().copied()))
    };
    let by_file = serve(&["-c", "httpd.toml"], &[]);
    assert!(by_file.get("/").ends_with("from file\n"));
    assert!(by_file.line.contains(" workers=1\n"), "{}", by_file.line);

    let variables = [("HTTPD_CONFIG", "httpd.toml"), ("HTTPD_ROOT", "env"), ("HTTPD_WORKERS", "2")];
    let by_environment = serve(&[], &variables);
    assert!(by_environment.get("/").ends_with("from env\n"));
    assert!(by_environment.line.contains(" workers=2\n"), "{}", by_environment.line);

    let by_flag = serve(&["-r", "flag", "-w", "3"], &variables);
    assert!(by_flag.get("/").ends_with("from flag\n"));
    assert!(by_flag.line.contains(" workers=3\n"), "{}", by_flag.line);
}

#[test]
fn a_given_host_replaces_the_hosts_of_the_file() {
    let folder = Folder::new();
    folder.write("httpd.toml", "listen = [\"localhost:0\", \"unix:x.sock\"]\nroot = \"www\"\n");
    let serving = Serving::start(&mut folder.httpd(&["-c", "httpd.toml", "-h", "127.0.0.2"]));
    let hosts: Vec<String> = serving.addresses().iter().map(|it| it.ip().to_string()).collect();
    assert_eq!(hosts, ["127.0.0.2"]);
    assert!(!folder.path("x.sock").exists());
}

#[test]
fn a_location_has_a_root_or_an_alias_and_types_of_its_own() {
    let folder = Folder::new();
    folder.write("other/sub/a.x", "under root\n");
    folder.write("doc/a.x", "under alias\n");
    folder.write(
        "httpd.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\n[types]\nx = \"text/x-top\"\n\
         [[location]]\npath = \"/sub/\"\nroot = \"other\"\n\
         [[location]]\npath = \"/manual/\"\nalias = \"doc\"\ntypes = { x = \"text/x-doc\" }\n",
    );
    let serving = Serving::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let under_root = serving.get("/sub/a.x");
    assert!(under_root.ends_with("under root\n"), "{under_root}");
    assert!(under_root.contains("Content-Type: text/x-top\r\n"), "{under_root}");
    let under_alias = serving.get("/manual/a.x");
    assert!(under_alias.ends_with("under alias\n"), "{under_alias}");
    assert!(under_alias.contains("Content-Type: text/x-doc\r\n"), "{under_alias}");
    assert!(serving.get("/").ends_with("from www\n"));
}

#[test]
fn a_port_in_use_names_its_holder_and_ends_with_1() {
    let folder = Folder::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = folder.output(&["-h", "127.0.0.1", "-p", &port, "www"]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output.stderr);
    let us = format!("(process {}) listens there already", std::process::id());
    assert!(text.contains(&format!("127.0.0.1:{port}: ")) && text.contains(&us), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_second_program_on_the_same_port_is_refused() {
    let folder = Folder::new();
    let first = Serving::start(&mut folder.httpd(&["-p", "0", "www"]));
    let port = first.addresses()[0].port().to_string();
    let output = folder.output(&["-p", &port, "www"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stderr));
    assert!(first.get("/").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_privileged_port_says_how_to_be_allowed() {
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if first_free.trim().parse::<u16>().unwrap() < 100 {
        eprintln!("skipped: this machine has no privileged ports");
        return;
    }
    let folder = Folder::new();
    let Some(mut command) = unprivileged(&folder, &["-h", "127.0.0.1", "-p", "99", "www"]) else {
        return;
    };
    let output = output(&mut command);
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cap_net_bind_service"), "{text}");
}

#[test]
fn an_unreadable_root_is_told_before_anything_starts() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let closed = folder.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let Some(mut command) = unprivileged(&folder, &["-p", "0", "closed"]) else {
        return;
    };
    let output = output(&mut command);
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot serve \"closed\": permission denied"), "{text}");
}

#[test]
fn a_log_that_cannot_be_written_is_found_by_a_test_of_the_configuration() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.write("closed/a.log", "");
    fs::set_permissions(folder.path("closed/a.log"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    folder.write(
        "httpd.toml",
        "root = \"www\"\n[log]\nfile = \"closed/new.log\"\n[access_log]\nfile = \"closed/a.log\"\n",
    );
    let Some(mut command) = unprivileged(&folder, &["-t", "-c", "httpd.toml"]) else {
        return;
    };
    let output = output(&mut command);
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("httpd: httpd.toml:3:8: cannot write the log "), "{text}");
    assert!(lines[1].starts_with("httpd: httpd.toml:5:8: cannot write the log "), "{text}");
    assert!(text.matches("permission denied").count() == 2, "{text}");
}

#[test]
fn a_copied_configuration_says_which_key_to_set() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.path("www")).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/httpd.toml");
    folder.write("httpd.toml", fs::read(shipped).unwrap());
    let output = folder.output(&["-c", "httpd.toml"]);
    let text = said(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(
            "cannot serve \"www\": no such directory; set this key to the directory to serve"
        ),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    let line = text.split(':').nth(2).unwrap().parse::<usize>().unwrap();
    assert!(
        fs::read_to_string(shipped).unwrap().lines().nth(line - 1).unwrap().starts_with("root = ")
    );
}

#[test]
fn diagnostics_go_to_a_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.write("old.log", "kept\n");
    for name in ["new.log", "old.log"] {
        let serving = Serving::start(&mut folder.httpd(&["-v", "-l", name, "-p", "0", "www"]));
        serving.signal("-TERM");
        assert_eq!(serving.end(), (Some(0), String::new()));
        let text = fs::read_to_string(folder.path(name)).unwrap();
        assert!(text.contains("[INFO] stopped\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
    assert!(fs::read_to_string(folder.path("old.log")).unwrap().starts_with("kept\n"));
    let mode = fs::metadata(folder.path("new.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[test]
fn each_level_tells_more_than_the_one_before() {
    let folder = Folder::new();
    let rest = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(["-p", "0", "www"]).collect();
        let serving = Serving::start(&mut folder.httpd(&all));
        serving.signal("-TERM");
        serving.end().1
    };
    assert_eq!(rest(&[]), "");
    assert!(rest(&["-v"]).contains("[INFO]"));
    assert!(rest(&["-d"]).contains("[INFO]"));
}

#[test]
fn an_access_log_has_a_line_for_each_answer() {
    let folder = Folder::new();
    folder.write(
        "httpd.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\n[access_log]\nfile = \"a.log\"\n",
    );
    let serving = Serving::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    serving.get("/");
    serving.get("/nothing");
    serving.signal("-TERM");
    assert_eq!(serving.end().0, Some(0));
    let text = fs::read_to_string(folder.path("a.log")).unwrap();
    assert!(text.contains("\"GET / HTTP/1.1\" 200 "), "{text}");
    assert!(text.contains("\"GET /nothing HTTP/1.1\" 404 "), "{text}");
}

/// Asks for a large file and takes only its head, so that the answer stays open.
fn open_download(serving: &Serving) -> TcpStream {
    let mut stream = serving.connect();
    write!(stream, "GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

const LARGE_BYTES: u64 = 64 * 1024 * 1024;

fn with_large_file() -> Folder {
    let folder = Folder::new();
    fs::File::create(folder.path("www/large.bin")).unwrap().set_len(LARGE_BYTES).unwrap();
    folder
}

#[test]
fn a_stop_lets_an_open_answer_end() {
    let folder = with_large_file();
    for signal in ["-TERM", "-INT", "-QUIT"] {
        let mut serving = Serving::start(&mut folder.httpd(&["-v", "-p", "0", "www"]));
        let mut download = open_download(&serving);
        serving.signal(signal);
        serving.says("stopping when open requests have ended");
        assert!(serving.is_running(), "{signal} cut an open answer");
        let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
        assert!(rest > LARGE_BYTES, "{rest} bytes after {signal}");
        assert_eq!(serving.end().0, Some(0), "{signal}");
    }
}

#[test]
fn newcomers_are_refused_while_a_stop_waits_for_an_open_answer() {
    let folder = with_large_file();
    let mut serving = Serving::start(&mut folder.httpd(&["-v", "-p", "0", "www"]));
    let mut download = open_download(&serving);
    let server = download.peer_addr().unwrap();
    serving.signal("-TERM");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    // Each worker stops in its own time: what still gets in is answered or closed.
    while TcpStream::connect(server).is_ok() {
        assert!(std::time::Instant::now() < deadline, "newcomers are let in to wait");
    }
    assert!(serving.is_running(), "the open answer was cut");
    std::io::copy(&mut download, &mut std::io::sink()).unwrap();
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_second_signal_stops_now() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"www\"\n[limits]\nstop_timeout = \"1h\"\nsend_timeout = \"1h\"\n");
    let mut serving = Serving::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let download = open_download(&serving);
    serving.signal("-TERM");
    serving.says("stopping when open requests have ended");
    assert!(serving.is_running());
    serving.signal("-TERM");
    assert_eq!(serving.end().0, Some(0));
    drop(download);
}

#[test]
fn a_stop_does_not_wait_beyond_its_timeout() {
    let folder = with_large_file();
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"www\"\n[limits]\nstop_timeout = \"100ms\"\nsend_timeout = \"1h\"\n");
    let serving = Serving::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let download = open_download(&serving);
    serving.signal("-TERM");
    assert_eq!(serving.end().0, Some(0));
    drop(download);
}

#[test]
fn signals_that_are_not_supported_yet_are_a_warning_and_change_nothing() {
    let folder = Folder::new();
    for processes in ["1", "2"] {
        let arguments = ["-P", processes, "-p", "0", "www"];
        let mut serving = Serving::start(&mut folder.httpd(&arguments));
        for (signal, name) in [("-HUP", "SIGHUP"), ("-USR1", "SIGUSR1"), ("-USR2", "SIGUSR2")] {
            serving.signal(signal);
            serving.says(&format!("{name}: this version cannot"));
            assert!(serving.get("/").starts_with("HTTP/1.1 200 "));
        }
    }
}

#[test]
fn a_variable_of_somebody_else_is_a_warning() {
    let folder = Folder::new();
    let mut command = folder.httpd(&["-h", "127.0.0.1", "-t"]);
    command.env("HTTPD_PORT", "tcp://10.0.0.1:80").env("HTTPD_WORKER", "4");
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        said(&output.stderr),
        "httpd: warning: unknown environment variable HTTPD_WORKER is ignored; did you mean HTTPD_WORKERS?\n\
         httpd: warning: HTTPD_PORT=tcp://10.0.0.1:80 is ignored: Kubernetes and Docker set such a variable for a service called httpd\n"
    );
    let mut command = folder.httpd(&["-p", "0", "www"]);
    command.env("HTTPD_PORT", "nonsense").env("HTTPD_WORKER", "4");
    let serving = Serving::start(&mut command);
    serving.signal("-TERM");
    assert_eq!(serving.end().0, Some(0), "a flag wins over a variable, whatever that says");
}

#[test]
fn a_suggestion_is_near_and_for_everyone() {
    let folder = Folder::new();
    let told = |flag: &str| {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        said(&output.stderr)
    };
    for (flag, near) in
        [("--prot", "--port"), ("--verbos", "--verbose"), ("--procesess", "--processes")]
    {
        assert!(told(flag).contains(&format!("'{near}'")), "{}", told(flag));
    }
    for flag in ["--supervise", "--super", "--listing", "--daemon", "--user"] {
        assert!(
            !told(flag).contains("tip:") && !told(flag).contains("supervised"),
            "{}",
            told(flag)
        );
    }
}

#[test]
fn a_client_that_goes_away_sends_no_sigpipe() {
    let folder = with_large_file();
    let mut serving = Serving::start(&mut folder.httpd(&["-p", "0", "www"]));
    let status = fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let sigpipe = 1 << (13 - 1);
    assert_ne!(u64::from_str_radix(ignored, 16).unwrap() & sigpipe, 0, "SIGPIPE is not ignored");
    for _ in 0..5 {
        drop(open_download(&serving));
    }
    assert!(serving.get("/").starts_with("HTTP/1.1 200 "));
    assert!(serving.is_running());
}

#[test]
fn it_serves_when_nobody_reads_what_it_says() {
    let folder = Folder::new();
    // A closed descriptor is soon another file: what is said must not end up in that.
    let script = format!("exec {HTTPD} -d -c httpd.toml <&- >&- 2>&-");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    folder.write("httpd.toml", format!("listen = \"127.0.0.1:{port}\"\nroot = \"www\"\n"));
    let mut child = child::Child::spawn(&mut folder.command("sh", &["-c", &script]));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    until("it listens", || TcpStream::connect(address).is_ok());
    for _ in 0..3 {
        assert!(get(address, "/").ends_with("from www\n"));
    }
    assert_eq!(fs::read(folder.path("www/index.html")).unwrap(), b"from www\n");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.ends(String::new).code(), Some(0));
}

#[test]
fn as_many_descriptors_may_be_open_as_the_system_allows() {
    let folder = Folder::new();
    let script = format!("ulimit -S -n 64 && exec {HTTPD} -p 0 www");
    let serving = Serving::start(&mut folder.command("sh", &["-c", &script]));
    let limits = fs::read_to_string(format!("/proc/{}/limits", serving.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    assert_ne!(numbers[0], "64", "{line}");
}

#[test]
fn it_listens_on_a_unix_socket_beside_the_file_that_names_it() {
    let folder = Folder::new();
    folder.write("httpd.toml", "listen = \"unix:x.sock\"\nroot = \"www\"\n");
    let serving = Serving::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let mut stream = std::os::unix::net::UnixStream::connect(folder.path("x.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with("from www\n"), "{reply}");
    serving.signal("-TERM");
    assert_eq!(serving.end().0, Some(0));
    assert!(!folder.path("x.sock").exists());
}

#[test]
fn other_peoples_clients_understand_it() {
    let folder = Folder::new();
    let serving = Serving::start(&mut folder.httpd(&["-p", "0", "www"]));
    let address = serving.addresses()[0];
    let url = format!("http://{address}/");
    let program = format!(
        "import http.client\n\
         connection = http.client.HTTPConnection('{address}', timeout=20)\n\
         for _ in range(2):\n    \
             connection.request('GET', '/')\n    \
             reply = connection.getresponse()\n    \
             assert reply.status == 200, reply.status\n    \
             body = reply.read()\n\
         print(body.decode(), end='')\n"
    );
    let clients: [(&str, &[&str]); 2] =
        [("curl", &["-sS", "--max-time", "20", &url]), ("python3", &["-c", &program])];
    for (client, arguments) in clients {
        match Command::new(client).args(arguments).output() {
            Err(error) => eprintln!("skipped: {client} cannot be run: {error}"),
            Ok(output) => {
                assert_eq!(
                    said(&output.stdout),
                    "from www\n",
                    "{client}: {}",
                    said(&output.stderr)
                );
            }
        }
    }
}

#[test]
fn paths_of_the_file_begin_at_the_file_and_those_of_flags_here() {
    let folder = Folder::new();
    folder.write("etc/httpd.toml", "listen = \"localhost:0\"\nroot = \"../www\"\n");
    let serving = Serving::start(&mut folder.httpd(&["-c", "etc/httpd.toml"]));
    assert!(serving.get("/").ends_with("from www\n"));
    let serving = Serving::start(&mut folder.httpd(&["-c", "etc/httpd.toml", "./www"]));
    assert!(serving.get("/").ends_with("from www\n"));
    assert!(Path::new(&folder.path("etc")).exists());
}

#[test]
fn what_may_be_open_is_fitted_to_the_limit_of_the_system_and_said() {
    let folder = Folder::new();
    folder.write(
        "a.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\nworkers = 1\n[limits]\nconnections_max = 5000\n",
    );
    let command = format!("ulimit -n 256 && exec {HTTPD} -c a.toml");
    let mut serving = Serving::start(&mut folder.command("sh", &["-c", &command]));
    while !serving.stderr.seen().contains("RLIMIT_NOFILE") {
        assert!(serving.stderr.next_line().is_some(), "{}", serving.stderr.seen());
    }
    let text = serving.stderr.seen();
    assert!(text.contains("no more than 256 descriptors may be open"), "{text}");
    assert!(text.contains(" instead of 5000"), "{text}");
}
