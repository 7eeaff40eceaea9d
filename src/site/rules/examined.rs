//! Rules that cannot do what was meant by them, for people who look before a site serves.
//!
//! It must never know requests, or how rules are written.

use super::Rules;
use super::redirects::{Redirect, Source};
use super::seen::{Seen, path_of};
use crate::site::Site;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that no request can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdleRule {
    pub(crate) written_at: usize,
    /// Where the redirect was written that decides before this one. `None`: its location does not have such paths.
    pub(crate) behind: Option<usize>,
}

/// A redirect that always leads to the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FixedRedirect {
    pub(crate) written_at: usize,
    /// The place of its host. `None`: the default host.
    pub(crate) host: Option<usize>,
    /// A path or a URL.
    pub(crate) location: Vec<u8>,
}

impl Site {
    /// The rules that no request can match, in the order written. One that stands in several locations is idle if it is
    /// so in all of them.
    pub(crate) fn idle_rules(&self) -> Vec<IdleRule> {
        let mut found: BTreeMap<usize, Option<IdleRule>> = BTreeMap::new();
        let mut note = |written_at: usize, idle: Option<Option<usize>>| {
            let known =
                found.entry(written_at).or_insert(Some(IdleRule { written_at, behind: None }));
            *known = match (*known, idle) {
                (Some(known), Some(behind)) => {
                    Some(IdleRule { behind: known.behind.or(behind), ..known })
                }
                _ => None,
            };
        };
        for (_, prefix, rules) in self.all_rules() {
            let mut earlier: Vec<&Redirect> = Vec::new();
            for redirect in rules.redirects.iter().flat_map(|it| it.iter()) {
                note(redirect.written_at, idleness(redirect, prefix, &earlier));
                if earlier.len() < COMPARED_MAX {
                    earlier.push(redirect);
                }
            }
            let mut earlier: Vec<&Redirect> = Vec::new();
            for rewrite in rules.rewrites.iter().flat_map(|it| it.iter()) {
                note(rewrite.written_at, idleness(rewrite, prefix, &earlier));
                if earlier.len() < COMPARED_MAX {
                    earlier.push(rewrite);
                }
            }
            for rule in &rules.headers {
                let may_match = rule.path.as_ref().is_none_or(|path| path.may_match_below(prefix));
                note(rule.written_at, (!may_match).then_some(None));
            }
        }
        found.into_values().flatten().collect()
    }

    /// The redirects that always lead to the same place, whatever their clients asked for. `name` is that of a host.
    pub(crate) fn fixed_redirects(
        &self,
        name: impl Fn(Option<usize>) -> String,
    ) -> Vec<FixedRedirect> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (host, prefix, rules) in self.all_rules() {
            let mut earlier: Vec<&Redirect> = Vec::new();
            for redirect in rules.redirects.iter().flat_map(|it| it.iter()) {
                let is_idle = idleness(redirect, prefix, &earlier).is_some();
                if earlier.len() < COMPARED_MAX {
                    earlier.push(redirect);
                }
                if is_idle || !seen.insert((host, redirect.written_at)) {
                    continue;
                }
                let name = name(host);
                if let Some(location) = redirect.only_location(name.as_bytes()) {
                    let written_at = redirect.written_at;
                    found.push(FixedRedirect { written_at, host, location });
                }
            }
        }
        found
    }

    /// All rules, with their host and the path of their location.
    fn all_rules(&self) -> impl Iterator<Item = (Option<usize>, &[u8], &Rules)> {
        let outer = self.locations.all_rules().map(|(path, rules)| (None, path, rules));
        let sites = self.hosts.sites.iter().enumerate();
        let inner = sites.flat_map(|(place, site)| {
            site.locations.all_rules().map(move |(path, rules)| (Some(place), path, rules))
        });
        outer.chain(inner)
    }
}

/// Whether no request for a location can match a redirect, and which earlier one is the reason, if one is.
fn idleness(redirect: &Redirect, prefix: &[u8], earlier: &[&Redirect]) -> Option<Option<usize>> {
    if let Source::Glob(glob) = &redirect.from
        && !glob.may_match_below(prefix)
    {
        return Some(None);
    }
    let before = earlier.iter().find(|it| it.takes_all_of(redirect))?;
    Some(Some(before.written_at))
}

impl Redirect {
    /// Whether it decides wherever the other one would.
    fn takes_all_of(&self, other: &Redirect) -> bool {
        let Source::Glob(theirs) = &other.from else {
            return match (&self.from, &other.from) {
                (Source::Regex(ours), Source::Regex(theirs)) => ours.as_str() == theirs.as_str(),
                _ => false,
            };
        };
        match (theirs.as_path(), &self.from) {
            (Some(path), _) => {
                let seen = Seen { path, host: b"this.host.invalid", ..Seen::default() };
                self.decide(&seen).is_some()
            }
            (None, Source::Glob(ours)) => ours.covers(theirs),
            (None, Source::Regex(_)) => false,
        }
    }

    /// Where it leads, if that is always the same.
    fn only_location(&self, host: &[u8]) -> Option<Vec<u8>> {
        let target = self.to.as_ref()?;
        let path = match &self.from {
            Source::Glob(glob) => glob.as_path(),
            Source::Regex(_) => None,
        };
        if path.is_none() && target.depends_on_path() {
            return None;
        }
        let seen = Seen { path: path.unwrap_or(b"/ /"), host, ..Seen::default() };
        target.of(&seen, &|_| b"")
    }
}

impl FixedRedirect {
    /// The host that it names, without its port, and the path.
    pub(crate) fn split(&self) -> Option<(Option<String>, Vec<u8>)> {
        let text = &self.location[..];
        let Some(rest) = text.strip_prefix(b"http://").or(text.strip_prefix(b"https://")) else {
            return Some((None, path_of(text, &Seen::default())?));
        };
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = String::from_utf8(authority.to_ascii_lowercase()).ok()?;
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name.to_owned(),
            _ => host,
        };
        let path = if path.starts_with(b"/") { path } else { b"/" };
        Some((Some(name), path_of(path, &Seen::default())?))
    }
}

/// A redirect is compared with so many before it.
const COMPARED_MAX: usize = 1000;
