//! The Python side of the WSGI support, told by the tests beside this file: they play httpd, over
//! real sockets, against the real adapter.

use crate::support::lacks;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs one file of them with the machine's python3.
fn passes(module: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wsgi");
    let output = Command::new("python3")
        .args(["-W", "error", "-m", "unittest", module])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("there is a python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn the_adapter_answers_as_pep_3333_asks() {
    passes("test_adapter");
}

fn the_adapter_writes_whole_lines_named_after_their_request() {
    passes("test_log");
}

fn the_adapter_finds_the_application_or_says_why_not() {
    passes("test_start");
}

fn the_adapter_lives_and_ends_as_httpd_wants() {
    passes("test_process");
}

tests! {
    lacks::python:
        the_adapter_answers_as_pep_3333_asks,
        the_adapter_writes_whole_lines_named_after_their_request,
        the_adapter_finds_the_application_or_says_why_not,
        the_adapter_lives_and_ends_as_httpd_wants;
}
