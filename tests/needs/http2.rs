//! HTTP/2 without TLS, by clients that other people wrote.

use crate::support::{Fixture, TestServer, lacks, lossy, noise, output, writable};
use httpd::{Request, Response};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

fn serve() -> TestServer {
    let fixture = Fixture::new()
        .file("index.html", "<h1>top</h1>")
        .file("a.txt", "it")
        .file("middle.bin", noise(98_620))
        .file("large.bin", noise(3_000_000))
        .listen("h2c://127.0.0.1:0");
    let store = writable::store(&fixture, |_| {});
    fixture
        .handler("/store", store)
        .handler("/name", |request: &Request<'_>| {
            format!("{:?} {}", request.version(), request.host())
        })
        .handler("/written", |_: &Request<'_>| {
            Response::written("text/plain", |out| {
                (0..10_000).try_for_each(|number| writeln!(out, "{number}"))
            })
        })
        .serve()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(Command::new(program).args(arguments).stdin(Stdio::null()));
    assert!(output.status.success(), "{program} {arguments:?}: {}", lossy(&output.stderr));
    lossy(&output.stdout)
}

fn url(server: &TestServer, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// What curl prints, with these arguments and this path.
#[track_caller]
fn curl(server: &TestServer, arguments: &[&str], path: &str) -> String {
    let common = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "30"];
    let version = "--http2-prior-knowledge";
    run("curl", &[&common, arguments, &[version, &url(server, path)]].concat())
}

fn curl_gets_pages_files_and_what_handlers_write() {
    let server = serve();
    assert_eq!(curl(&server, &[], "/"), "<h1>top</h1>");
    assert_eq!(curl(&server, &[], "/name"), format!("Http2 {}", server.address()));
    let numbers: String = (0..10_000).map(|number| format!("{number}\n")).collect();
    assert!(curl(&server, &[], "/written") == numbers);
    let file = server.root().join("downloaded");
    let output = file.to_str().expect("it is UTF-8");
    curl(&server, &["--output", output], "/large.bin");
    assert!(fs::read(&file).expect("it is there") == noise(3_000_000));
    curl(&server, &["--range", "1000000-", "--output", output], "/large.bin");
    assert!(fs::read(&file).expect("it is there") == noise(3_000_000)[1_000_000..]);
    let head = curl(&server, &["--head"], "/a.txt");
    assert!(head.starts_with("HTTP/2 200") && head.contains("content-length: 2"), "{head}");
}

fn curl_stores_a_file_of_any_size() {
    let server = serve();
    for length in [0, 5, 70_000, 20_000_000] {
        let file = server.root().join("to-upload");
        fs::write(&file, noise(length)).expect("there is room");
        let file = file.to_str().expect("it is UTF-8");
        let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        let path = format!("/store/{length}");
        let upload = ["--upload-file", file, "--header", "Expect: 100-continue"];
        assert_eq!(curl(&server, &[&status[..], &upload].concat(), &path), "201");
        let stored = server.root().join(length.to_string());
        assert!(fs::read(stored).expect("it is there") == noise(length), "{length}");
    }
}

fn curl_sees_why_a_large_upload_is_refused() {
    let server = serve();
    let file = server.root().join("to-upload");
    fs::write(&file, noise(20_000_000)).expect("there is room");
    let file = file.to_str().expect("it is UTF-8");
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    for more in [&[][..], &["--header", "Expect:"]] {
        let arguments = [&status[..], &["--upload-file", file], more].concat();
        assert_eq!(curl(&server, &arguments, "/a.txt"), "413", "{more:?}");
    }
}

fn http_1_is_spoken_at_the_same_address() {
    let server = serve();
    server.get("/a.txt").send().expect(200).body("it");
    let mut client = server.raw("GET /name HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client.reply().expect(200).body("Http11 h");
    let plain = Fixture::new().file("a.txt", "it").serve();
    let arguments = ["--http2-prior-knowledge", "--noproxy", "*", "--max-time", "20"];
    let mut curl = Command::new("curl");
    let output = output(curl.args(arguments).arg(url(&plain, "/a.txt")));
    assert!(!output.status.success(), "a listener speaks HTTP/2 that was not asked to");
}

fn nghttp_gets_many_files_over_one_connection() {
    let server = serve();
    let urls: Vec<String> = (0..50).map(|n| url(&server, &format!("/a.txt?{n}"))).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let said = run("nghttp", &[&["--null-out", "--verbose"], &urls[..]].concat());
    assert_eq!(said.matches(":status: 200").count(), 50, "{said}");
    assert!(!said.contains("RST_STREAM"), "{said}");
}

fn nghttp_uploads_with_padding_and_trailers() {
    let server = serve();
    let file = server.root().join("to-upload");
    fs::write(&file, noise(300_000)).expect("there is room");
    let file = format!("--data={}", file.to_str().expect("it is UTF-8"));
    let options = ["--null-out", "--verbose", "-b", "200", "--trailer=x-checksum: 1"];
    let method = ["-H", ":method: PUT"];
    let url = url(&server, "/store/padded");
    let said = run("nghttp", &[&options[..], &method, &[&file, &url]].concat());
    assert!(said.contains(":status: 201"), "{said}");
    assert!(fs::read(server.root().join("padded")).expect("it is there") == noise(300_000));
}

fn h2load_loses_none_of_many_requests() {
    let server = serve();
    for (path, requests) in [("/a.txt", "20000"), ("/middle.bin", "500"), ("/written", "200")] {
        let load = ["-n", requests, "-c", "8", "-m", "32", "-w", "20", "-W", "21"];
        let said = run("h2load", &[&load[..], &[&url(&server, path)]].concat());
        let succeeded = format!("{requests} succeeded, 0 failed, 0 errored");
        assert!(said.contains(&succeeded), "{path}: {said}");
    }
}

/// Frames that no ordinary client sends, by an independent codec.
const PYTHON: &str = r#"
import socket, sys, h2.connection, h2.config, h2.events
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame
host, port = sys.argv[1].rsplit(":", 1)

def connect():
    sock = socket.create_connection((host, int(port)), timeout=20)
    config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8",
                                       validate_outbound_headers=False,
                                       normalize_outbound_headers=False)
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    sock.sendall(connection.data_to_send())
    return sock, connection

