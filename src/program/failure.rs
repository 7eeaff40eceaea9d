//! Why the program exits with another status than 0, and how that is printed.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::StartError;

use crate::program::logging;

/// What went wrong: one line for each error, and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub code: u8,
    /// For the operator; empty if they have been printed already.
    pub lines: Vec<String>,
}

impl Failure {
    /// Something failed at run time, such as a port that is taken.
    pub(crate) fn at_run_time(message: impl Display) -> Failure {
        Failure { code: AT_RUN_TIME, lines: vec![message.to_string()] }
    }

    /// The same, where the log says it already.
    pub(crate) fn without_words() -> Failure {
        Failure { code: AT_RUN_TIME, lines: Vec::new() }
    }

    /// The server did not start.
    pub(crate) fn of_start(error: StartError) -> Failure {
        match error {
            StartError::Application(_) => Failure::of_usage([error]),
            error => Failure::at_run_time(error),
        }
    }

    /// The program cannot do what it was asked to.
    pub(crate) fn of_usage(messages: impl IntoIterator<Item = impl Display>) -> Failure {
        Failure {
            code: OF_USAGE,
            lines: messages.into_iter().map(|message| message.to_string()).collect(),
        }
    }

    /// Prints it on standard error; a failure to do so is ignored.
    pub(crate) fn print(&self) -> ExitCode {
        let lines: String = self.lines.iter().map(|line| format!("httpd: {line}\n")).collect();
        logging::print(io::stderr(), lines);
        ExitCode::from(self.code)
    }

    /// Prints it as a warning of what will be.
    pub(crate) fn warn(&self) {
        self.lines.iter().for_each(|line| warn(line));
    }
}

/// Prints a warning on standard error.
pub(super) fn warn(message: &str) {
    logging::print(io::stderr(), format!("httpd: warning: {message}\n"));
}

const AT_RUN_TIME: u8 = 1;
const OF_USAGE: u8 = 2;
