//! Tests that may lack something on this machine: a program, a privilege, a kind of file system.
//!
//! Rust's own harness knows which tests are ignored when it is compiled; what is missing here is known
//! when they run. Therefore targets with such tests run them by `libtest-mimic`, which looks and is
//! called the same: a test that cannot run here counts as ignored, with the reason before its name.
//!
//! Each module lists its tests at its end, behind what they need:
//!
//! ```ignore
//! tests! {
//!     lacks::nothing: says_hello;
//!     lacks::curl: curl_puts_a_file, curl_sends_a_form;
//! }
//! ```
//!
//! One that is missing in the list is never called, which the compiler reports. An attribute `#[test]`
//! would remove it silently, so [`run`] refuses a target that has one.

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

#[derive(Clone, Copy)]
pub struct Test {
    pub name: &'static str,
    pub run: fn(),
    /// Why it cannot run here. This may take its time, and is asked only when the test is wanted.
    pub lack: fn() -> Option<String>,
}

/// Lists the tests of a module, each behind what it needs.
macro_rules! tests {
    ($($lack:path: $($name:ident),* $(,)?);* $(;)?) => {
        pub const TESTS: &[$crate::support::trials::Test] = &[$($(
            $crate::support::trials::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
                lack: $lack,
            }
        ),*),*];
    };
}

/// Runs the tests of a target whose modules are in `tests/<folder>`.
pub fn run(folder: &'static str, modules: &[&[Test]]) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> =
        modules.concat().iter().map(|test| test.trial(&arguments)).collect();
    trials.push(Trial::test("no_test_is_for_the_other_harness", || is_for_this_harness(folder)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

impl Test {
    fn trial(self, arguments: &Arguments) -> Trial {
        // Without the name of the crate, as Rust's own harness has it.
        let name = self.name.split_once("::").map_or(self.name, |(_, rest)| rest);
        let is_wanted = !arguments.list && is_wanted(name, arguments);
        let lack = if is_wanted { (self.lack)() } else { None };
        let run = move || {
            (self.run)();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(lack.is_some()).with_kind(lack.unwrap_or_default())
    }
}

fn is_wanted(name: &str, arguments: &Arguments) -> bool {
    let filter = arguments.filter.as_deref();
    filter.is_none_or(|filter| if arguments.exact { name == filter } else { name.contains(filter) })
}

fn is_for_this_harness(folder: &str) -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path())?;
            if text.lines().any(|line| line.trim() == "#[test]") {
                let name = entry.path().display().to_string();
                return Err(format!("{name}: name the test in `tests!` instead of #[test]").into());
            }
        }
    }
    Ok(())
}
