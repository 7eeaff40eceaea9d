//! Whatever a log goes to takes nothing: a pipe that nobody reads, a FIFO without a reader, a socket
//! whose owner does not accept. Requests are served and signals obeyed all the same.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use crate::support::client::Request;
use crate::support::{Child, Client, Folder, Lines, Program, Signal, lossy, until};
use httpd::Address;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// More log lines than a pipe and the queue before it can hold.
fn ask_much(serving: &Program) {
    let mut client = serving.stream();
    let path = "x".repeat(3000);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n");
    for _ in 0..20 {
        let batch = request.repeat(40);
        client.write_all(batch.as_bytes()).unwrap();
        let mut answers = 0;
        let mut buffer = [0; 64 * 1024];
        while answers < 40 {
            let count = client.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "it has closed the connection");
            answers += lossy(&buffer[..count]).matches("HTTP/1.1 404").count();
        }
    }
}

#[test]
fn an_access_log_on_a_pipe_that_nobody_reads_stops_neither_requests_nor_the_end() {
    let folder = Folder::with_www();
    folder.write("a.toml", "listen = \"localhost:0\"\nroot = \"www\"\nworkers = 1\n\n[access_log]\nfile = \"/dev/stdout\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "a.toml"]));
    ask_much(&serving);
    serving.get("/").expect(200).body("from www\n");
    serving.signal(Signal::TERM);
    let (code, rest) = serving.end();
    assert_eq!(code, Some(0), "{rest}");
}

#[test]
fn a_fifo_without_a_reader_is_no_reason_to_wait_at_the_start() {
    let folder = Folder::with_www();
    for name in ["access.fifo", "log.fifo"] {
        let fifo = folder.path(name);
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    }
    folder.write("a.toml", "listen = \"localhost:0\"\nroot = \"www\"\nworkers = 1\n[access_log]\nfile = \"access.fifo\"\n[log]\nfile = \"log.fifo\"\nlevel = \"debug\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "a.toml"]));
    ask_much(&serving);
    // A reader that comes later gets what the pipe held.
    let mut reader = File::open(folder.path("access.fifo")).unwrap();
    let mut first = [0; 9];
    reader.read_exact(&mut first).unwrap();
    assert_eq!(lossy(&first), "127.0.0.1");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_log_on_a_pipe_that_nobody_reads_stops_neither_requests_nor_the_end() {
    for processes in ["1", "2"] {
        let folder = Folder::with_www();
        let mut command = folder.httpd(&["-p", "0", "-w", "1", "-P", processes, "-vvv", "www"]);
        // Nobody reads its standard error from here on.
        let serving = Program::start(&mut command);
        ask_much(&serving);
        serving.get("/").expect(200).body("from www\n");
        let mut serving = serving;
        serving.signal(Signal::TERM);
        until("it ends although its last words are not read", || !serving.is_running());
    }
}

#[test]
fn a_banner_that_nobody_reads_keeps_nobody_from_serving() {
    let folder = Folder::with_www();
    let (_reader, mut writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 1024]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    folder.write("a.toml", "listen = \"unix:here.sock\"\nroot = \"www\"\nworkers = 1\n");
    let mut command = folder.httpd(&["-c", "a.toml"]);
    let mut child = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::from(writer)));
    let socket = Address::Unix(folder.path("here.sock"));
    until("it serves", || Client::try_connect(&socket).is_ok());
    Request::new(&socket, "GET", "/").send().expect(200).body("from www\n");
    child.signal(Signal::TERM);
    child.ends(String::new);
}

#[test]
fn a_socket_whose_owner_does_not_accept_is_taken_and_not_waited_for() {
    let folder = Folder::with_www();
    let path = folder.path("taken.sock");
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    folder.write("a.toml", "listen = \"unix:taken.sock\"\nroot = \"www\"\n");
    let output = folder.output(&["-c", "a.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", lossy(&output.stderr));
    assert!(lossy(&output.stderr).contains("taken.sock"), "{}", lossy(&output.stderr));
}

#[test]
fn a_reader_that_is_behind_learns_how_many_lines_it_has_missed() {
    let folder = Folder::with_www();
    folder.write("a.toml", "listen = \"localhost:0\"\nroot = \"www\"\nworkers = 1\n\n[access_log]\nfile = \"/dev/stdout\"\n");
    let mut serving = Program::start(&mut folder.httpd(&["-c", "a.toml"]));
    ask_much(&serving);
    let mut stdout = Lines::of(serving.child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || stdout.rest());
    serving.get("/");
    serving.says(" lines of the access log \"/dev/stdout\" are lost: ");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let text = reader.join().unwrap();
    let whole = |line: &str| line.is_empty() || line.starts_with("127.0.0.1 - - [");
    assert!(text.split('\n').all(whole), "a torn line");
}
