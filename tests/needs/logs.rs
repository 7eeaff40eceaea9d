//! Logs, as other people's programs read them.

use crate::support::{Client, Folder, Program, Signal, lacks, lossy, output};
use std::process::{Command, Stdio};

tests! {
    lacks::goaccess: a_log_in_the_combined_format_is_read_by_goaccess;
    lacks::python: a_log_in_json_is_read_by_python_whatever_bytes_clients_send;
}

/// Requests with what clients may not send, or hardly ever do.
const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: one/1.0\r\nReferer: http://x/\r\n\r\n",
    b"GET /?a=\"b\\ HTTP/1.1\r\nHost: X:80\r\nUser-Agent: \"\\\xff\xc3\t\xc3\xa9\r\n\r\n",
    b"GET /%00%0a%22 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"non\x00sense\x1b[2J\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
];

/// The lines of the access log in this format of a server that got all of the requests.
fn logged(folder: &Folder, format: &str) -> Vec<u8> {
    folder.write(
        "httpd.toml",
        format!("listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\nrequest_id = true\naccess_log = {{ file = \"a.log\", format = \"{format}\" }}\n"),
    );
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    for request in REQUESTS {
        Client::connect(serving.address()).send(request).reply_to("HEAD");
    }
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    std::fs::read(folder.path("a.log")).expect("there is a log")
}

fn a_log_in_the_combined_format_is_read_by_goaccess() {
    let folder = Folder::with_www();
    for format in ["combined", "common"] {
        let log = logged(&folder, format);
        std::fs::remove_file(folder.path("a.log")).expect("it is there");
        folder.write("it.log", &log);
        let mut command = folder.command(
            "goaccess",
            &[
                "it.log",
                "--no-global-config",
                &format!("--log-format={}", format.to_uppercase()),
                "-o",
                "report.json",
                "--no-progress",
                "--invalid-requests=invalid.log",
            ],
        );
        let output = output(command.stdin(Stdio::null()));
        assert!(output.status.success(), "{}", lossy(&output.stderr));
        let report = std::fs::read_to_string(folder.path("report.json")).expect("it is there");
        let value = |name: &str| -> u64 {
            let (_, rest) = report.split_once(&format!("\"{name}\": ")).expect("it is reported");
            let digits = rest.find(|it: char| !it.is_ascii_digit()).expect("it ends");
            rest[..digits].parse().expect("a number")
        };
        // What is no request of HTTP has a line that no reader takes for one.
        let invalid = std::fs::read_to_string(folder.path("invalid.log")).unwrap_or_default();
        assert_eq!(value("total_requests"), REQUESTS.len() as u64, "{report}");
        assert!(value("valid_requests") >= REQUESTS.len() as u64 - 1, "{invalid}");
        assert_eq!(value("failed_requests") + value("valid_requests"), REQUESTS.len() as u64);
    }
}

fn a_log_in_json_is_read_by_python_whatever_bytes_clients_send() {
    let folder = Folder::with_www();
    logged(&folder, "json");
    let output = output(Command::new("python3").args(["-c", READER]).arg(folder.path("a.log")));
    assert!(output.status.success(), "{}", lossy(&output.stderr));
    assert_eq!(lossy(&output.stdout), "6 lines\n");
}

const READER: &str = r#"
import json, sys
lines = open(sys.argv[1], "rb").read().decode().splitlines()
entries = [json.loads(line) for line in lines]
names = list(entries[0])
for entry in entries:
    assert list(entry) == names, entry
    assert entry["client"] == "127.0.0.1" and len(entry["request_id"]) == 32, entry
    assert isinstance(entry["seconds"], float) and isinstance(entry["response_bytes"], int), entry
    assert entry["complete"] is True and entry["tls_version"] is None, entry
    assert entry["response_bytes"] > entry["response_body_bytes"], entry
one, two, three, four, five, six = entries
assert (one["method"], one["target"], one["status"], one["protocol"]) == ("GET", "/", 200, "HTTP/1.1"), one
assert (one["host"], one["referer"], one["user_agent"]) == ("x", "http://x/", "one/1.0"), one
assert (one["response_body_bytes"], one["location"], one["cache"]) == (9, "/", "MISS"), one
assert (two["target"], two["host"], two["cache"]) == ('/?a="b\\', "x", "HIT"), two
assert two["user_agent"] == '"\\\ufffd\ufffd\t\u00e9', two
assert (three["target"], three["status"], three["user_agent"]) == ("/%00%0a%22", 404, None) or three["status"] == 400, three
assert (four["method"], four["protocol"], four["host"]) == ("HEAD", "HTTP/1.0", None), four
assert (five["method"], five["status"], five["location"], five["target"]) == (None, 400, None, None), five
assert six["status"] == 501, six
print(len(entries), "lines")
"#;
