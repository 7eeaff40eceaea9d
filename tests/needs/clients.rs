//! Clients that other people wrote.

use crate::support::fixture::MODIFIED;
use crate::support::{Fixture, Folder, TestServer, lacks, lossy, noise, output, writable};
use httpd::FormUpload;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn serve() -> TestServer {
    Fixture::new()
        .file("index.html", "<h1>top</h1>")
        .file("a.txt", "it")
        .file("dir/index.html", "dir")
        .file("large.bin", noise(3_000_000))
        .serve()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(Command::new(program).args(arguments).stdin(Stdio::null()));
    assert!(output.status.success(), "{program} {arguments:?}: {}", lossy(&output.stderr));
    lossy(&output.stdout)
}

/// What curl prints, with these arguments and this path.
#[track_caller]
fn curl(server: &TestServer, arguments: &[&str], path: &str) -> String {
    let url = format!("http://{}{path}", server.address());
    let common = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"];
    run("curl", &[&common, arguments, &[&url]].concat())
}

/// The status that curl is answered with.
#[track_caller]
fn status(server: &TestServer, arguments: &[&str], path: &str) -> String {
    let told = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    curl(server, &[&told, arguments].concat(), path)
}

fn curl_downloads_a_page_and_a_large_file() {
    let server = serve();
    assert_eq!(curl(&server, &[], "/"), "<h1>top</h1>");
    let file = server.root().join("downloaded");
    curl(&server, &["--output", file.to_str().expect("it is UTF-8")], "/large.bin");
    assert!(fs::read(&file).expect("it is there") == noise(3_000_000));
}

fn curl_resumes_a_download() {
    let server = serve();
    let partial = server.root().join("partial");
    fs::write(&partial, &noise(3_000_000)[..500_000]).expect("there is room");
    let output = partial.to_str().expect("it is UTF-8");
    curl(&server, &["--continue-at", "-", "--output", output], "/large.bin");
    assert!(fs::read(&partial).expect("it is there") == noise(3_000_000));
    curl(&server, &["--range", "1000000-", "--output", output], "/large.bin");
    assert!(fs::read(&partial).expect("it is there") == noise(3_000_000)[1_000_000..]);
}

fn curl_follows_the_redirect_to_a_directory() {
    assert_eq!(curl(&serve(), &["--location"], "/dir?query"), "dir");
}

fn curl_reuses_a_connection() {
    let server = serve();
    let url = format!("http://{}/a.txt", server.address());
    let arguments = ["--write-out", "%{num_connects} ", &url, &url, &url];
    assert_eq!(curl(&server, &arguments, "/a.txt"), "it1 it0 it0 it0 ");
}

fn curl_learns_that_nothing_has_changed() {
    assert_eq!(status(&serve(), &["--time-cond", MODIFIED], "/a.txt"), "304");
}

fn curl_is_refused_an_upload_of_any_size() {
    let server = serve();
    let path = server.root().join("upload");
    for (length, expected) in [(100_000, "405"), (3_000_000, "413")] {
        fs::write(&path, noise(length)).expect("there is room");
        let path = path.to_str().expect("it is UTF-8");
        assert_eq!(status(&server, &["--upload-file", path], "/a.txt"), expected);
    }
}

fn curl_speaks_http_1_0() {
    assert_eq!(curl(&serve(), &["--http1.0"], "/a.txt"), "it");
}

fn curl_asks_for_a_head() {
    let head = curl(&serve(), &["--head"], "/large.bin");
    assert!(head.contains("Content-Length: 3000000\r\n"), "{head}");
}

fn curl_upgrading_to_http_2_is_answered_in_http_1() {
    assert_eq!(curl(&serve(), &["--http2"], "/a.txt"), "it");
}

fn curl_puts_a_file() {
    let server = writable::serve();
    let content = noise(3_000_000);
    let file = server.root().join("large.bin");
    fs::write(&file, &content).expect("there is room");
    let file = file.to_str().expect("it is UTF-8");
    // It asks first, for so much; and it adds the name to a path that ends in a slash.
    assert_eq!(status(&server, &["-T", file], "/d/"), "201");
    assert_eq!(status(&server, &["-T", file], "/d/large.bin"), "204");
    assert_eq!(status(&server, &["-T", file, "-H", "If-None-Match: *"], "/d/large.bin"), "412");
    // Of unknown length it comes in chunks.
    let chunked = ["-T", file, "-H", "Transfer-Encoding: chunked"];
    assert_eq!(status(&server, &chunked, "/d/c"), "201");
    for name in ["d/large.bin", "d/c"] {
        assert!(fs::read(server.root().join(name)).expect("it is there") == content, "{name}");
    }
    assert_eq!(status(&server, &["-X", "DELETE"], "/d/c"), "204");
}

