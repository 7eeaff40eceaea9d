//! The units that come with the program, read by systemd.

use crate::support::program::HTTPD;
use crate::support::{Folder, lacks, lossy, output};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A copy of the unit that starts this program, beside its sockets.
fn unit(folder: &Folder) -> PathBuf {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/systemd");
    let read = |name: &str| fs::read_to_string(format!("{shipped}/{name}")).expect("it is shipped");
    for socket in SOCKETS {
        folder.write(socket, read(socket));
    }
    let text = read("httpd.service");
    assert!(text.contains("\nExecStart=/usr/local/bin/httpd "), "{text}");
    folder.write("httpd.service", text.replace("/usr/local/bin/httpd", HTTPD))
}

const SOCKETS: [&str; 2] = ["httpd.socket", "httpd-tls.socket"];

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

fn the_sockets_have_no_errors_and_belong_to_the_service() {
    let folder = Folder::new();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]).arg(unit(&folder));
    command.args(SOCKETS.map(|name| folder.path(name))).stdin(Stdio::null());
    let output = output(&mut command);
    let said = lossy(&output.stdout) + &lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("httpd"), "{said}");
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
        the_sockets_have_no_errors_and_belong_to_the_service,
}
