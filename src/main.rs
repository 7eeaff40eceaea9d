//! The program: all of it is in the library, behind the feature `cli`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    httpd::program::main()
}
