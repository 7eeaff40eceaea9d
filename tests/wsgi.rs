//! Python applications behind the real program, over real sockets.
//!
//! The applications are under `wsgi/apps`: [`behaviours.py`](wsgi/apps/behaviours.py) has one for every way in
//! which an application may behave, and there are real sites of Flask and Django. Each test has a
//! server of its own ([`wsgi::server`]) whose folder is a copy of them.
//!
//! Where there is no Python, or no Flask and Django to be had, the tests that need it are ignored and say
//! so ([`support::trials`]).

#[macro_use]
mod support;

mod wsgi {
    mod browser;
    mod load;
    mod server;
    mod sites;
    mod venv;

    mod adapter;
    mod answers;
    mod compression;
    mod content;
    mod deaths;
    mod django;
    mod downloads;
    mod environ;
    mod failures;
    mod flask;
    mod hostile;
    mod replacement;
    mod rights;
    mod slow_clients;
    mod start;
    mod waiting;

    use crate::support::trials::Test;

    pub const TESTS: &[&[Test]] = &[
        adapter::TESTS,
        answers::TESTS,
        compression::TESTS,
        content::TESTS,
        deaths::TESTS,
        django::TESTS,
        downloads::TESTS,
        environ::TESTS,
        failures::TESTS,
        flask::TESTS,
        hostile::TESTS,
        replacement::TESTS,
        rights::TESTS,
        slow_clients::TESTS,
        start::TESTS,
        waiting::TESTS,
    ];
}

fn main() -> std::process::ExitCode {
    support::trials::run("wsgi", wsgi::TESTS)
}
