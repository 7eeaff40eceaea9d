//! `httpd reload` and SIGHUP: the program reads its configuration again and serves by it, or says why it does not.

use super::pool::children;
use crate::support::process::Process;
use crate::support::{Client, Folder, Lines, Program, Signal, output, until};
use std::fs;
use std::process::{Command, Output, Stdio};

/// The kinds of programs: one process alone, one under a supervisor, and two.
const KINDS: [&str; 3] = ["supervisor = false\n", "", "processes = 2\n"];

fn folder() -> Folder {
    let folder = Folder::with_www();
    folder.write("new/index.html", "from new\n");
    folder
}

fn configure(folder: &Folder, kind: &str, rest: &str) {
    let workers = if kind.contains("workers") { "" } else { "workers = 1\n" };
    folder.write("httpd.toml", format!("{kind}{workers}listen = \"127.0.0.1:0\"\n{rest}"));
}

fn start(folder: &Folder) -> Program {
    Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]))
}

fn reload(folder: &Folder) -> Output {
    folder.output(&["reload", "-c", "httpd.toml"])
}

#[track_caller]
fn reloaded(folder: &Folder) {
    let output = reload(folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
}

fn get(client: &mut Client) -> String {
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(200).text().to_owned()
}

#[test]
fn the_command_reloads_and_waits_and_no_connection_ends() {
    for kind in KINDS {
        let folder = folder();
        configure(&folder, kind, "root = \"www\"\n");
        let serving = start(&folder);
        let before = children(&serving);
        let mut clients: Vec<Client> = (0..10).map(|_| serving.connect()).collect();
        for client in &mut clients {
            assert_eq!(get(client), "from www\n");
        }
        configure(&folder, kind, "root = \"new\"\n");
        reloaded(&folder);
        clients.extend((0..10).map(|_| serving.connect()));
        for client in &mut clients {
            assert_eq!(get(client), "from new\n", "{kind}");
        }
        assert_eq!(children(&serving), before, "a process was replaced");
    }
}

#[test]
fn a_hangup_reloads_as_well() {
    for kind in KINDS {
        let folder = folder();
        configure(&folder, kind, "root = \"www\"\n");
        let mut serving = start(&folder);
        configure(&folder, kind, "root = \"new\"\n");
        serving.signal(Signal::HUP);
        serving.says("the configuration is reloaded");
        serving.get("/").expect(200).body("from new\n");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_nothing_changes() {
    for kind in KINDS {
        let folder = folder();
        configure(&folder, kind, "root = \"www\"\n");
        let mut serving = start(&folder);
        let mut client = serving.connect();
        assert_eq!(get(&mut client), "from www\n");
        let lines = kind.lines().count() + 3;
        for (rest, expected) in [
            ("root = \"nowhere\"\n", format!("httpd.toml:{lines}:8: cannot serve \"nowhere\"")),
            ("roots = \"www\"\n", format!("httpd.toml:{lines}:1: unknown key \"roots\"")),
            ("root = \n", format!("httpd.toml:{lines}:")),
        ] {
            configure(&folder, kind, rest);
            let output = reload(&folder);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&format!("httpd: {expected}")), "{said}");
            serving.says(&expected);
            serving.says("the configuration is not reloaded");
            assert_eq!(get(&mut client), "from www\n");
            serving.get("/").expect(200).body("from www\n");
        }
        serving.signal(Signal::HUP);
        serving.says("the configuration is not reloaded");
        serving.get("/").expect(200).body("from www\n");
        // What is mended is served.
        configure(&folder, kind, "root = \"new\"\n");
        reloaded(&folder);
        assert_eq!(get(&mut client), "from new\n");
    }
}

#[test]
fn an_address_that_is_taken_changes_nothing() {
    for kind in KINDS {
        let folder = folder();
        configure(&folder, kind, "root = \"www\"\n");
        let serving = start(&folder);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap();
        let listen = format!("{kind}listen = [\"127.0.0.1:0\", \"{taken}\"]\nroot = \"new\"\n");
        folder.write("httpd.toml", listen);
        let output = reload(&folder);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("cannot listen on {taken}")), "{said}");
        serving.get("/").expect(200).body("from www\n");
    }
}

#[test]
fn without_a_server_the_command_says_so() {
    let folder = folder();
    configure(&folder, "", "root = \"www\"\n");
    let alone = reload(&folder);
    assert_eq!(alone.status.code(), Some(1));
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(said.contains("httpd: no server runs with httpd.toml"), "{said}");
    let serving = start(&folder);
    // Another path to the same file, from elsewhere.
    let mut command = folder.httpd(&["reload", "-c", "../httpd.toml"]);
    let output = output(command.current_dir(folder.path("www")));
    assert_eq!(output.status.code(), Some(0));
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    assert_eq!(reload(&folder).status.code(), Some(1));
    // Without a configuration, it is the server of this directory.
    let serving = Program::start(&mut folder.httpd(&["-p", "0", "www"]));
    assert_eq!(folder.output(&["reload"]).status.code(), Some(0));
    serving.get("/").expect(200);
}

