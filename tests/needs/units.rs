//! The units that come with the program, read by systemd.

use crate::support::program::HTTPD;
use crate::support::{Folder, lacks, lossy, output};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A copy of the unit that starts this program.
fn unit(folder: &Folder) -> PathBuf {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/systemd/httpd.service");
    let text = fs::read_to_string(shipped).expect("it is shipped");
    assert!(text.contains("\nExecStart=/usr/local/bin/httpd "), "{text}");
    folder.write("httpd.service", text.replace("/usr/local/bin/httpd", HTTPD))
}

fn analyze(arguments: &[&str], folder: &Folder) -> (Option<i32>, String) {
    let mut command = Command::new("systemd-analyze");
    let output = output(command.args(arguments).arg(unit(folder)).stdin(Stdio::null()));
    (output.status.code(), lossy(&output.stdout) + &lossy(&output.stderr))
}

fn the_unit_has_no_errors() {
    let folder = Folder::new();
    let (code, said) = analyze(&["verify", "--man=no", "--recursive-errors=no"], &folder);
    assert!(code == Some(0) && !said.contains("httpd.service"), "{said}");
}

/// 0 is the least that a service can do harm with, 100 the most.
fn the_unit_is_hardened() {
    let folder = Folder::new();
    let (code, said) = analyze(&["security", "--offline=true", "--threshold=20"], &folder);
    assert_eq!(code, Some(0), "{said}");
}

tests! {
    lacks::systemd_analyze:
        the_unit_has_no_errors,
        the_unit_is_hardened,
}
