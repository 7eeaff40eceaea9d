//! How often and how long is measured, and where it is shown.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// What every comparison can be told.
#[derive(clap::Args)]
pub struct Runs {
    /// A first impression: fewer and shorter runs
    #[arg(long)]
    quick: bool,

    /// How many times each server is measured on each kind of work [default: 5, or 3 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,

    /// Length of one run, in seconds [default: 5, or 2 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: Option<u64>,

    /// Also write the tables to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    #[arg(long, hide = true)]
    bench: bool,

    #[arg(long, hide = true)]
    test: bool,
}

impl Runs {
    /// Whether Cargo runs this as a test and not as a benchmark: that must cost nothing.
    pub fn is_test(&self) -> bool {
        self.test || !self.bench
    }

    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 2 } else { 5 }))
    }

    /// Writes the tables to a file, if they are wanted there.
    pub fn write_markdown(&self, text: &str) -> Result<(), String> {
        let Some(file) = &self.markdown else { return Ok(()) };
        fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}

/// One line on stderr that the next one replaces; a file or a pipe gets none.
pub fn show_progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}
