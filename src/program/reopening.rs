//! Opening the logs of this process again, and what comes of it.

use std::time::Duration;

use super::failure::Failure;
use super::logging;
use crate::Handle;
use crate::server::background::Reopening;

/// Begins to open its log again, and the access logs of its server, if there is one. Never waits.
pub(super) fn begin(server: Option<&Handle>) -> Vec<Reopening> {
    let log = logging::reopen();
    let access_logs = server.map(Handle::reopen_logs_and_tell).unwrap_or_default();
    log::info!("the logs are opened again");
    log.into_iter().chain(access_logs).collect()
}

/// Waits until all of them are open.
///
/// # Errors
/// Why some are not, one line each.
pub(super) fn outcome(logs: Vec<Reopening>) -> Result<(), Failure> {
    let failures: Vec<String> =
        logs.into_iter().filter_map(|log| log.wait(REOPEN_TIME).err()).collect();
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure { lines: failures, ..Failure::without_words() }),
    }
}

/// What the command says when all are.
pub(super) const REOPENED: &str = "the logs are open again";

/// How long opening a log may take.
const REOPEN_TIME: Duration = Duration::from_secs(5);
