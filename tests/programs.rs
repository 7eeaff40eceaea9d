//! The programs under `tests/programs`, run as a user runs them and asked as users ask.

#[path = "suite/support/child.rs"]
mod child;

use child::{Child, Lines};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A program that runs; killed when it is dropped.
struct Program {
    child: Child,
    /// As it told it.
    url: String,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Program {
        let path = built().join(name);
        let mut command = Command::new(&path);
        command.arg("127.0.0.1:0").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command);
        let mut stdout = Lines::of(child.stdout.take().expect("it is piped"));
        let line = stdout.find("http://");
        Program { child, url: line.trim_end().to_owned() }
    }

    fn authority(&self) -> &str {
        let rest = self.url.strip_prefix("http://").expect("it tells a URL");
        rest.split('/').next().expect("it begins with an authority")
    }

    /// What curl makes of a path of it.
    fn curl(&self, path: &str, arguments: &[&str]) -> String {
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "20"])
            .args(arguments)
            .arg(format!("http://{}{path}", self.authority()))
            .output()
            .expect("curl is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// One request by hand, for it needs no curl.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.authority()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("it answers and closes");
        reply
    }

    fn ends(&mut self) {
        let status = self.child.ends(String::new);
        assert!(status.success(), "{status}");
    }
}

/// Where the programs are, as they are written now: cargo builds examples beside `deps`, where this
/// test is, but not when this test alone is asked for.
fn built() -> &'static Path {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--examples", "--quiet"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs this test").success());
        let here = std::env::current_exe().expect("a test has a path");
        here.ancestors().nth(2).expect("it is in target/PROFILE/deps").join("examples")
    })
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn hello_says_hello() {
    let hello = Program::start("hello", &[]);
    let reply = hello.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\nhello, world\n"), "{reply}");
}

#[test]
fn the_counter_counts_reports_and_ends_when_it_is_told() {
    let mut counter = Program::start("counter", &[]);
    assert_eq!(counter.curl("/counter", &[]), "{\"count\":0}\n");
    assert_eq!(counter.curl("/counter", &["-d", "{\"add\": 5}"]), "{\"count\":5}\n");
    assert_eq!(counter.curl("/counter", &["-d", "{\"add\":-2}"]), "{\"count\":3}\n");
    assert!(counter.curl("/counter", &["-d", "nonsense"]).contains("error"));
    assert_eq!(counter.curl("/counter", &[]), "{\"count\":3}\n");
    assert_eq!(
        counter.curl("/report", &[]),
        "0 squared is 0\n1 squared is 1\n2 squared is 4\n3 squared is 9\n"
    );
    assert_eq!(counter.curl("/stop", &["-X", "POST"]), "good bye\n");
    counter.ends();
}

#[test]
fn the_drop_takes_lists_sends_and_deletes_files() {
    let folder = std::env::temp_dir().join(format!("httpd-drop-{}", std::process::id()));
    let content = "0123456789".repeat(200_000);
    std::fs::create_dir_all(&folder).expect("there is a place for temporary files");
    let file = folder.join("a <b> & c.txt");
    std::fs::write(&file, &content).expect("there is room");
    let file = file.to_str().expect("it is UTF-8");
    let form = format!("f=@{file}");
    let files = folder.join("files");
    let drop = Program::start("drop", &[files.to_str().expect("it is UTF-8")]);
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    let place = "/a%20%3Cb%3E%20&%20c.txt";

    assert!(drop.curl("/", &[]).contains("enctype=\"multipart/form-data\""));
    assert_eq!(drop.curl("/", &["-F", &form]), format!("{place}\n"));
    assert_eq!(drop.curl(place, &[]), content);
    let listed =
        "<a href=\"./a%20%3Cb%3E%20&amp;%20c.txt\">a &lt;b&gt; &amp; c.txt</a> <span>2.0 MB</span>";
    assert!(drop.curl("/", &[]).contains(listed));
    // As a browser does it: the answer leads back to the page, which has the file.
    assert_eq!(drop.curl(place, &[&status[..], &["-X", "DELETE"]].concat()), "204");
    let page = drop.curl("/", &["-L", "-H", "Accept: text/html", "-F", &form]);
    assert!(page.contains(listed), "{page}");
    // A form does not overwrite it: the reason is shown, and a way back. PUT does.
    let refused = drop.curl("/", &["-H", "Accept: text/html", "-F", &form]);
    for part in ["409", "c.txt&quot; already exists", "<a href=\"\">Go back</a>"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(drop.curl("/", &[&status[..], &["-F", &form]].concat()), "409");
    assert_eq!(drop.curl("/x.txt", &[&status[..], &["-T", file]].concat()), "201");
    assert_eq!(drop.curl("/x.txt", &[&status[..], &["-T", file]].concat()), "204");
    assert_eq!(drop.curl("/x.txt", &["-r", "3-5"]), "345");
    let page = drop.curl("/", &[]);
    let newest = page.find("./x.txt").expect("it is listed");
    assert!(newest < page.find("./a%20").expect("it is listed"), "{page}");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
