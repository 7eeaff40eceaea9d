//! What the real sites need.

use super::venv;
use crate::support::lacks;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Why Flask and Django, or a client for them, are not to be had.
pub fn lack() -> Option<String> {
    let cannot = |reason| format!("Flask and Django cannot be installed: {reason}");
    lacks::python().or_else(lacks::curl).or_else(|| SITES.as_ref().err().map(cannot))
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
