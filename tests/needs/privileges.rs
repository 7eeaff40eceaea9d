//! What the program may not do, and how it says so: it must not run as root for that.

use crate::support::program::unprivileged;
use crate::support::{Folder, Program, lacks, lossy, output};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// Says who may do what with a file or a directory.
fn permit(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).expect("it is ours");
}

fn a_privileged_port_says_how_to_be_allowed() {
    let folder = Folder::with_www();
    let output = output(&mut unprivileged(&folder, &["-h", "127.0.0.1", "-p", "99", "www"]));
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cap_net_bind_service"), "{text}");
}

fn an_unreadable_root_is_reported_before_anything_starts() {
    let folder = Folder::new();
    fs::create_dir(folder.path("closed")).expect("the folder is empty");
    permit(&folder, "closed", 0o000);
    let output = output(&mut unprivileged(&folder, &["-p", "0", "closed"]));
    // Who may not read a directory may not remove it either.
    permit(&folder, "closed", 0o755);
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot serve \"closed\": permission denied"), "{text}");
}

fn a_directory_that_may_not_be_entered_is_named_by_the_error_of_what_is_in_it() {
    let folder = Folder::with_www();
    folder.write("closed/www/index.html", "");
    folder.write(
        "httpd.toml",
        "root = \"closed/www\"\nlisten = \"unix:closed/x.sock\"\n\
         [access_log]\nfile = \"closed/www/a.log\"\n",
    );
    permit(&folder, "closed", 0o000);
    let test = output(&mut unprivileged(&folder, &["-t", "-c", "httpd.toml"]));
    let start = output(&mut unprivileged(&folder, &["-b", "unix:closed/x.sock", "www"]));
    permit(&folder, "closed", 0o755);
    let text = lossy(&test.stderr);
    assert_eq!(test.status.code(), Some(2), "{text}");
    let denied = "permission denied: \"closed\" may not be entered";
    assert!(text.contains(&format!("cannot serve \"closed/www\": {denied}")), "{text}");
    assert!(
        text.contains(&format!("cannot write the log \"closed/www/a.log\": {denied}")),
        "{text}"
    );
    let text = lossy(&start.stderr);
    assert_eq!(start.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("cannot listen on unix:closed/x.sock: {denied}")), "{text}");
}

fn a_log_that_cannot_be_written_is_found_by_a_test_of_the_configuration() {
    let folder = Folder::with_www();
    folder.write("closed/a.log", "");
    permit(&folder, "closed/a.log", 0o444);
    permit(&folder, "closed", 0o555);
    folder.write(
        "httpd.toml",
        "root = \"www\"\n[log]\nfile = \"closed/new.log\"\n[access_log]\nfile = \"closed/a.log\"\n",
    );
    let output = output(&mut unprivileged(&folder, &["-t", "-c", "httpd.toml"]));
    permit(&folder, "closed", 0o755);
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("httpd: httpd.toml:3:8: cannot write the log "), "{text}");
    assert!(lines[1].starts_with("httpd: httpd.toml:5:8: cannot write the log "), "{text}");
    assert!(text.matches("permission denied").count() == 2, "{text}");
}

fn a_file_that_may_not_be_read_is_forbidden_and_the_log_says_why() {
    let folder = Folder::with_www();
    folder.write("www/closed", "s");
    permit(&folder, "www/closed", 0o000);
    let arguments = ["-d", "-h", "127.0.0.1", "-p", "0", "-w", "1", "www"];
    let mut program = Program::start(&mut unprivileged(&folder, &arguments));
    program.get("/").expect(200);
    program.get("/closed").expect(403).no_header("ETag");
    program.says("\"closed\" in ");
}

fn a_check_names_what_its_user_may_not_read() {
    let folder = Folder::with_www();
    folder.write("www/closed.txt", "x");
    folder.write("www/hidden/a.txt", "x");
    permit(&folder, "www/closed.txt", 0o000);
    permit(&folder, "www/hidden", 0o000);
    let output = output(&mut unprivileged(&folder, &["check", "www"]));
    permit(&folder, "www/hidden", 0o755);
    let text = lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let expected = "error: files that this user may not read get 403; change their permissions, or remove them\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("/www/closed.txt\n") && text.contains("/www/hidden/\n"), "{text}");
    assert!(text.contains("2 errors, 0 warnings"), "{text}");
}

tests! {
    lacks::privileged_ports: a_privileged_port_says_how_to_be_allowed;
    lacks::unprivileged:
        a_check_names_what_its_user_may_not_read,
        an_unreadable_root_is_reported_before_anything_starts,
        a_directory_that_may_not_be_entered_is_named_by_the_error_of_what_is_in_it,
        a_log_that_cannot_be_written_is_found_by_a_test_of_the_configuration,
        a_file_that_may_not_be_read_is_forbidden_and_the_log_says_why;
}
