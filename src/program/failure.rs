//! Why the program ends with something else than 0, and how that is told. Knows nothing of what
//! was tried.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::StartError;

use crate::program::logging;

/// What went wrong: a line for each thing, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: u8,
    /// For the operator; none where it has been told already.
    pub lines: Vec<String>,
}

impl Failure {
    /// Something failed at run time, such as a port that is taken.
    pub fn at_run_time(message: impl Display) -> Failure {
        Failure { code: AT_RUN_TIME, lines: vec![message.to_string()] }
    }

    /// The server did not start: for want of something, or because an application that was asked for
    /// cannot be.
    pub fn of_start(error: StartError) -> Failure {
        match error {
            StartError::Application(_) => Failure::of_usage([error]),
            error => Failure::at_run_time(error),
        }
    }

    /// What was asked for cannot be.
    pub fn of_usage(messages: impl IntoIterator<Item = impl Display>) -> Failure {
        Failure {
            code: OF_USAGE,
            lines: messages.into_iter().map(|message| message.to_string()).collect(),
        }
    }

    /// Says it on standard error. Where that is gone, there is nobody to tell.
    pub fn tell(&self) -> ExitCode {
        let lines: String = self.lines.iter().map(|line| format!("httpd: {line}\n")).collect();
        logging::print(io::stderr(), lines);
        ExitCode::from(self.code)
    }
}

/// Says on standard error what is odd but no reason to fail.
pub fn warn(message: &str) {
    logging::print(io::stderr(), format!("httpd: warning: {message}\n"));
}

const AT_RUN_TIME: u8 = 1;
const OF_USAGE: u8 = 2;