def head(path, method="GET"):
    return [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path)]

def read(sock, connection, streams):
    "Until these streams have ended, or the connection has."
    body, status, ended, resets = {}, {}, set(), {}
    while not streams <= ended | set(resets):
        data = sock.recv(65536)
        if not data:
            break
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                body[event.stream_id] = body.get(event.stream_id, b"") + event.data
                if event.flow_controlled_length:
                    connection.acknowledge_received_data(event.flow_controlled_length,
                                                         event.stream_id)
            elif isinstance(event, h2.events.ResponseReceived):
                status[event.stream_id] = dict(event.headers)[":status"]
            elif isinstance(event, h2.events.StreamEnded):
                ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                resets[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                return body, status, resets, event.error_code
        sock.sendall(connection.data_to_send())
    return body, status, resets, None

# A hundred requests, answered in whatever order.
sock, connection = connect()
for number in range(100):
    path = ["/a.txt", "/middle.bin", "/written", "/none"][number % 4]
    connection.send_headers(number * 2 + 1, head(path), end_stream=True)
sock.sendall(connection.data_to_send())
body, status, resets, end = read(sock, connection, {number * 2 + 1 for number in range(100)})
assert end is None and not resets, (end, resets)
for number in range(100):
    stream = number * 2 + 1
    assert status[stream] == ("404" if number % 4 == 3 else "200"), status
    assert len(body[stream]) == [2, 98620, 48890, len(body[7])][number % 4], number

# A malformed request ends its stream, and the next is served.
connection.send_headers(201, head("/a.txt") + [("connection", "close")], end_stream=True)
connection.send_headers(203, head("/a.txt"), end_stream=True)
sock.sendall(connection.data_to_send())
body, status, resets, end = read(sock, connection, {201, 203})
assert resets == {201: 1} and body[203] == b"it" and end is None, (resets, end)

# Data without a stream ends the connection: PROTOCOL_ERROR.
sock, connection = connect()
frame = DataFrame(9)
frame.data = b"x"
sock.sendall(frame.serialize())
assert read(sock, connection, {9})[3] == 1

# An upload that is refused: the reset that stops it comes behind the response.
sock, connection = connect()
connection.send_headers(1, head("/a.txt", "PUT") + [("content-length", "99999999")])
sock.sendall(connection.data_to_send())
body, status, resets, end = read(sock, connection, {1})
assert status == {1: "413"} and not resets, (status, resets)
connection.send_data(1, b"x" * 10000)
sock.sendall(connection.data_to_send())
assert read(sock, connection, {1})[2] == {1: 0}

# A flood of resets is told to calm down.
sock, connection = connect()
end = None
try:
    for number in range(2000):
        connection.send_headers(number * 2 + 1, head("/large.bin"), end_stream=True)
        connection.reset_stream(number * 2 + 1, 8)
    sock.sendall(connection.data_to_send())
    end = read(sock, connection, {99999})[3]
except (BrokenPipeError, ConnectionResetError):
    end = 11
assert end == 11, end
print("fine")
"#;

fn pythons_h2_holds_a_conversation_and_breaks_the_rules() {
    let server = serve();
    let said = run("python3", &["-c", PYTHON, &server.address().to_string()]);
    assert_eq!(said.trim(), "fine");
    server.get("/a.txt").send().expect(200).body("it");
}

fn pythons_hyperframe_breaks_every_rule_and_gets_its_code() {
    let server = serve();
    let script = include_str!("http2_frames.py");
    let said = run("python3", &["-c", script, &server.address().to_string()]);
    assert_eq!(said.trim(), "fine");
    server.get("/a.txt").send().expect(200).body("it");
}

tests! {
    lacks::curl_with_http_2:
        curl_sees_why_a_large_upload_is_refused,
        curl_gets_pages_files_and_what_handlers_write,
        curl_stores_a_file_of_any_size,
        http_1_is_spoken_at_the_same_address;
    lacks::nghttp:
        nghttp_gets_many_files_over_one_connection,
        nghttp_uploads_with_padding_and_trailers;
    lacks::h2load:
        h2load_loses_none_of_many_requests;
    lacks::pythons_h2:
        pythons_h2_holds_a_conversation_and_breaks_the_rules,
        pythons_hyperframe_breaks_every_rule_and_gets_its_code;
}
