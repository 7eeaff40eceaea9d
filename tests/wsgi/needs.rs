//! What the tests of this target need, and what is missing here.

use crate::venv;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Why there is no Python to test with.
pub fn python() -> Option<String> {
    let version = "import sys; print(*sys.version_info[:2]); sys.exit(sys.version_info < (3, 8))";
    match Command::new("python3").args(["-c", version]).stdin(Stdio::null()).output() {
        Err(error) => Some(format!("python3: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "python3 is older than 3.8: {}",
            String::from_utf8_lossy(&output.stdout).trim_end()
        )),
    }
}

/// Why Flask and Django, or a client for them, are not to be had.
pub fn sites() -> Option<String> {
    let curl = || Command::new("curl").arg("--version").output().err();
    let cannot = |reason| format!("Flask and Django cannot be installed: {reason}");
    python()
        .or_else(|| curl().map(|error| format!("curl: {error}")))
        .or_else(|| SITES.as_ref().err().map(cannot))
}

/// A Python that has Flask and Django.
pub fn python_of_sites() -> PathBuf {
    let environment = SITES.as_ref().unwrap_or_else(|reason| panic!("{reason}"));
    venv::program(environment, "python")
}

/// Made once: where there is no network, each try takes its time.
static SITES: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| venv::with("sites", PACKAGES));

/// The packages of the real sites, as they were tested last.
const PACKAGES: &[&str] = &["flask==3.1.3", "django==5.2.19"];

fn no_test_is_for_the_other_harness() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wsgi");
    for entry in fs::read_dir(folder).expect("the sources are there").flatten() {
        let name = entry.file_name().into_string().expect("it is UTF-8");
        if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("it is UTF-8");
            let is_lost = text.lines().any(|line| line.trim() == "#[test]");
            assert!(!is_lost, "{name}: name the test in `tests!` instead of #[test]");
        }
    }
}

tests! {
    no_test_is_for_the_other_harness,
}
