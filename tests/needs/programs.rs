//! The programs under `tests/programs`, run as a user runs them and asked as users ask.

use crate::support::client::Request;
use crate::support::{Child, Folder, Lines, lacks, lossy, output};
use httpd::Address;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A program that runs; killed when it is dropped.
struct Example {
    child: Child,
    /// Where it says that it listens.
    address: Address,
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Example {
        let mut command = Command::new(built().join(name));
        command.arg("127.0.0.1:0").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command);
        let line = Lines::of(child.stdout.take().expect("it is piped")).find("http://");
        let (_, url) = line.split_once("http://").expect("it was found");
        let authority = url.trim_end().split('/').next().expect("it begins with an authority");
        Example { child, address: Address::Tcp(authority.parse().expect("an address")) }
    }

    /// What curl makes of a path of it.
    #[track_caller]
    fn curl(&self, path: &str, arguments: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "20"]).args(arguments);
        let output = output(curl.arg(format!("http://{}{path}", self.address)));
        assert!(output.status.success(), "{}", lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
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

fn hello_says_hello() {
    let hello = Example::start("hello", &[]);
    Request::new(&hello.address, "GET", "/").send().expect(200).body("hello, world\n");
}

fn the_counter_counts_reports_and_ends_when_it_is_told() {
    let mut counter = Example::start("counter", &[]);
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

fn the_drop_takes_lists_sends_and_deletes_files() {
    let folder = Folder::new();
    let content = "0123456789".repeat(200_000);
    let file = folder.write("a <b> & c.txt", &content);
    let file = file.to_str().expect("it is UTF-8");
    let form = format!("f=@{file}");
    let files = folder.path("files");
    let drop = Example::start("drop", &[files.to_str().expect("it is UTF-8")]);
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
}

tests! {
    lacks::nothing: hello_says_hello;
    lacks::curl:
        the_counter_counts_reports_and_ends_when_it_is_told,
        the_drop_takes_lists_sends_and_deletes_files;
}
