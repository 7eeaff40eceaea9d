//! What takes more than a Linux to try: other people's clients, a privilege or the lack of one, a kind of
//! file system. What is missing here is said by each test that is ignored for it (see
//! [`support::trials`]).
//!
//! Times are compared in here, too ([`needs::latency`]), for few others run beside them.

#[macro_use]
mod support;

mod needs {
    mod activation;
    mod browser;
    #[cfg(feature = "tls")]
    mod browser_http2;
    mod clients;
    mod descriptors;
    pub mod floods;
    mod held;
    #[cfg(feature = "tls")]
    mod hostile;
    mod http2;
    mod latency;
    mod listening;
    mod logs;
    mod namespaces;
    mod privileges;
    mod programs;
    mod residency;
    mod rights;
    mod scarcity;
    mod stuck;
    #[cfg(feature = "tls")]
    mod tls_clients;
    mod translation;
    mod units;
    mod upgrades;
    mod values;

    use crate::support::trials::Test;

    pub const TESTS: &[&[Test]] = &[
        activation::TESTS,
        browser::TESTS,
        #[cfg(feature = "tls")]
        browser_http2::TESTS,
        clients::TESTS,
        descriptors::TESTS,
        floods::TESTS,
        #[cfg(feature = "tls")]
        hostile::TESTS,
        http2::TESTS,
        latency::TESTS,
        listening::TESTS,
        logs::TESTS,
        namespaces::TESTS,
        privileges::TESTS,
        programs::TESTS,
        residency::TESTS,
        scarcity::TESTS,
        rights::TESTS,
        stuck::TESTS,
        #[cfg(feature = "tls")]
        tls_clients::TESTS,
        translation::TESTS,
        units::TESTS,
        upgrades::TESTS,
        values::TESTS,
    ];
}

fn main() -> std::process::ExitCode {
    needs::floods::serve_if_asked();
    support::trials::run("needs", needs::TESTS)
}
