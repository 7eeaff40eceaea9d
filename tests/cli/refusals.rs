//! With `--debug`, the log says why something is not served that seems to be there.

use super::program::{Folder, Serving};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

#[test]
fn the_log_says_why_a_file_that_is_there_is_not_served() {
    let folder = Folder::new();
    folder.write("secret", "s");
    folder.write("www/.env", "s");
    symlink("../secret", folder.path("www/out")).unwrap();
    symlink("round", folder.path("www/round")).unwrap();
    folder.write("www/d/.httpd-upload-1", "s");
    let status = Command::new("mkfifo").arg(folder.path("www/fifo")).status().unwrap();
    assert!(status.success());
    let mut serving = Serving::start(&mut folder.httpd(&["-d", "-p", "0", "-w", "1", "www"]));
    let long = format!("/{}", "n".repeat(300));
    for (path, status, words) in [
        ("/out", 404, "\"out\" in "),
        ("/out", 404, "a symbolic link leads out of the root"),
        ("/out/beneath", 404, "a symbolic link leads out of the root"),
        ("/round", 404, "leads round in a circle"),
        ("/fifo", 404, "it is neither a file nor a directory"),
        ("/.env", 404, "it is a dotfile"),
        (&long, 404, "no file that is served can have this path"),
    ] {
        // What is known already is not told again.
        fs::write(folder.path("www/other"), "").unwrap();
        if path == "/out" {
            fs::remove_file(folder.path("www/out")).unwrap();
            symlink("../secret", folder.path("www/out")).unwrap();
        }
        let answer = serving.get(path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        serving.says(words);
    }
}

#[test]
fn the_log_says_that_a_file_may_not_be_read() {
    let folder = Folder::new();
    let closed = folder.write("www/closed", "s");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let arguments = ["-d", "-p", "0", "-w", "1", "www"];
    let Some(mut command) = super::unprivileged(&folder, &arguments) else {
        return;
    };
    let mut serving = Serving::start(&mut command);
    assert!(serving.get("/closed").starts_with("HTTP/1.1 403 "));
    serving.says("\"closed\" in ");
}
