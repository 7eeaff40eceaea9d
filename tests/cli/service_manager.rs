//! What systemd is told: sd_notify(3), by a socket of the test's own.

use std::fs;
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::pool::{children, nobody_is_left, pool};
use super::upgrade::Upgraded;
use crate::support::{Folder, PATIENCE, Program, Signal, until};

/// A service manager that listens.
struct Manager(UnixDatagram);

impl Manager {
    fn in_folder(folder: &Folder) -> Manager {
        Manager::on(UnixDatagram::bind(folder.path("notify")).unwrap())
    }

    fn on(socket: UnixDatagram) -> Manager {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    /// The next message.
    fn hears(&self) -> String {
        let mut message = [0; 4096];
        let count = self.0.recv(&mut message).expect("it is told something");
        String::from_utf8(message[..count].to_vec()).unwrap()
    }

    /// The next message, if there is one.
    fn has_heard(&self) -> Option<String> {
        self.0.set_nonblocking(true).unwrap();
        let mut message = [0; 4096];
        let heard = self.0.recv(&mut message);
        self.0.set_nonblocking(false).unwrap();
        heard.ok().map(|count| String::from_utf8_lossy(&message[..count]).into_owned())
    }

    /// Waits for a message with this line.
    fn hears_of(&self, line: &str) -> String {
        loop {
            let message = self.hears();
            if message.lines().any(|it| it == line) {
                return message;
            }
        }
    }
}

fn start(folder: &Folder, socket: &str, watchdog: &str) -> Program {
    let mut command = folder.httpd(&["-v", "-h", "127.0.0.1", "-p", "0", "-w", "1", "www"]);
    command.env("NOTIFY_SOCKET", socket);
    if !watchdog.is_empty() {
        command.env("WATCHDOG_USEC", watchdog);
    }
    Program::start(&mut command)
}

#[test]
fn a_service_manager_learns_when_the_server_serves_and_when_it_stops() {
    let folder = Folder::with_www();
    let name = format!("httpd-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let path = folder.path("notify");
    let managers = [
        (Manager::in_folder(&folder), path.to_str().unwrap().to_owned()),
        (Manager::on(UnixDatagram::bind_addr(&address).unwrap()), format!("@{name}")),
    ];
    for (manager, socket) in managers {
        let serving = start(&folder, &socket, "");
        let ready = manager.hears();
        assert!(ready.starts_with("READY=1\nSTATUS=httpd "), "{ready}");
        assert!(ready.ends_with(": 1 process serving"), "{ready}");
        let variables = fs::read(serving.serving().path("environ")).unwrap();
        assert!(memchr::memmem::find(&variables, b"NOTIFY_SOCKET").is_none(), "not theirs");
        serving.signal(Signal::HUP);
        let reloading = manager.hears_of("RELOADING=1");
        let since_boot = reloading.lines().find_map(|it| it.strip_prefix("MONOTONIC_USEC="));
        let since_boot = since_boot.expect("it says when");
        assert!(since_boot.parse::<u64>().unwrap() > 1_000_000, "{reloading}");
        manager.hears_of("READY=1");
        serving.signal(Signal::TERM);
        manager.hears_of("STOPPING=1");
        assert_eq!(serving.end().0, Some(0));
    }
}

#[test]
fn a_manager_that_cannot_be_told_is_no_reason_not_to_serve() {
    let folder = Folder::with_www();
    for socket in ["/nowhere/notify", "vsock:2:1", ""] {
        let serving = start(&folder, socket, "");
        serving.get("/").expect(200).body("from www\n");
    }
}

#[test]
fn a_watchdog_is_fed_as_long_as_the_processes_work() {
    let folder = Folder::with_www();
    let manager = Manager::in_folder(&folder);
    let path = folder.path("notify");
    let mut serving = start(&folder, path.to_str().unwrap(), "600000");
    for _ in 0..3 {
        manager.hears_of("WATCHDOG=1");
    }
    let process = serving.serving();
    process.freeze();
    serving.says("the watchdog is not fed: a process does not answer");
    process.go_on();
    // What was sent before.
    manager.0.set_nonblocking(true).unwrap();
    let mut message = [0; 4096];
    while manager.0.recv(&mut message).is_ok() {}
    manager.0.set_nonblocking(false).unwrap();
    manager.hears_of("WATCHDOG=1");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_reload_is_announced_when_it_begins_and_over_when_all_processes_serve_by_it() {
    let folder = Folder::with_www();
    let configure = |root: &str| {
        let text =
            format!("listen = \"127.0.0.1:0\"\nprocesses = 2\nworkers = 1\nroot = \"{root}\"\n");
        folder.write("httpd.toml", text);
    };
    folder.write("new/index.html", "from new\n");
    configure("www");
    let manager = Manager::in_folder(&folder);
    let mut command = folder.httpd(&["-v", "-c", "httpd.toml"]);
    let serving = Program::start(command.env("NOTIFY_SOCKET", folder.path("notify")));
    manager.hears_of("READY=1");
    // The first process takes the new configuration, and the second one stands still.
    let second = *children(&serving).last().expect("there are two");
    second.freeze();
    configure("new");
    serving.signal(Signal::HUP);
    let reloading = manager.hears();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(reloading.ends_with("\nSTATUS=Reading the configuration again"), "{reloading}");
    until("the first serves by it", || {
        let mut stream = serving.stream();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        // It may wait in the queue of the second.
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply);
        reply.ends_with("from new\n")
    });
    assert_eq!(manager.has_heard(), None, "the second does not serve by it yet");
    second.go_on();
    let ready = manager.hears();
    assert!(ready.starts_with("READY=1\nSTATUS=httpd "), "{ready}");
    // What fails has begun and ended, too; and the next time it is forgotten.
    configure("nowhere");
    serving.signal(Signal::HUP);
    assert!(manager.hears().starts_with("RELOADING=1\n"));
    assert_eq!(manager.hears(), "READY=1\nSTATUS=The last reload failed: see the log");
    configure("www");
    assert_eq!(folder.output(&["reload", "-c", "httpd.toml"]).status.code(), Some(0));
    assert!(manager.hears().starts_with("RELOADING=1\n"));
    let ready = manager.hears();
    assert!(ready.ends_with(": 2 processes serving"), "{ready}");
}

#[test]
fn a_manager_and_its_watchdog_are_told_the_same_after_an_upgrade() {
    let upgraded = Upgraded::new();
    let manager = Manager::in_folder(&upgraded.folder);
    let path = upgraded.folder.path("notify");
    let mut command = upgraded.command("1");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000");
    let mut serving = Program::start(&mut command);
    manager.hears_of("READY=1");
    let before = serving.process().serving();
    serving.signal(Signal::USR2);
    let starting = manager.hears_of("STATUS=Starting the new program");
    assert!(starting.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{starting}");
    manager.hears_of("READY=1");
    serving.says("upgraded to httpd ");
    pool(&serving, 1, &before);
    manager.hears_of("WATCHDOG=1");
    manager.hears_of("WATCHDOG=1");
    upgraded.replace("#!/bin/sh\nexit 3\n", 0o755);
    serving.signal(Signal::USR2);
    manager.hears_of("RELOADING=1");
    let failed = manager.hears_of("STATUS=The last upgrade failed: see the log");
    assert!(failed.starts_with("READY=1\n"), "{failed}");
    serving.signal(Signal::TERM);
    manager.hears_of("STOPPING=1");
    assert_eq!(serving.end().0, Some(0));
    until("its socket is gone", || !upgraded.folder.path("x.sock").exists());
    nobody_is_left(&upgraded.folder);
}
