//! The program with a configuration, and a folder of files to serve.

use super::client::Request;
use super::{Folder, Program};

/// A program that runs on a free port, with one worker.
pub struct Configured {
    pub folder: Folder,
    pub program: Program,
}

impl Configured {
    /// With these files in the folder, each of which holds its name, and this configuration beside them.
    #[track_caller]
    pub fn start(files: &[&str], config: &str) -> Configured {
        let contents: Vec<_> = files.iter().map(|name| format!("{name}\n")).collect();
        let files: Vec<_> =
            files.iter().copied().zip(contents.iter().map(String::as_str)).collect();
        Configured::start_with(config, &files)
    }

    /// With this configuration, and files with these contents beside it.
    #[track_caller]
    pub fn start_with(config: &str, files: &[(&str, &str)]) -> Configured {
        let folder = Folder::with_www();
        for (name, content) in files {
            folder.write(name, content);
        }
        folder.write("httpd.toml", config);
        let arguments = ["-c", "httpd.toml", "-h", "127.0.0.1", "-p", "0", "-w", "1"];
        Configured { program: Program::start(&mut folder.httpd(&arguments)), folder }
    }

    pub fn get(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
    }

    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(self.program.address(), method, target)
    }
}

/// What the program says of a configuration that it does not accept, one error a line.
#[track_caller]
pub fn errors(files: &[&str], config: &str) -> Vec<String> {
    let folder = Folder::with_www();
    for name in files {
        folder.write(name, format!("{name}\n"));
    }
    errors_of(&folder, config)
}

/// The same with what is in a folder.
#[track_caller]
pub fn errors_of(folder: &Folder, config: &str) -> Vec<String> {
    folder.write("c.toml", config);
    let output = folder.output(&["-c", "c.toml", "-t"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("it is UTF-8");
    text.lines().map(|line| line.trim_start_matches("httpd: ").to_owned()).collect()
}
