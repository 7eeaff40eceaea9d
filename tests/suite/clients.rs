//! Clients that other people wrote.

use crate::support::{Fixture, TestServer, noise, skip};
use std::process::{Command, Output, Stdio};

fn serve() -> TestServer {
    Fixture::new()
        .file("index.html", "<h1>top</h1>")
        .file("a.txt", "it")
        .file("dir/index.html", "dir")
        .file("large.bin", noise(3_000_000))
        .serve()
}

/// Runs a program; `None`, and the reason in the output, where it is missing.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            skip(&format!("{program}: {error}"));
            None
        }
    }
}

/// What curl prints, with these arguments and this path.
fn curl(server: &TestServer, arguments: &[&str], path: &str) -> Option<Vec<u8>> {
    let url = format!("http://{}{path}", server.address());
    let common = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"];
    let output = run("curl", &[&common, arguments, &[&url]].concat())?;
    assert!(
        output.status.success(),
        "curl {arguments:?} {url}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output.stdout)
}

#[test]
fn curl_downloads_a_page_and_a_large_file() {
    let server = serve();
    let Some(page) = curl(&server, &[], "/") else {
        return;
    };
    assert_eq!(page, b"<h1>top</h1>");
    let large = curl(&server, &[], "/large.bin").expect("curl is there");
    assert!(large == noise(3_000_000));
}

#[test]
fn curl_resumes_a_download() {
    let server = serve();
    let Some(rest) = curl(&server, &["--range", "1000000-"], "/large.bin") else {
        return;
    };
    assert!(rest == noise(3_000_000)[1_000_000..]);
    let partial = server.root().join("partial");
    std::fs::write(&partial, &noise(3_000_000)[..500_000]).expect("written");
    let output = partial.to_str().expect("it is UTF-8");
    curl(&server, &["--continue-at", "-", "--output", output], "/large.bin");
    assert!(std::fs::read(&partial).expect("it is there") == noise(3_000_000));
}

#[test]
fn curl_follows_the_redirect_to_a_directory() {
    let server = serve();
    if let Some(page) = curl(&server, &["--location"], "/dir?query") {
        assert_eq!(page, b"dir");
    }
}

#[test]
fn curl_reuses_a_connection() {
    let server = serve();
    let url = format!("http://{}/a.txt", server.address());
    let arguments = ["--write-out", "%{num_connects} ", &url, &url, &url];
    if let Some(output) = curl(&server, &arguments, "/a.txt") {
        assert_eq!(String::from_utf8_lossy(&output), "it1 it0 it0 it0 ");
    }
}

#[test]
fn curl_is_told_that_nothing_has_changed() {
    let server = serve();
    let date = crate::support::fixture::MODIFIED;
    let arguments = ["--time-cond", date, "--write-out", "%{http_code}"];
    if let Some(output) = curl(&server, &arguments, "/a.txt") {
        assert_eq!(output, b"304");
    }
}

#[test]
fn curl_is_refused_an_upload_of_any_size() {
    let server = serve();
    let small = noise(100_000);
    let path = server.root().join("upload");
    for (content, status) in [(small, "405"), (noise(3_000_000), "413")] {
        std::fs::write(&path, content).expect("written");
        let path = path.to_str().expect("it is UTF-8");
        let arguments =
            ["--upload-file", path, "--output", "/dev/null", "--write-out", "%{http_code}"];
        if let Some(output) = curl(&server, &arguments, "/a.txt") {
            assert_eq!(String::from_utf8_lossy(&output), status);
        }
    }
}

#[test]
fn curl_speaks_http_1_0() {
    let server = serve();
    if let Some(output) = curl(&server, &["--http1.0"], "/a.txt") {
        assert_eq!(output, b"it");
    }
}

#[test]
fn curl_asks_for_a_head() {
    let server = serve();
    if let Some(output) = curl(&server, &["--head"], "/large.bin") {
        let head = String::from_utf8_lossy(&output).into_owned();
        assert!(head.contains("Content-Length: 3000000\r\n"), "{head}");
    }
}

#[test]
fn curl_upgrading_to_http_2_is_answered_in_http_1() {
    let server = serve();
    if let Some(output) = curl(&server, &["--http2"], "/a.txt") {
        assert_eq!(output, b"it");
    }
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

#[test]
fn python_holds_a_long_conversation_over_one_connection() {
    let server = serve();
    let port = server.port().to_string();
    if let Some(output) = run("python3", &["-c", PYTHON, &port]) {
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "fine",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
