//! What a process can still do once it has given its rights up, asked from inside of one.

use super::*;
use crate::config::{Overrides, Source};
use crate::sys::confine::LandlockStatus;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::process::Command;

#[test]
fn what_may_be_read_covers_what_is_below_it_and_no_directory_that_took_its_name() {
    let folder = tempfile::tempdir().expect("there is room");
    let at = |name: &str| folder.path().join(name);
    for name in ["www/a", "next", "drop"] {
        std::fs::create_dir_all(at(name)).expect("it is ours");
    }
    let reach = |read: &[&str], change: &[&str]| Reach {
        read: read.iter().map(|it| at(it)).collect(),
        change: change.iter().map(|it| at(it)).collect(),
        ..Reach::default()
    };
    let held = held(reach(&["www"], &["drop"]));
    let covers = |reach: Reach| {
        reach.change.iter().all(|path| is_below(path, &held.change))
            && reach.read.iter().all(|path| held.reads(path))
    };
    assert!(covers(reach(&["www"], &[])));
    assert!(covers(reach(&["www/a", "drop"], &["drop"])));
    assert!(!covers(reach(&["next"], &[])));
    assert!(!covers(reach(&[], &["www"])));
    std::fs::rename(at("www"), at("old")).expect("it is ours");
    std::fs::rename(at("next"), at("www")).expect("it is ours");
    assert!(!covers(reach(&["www"], &[])), "it is another directory");
    assert!(covers(reach(&["old"], &[])));
}

#[test]
fn a_configuration_that_takes_what_was_given_up_is_named_by_what_it_lacks() {
    let folder = tempfile::tempdir().expect("there is room");
    for name in ["www", "drop", "temporary"] {
        std::fs::create_dir(folder.path().join(name)).expect("it is ours");
    }
    let load = |text: &str| {
        std::fs::write(folder.path().join("httpd.toml"), text).expect("it is ours");
        let source = Source::read(Some(&folder.path().join("httpd.toml"))).expect("it is there");
        let mut config =
            source.load(&Overrides::default()).unwrap_or_else(|it| panic!("{text}{it:?}"));
        if let Some(reach) = &mut config.rights.reach {
            // Where the folder of the test is.
            reach.change.retain(|path| *path != std::env::temp_dir());
        }
        config
    };
    let held = Held::of(&load("root = \"www\"\n"));
    let lacks = |text: &str| held.lacks(&load(text)).unwrap_or_default();
    assert_eq!(lacks("root = \"www\"\nworkers = 7\nlisting = true\n"), "");
    assert!(lacks("root = \"drop\"\n").starts_with("reading \""));
    assert!(lacks("root = \"www\"\nmethods = [\"PUT\"]\n").starts_with("writing to \""));
    assert_eq!(lacks("root = \"www\"\nconfinement = false\n"), "confinement has changed");
    assert!(lacks("root = \"www\"\nlog = { file = \"log\" }\n").starts_with("opening \""));
    assert_eq!(lacks("root = \"www\"\naccess_log = \"syslog:\"\n"), "sockets for logs");
    let application = "root = \"www\"\n[[location]]\npath = \"/a\"\nwsgi = \"a:b\"\n";
    assert_eq!(lacks(application), "starting an application");
    if is_root() {
        assert_eq!(lacks("root = \"www\"\nuser = 65534\ngroup = 65534\n"), "another user");
    }
    let open = Held::of(&load("root = \"www\"\nconfinement = false\n"));
    assert!(open.lacks(&load("root = \"www\"\n")).is_some(), "it is to be confined");
    assert_eq!(open.lacks(&load(&format!("confinement = false\n{application}"))), None);
}

/// Set in a process that gives its rights up: the folder of the test.
const INSIDE: &str = "INSIDE_OF_A_TEST";

