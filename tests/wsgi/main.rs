//! Python applications behind the real program, over real sockets.
//!
//! The applications are under `apps`: [`behaviours.py`](apps/behaviours.py) has one for every way in
//! which an application may behave, and there are real sites of Flask and Django. Each test has a
//! server of its own ([`server`]) whose folder is a copy of them.
//!
//! Rust's own harness knows which tests are ignored when it is compiled; whether there is a Python is
//! known when the tests run. Therefore this target runs its tests by `libtest-mimic`, which looks and
//! is called the same: a test that cannot run here counts as ignored, with the reason before its name.
//! Each module lists its tests at its end ([`tests!`]). One that is missing there is never called,
//! which the compiler reports; an attribute `#[test]` would remove it silently, so there must be none.

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

/// A test by its name.
type Test = (&'static str, fn());

/// Lists the tests of a module.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub const TESTS: &[crate::Test] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}

#[path = "../suite/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what the suite has, for as much as is needed here")]
mod support;

mod browser;
mod load;
mod needs;
mod server;
mod venv;

mod adapter;
mod answers;
mod content;
mod deaths;
mod django;
mod downloads;
mod environ;
mod failures;
mod flask;
mod hostile;
mod replacement;
mod slow_clients;
mod start;
mod waiting;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let python: &[&[Test]] = &[
        adapter::TESTS,
        answers::TESTS,
        content::TESTS,
        deaths::TESTS,
        downloads::TESTS,
        environ::TESTS,
        failures::TESTS,
        hostile::TESTS,
        replacement::TESTS,
        slow_clients::TESTS,
        start::TESTS,
        waiting::TESTS,
    ];
    let sites: &[&[Test]] = &[django::TESTS, flask::TESTS];
    let mut all = trials(&arguments, needs::TESTS, || None);
    all.extend(trials(&arguments, &python.concat(), needs::python));
    all.extend(trials(&arguments, &sites.concat(), needs::sites));
    libtest_mimic::run(&arguments, all).exit_code()
}

/// What to run. `lack` says what is missing for these tests; it may take its time, and is asked only
/// when one of them is wanted.
fn trials(arguments: &Arguments, tests: &[Test], lack: fn() -> Option<String>) -> Vec<Trial> {
    let is_wanted = |name: &str| {
        let filter = arguments.filter.as_deref();
        !arguments.list && filter.is_none_or(|filter| name.contains(filter))
    };
    let is_any_wanted = tests.iter().any(|(name, _)| is_wanted(short(name)));
    let lack = if is_any_wanted { lack() } else { None };
    let trial = |&(name, test): &Test| {
        Trial::test(short(name), move || {
            test();
            Ok(())
        })
        .with_ignored_flag(lack.is_some())
        .with_kind(lack.clone().unwrap_or_default())
    };
    tests.iter().map(trial).collect()
}

/// The name without that of the target, as Rust's own harness has it.
fn short(name: &'static str) -> &'static str {
    name.split_once("::").map_or(name, |(_, rest)| rest)
}