fn curl_sends_a_form() {
    let fixture = Fixture::new().dir("d");
    let forms = FormUpload::new(writable::root(&fixture, |_| {}));
    let server = fixture.handler("/", forms).serve();
    let folder = Folder::new();
    let small = folder.write("a b\u{fc}.txt", "small");
    let large = folder.write("large.bin", noise(3_000_000));
    let file = |path: &Path| format!("f=@{}", path.display());
    let arguments =
        ["-F", "comment=hello", "-F", &file(&small), "-F", &file(&large), "-w", "%{http_code}"];
    let told = curl(&server, &arguments, "/d/");
    assert_eq!(told, "/d/a%20b%C3%BC.txt\n/d/large.bin\n201");
    let stored = |name: &str| fs::read(server.root().join("d").join(name)).expect("it is there");
    assert_eq!(stored("a b\u{fc}.txt"), b"small");
    assert!(stored("large.bin") == noise(3_000_000));
}

const PYTHON: &str = r#"
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)

def ask(method, target, headers={}, body=None):
    connection.request(method, target, body=body, headers=headers)
    response = connection.getresponse()
    return response, response.read()

response, body = ask("GET", "/a.txt")
assert (response.status, body) == (200, b"it"), (response.status, body)
socket = connection.sock
tag = response.headers["ETag"]
response, body = ask("GET", "/a.txt", {"If-None-Match": tag})
assert (response.status, body) == (304, b""), (response.status, body)
response, body = ask("HEAD", "/large.bin")
assert response.headers["Content-Length"] == "3000000" and body == b""
response, body = ask("GET", "/large.bin")
assert len(body) == 3000000
response, part = ask("GET", "/large.bin", {"Range": "bytes=100-199"})
assert response.status == 206 and part == body[100:200]
response, body = ask("POST", "/a.txt", body=b"x" * 100000)
assert response.status == 405 and response.headers["Allow"] == "GET, HEAD, OPTIONS"
response, body = ask("PUT", "/a.txt", body=iter([b"chunk"] * 100))
assert response.status == 405
response, body = ask("GET", "/missing")
assert response.status == 404
response, body = ask("GET", "/dir")
assert response.status == 301 and response.headers["Location"] == "/dir/"
response, body = ask("OPTIONS", "*")
assert (response.status, body) == (204, b"")
response, body = ask("GET", "/a.txt")
assert (response.status, body) == (200, b"it")
assert connection.sock is socket, "the connection was not kept"
print("fine")
"#;

fn pythons_client_holds_a_long_conversation_over_one_connection() {
    let server = serve();
    let said = run("python3", &["-c", PYTHON, &server.port().to_string()]);
    assert_eq!(said.trim(), "fine");
}

fn pythons_client_puts_gets_and_deletes() {
    let server = writable::serve();
    let script = r#"
import http.client, sys
it = http.client.HTTPConnection(sys.argv[1], timeout=20)
def ask(method, content=None, **headers):
    it.request(method, "/d/p.txt", content, headers)
    reply = it.getresponse()
    return reply.status, reply.getheader("ETag"), reply.read()
status, tag, _ = ask("PUT", b"one")
assert status == 201, status
assert ask("GET") == (200, tag, b"one")
status, newer, _ = ask("PUT", iter([b"t", b"w", b"o"]), **{"If-Match": tag})
assert status == 204 and newer != tag, status
assert ask("PUT", b"lost", **{"If-Match": tag})[0] == 412
assert ask("GET")[2] == b"two"
assert ask("DELETE", **{"If-Match": newer})[0] == 204
assert ask("GET")[0] == 404
"#;
    run("python3", &["-c", script, &server.address().to_string()]);
}

tests! {
    lacks::curl:
        curl_downloads_a_page_and_a_large_file,
        curl_resumes_a_download,
        curl_follows_the_redirect_to_a_directory,
        curl_reuses_a_connection,
        curl_learns_that_nothing_has_changed,
        curl_is_refused_an_upload_of_any_size,
        curl_speaks_http_1_0,
        curl_asks_for_a_head,
        curl_upgrading_to_http_2_is_answered_in_http_1,
        curl_puts_a_file,
        curl_sends_a_form;
    lacks::python:
        pythons_client_holds_a_long_conversation_over_one_connection,
        pythons_client_puts_gets_and_deletes;
}
