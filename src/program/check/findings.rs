//! What a check finds, by its kind, and how it is printed: a few names of each kind, and how many more there are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// What may be wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Private,
    Source,
    LostRedirect,
    Unreadable,
    Backup,
    Configuration,
    Idle,
    LeftOut,
    Stale,
    LeavesRoot,
    FollowedOut,
    Dangling,
    SameName,
    Unfinished,
}

impl Kind {
    /// Whether clients get something that they should not get, or do not get what they should.
    fn is_error(self) -> bool {
        matches!(self, Kind::Private | Kind::Source | Kind::LostRedirect | Kind::Unreadable)
    }

    /// What is wrong, and what to do.
    fn heading(self) -> &'static str {
        match self {
            Kind::Private => {
                "files that may hold secrets are served to everybody; move them out of the root, or guard them"
            }
            Kind::Source => {
                "the source of an application is served to everybody; move it out of the root, or guard it"
            }
            Kind::LostRedirect => "redirects lead to a 404",
            Kind::Unreadable => {
                "files that this user may not read get 403; change their permissions, or remove them"
            }
            Kind::Backup => {
                "backups and leftovers are served to everybody; move them out of the root"
            }
            Kind::Configuration => "the configuration may not mean what was meant",
            Kind::Idle => "rules that no request can match",
            Kind::LeftOut => "lines of _redirects and _headers do not count",
            Kind::Stale => "compressed files that are not sent; make them again",
            Kind::LeavesRoot => {
                "symbolic links that are absolute or lead out of the root get 404; symlinks = \"all\" follows them"
            }
            Kind::FollowedOut => {
                "symbolic links lead out of the root, and symlinks = \"all\" follows them"
            }
            Kind::Dangling => "symbolic links lead nowhere",
            Kind::SameName => {
                "names differ only in case; where case does not matter, one replaces the other"
            }
            Kind::Unfinished => "not everything was looked at",
        }
    }
}

/// Some of one kind.
#[derive(Debug, Default)]
struct Found {
    shown: Vec<String>,
    count: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kinds: BTreeMap<Kind, Found>,
}

impl Findings {
    pub(super) fn add(&mut self, kind: Kind, what: String) {
        let found = self.kinds.entry(kind).or_default();
        found.count += 1;
        if found.shown.len() < SHOWN_MAX {
            // A name may hold anything but a slash and NUL.
            let is_control = |it: char| it.is_control();
            found.shown.push(match what.contains(is_control) {
                true => what.replace(is_control, "\u{fffd}"),
                false => what,
            });
        }
    }

    /// All of it. `looked_at` is how many files in how many roots were looked at.
    pub(super) fn report(&self, looked_at: (u64, usize)) -> String {
        let mut text = String::new();
        for (kind, found) in &self.kinds {
            let severity = if kind.is_error() { "error" } else { "warning" };
            let _ = writeln!(text, "{severity}: {}", kind.heading());
            for what in &found.shown {
                let _ = writeln!(text, "  {what}");
            }
            if found.count > found.shown.len() {
                let _ = writeln!(text, "  and {} more", found.count - found.shown.len());
            }
        }
        let (files, roots) = looked_at;
        let below = match roots {
            0 => "no files are served".to_owned(),
            1 => format!("{} below 1 root", counted(files, "file")),
            _ => format!("{} below {roots} roots", counted(files, "file")),
        };
        let total = |is_error: bool| -> u64 {
            let kinds = self.kinds.iter().filter(|(kind, _)| kind.is_error() == is_error);
            kinds.map(|(_, found)| found.count as u64).sum()
        };
        let (errors, warnings) = (counted(total(true), "error"), counted(total(false), "warning"));
        let _ = writeln!(text, "{errors}, {warnings}; {below}");
        text
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self.kinds.keys().next() {
            None => ExitCode::SUCCESS,
            Some(_) if self.kinds.keys().any(|kind| kind.is_error()) => ExitCode::from(2),
            Some(_) => ExitCode::from(1),
        }
    }
}

/// `1 file`, `2 files`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// So many names of each kind are shown.
const SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_a_few_are_shown_and_the_rest_is_counted() {
        let mut findings = Findings::default();
        assert_eq!(findings.report((1, 1)), "0 errors, 0 warnings; 1 file below 1 root\n");
        for number in 0..SHOWN_MAX + 2 {
            findings.add(Kind::Dangling, format!("link\n{number}"));
        }
        findings.add(Kind::Private, ".env".to_owned());
        let report = findings.report((5, 2));
        assert!(report.starts_with("error: files that may hold secrets"), "{report}");
        assert!(report.contains("  link\u{fffd}9\n  and 2 more\n"), "{report}");
        assert!(report.ends_with("1 error, 12 warnings; 5 files below 2 roots\n"), "{report}");
    }
}