/// Runs this test again in a process of its own, which confines itself, and says what came of it.
fn in_a_process_of_its_own(test: &str, folder: &Path) {
    let own = std::env::current_exe().expect("proc(5)");
    let name = format!("program::rights::tests::{test}");
    let output = Command::new(own)
        .args(["--exact", &name, "--nocapture"])
        .env(INSIDE, folder)
        .output()
        .expect("it is this program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

fn request(stream: &mut UnixStream, head: &str, body: &str) -> String {
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("it is connected");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it is answered");
    reply
}

fn held(reach: Reach) -> Held {
    let nodes = |paths: &[PathBuf]| paths.iter().filter_map(|path| node(path)).collect();
    let (read, change) = (nodes(&reach.read), nodes(&reach.change));
    Held { rights: Rights { reach: Some(reach), ..Rights::default() }, read, change }
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn a_serving_process_reads_its_root_and_no_other_file_runs_nothing_and_connects_nowhere() {
    let Some(folder) = std::env::var_os(INSIDE).map(PathBuf::from) else {
        let folder = tempfile::tempdir().expect("there is room");
        let at = |name: &str| folder.path().join(name);
        for name in ["www", "drop", "beside"] {
            std::fs::create_dir(at(name)).expect("it is ours");
        }
        std::fs::write(at("www/index.html"), "front page").expect("it is ours");
        std::fs::write(at("beside/secret"), "secret").expect("it is ours");
        let config = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\nserve_as_root = true\n\
             [[location]]\npath = \"/drop\"\nalias = \"drop\"\nmethods = [\"GET\", \"PUT\", \"DELETE\"]\n";
        std::fs::write(at("httpd.toml"), config).expect("it is ours");
        return in_a_process_of_its_own(
            "a_serving_process_reads_its_root_and_no_other_file_runs_nothing_and_connects_nowhere",
            folder.path(),
        );
    };
    // The temporary directory, which may be written to, is not the folder of the test.
    let at = |name: &str| folder.join(name);
    let source = Source::read(Some(&at("httpd.toml"))).expect("it is there");
    let config = source.load(&Overrides::default()).unwrap_or_else(|it| panic!("{it:?}"));
    let listens = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listens.local_addr().expect("it has one");
    let mut config = config;
    if let Some(reach) = &mut config.rights.reach {
        // Where the folder of the test is.
        reach.change.retain(|path| *path != std::env::temp_dir());
    }
    let listeners = config.server.bind(NonZeroUsize::MIN).expect("a port is free");
    let held = give_up(&config, &source, false).expect("it can").expect("it is on by default");
    let running = config.server.start_on(listeners).expect("it starts confined");

    let ask = |head: &str, body: &str| {
        let (mut client, served) = UnixStream::pair().expect("a descriptor is left");
        running.handle().serve(served).expect("there is room");
        request(&mut client, head, body)
    };
    assert!(ask("GET /", "").ends_with("front page"));
    assert!(ask("PUT /drop/a", "stored").starts_with("HTTP/1.1 201"));
    assert!(ask("GET /drop/a", "").ends_with("stored"));
    assert!(ask("DELETE /drop/a", "").starts_with("HTTP/1.1 204"));

    let denied = Some(io::ErrorKind::PermissionDenied);
    if matches!(held.landlock, LandlockStatus::Holds(_)) {
        assert_eq!(kind(File::open("/etc/passwd")), denied);
        assert_eq!(kind(File::open(at("beside/secret"))), denied);
        assert_eq!(kind(std::fs::read_dir("/")), denied);
        assert_eq!(kind(File::create(at("www/made"))), denied);
        assert_eq!(kind(std::fs::write(at("beside/secret"), "")), denied);
        assert_eq!(kind(std::fs::rename(at("beside/secret"), at("drop/secret"))), denied);
    }
    if held.calls.is_some() {
        let lacking = Some(io::ErrorKind::Unsupported);
        assert_eq!(kind(Command::new("/bin/true").spawn()), lacking);
        assert_eq!(kind(TcpStream::connect(address)), lacking);
        assert_eq!(kind(TcpListener::bind("127.0.0.1:0")), lacking);
        assert_eq!(kind(UnixStream::connect(at("drop/socket"))), lacking);
        assert_eq!(kind(std::os::unix::fs::symlink("/etc", at("drop/etc"))), lacking);
        assert_eq!(kind(std::os::unix::fs::chroot("/")), lacking);
    }
    assert!(ask("GET /", "").ends_with("front page"));
    running.handle().stop();
    running.wait();
}
