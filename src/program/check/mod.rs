//! `httpd check`: looks at a configuration and at the files that it would serve, as a careful operator would before
//! it goes live. It serves nothing and changes nothing. Whether something is served is asked of the site itself, by
//! the code that serves.

mod findings;
mod inquiry;
mod names;
mod rules;
mod sources;
mod walk;

use super::cli::Options;
use super::{load, write_out};
use crate::config::Config;
use findings::{Findings, Kind};
use inquiry::Inquiry;
use sources::Sources;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use walk::Walk;

/// Prints what it finds. The exit status is 0 if that is nothing, 1 if there are warnings only, 2 if there are errors.
pub(super) fn check(options: &Options) -> ExitCode {
    let (source, config) = match load(options) {
        Ok(loaded) => loaded,
        Err(failure) => return failure.print(),
    };
    let mut findings = Findings::default();
    for warning in &options.warnings {
        findings.add(Kind::Configuration, warning.clone());
    }
    for warning in &config.warnings {
        findings.add(Kind::Configuration, warning.to_string());
    }
    let mut inquiry = Inquiry::new(&config);
    rules::check(&source, &mut inquiry, &mut findings);
    rules::host_files(&config, &mut findings);
    let own_files = own_files(options.config.as_deref(), &config);
    let sources = Sources::of(config.server.applications().iter().map(|it| &**it));
    let special = (own_files, sources);
    let mut walk = Walk::new(&mut inquiry, &mut findings, special, TIME_MAX);
    for root in &roots(&config) {
        walk.root(root);
    }
    let looked_at = walk.looked_at();
    write_out(&findings.report(looked_at));
    findings.exit_code()
}

/// The roots that are served, each once.
fn roots(config: &Config) -> BTreeSet<PathBuf> {
    let files = config.places.iter().filter_map(|place| place.files.as_ref());
    files.map(|files| files.root.path().to_owned()).collect()
}

/// The files that the program reads and writes for itself: nobody should be served them.
fn own_files(configuration: Option<&Path>, config: &Config) -> BTreeSet<PathBuf> {
    let own = config.secret_files.iter().chain(&config.log_files);
    let files = configuration.into_iter().chain(own.map(PathBuf::as_path));
    files.filter_map(|path| path.canonicalize().ok()).collect()
}

/// How long it looks at directories.
const TIME_MAX: Duration = Duration::from_secs(60);
