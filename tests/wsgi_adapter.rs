//! The Python side of the WSGI support, told by the tests beneath `tests/wsgi`: they play httpd, over
//! real sockets, against the real adapter.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs one file of them with the machine's python3.
fn passes(module: &str) {
    if let Some(reason) = lack() {
        println!("skipped: {reason}");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wsgi");
    let output = Command::new("python3")
        .args(["-W", "error", "-m", "unittest", module])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("python3 was there before");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Why they cannot run here.
fn lack() -> Option<String> {
    let version = "import sys; print(*sys.version_info[:2]); sys.exit(sys.version_info < (3, 8))";
    match Command::new("python3").args(["-c", version]).stdin(Stdio::null()).output() {
        Err(error) => Some(format!("there is no python3: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "python3 is older than 3.8: {}",
            String::from_utf8_lossy(&output.stdout).trim_end()
        )),
    }
}

#[test]
fn the_adapter_answers_as_pep_3333_asks() {
    passes("test_adapter");
}

#[test]
fn the_adapter_writes_whole_lines_named_after_their_request() {
    passes("test_log");
}

#[test]
fn the_adapter_finds_the_application_or_says_why_not() {
    passes("test_start");
}

#[test]
fn the_adapter_lives_and_ends_as_httpd_wants() {
    passes("test_process");
}
