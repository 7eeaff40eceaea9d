//! The real program in a process of its own, for what cannot be tried on the test's.

use super::{Child, Client, Lines};
use httpd::Address;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A running program; killed when it is dropped.
pub struct Binary {
    child: Child,
    address: Address,
}

impl Binary {
    /// Serves a directory on a free port of 127.0.0.1, with one worker.
    pub fn serve(root: &Path) -> Binary {
        Binary::start(Command::new(PROGRAM).args(arguments(root)))
    }

    /// The same with a configuration.
    pub fn serve_with_config(root: &Path, config: &str) -> Binary {
        let file = root.with_file_name("httpd.toml");
        fs::write(&file, config).expect("it can be written");
        let mut command = Command::new(PROGRAM);
        Binary::start(command.args(arguments(root)).arg("-c").arg(file))
    }

    /// The same with so many descriptors and no more.
    pub fn serve_with_descriptors(root: &Path, count: u32) -> Binary {
        let limited = format!("ulimit -n {count} && exec \"$@\"");
        Binary::start(
            Command::new("sh").args(["-c", &limited, "sh", PROGRAM]).args(arguments(root)),
        )
    }

    /// With a configuration and so many descriptors.
    pub fn serve_with_config_and_descriptors(root: &Path, config: &str, count: u32) -> Binary {
        let file = root.with_file_name("httpd.toml");
        fs::write(&file, config).expect("it can be written");
        let limited = format!("ulimit -n {count} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, "sh", PROGRAM]).args(["-h", "127.0.0.1", "-p", "0", "-c"]);
        Binary::start(command.arg(file))
    }

    /// The same as a user who may not do anything special. `None` where this cannot be had: when
    /// the test has the privileges itself and no program to give them up.
    pub fn serve_unprivileged(root: &Path) -> Result<Binary, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Binary::serve(root));
        }
        // Nobody else may be allowed to reach the build directory.
        let copy = root.with_file_name("httpd");
        fs::copy(PROGRAM, &copy).map_err(|error| format!("copying the program: {error}"))?;
        let mut setpriv = Command::new("setpriv");
        setpriv
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(copy)
            .args(arguments(root));
        match Command::new("setpriv").arg("--version").output() {
            Ok(_) => Ok(Binary::start(&mut setpriv)),
            Err(error) => Err(format!("running as root, and setpriv: {error}")),
        }
    }

    fn start(command: &mut Command) -> Binary {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Child::spawn(command);
        let mut lines = Lines::of(child.stderr.take().expect("it is piped"));
        let line = lines.find(LISTENING);
        let (_, rest) = line.split_once(LISTENING).expect("it was found");
        let address = rest.split_whitespace().next().unwrap_or_default();
        let address = Address::Tcp(address.parse().expect("an address"));
        lines.discard();
        Binary { child, address }
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.address)
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it is running").count()
    }

    /// How much memory it has now, and the most that it ever had, in bytes (VmRSS and VmHWM).
    pub fn memory_bytes(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it is running");
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("proc(5)");
            let kilobytes = line.trim_matches([':', ' ', '\t', 'k', 'B']);
            kilobytes.parse::<u64>().expect("a number") * 1024
        };
        (bytes("VmRSS"), bytes("VmHWM"))
    }

    /// How much of the CPU it takes while this time goes by, in clock ticks: hundredths of a second
    /// nearly everywhere.
    pub fn ticks_within(&self, time: Duration) -> u64 {
        let before = self.cpu_ticks();
        thread::sleep(time);
        self.cpu_ticks() - before
    }

    fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("running");
        // proc(5): utime and stime are the 14th and 15th field; the second may hold spaces.
        let (_, rest) = stat.rsplit_once(')').expect("the name is in parentheses");
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }
}

fn arguments(root: &Path) -> [&OsStr; 7] {
    [
        OsStr::new("-h"),
        OsStr::new("127.0.0.1"),
        OsStr::new("-p"),
        OsStr::new("0"),
        OsStr::new("-w"),
        OsStr::new("1"),
        root.as_os_str(),
    ]
}

const LISTENING: &str = "listening on http://";
const PROGRAM: &str = env!("CARGO_BIN_EXE_httpd");
