//! The program that is tried, what it serves, and what it says.

use crate::support::process::Process;
use crate::support::secured::{Authority, Issued, Kind};
use crate::support::{Folder, Program, lacks, noise};
use httpd::Address;
use rustls::ClientConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Everything that clients and faults need to know.
pub struct World {
    pub folder: Folder,
    pub plain: Address,
    pub secure: Address,
    pub h2c: Address,
    pub has_python: bool,
    pub processes: usize,
    /// Those that served at first: the log about them is not looked at.
    pub first: BTreeSet<Process>,
    authority: Authority,
    pub trusting: Arc<ClientConfig>,
    pub trusting_http_2: Arc<ClientConfig>,
    log: Arc<Log>,
    process: Process,
    _program: Program,
}

/// What the program has said.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

impl World {
    /// Starts the program.
    pub fn start(processes: usize) -> World {
        let folder = Folder::with_www();
        let has_python = lacks::python().is_none();
        let authority = Authority::new();
        authority.issue(&["localhost"]).write(&folder, "cert.pem", "cert.key");
        for number in 0..FILES {
            folder.write(
                format!("www/files/{number}.bin"),
                noise(FILE_BYTES[number % FILE_BYTES.len()]),
            );
        }
        folder.write("www/large.bin", noise(LARGE_BYTES));
        folder.write("www/page.html", PAGE.repeat(400));
        for name in ["www/drop", "www/listed", "www/changing"] {
            fs::create_dir_all(folder.path(name)).expect("there is room");
        }
        for number in 0..100 {
            folder.write(format!("www/listed/{number}.txt"), "x");
        }
        folder.write("app.py", APPLICATION);
        folder.write("httpd.toml", configuration(processes, has_python, 0));
        let program = folder.path("httpd");
        fs::copy(crate::support::program::HTTPD, &program).expect("there is room");
        let program = program.to_str().expect("it is UTF-8");
        let mut program = Program::start(&mut folder.command(program, &["-v", "-c", "httpd.toml"]));
        let addresses = program.addresses();
        let [plain, secure, h2c] = addresses[..3] else { unreachable!("three were taken") };
        let log = Arc::new(Log::default());
        let (lines, noted) = (program.take_log(), Arc::clone(&log));
        thread::spawn(move || lines.for_each(|line| noted.note(line)));
        let trusting = authority.client();
        let mut trusting_http_2 = authority.client();
        trusting_http_2.alpn_protocols = vec![b"h2".to_vec()];
        World {
            folder,
            plain: Address::Tcp(plain),
            secure: Address::Tcp(secure),
            h2c: Address::Tcp(h2c),
            has_python,
            processes,
            first: Process(program.child.id()).serving(),
            authority,
            trusting: Arc::new(trusting),
            trusting_http_2: Arc::new(trusting_http_2),
            log,
            process: Process(program.child.id()),
            _program: program,
        }
    }

    /// The supervisor.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Where the program is that an upgrade changes to.
    pub fn program(&self) -> PathBuf {
        self.folder.path("httpd")
    }

    /// A new certificate, which is not in place yet.
    pub fn issue(&self) -> Issued {
        self.authority.issue_with(&["localhost"], Kind::Ecdsa, |_| {})
    }

    /// A client that has no tickets of sessions.
    pub fn fresh_client(&self) -> Arc<ClientConfig> {
        Arc::new(self.authority.client())
    }

    /// How many lines the program has said.
    pub fn lines(&self) -> usize {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a line has had these words.
    pub fn has_said(&self, words: &str) -> bool {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().any(|line| line.contains(words))
    }

    /// Waits for a line with these words behind so many.
    pub fn says(&self, words: &str, behind: usize) {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_missing =
            |lines: &mut Vec<String>| !lines.iter().skip(behind).any(|it| it.contains(words));
        let waited = self.log.changed.wait_timeout_while(lines, PATIENCE, is_missing);
        let (lines, result) = waited.unwrap_or_else(PoisonError::into_inner);
        let rest: Vec<_> = lines.iter().skip(behind).collect();
        assert!(!result.timed_out(), "no line with {words:?} within {PATIENCE:?}: {rest:#?}");
    }

    /// Errors and warnings in the log that no fault explains, the same ones once.
    pub fn problems(&self) -> Vec<String> {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        let is_loud = |it: &&String| {
            it.contains("[ERROR]") || it.contains("[WARN]") || it.contains("panicked")
        };
        let is_expected = |it: &&String| EXPECTED.iter().any(|words| it.contains(words));
        for line in lines.iter().filter(is_loud).filter(|it| !is_expected(it)) {
            let (_, words) = line.split_once("] ").unwrap_or(("", line));
            let same: String =
                words.chars().map(|it| if it.is_ascii_digit() { '#' } else { it }).collect();
            *found.entry(same).or_default() += 1;
        }
        found
            .into_iter()
            .map(|(line, count)| format!("the log says {count} times: {line}"))
            .collect()
    }
}

impl Log {
    fn note(&self, line: &str) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        self.changed.notify_all();
    }
}

/// The configuration; a reload reads one with another number in it. Its bounds are low, so that what is bounded is full
/// before it is measured whether anything grows.
pub fn configuration(processes: usize, has_python: bool, number: usize) -> String {
    let python =
        if has_python { "[[location]]\npath = \"/app/\"\nwsgi = \"app:app\"\n" } else { "" };
    let keepalive = 60 + number % 20;
    format!(
        "listen = [\"127.0.0.1:0\", \"https://127.0.0.1:0\", \"h2c://127.0.0.1:0\"]\n\
         processes = {processes}\nworkers = 1\nroot = \"www\"\n\
         certificate = \"cert.pem\"\ncertificate_key = \"cert.key\"\n\
         compression = [\"zstd\", \"br\", \"gzip\"]\nrequest_id = true\n\
         access_log = {{ file = \"access.log\" }}\n\
         [cache]\nbytes_max = \"4MiB\"\ncompressed_bytes_max = \"1MiB\"\nentries_max = 200\n\
         [limits]\nbody_memory_bytes_max = \"16KiB\"\nkeepalive_timeout = \"{keepalive}s\"\n\
         [status]\nlisten = \"127.0.0.1:0\"\n\
         [[location]]\npath = \"/drop/\"\nmethods = [\"GET\", \"HEAD\", \"PUT\", \"DELETE\"]\n\
         access_log = {{ file = \"drop.log\", format = \"json\" }}\n\
         [[location]]\npath = \"/listed/\"\nlisting = true\n{python}"
    )
}

pub const LARGE_BYTES: usize = 3_000_000;
pub const FILES: usize = 60;
/// The lengths of the files, in turn.
pub const FILE_BYTES: [usize; 6] = [0, 38, 1_500, 9_000, 40_000, 300_000];
pub const PAGE: &str = "<p>A page that compresses as pages do, more or less.</p>\n";

const APPLICATION: &str = r#"
def app(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return [str(len(body)).encode(), b' ', body]
"#;

/// What faults make the program say.
const EXPECTED: &[&str] = &[
    "was killed by signal 9",
    // The clients trust the issuer itself.
    "without that of its issuer",
    // Clients that mean no good.
    "speaks TLS at",
];

/// After so long something will not happen any more.
const PATIENCE: Duration = Duration::from_secs(60);
