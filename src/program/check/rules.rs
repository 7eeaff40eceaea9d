//! Looks at the rules of a site: which of them can match, and where redirects lead.

use super::findings::{Findings, Kind};
use super::inquiry::{Inquiry, url};
use crate::config::{Config, Source};
use crate::http::Status;
use crate::site::host_files;
use crate::site::rules::examined::FixedRedirect;
use std::collections::{BTreeMap, HashSet};

/// Reports rules that are idle, and redirects that lead to a 404.
pub(super) fn check(source: &Source, inquiry: &mut Inquiry<'_>, findings: &mut Findings) {
    for rule in inquiry.site().idle_rules() {
        let place = source.line_of(rule.written_at);
        let why = match rule.behind {
            Some(earlier) => {
                format!("the redirect of {} decides before it", source.line_of(earlier))
            }
            None => "its path is not below the path of its location".to_owned(),
        };
        findings.add(Kind::Idle, format!("{place}: {why}"));
    }
    // Hosts inherit the redirects of the top.
    let mut lost: BTreeMap<usize, (String, usize)> = BTreeMap::new();
    for redirect in inquiry.site().fixed_redirects(|host| inquiry.name(host)) {
        if let Some(end) = lost_end(&redirect, inquiry) {
            lost.entry(redirect.written_at).or_insert((end, 0)).1 += 1;
        }
    }
    for (written_at, (end, hosts)) in lost {
        let place = source.line_of(written_at);
        let more = match hosts {
            1 => String::new(),
            2 => "; the same on another host that inherits it".to_owned(),
            _ => format!("; the same on {} other hosts that inherit it", hosts - 1),
        };
        findings.add(Kind::LostRedirect, format!("{place}: {end} is a 404{more}"));
    }
}

/// Reports lines of `_redirects` and `_headers` that do not count.
pub(super) fn host_files(config: &Config, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for files in config.places.iter().filter_map(|place| place.files.as_ref()) {
        let Some(dialect) = files.host_files else { continue };
        if seen.insert(files.root.path()) {
            for what in host_files::left_out(files.root.path(), dialect) {
                findings.add(Kind::LeftOut, what.replace("; the line is left out", ""));
            }
        }
    }
}

/// Where a client ends that follows a redirect, if that is a 404 of one of these hosts.
fn lost_end(redirect: &FixedRedirect, inquiry: &mut Inquiry<'_>) -> Option<String> {
    let mut at = redirect.clone();
    for _ in 0..REDIRECTS_MAX {
        let (host, path) = target(&at, inquiry)?;
        let asked = inquiry.ask(host, &path)?;
        if asked.is_forwarded {
            return None;
        }
        if asked.response.status == Status::NOT_FOUND {
            let is_https = inquiry.site().redirects_to_https(&asked.route);
            return Some(url(is_https, &inquiry.name(host), &path));
        }
        let location = asked.response.headers.value("Location")?.to_owned();
        at = FixedRedirect { host, location, ..at };
    }
    None
}

/// The host and the path that a redirect leads to, if it is one of the hosts that can be asked.
fn target(redirect: &FixedRedirect, inquiry: &Inquiry<'_>) -> Option<(Option<usize>, Vec<u8>)> {
    let (name, path) = redirect.split()?;
    let host = match name {
        None => redirect.host,
        Some(name) => inquiry.host(&name)?,
    };
    Some((host, path))
}

/// How many redirects browsers follow.
const REDIRECTS_MAX: usize = 20;
