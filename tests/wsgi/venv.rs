//! Virtual environments of Python, made once and kept under `target/`.
//!
//! What cannot be had here (no Python, no pip, no network) is a reason in words, for a test to skip
//! with or a benchmark to do without.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The folder of a virtual environment in which these packages are installed, made now if it is not
/// there. `Err`: why it cannot be.
pub fn with(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{name}"));
    let cannot = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(cannot)?;
    // Tests are threads of one process and several processes: one makes it, the others wait.
    let lock = File::create(folder.join("lock")).map_err(cannot)?;
    lock.lock().map_err(cannot)?;
    // Written last: without it the folder is what an interrupted run has left.
    let mark = folder.join("complete");
    let wanted = packages.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("made")))?;
    let mut pip = Command::new(folder.join("made/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    run(pip.args(["--retries", "1", "--timeout", "15"]).args(packages))?;
    fs::write(&mark, wanted).map_err(cannot)?;
    Ok(folder)
}

/// A program of a virtual environment.
pub fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("made/bin").join(name)
}

/// Runs a command to its end, or to the end of patience.
fn run(command: &mut Command) -> Result<(), String> {
    let told = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{told}: {error}"))?;
    let deadline = Instant::now() + PATIENCE;
    // What pip says when it fails is a few lines: the pipe holds them.
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{told}: {}: {last}", output.status))
}

/// uWSGI is compiled on the way.
const PATIENCE: Duration = Duration::from_secs(300);
