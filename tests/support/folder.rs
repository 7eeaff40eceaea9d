//! A folder of one test, removed with it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub struct Folder(TempDir);

impl Folder {
    /// An empty one, which others may enter as well: some servers run without our privileges.
    pub fn new() -> Folder {
        let made = tempfile::Builder::new()
            .prefix("httpd-test-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir();
        Folder(made.expect("there is a place for temporary files"))
    }

    /// One with something to serve: `www/index.html`.
    pub fn with_www() -> Folder {
        let folder = Folder::new();
        folder.write("www/index.html", "from www\n");
        folder
    }

    pub fn here(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and makes its directories.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is inside the folder")).expect("a directory");
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// A command that runs in this folder, with none of our own `HTTPD_…` variables.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HTTPD_")) {
            command.env_remove(name);
        }
        command
    }

    /// The program, to be run in this folder.
    #[cfg(feature = "cli")]
    pub fn httpd(&self, arguments: &[&str]) -> Command {
        self.command(super::program::HTTPD, arguments)
    }

    /// What the program says and ends with.
    #[cfg(feature = "cli")]
    #[track_caller]
    pub fn output(&self, arguments: &[&str]) -> Output {
        super::output(&mut self.httpd(arguments))
    }
}
