//! A server in a process of its own, which is this program again, so that nobody else's work is measured.

use crate::support::process::Process;
use crate::support::{Child, Folder, Lines, noise};
use httpd::{Address, Limits, Method, Request, Response, Root, Server, Site, StaticFiles, Status};
use httpd::{Workers, blocking, inline};
use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Says what this process is to be.
const ROLE: &str = "FLOODED_ROOT";

/// Serves until its standard input ends, if that is what this process is for.
pub fn serve_if_asked() {
    let Some(root) = std::env::var_os(ROLE) else { return };
    let limits = Limits::default().send_timeout(Duration::from_secs(2));
    let read = |request: &Request<'_>| request.read_body().map(|body| body.len().to_string());
    let root = Root::open(root).expect("the parent has made it");
    let site = Site::new()
        .at("/", StaticFiles::new(root))
        .at("/hello", inline(|_: &Request<'_>| "hello\n"))
        .at("/refused", inline(|_: &Request<'_>| Response::from(Status::FORBIDDEN)))
        .at("/read", blocking(read).methods(&[Method::Post]).body_bytes_max(1 << 30))
        .at(
            "/slow",
            blocking(|_: &Request<'_>| {
                thread::sleep(Duration::from_millis(100));
                "slow\n"
            }),
        );
    let server = Server::new(site)
        .listen("h2c://127.0.0.1:0")
        .workers(Workers::Count(NonZeroUsize::MIN))
        .limits(limits);
    let running = server.start().expect("a port is free");
    println!("http://{}", running.addresses()[0]);
    let _ = io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

/// The process.
pub struct Flooded {
    child: Child,
    pub address: Address,
    _folder: Folder,
}

impl Flooded {
    pub fn start() -> Flooded {
        let folder = Folder::new();
        folder.write("large.bin", noise(1_000_000));
        let mut command = Command::new(std::env::current_exe().expect("proc(5)"));
        command.env(ROLE, folder.here()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command);
        let mut lines = Lines::of(child.stdout.take().expect("it is piped"));
        let line = lines.find("http://");
        let address = line.trim().trim_start_matches("http://").parse().expect("an address");
        Flooded { child, address: Address::Tcp(address), _folder: folder }
    }

    fn path(&self, name: &str) -> String {
        Process(self.child.id()).path(name)
    }

    /// How long its threads have run.
    pub fn cpu(&self) -> Duration {
        // proc(5): nanoseconds on a CPU come first. `stat` knows hundredths of a second alone.
        let tasks = fs::read_dir(self.path("task")).expect("it runs").flatten();
        let nanos = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// How much memory it has, and the most that it had since this was last asked for.
    pub fn memory_bytes(&self) -> (u64, u64) {
        let status = fs::read_to_string(self.path("status")).expect("it runs");
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("proc(5)");
            line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>().expect("a number") * 1024
        };
        let seen = (bytes("VmRSS"), bytes("VmHWM"));
        // Resets the most.
        fs::write(self.path("clear_refs"), "5").expect("it is ours");
        seen
    }
}