#[test]
fn processes_and_workers_come_and_go_and_no_connection_ends() {
    let folder = folder();
    configure(&folder, "processes = 1\nworkers = 1\n", "root = \"www\"\n");
    let serving = start(&folder);
    let mut clients: Vec<Client> = (0..10).map(|_| serving.connect()).collect();
    for (processes, workers) in [(3, 2), (1, 1), (2, 3), (2, 1), (1, 2)] {
        let kind = format!("processes = {processes}\nworkers = {workers}\n");
        configure(&folder, &kind, "root = \"new\"\n");
        for client in &mut clients {
            get(client);
        }
        reloaded(&folder);
        for mut client in (0..20).map(|_| serving.connect()) {
            assert_eq!(get(&mut client), "from new\n", "{kind}");
        }
        until("there are so many processes", || children(&serving).len() == processes);
        // Connections of processes that are not needed end when they are idle, as those of a server that stops.
        clients = (0..10).map(|_| serving.connect()).collect();
    }
}

#[test]
fn logs_and_levels_change() {
    for kind in KINDS {
        let folder = folder();
        let log = |name: &str, level: &str| {
            format!(
                "root = \"www\"\n[log]\nfile = \"{name}\"\nlevel = \"{level}\"\n[access_log]\nfile = \"access-{name}\"\n"
            )
        };
        configure(&folder, kind, &log("one.log", "info"));
        let mut command = folder.httpd(&["-c", "httpd.toml"]);
        let read = |name: &str| fs::read_to_string(folder.path(name)).unwrap_or_default();
        let serving = OfLog::start(&mut command);
        configure(&folder, kind, &log("two.log", "debug"));
        reloaded(&folder);
        let address = serving.address.clone();
        Client::connect(&address).send("GET / HTTP/1.0\r\n\r\n").last_reply().expect(200);
        until("both logs are the new ones", || {
            read("access-two.log").lines().count() == 1
                && read("two.log").contains("the configuration is reloaded")
        });
    }
}

/// A program whose log is a file: it says on standard error where it listens.
struct OfLog {
    _child: crate::support::Child,
    address: httpd::Address,
}

impl OfLog {
    fn start(command: &mut Command) -> OfLog {
        let mut child = crate::support::Child::spawn(command.stderr(Stdio::piped()));
        let line = Lines::of(child.stderr.take().expect("it is piped")).find(" listening on ");
        let socket = |word: &str| word.strip_prefix("http://")?.trim_end_matches(',').parse().ok();
        let address = line.split_whitespace().find_map(socket).expect("it names an address");
        OfLog { _child: child, address: httpd::Address::Tcp(address) }
    }
}

#[test]
fn two_hundred_reloads_leave_nothing_behind() {
    let folder = folder();
    let configure = |number: usize| {
        // Something changes each time: the root, an address, the number of workers.
        let root = if number.is_multiple_of(2) { "www" } else { "new" };
        let workers = 1 + number % 2;
        let path = folder.path(format!("socket{}", number % 3));
        let text = format!(
            "workers = {workers}\nlisten = [\"127.0.0.1:0\", \"unix:{}\"]\nroot = \"{root}\"\n",
            path.display()
        );
        folder.write("httpd.toml", text);
    };
    configure(0);
    let serving = start(&folder);
    let serving = Unread::of(serving);
    let supervisor = Process(serving.0.child.id());
    let child = *children(&serving.0).first().expect("one serves");
    let open = |process: Process| fs::read_dir(process.path("fd")).expect("it runs").count();
    let memory = |process: Process| {
        let status = fs::read_to_string(process.path("status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
        let number: String = line.chars().filter(char::is_ascii_digit).collect();
        number.parse::<usize>().expect("it is a number")
    };
    let rounds = |from: usize, to: usize| {
        for number in from..to {
            configure(number);
            reloaded(&folder);
            serving.0.get("/").expect(200);
        }
        [supervisor, child].map(|process| (open(process), memory(process)))
    };
    let first = rounds(1, 61);
    let last = rounds(61, 261);
    println!("descriptors and KiB after 60 reloads: {first:?}, after 260: {last:?}");
    assert_eq!(children(&serving.0).first(), Some(&child), "the process was replaced");
    for ((open, memory), (open_last, memory_last)) in first.into_iter().zip(last) {
        assert!(open_last <= open + 4, "{open} descriptors became {open_last}");
        assert!(memory_last <= memory + memory / 10 + 512, "{memory} KiB became {memory_last}");
    }
}

/// A program whose log is thrown away, so that it never waits for a reader.
struct Unread(Program);

impl Unread {
    fn of(mut program: Program) -> Unread {
        program.take_log().discard();
        Unread(program)
    }
}
