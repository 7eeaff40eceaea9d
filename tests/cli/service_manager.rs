//! What systemd is told: sd_notify(3), by a socket of the test's own.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::pool::{nobody_is_left, pool};
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
        let (_, since_boot) = reloading.split_once("\nMONOTONIC_USEC=").unwrap();
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
    manager.hears_of("STATUS=Starting the new program");
    manager.hears_of("READY=1");
    serving.says("upgraded to httpd ");
    pool(&serving, 1, &before);
    manager.hears_of("WATCHDOG=1");
    manager.hears_of("WATCHDOG=1");
    upgraded.replace("#!/bin/sh\nexit 3\n", 0o755);
    serving.signal(Signal::USR2);
    manager.hears_of("STATUS=The last upgrade failed: see the log");
    serving.signal(Signal::TERM);
    manager.hears_of("STOPPING=1");
    assert_eq!(serving.end().0, Some(0));
    until("its socket is gone", || !upgraded.folder.path("x.sock").exists());
    nobody_is_left(&upgraded.folder);
}
