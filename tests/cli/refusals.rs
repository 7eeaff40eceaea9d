//! With `--debug`, the log says why something is not served that seems to be there.

use crate::support::{Folder, Program};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn the_log_says_why_a_file_that_is_there_is_not_served() {
    let folder = Folder::with_www();
    folder.write("secret", "s");
    folder.write("www/.env", "s");
    symlink("../secret", folder.path("www/out")).unwrap();
    symlink("round", folder.path("www/round")).unwrap();
    folder.write("www/d/.httpd-upload-1", "s");
    let fifo = folder.path("www/fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let mut serving = Program::start(&mut folder.httpd(&["-d", "-p", "0", "-w", "1", "www"]));
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
        serving.get(path).expect(status);
        serving.says(words);
    }
}
