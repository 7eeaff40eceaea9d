//! The programs under `examples`, run as a user runs them and asked as users ask.

use crate::support::client::Request;
use crate::support::{
    Child, Client, Folder, Lines, Signal, lacks, lossy, output, own_loopback, until,
};
use httpd::Address;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// A program that runs; killed when it is dropped.
pub struct Example {
    child: Child,
    /// What it prints after that.
    lines: Lines<ChildStdout>,
    /// Where it says that it listens.
    pub address: Address,
}

impl Example {
    pub fn start(name: &str, arguments: &[&str]) -> Example {
        Example::start_at("127.0.0.1:0", name, arguments)
    }

    /// Listening there.
    pub fn start_at(address: &str, name: &str, arguments: &[&str]) -> Example {
        Example::run(Command::new(built().join(name)).arg(address).args(arguments))
    }

    fn run(command: &mut Command) -> Example {
        let mut child = Child::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut lines = Lines::of(child.stdout.take().expect("it is piped"));
        let line = lines.find("http://");
        let (_, url) = line.split_once("http://").expect("it was found");
        let authority = url.trim_end().split('/').next().expect("it begins with an authority");
        Example { child, lines, address: Address::Tcp(authority.parse().expect("an address")) }
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

    /// The status that curl gets there.
    #[track_caller]
    fn status(&self, path: &str, arguments: &[&str]) -> u16 {
        let status = ["-o", "/dev/null", "-w", "%{http_code}"];
        self.curl(path, &[&status[..], arguments].concat()).parse().expect("it is a number")
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
        cargo
            .args(["build", "--examples", "--features", "json", "--quiet"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
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

fn a_program_accepts_connections_itself() {
    let example = Example::start("accept_loop", &[]);
    for _ in 0..3 {
        Request::new(&example.address, "GET", "/").send().expect(200).body("hello, 127.0.0.1\n");
    }
}

fn the_json_api_adds_shows_and_deletes_notes() {
    let json = Example::start("json", &[]);
    let add = |note| ["-H", "Content-Type: application/json", "-d", note];
    assert_eq!(json.curl("/notes", &[]), "{}");
    assert_eq!(json.curl("/notes", &add("{\"text\": \"a\"}")), "{\"path\":\"/notes/1\"}");
    assert_eq!(json.curl("/notes", &add("{\"text\": \"\\u00e4\"}")), "{\"path\":\"/notes/2\"}");
    assert_eq!(json.curl("/notes", &[]), "{\"1\":{\"text\":\"a\"},\"2\":{\"text\":\"ä\"}}");
    assert_eq!(json.curl("/notes/2", &[]), "{\"text\":\"ä\"}");
    assert_eq!(json.status("/notes/1", &["-X", "DELETE"]), 204);
    assert_eq!(json.status("/notes/1", &["-X", "DELETE"]), 404);
    assert_eq!(json.curl("/notes", &[]), "{\"2\":{\"text\":\"ä\"}}");
    for (wrong, status, reason) in [
        ("buy milk", 400, "the body is not JSON: expected value at line 1 column 1\n"),
        (
            "{\"text\": 1}",
            422,
            "text: invalid type: integer `1`, expected a string at line 1 column 10\n",
        ),
        ("{}", 422, "missing field `text` at line 1 column 2\n"),
    ] {
        assert_eq!(json.status("/notes", &add(wrong)), status, "{wrong}");
        assert_eq!(json.curl("/notes", &add(wrong)), reason);
    }
    assert_eq!(json.status("/notes", &["-d", "{\"text\": \"a form\"}"]), 415);
    assert_eq!(json.status("/notes/", &[]), 404);
    assert_eq!(json.status("/notes/1x", &[]), 404);
    assert_eq!(json.status("/notes", &["-X", "PUT", "-d", "x"]), 405);
}

impl Example {
    /// A curl that keeps a path of it open, and the lines that it shows.
    fn follow(&self, path: &str, arguments: &[&str]) -> (Child, Lines<ChildStdout>) {
        let mut curl = Command::new("curl");
        curl.args(["-sSN", "--noproxy", "*"]).args(arguments);
        curl.arg(format!("http://{}{path}", self.address));
        let mut curl = Child::spawn(curl.stdin(Stdio::null()).stdout(Stdio::piped()));
        let lines = Lines::of(curl.stdout.take().expect("it is piped"));
        (curl, lines)
    }
}

fn a_chat_shows_each_message_to_all_who_have_it_open() {
    let example = Example::start("chat", &[]);
    let mut streams = [0; 2].map(|_| {
        let (curl, mut lines) = example.follow("/events", &[]);
        assert_eq!(lines.find("data:"), "data: welcome\n");
        assert_eq!(lines.next_line().as_deref(), Some("event: status\n"));
        (curl, lines)
    });
    assert_eq!(streams[0].1.find("data:"), "data: somebody comes\n");
    // Each message is read from every stream before the next one is sent.
    for message in ["one", "two", "three"] {
        assert_eq!(example.status("/messages", &["-d", message]), 204);
        for (_, lines) in &mut streams {
            assert_eq!(lines.find("data:"), format!("data: {message}\n"));
            assert_eq!(lines.next_line().as_deref(), Some("\n"), "an empty line ends an event");
        }
    }
    // Nobody sends anything meanwhile: that one has gone is noticed all the same.
    let [gone, (_, mut stays)] = streams;
    drop(gone);
    assert_eq!(stays.find("data:"), "data: somebody leaves\n");
    assert_eq!(example.status("/messages", &["--data-binary", "two\nlines"]), 204);
    assert_eq!(stays.find("data:"), "data: two\n");
    assert_eq!(stays.find("data:"), "data: lines\n");
    assert!(example.curl("/", &[]).contains("new EventSource(\"/events\")"));
}

fn a_stream_of_events_goes_on_where_its_client_was_cut_off() {
    let example = Example::start("events", &[]);
    let id = |lines: &mut Lines<ChildStdout>| -> u64 {
        lines.find("id:")["id: ".len()..].trim_end().parse().expect("it is a number")
    };
    let (curl, mut lines) = example.follow("/events", &[]);
    let first = id(&mut lines);
    assert_eq!(id(&mut lines), first + 1);
    drop(curl);
    // Some have been sent by the time that the next client comes: it has seen none of them.
    let (_curl, mut lines) = example.follow("/events", &["-H", "Last-Event-ID: 0"]);
    for number in 1..=first + 3 {
        assert_eq!(lines.find("data:"), format!("data: number {number}\n"));
        assert_eq!(id(&mut lines), number);
    }
    let head = example.curl("/events", &["-I"]);
    for line in ["Content-Type: text/event-stream", "Cache-Control: no-store"] {
        assert!(head.contains(line), "{head}");
    }
}

/// Python's own client reads the stream line by line as it comes.
fn python_reads_events_as_they_come() {
    let example = Example::start("events", &[]);
    let program = "
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.request('GET', '/events', headers={'Last-Event-ID': '0'})
response = connection.getresponse()
assert response.status == 200 and response.getheader('Content-Type') == 'text/event-stream'
numbers = []
while len(numbers) < 3:
    line = response.readline()
    if line.startswith(b'id: '):
        numbers.append(int(line[4:]))
print(numbers)
";
    let mut python = Command::new("python3");
    let output = output(python.args(["-c", program]).arg(example.address.to_string()));
    assert_eq!(lossy(&output.stdout), "[1, 2, 3]\n", "{}", lossy(&output.stderr));
}

fn after_sigterm_an_open_request_is_completed_and_the_program_exits_with_0() {
    let mut example = Example::start("graceful", &[]);
    let mut client = Client::connect(&example.address);
    client.send("GET /countdown HTTP/1.1\r\nHost: h\r\n\r\n");
    client.reply_head("GET").expect(200);
    assert_eq!(client.try_chunk().as_deref(), Ok(&b"3\n"[..]));
    example.child.signal(Signal::TERM);
    example.lines.find("stopping");
    until("it refuses connections", || Client::try_connect(&example.address).is_err());
    for line in ["2\n", "1\n", "done\n", ""] {
        assert_eq!(client.try_chunk().as_deref(), Ok(line.as_bytes()));
    }
    client.ends();
    example.lines.find("stopped");
    example.ends();
}

fn a_second_signal_stops_in_the_middle_of_a_response() {
    let mut example = Example::start("graceful", &[]);
    let mut client = Client::connect(&example.address);
    client.send("GET /countdown HTTP/1.1\r\nHost: h\r\n\r\n");
    client.reply_head("GET").expect(200);
    assert_eq!(client.try_chunk().as_deref(), Ok(&b"3\n"[..]));
    example.child.signal(Signal::INT);
    example.lines.find("stopping");
    example.child.signal(Signal::INT);
    let (rest, _) = client.rest();
    assert!(!lossy(&rest).contains("done"), "{}", lossy(&rest));
    example.ends();
}

fn errors_of_a_handler_get_the_page_of_the_program() {
    let folder = Folder::new();
    folder.write("index.html", "front page");
    let root = folder.path("");
    let example = Example::start("error_pages", &[root.to_str().expect("it is UTF-8")]);
    assert_eq!(example.curl("/", &[]), "front page");
    let missing = example.curl("/missing", &["-i"]);
    for part in ["404 Not Found", "text/html; charset=utf-8", "<a href=\"/\">front page</a>"] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    let beyond = example.curl("/index.html", &["-i", "-r", "100-"]);
    for part in ["HTTP/1.1 416", "Content-Range: bytes */10", "try again later"] {
        assert!(beyond.contains(part), "{part}: {beyond}");
    }
    let head = Request::new(&example.address, "HEAD", "/missing").send();
    head.expect(404).body("");
    // No handler was asked here.
    let refused = example.curl("/", &["-i", "-X", "DELETE"]);
    assert!(refused.contains("405") && refused.contains("again later"), "{refused}");
}

fn a_form_stores_its_files_and_overwrites_none() {
    let folder = Folder::new();
    let [a, b] =
        ["a.txt", "b.txt"].map(|name| format!("file=@{}", folder.write(name, name).display()));
    let files = folder.path("files");
    let upload = Example::start("upload", &[files.to_str().expect("it is UTF-8")]);
    assert!(upload.curl("/", &[]).contains("action=\"/files/\""));
    let both = ["-F", &a, "-F", &b];
    assert_eq!(upload.curl("/files/", &both), "/files/a.txt\n/files/b.txt\n");
    assert_eq!(upload.curl("/files/b.txt", &[]), "b.txt");
    assert_eq!(upload.status("/files/", &both), 409);
    assert_eq!(upload.status("/files/c.txt", &["-X", "DELETE"]), 405);
    assert_eq!(upload.status("/elsewhere/", &["-F", &a]), 404);
}

fn the_drop_takes_lists_sends_and_deletes_files() {
    let folder = Folder::new();
    let content = "0123456789".repeat(200_000);
    let file = folder.write("a <b> & c.txt", &content);
    let file = file.to_str().expect("it is UTF-8");
    let form = format!("f=@{file}");
    let files = folder.path("files");
    let drop = Example::start("drop", &[files.to_str().expect("it is UTF-8")]);
    let place = "/a%20%3Cb%3E%20&%20c.txt";

    assert!(drop.curl("/", &[]).contains("enctype=\"multipart/form-data\""));
    assert_eq!(drop.curl("/", &["-F", &form]), format!("{place}\n"));
    assert_eq!(drop.curl(place, &[]), content);
    let listed = "{\"bytes\":2000000,\"name\":\"a <b> & c.txt\"}";
    assert_eq!(drop.curl("/?files", &[]), format!("[{listed}]\n"));
    assert_eq!(drop.status(place, &["-X", "DELETE"]), 204);
    assert_eq!(drop.curl("/?files", &[]), "[]\n");
    // As a browser does it: the answer leads back to the page.
    let page = drop.curl("/", &["-L", "-H", "Accept: text/html", "-F", &form]);
    assert!(page.contains("<h1>File drop</h1>"), "{page}");
    assert_eq!(drop.curl("/?files", &[]), format!("[{listed}]\n"));
    // A form does not overwrite it: the reason is shown, and a way back. PUT does.
    let refused = drop.curl("/", &["-H", "Accept: text/html", "-F", &form]);
    for part in ["409", "c.txt&quot; already exists", "<a href=\"\">Go back</a>"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(drop.status("/", &["-F", &form]), 409);
    assert_eq!(drop.status("/x.txt", &["-T", file]), 201);
    assert_eq!(drop.status("/x.txt", &["-T", file]), 204);
    assert_eq!(drop.curl("/x.txt", &["-r", "3-5"]), "345");
    let newest_first = format!("[{},{listed}]\n", listed.replace("a <b> & c.txt", "x.txt"));
    assert_eq!(drop.curl("/?files", &[]), newest_first);
}

fn the_readme_counts_the_crates_that_are_needed() {
    let readme = include_str!("../../README.md");
    for (who, features) in [("library", &["--no-default-features"][..]), ("program", &[])] {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--offline", "--edges", "normal", "--prefix", "none"]);
        tree.args(["--format", "{p}"]).args(features);
        let tree = output(tree.current_dir(env!("CARGO_MANIFEST_DIR")));
        assert!(tree.status.success(), "{}", lossy(&tree.stderr));
        // What is shown more than once is marked there.
        let crates: BTreeSet<String> = lossy(&tree.stdout)
            .lines()
            .map(|line| line.trim_end_matches(" (*)").to_owned())
            .collect();
        let others = crates.len() - 1;
        assert!(readme.contains(&format!("{who} needs {others}")), "{who}: {others} others");
    }
}

fn a_configuration_comes_from_a_file_and_the_environment() {
    let folder = Folder::new();
    folder.write("public/index.html", "front page");
    let settings = folder.write(
        "settings.json",
        "{\n  \"listen\": [\"127.0.0.1:0\"],\n  \"root\": \"public\",\n  \"greeting\": \"hello\"\n}",
    );
    let configured = |path: &Path| {
        let mut command = Command::new(built().join("configured"));
        command.arg(path);
        command
    };
    let example = Example::run(&mut configured(&settings));
    Request::new(&example.address, "GET", "/").send().expect(200).body("front page");
    Request::new(&example.address, "GET", "/greeting").send().expect(200).body("hello");
    let own = own_loopback();
    let example = Example::run(configured(&settings).env("SERVICE_LISTEN", format!("{own}:0")));
    assert!(example.address.to_string().starts_with(&format!("{own}:")), "{}", example.address);

    for (name, text, error) in [
        ("key.json", "{\n  \"root\": \"public\",\n  \"greting\": 1\n}", "unknown field `greting`"),
        ("key.json", "{\n  \"root\": \"public\",\n  \"greting\": 1\n}", " at line 3 column 11"),
        ("type.json", "{\"root\": 5}", "invalid type: integer `5`"),
        ("root.json", "{\"root\": \"nowhere\"}", "nowhere"),
        ("port.json", "{\"root\": \"public\", \"listen\": [\"8080\"]}", "write \":8080\""),
    ] {
        let path = folder.write(name, text);
        let output = output(configured(&path).stdin(Stdio::null()));
        assert_eq!(output.status.code(), Some(2), "{text}");
        let said = lossy(&output.stderr);
        assert!(said.starts_with(&format!("{}: ", path.display())), "{said}");
        assert!(said.contains(error), "{said}");
    }
}

fn a_job_reports_its_progress_until_it_is_done() {
    let example = Example::start("progress", &[]);
    let head = example.curl("/jobs", &["-i", "-X", "POST"]);
    assert!(head.contains(" 202 ") && head.contains("Location: /jobs/1\r\n"), "{head}");
    // curl ends when the stream does.
    let events = example.curl("/jobs/1/events", &["-N"]);
    let percents = events.lines().filter_map(|line| line.strip_prefix("data: "));
    let percents: Vec<u32> = percents.map(|it| it.parse().expect("a number")).collect();
    assert!(percents.is_sorted() && percents.last() == Some(&100), "{events}");
    assert!(events.ends_with("data: 100\nevent: done\n\n"), "{events}");
    assert_eq!(example.curl("/jobs/1", &[]), "100 %\n");
    assert_eq!(example.curl("/jobs/1/events", &[]), "data: 100\nevent: done\n\n");
    assert_eq!(example.status("/jobs/2", &[]), 404);
    // One is being worked on, and 20 wait.
    let statuses: Vec<u16> = (0..30).map(|_| example.status("/jobs", &["-X", "POST"])).collect();
    assert!(statuses.contains(&503) && statuses[..20].iter().all(|it| *it == 202), "{statuses:?}");
}

/// Every program is in the list of the README and in the cookbook, and a test runs it.
fn each_example_is_described_and_run() {
    let (readme, cookbook) =
        (include_str!("../../README.md"), include_str!("../../src/cookbook.md"));
    let tests = [include_str!("programs.rs"), include_str!("browser.rs")].concat();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(examples).expect("it is there").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let name = path.file_stem().and_then(|it| it.to_str()).expect("it is UTF-8");
        assert!(readme.contains(&format!("\n| `{name}` ")), "{name} is not in the README");
        assert!(cookbook.contains(&format!("`{name}`")), "{name} is not in the cookbook");
        let is_run = tests.contains(&format!("start(\"{name}\""))
            || tests.contains(&format!("join(\"{name}\")"));
        assert!(is_run, "no test runs {name}");
    }
}

fn a_login_lasts_until_the_logout_whatever_the_client_keeps() {
    let folder = Folder::new();
    let login = Example::start("login", &[]);
    let jar = |name: &str| folder.path(name).to_str().expect("it is UTF-8").to_owned();
    let (ada, stolen) = (jar("ada"), jar("stolen"));
    assert_eq!(login.status("/private/diary", &[]), 401);
    assert!(login.curl("/", &[]).contains("action=\"/login\""));
    assert_eq!(login.status("/login", &["-d", "name=ada&password=hopper"]), 403);
    assert_eq!(login.curl("/login", &["-d", "name=ada"]), "the form has no field \"password\"\n");
    assert_eq!(login.status("/private/diary", &["-b", "session="]), 401);

    let words = ["-c", &ada, "-i", "-d", "name=ada", "-d", "password=lovelace"];
    let reply = login.curl("/login", &words);
    for part in ["303 See Other", "Location: /", "; HttpOnly", "; SameSite=Lax", "; Max-Age=28800"]
    {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    assert_eq!(login.curl("/private/diary", &["-b", &ada]), "Dear diary of ada,\n");
    assert!(login.curl("/", &["-b", &ada]).contains("Hello ada"));
    std::fs::copy(&ada, &stolen).expect("there is room");
    // Each login is another one.
    let grace = ["-c", "-", "-o", "/dev/null", "-d", "name=grace&password=hopper"];
    assert_ne!(login.curl("/login", &grace), login.curl("/login", &grace));

    assert_eq!(login.status("/logout", &["-b", &ada, "-c", &ada, "-X", "POST"]), 303);
    for jar in [&ada, &stolen] {
        assert_eq!(login.status("/private/diary", &["-b", jar]), 401);
    }
}

fn a_form_is_read_in_both_encodings_and_a_large_one_in_pieces() {
    let form = Example::start("form", &[]);
    let folder = Folder::new();
    let picture = format!("picture=@{}", folder.write("a.jpg", "12345").display());
    assert!(form.curl("/", &[]).contains("enctype=\"multipart/form-data\""));
    let urlencoded = ["-d", "name=Ada", "-d", "count=2", "-d", "colour=red", "-d", "colour=blue"];
    assert_eq!(form.curl("/orders", &urlencoded), "2 for Ada\ncolours: red, blue\npicture: none\n");
    let multipart = ["-F", "name=Ada", "-F", "count=3", "-F", &picture];
    let expected = "3 for Ada\ncolours: \npicture: a.jpg of 5 bytes\n";
    assert_eq!(form.curl("/orders", &multipart), expected);
    for (arguments, status, text) in [
        (["-d", "name=Ada"], 422, "the form has no field \"count\"\n"),
        (["-d", "name=Ada&count=x"], 422, "the field \"count\": invalid digit found in string\n"),
        (["-d", "name=Ada&count=0"], 422, "the field \"count\": order 1 to 100\n"),
    ] {
        assert_eq!(form.curl("/orders", &arguments), text);
        assert_eq!(form.status("/orders", &arguments), status);
    }
    assert_eq!(form.status("/orders", &["-H", "Content-Type: application/json", "-d", "{}"]), 415);
    let large = "a line\n".repeat(1_000_000);
    let file = format!("file=@{}", folder.write("large.log", large).display());
    assert_eq!(form.curl("/lines", &["-F", "note=x", "-F", &file]), "large.log: 1000000 lines\n");
    assert_eq!(form.status("/lines", &["-d", "a=1"]), 415);
}

tests! {
    lacks::nothing:
        a_second_signal_stops_in_the_middle_of_a_response,
        after_sigterm_an_open_request_is_completed_and_the_program_exits_with_0,
        a_configuration_comes_from_a_file_and_the_environment,
        each_example_is_described_and_run,
        hello_says_hello,
        a_program_accepts_connections_itself,
        the_readme_counts_the_crates_that_are_needed;
    lacks::python: python_reads_events_as_they_come;
    lacks::curl:
        a_chat_shows_each_message_to_all_who_have_it_open,
        a_stream_of_events_goes_on_where_its_client_was_cut_off,
        a_job_reports_its_progress_until_it_is_done,
        a_form_is_read_in_both_encodings_and_a_large_one_in_pieces,
        a_login_lasts_until_the_logout_whatever_the_client_keeps,
        a_form_stores_its_files_and_overwrites_none,
        errors_of_a_handler_get_the_page_of_the_program,
        the_json_api_adds_shows_and_deletes_notes,
        the_drop_takes_lists_sends_and_deletes_files;
}
