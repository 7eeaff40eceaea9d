//! `_redirects`: one rule in a line, `FROM TO [STATUS[!]]`. The first rule that matches decides.
//!
//! It must never know how the file was found, or whether there is a file at a path.

use super::dialect::{Dialect, Parsed};
use super::index::Index;
use super::lines::{LineErrors, RULES_MAX, lines};
use super::pattern::{PathPattern, placeholder};
use crate::http::Status;
use crate::site::rules::seen::{Seen, path_of};
use crate::site::rules::target::Target;
use std::fmt::Write;

/// The rules of a file.
#[derive(Debug, Default)]
pub(crate) struct RedirectsFile {
    rules: Vec<FileRule>,
    index: Index,
    dialect: Dialect,
}

#[derive(Debug)]
struct FileRule {
    pattern: PathPattern,
    to: Target,
    status: Status,
    is_forced: bool,
}

/// What a rule makes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileDecision {
    pub(crate) status: Status,
    /// A path below the root, or a URL.
    pub(crate) location: Vec<u8>,
    /// Whether it counts although there is a file at the path.
    pub(crate) is_forced: bool,
}

impl Parsed for RedirectsFile {
    fn parse(text: &[u8], dialect: Dialect) -> (RedirectsFile, LineErrors) {
        let mut file = RedirectsFile { dialect, ..RedirectsFile::default() };
        let mut errors = LineErrors::default();
        for (number, line) in lines(text, &mut errors) {
            let added = rule(line, dialect).and_then(|rule| file.add(rule));
            if let Err(why) = added {
                errors.note(number, why);
            }
        }
        (file, errors)
    }
}

impl RedirectsFile {
    fn add(&mut self, rule: FileRule) -> Result<(), String> {
        if self.rules.len() >= RULES_MAX {
            return Err(format!("there are {RULES_MAX} rules already, which is the most"));
        }
        self.index.add(self.rules.len() as u32, &rule.pattern)?;
        self.rules.push(rule);
        Ok(())
    }

    /// What the first rule that matches makes of a request.
    pub(crate) fn decide(&self, seen: &Seen<'_>) -> Option<FileDecision> {
        if self.rules.is_empty() {
            return None;
        }
        let as_it_is = self.first(seen, seen.path);
        // To Netlify, a slash at the end makes no difference.
        let other = match (self.dialect, seen.path.strip_suffix(b"/")) {
            (Dialect::Cloudflare, _) | (_, Some(b"")) => None,
            (Dialect::Netlify, Some(without)) => self.first(seen, without),
            (Dialect::Netlify, None) => self.first(seen, &[seen.path, b"/"].concat()),
        };
        let found = as_it_is.into_iter().chain(other);
        Some(found.min_by_key(|(number, _)| *number)?.1)
    }

    /// The same without the index.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn decide_slowly(&self, seen: &Seen<'_>) -> Option<FileDecision> {
        let all = || 0..self.rules.len() as u32;
        let other = match seen.path.strip_suffix(b"/") {
            Some(without) => without.to_vec(),
            None => [seen.path, b"/"].concat(),
        };
        let is_other = self.dialect == Dialect::Netlify && !other.is_empty();
        let as_it_is = self.first_of(all(), seen, seen.path);
        let other = if is_other { self.first_of(all(), seen, &other) } else { None };
        Some(as_it_is.into_iter().chain(other).min_by_key(|(number, _)| *number)?.1)
    }

    fn first(&self, seen: &Seen<'_>, path: &[u8]) -> Option<(u32, FileDecision)> {
        self.first_of(self.index.candidates(path), seen, path)
    }

    fn first_of(
        &self,
        mut numbers: impl Iterator<Item = u32>,
        seen: &Seen<'_>,
        path: &[u8],
    ) -> Option<(u32, FileDecision)> {
        numbers.find_map(|number| {
            let FileRule { pattern, to, status, is_forced } = self.rules.get(number as usize)?;
            let captures = pattern.captures(path)?;
            let capture = |wildcard| captures.get(wildcard).map_or(&[][..], |it| &path[it]);
            let (status, is_forced) = (*status, *is_forced);
            let location = to.of(seen, &capture)?;
            Some((number, FileDecision { status, location, is_forced }))
        })
    }
}

fn rule(line: &str, dialect: Dialect) -> Result<FileRule, String> {
    let mut words = line.split_whitespace().take_while(|it| !it.starts_with('#'));
    let from = words.next().ok_or("it has no path")?;
    let pattern = PathPattern::parse(from)?;
    let is_target = |word: &str| word.starts_with('/') || word.contains("://");
    let to = words.next().ok_or("it does not say where it leads: write FROM TO STATUS")?;
    if !is_target(to) {
        return Err(match to.contains('=') {
            true => "rules by query parameters are not supported".to_owned(),
            false => format!("{to:?} is neither a path nor a URL"),
        });
    }
    let (status, is_forced) = match words.next() {
        None => (dialect.default_status(), false),
        Some(word) => status(word)?,
    };
    if let Some(word) = words.next() {
        return Err(format!("conditions such as {word:?} are not supported"));
    }
    let is_page = !REDIRECTS.contains(&status);
    if is_page && to.contains("://") {
        return Err("a rewrite to another host needs a proxy, which this server is not".to_owned());
    }
    let target = Target::new(&template(to, &pattern), pattern.names().len())
        .map_err(|error| format!("{to:?} {error}"))?;
    if is_page && !target.is_local() {
        return Err(format!("{to:?} must be a path without a fragment"));
    }
    if status == Status::OK && dialect == Dialect::Cloudflare {
        let path = pattern.sample();
        let seen = Seen { path: &path, ..Seen::default() };
        let location = target.of(&seen, &|_| b"x");
        let again = location.and_then(|it| path_of(&it, &seen));
        if again.is_none_or(|path| pattern.captures(&path).is_some()) {
            return Err("it leads to itself, and Cloudflare leaves it out, too".to_owned());
        }
    }
    let is_forced = is_forced || dialect == Dialect::Cloudflare;
    Ok(FileRule { pattern, to: target, status, is_forced })
}

fn status(word: &str) -> Result<(Status, bool), String> {
    let (digits, is_forced) = match word.strip_suffix('!') {
        Some(digits) => (digits, true),
        None => (word, false),
    };
    let is_code = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let status = digits.parse().ok().filter(|_| is_code).and_then(Status::new);
    match status.filter(|it| REDIRECTS.contains(it) || PAGES.contains(it)) {
        Some(status) => Ok((status, is_forced)),
        None if is_code => Err(format!(
            "the status {digits} is not supported: write 200, 301, 302, 303, 307, 308, 404 or 410"
        )),
        None => Err(format!("{word:?} is no status")),
    }
}

/// The target as a template of the configuration: with `$1` for `:splat` and the like.
fn template(to: &str, pattern: &PathPattern) -> String {
    let mut template = String::with_capacity(to.len());
    let mut rest = to;
    while let Some(at) = rest.find([':', '$']) {
        let (before, after) = rest.split_at(at);
        template.push_str(before);
        let name = placeholder(after);
        let place = pattern.names().iter().position(|it| it == name);
        rest = match (after.strip_prefix('$'), place) {
            (Some(after), _) => {
                template.push_str("$$");
                after
            }
            (None, Some(place)) => {
                let _ = write!(template, "${}", place + 1);
                &after[1 + name.len()..]
            }
            (None, None) => {
                template.push(':');
                &after[1..]
            }
        };
    }
    template.push_str(rest);
    template
}

/// Statuses of a page that is sent in place of what was asked for.
const PAGES: [Status; 3] = [Status::OK, Status::NOT_FOUND, Status::GONE];

const REDIRECTS: [Status; 5] = [
    Status::MOVED_PERMANENTLY,
    Status::FOUND,
    Status::SEE_OTHER,
    Status::TEMPORARY_REDIRECT,
    Status::PERMANENT_REDIRECT,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(file: &RedirectsFile, path: &str, query: Option<&str>) -> Option<String> {
        let seen = Seen {
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
            host: b"here.example",
            ..Seen::default()
        };
        let FileDecision { status, location, is_forced } = file.decide(&seen)?;
        let force = if is_forced { "!" } else { "" };
        let location = String::from_utf8(location).expect("a URI is ASCII");
        Some(format!("{location} {}{force}", status.code()))
    }

    fn netlify(text: &str) -> (RedirectsFile, LineErrors) {
        RedirectsFile::parse(text.as_bytes(), Dialect::Netlify)
    }

    const FILE: &str = "\u{feff}# old pages\r\n\
        /home              /\r\n\
        /blog/my-post.php  /blog/my-post   302 # for now\n\
        \n\
        \t/news/*  /blog/:splat\n\
        /users/:id/p/:page   /u?id=:id&page=:page  307\n\
        /google  https://www.google.com\n\
        /forced/*  /x/:splat  200!\n\
        /cost  /a$1:b  308\n\
        /gone/*  /gone.html 410\n\
        /*  /404.html  404\n";

    #[test]
    fn the_first_rule_that_matches_says_where_a_path_leads() {
        let (file, errors) = netlify(FILE);
        assert_eq!(errors.all(), []);
        for (path, query, expected) in [
            ("/home", None, "/ 301"),
            ("/home/", None, "/ 301"),
            ("/home", Some("a=b"), "/?a=b 301"),
            ("/blog/my-post.php", None, "/blog/my-post 302"),
            ("/news/2026/a b", Some("q"), "/blog/2026/a%20b?q 301"),
            ("/news", None, "/blog/ 301"),
            ("/users/7/p/2", None, "/u?id=7&page=2 307"),
            ("/users/7&x=1/p/2", None, "/u?id=7%26x%3D1&page=2 307"),
            ("/google", None, "https://www.google.com/ 301"),
            ("/forced/a", None, "/x/a 200!"),
            ("/cost", None, "/a$1:b 308"),
            ("/gone/a", None, "/gone.html 410"),
            ("/anything", None, "/404.html 404"),
            ("/", None, "/404.html 404"),
        ] {
            assert_eq!(decide(&file, path, query).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(decide(&file, "/404.html", None), None, "it leads to itself");
    }

    #[test]
    fn cloudflare_has_other_defaults() {
        let text = "/a /b\n/c/* /d/:splat 301\n/e /f.html 200\n/* /index.html 200\n";
        let (file, errors) = RedirectsFile::parse(text.as_bytes(), Dialect::Cloudflare);
        assert_eq!(decide(&file, "/a", None).as_deref(), Some("/b 302!"));
        assert_eq!(decide(&file, "/a/", None), None);
        assert_eq!(decide(&file, "/c/x", None).as_deref(), Some("/d/x 301!"));
        assert_eq!(decide(&file, "/e", None).as_deref(), Some("/f.html 200!"));
        assert_eq!(errors.all().len(), 1);
        assert!(errors.all()[0].1.contains("itself"), "{errors:?}");
    }

    #[test]
    fn a_broken_line_is_left_out_and_the_others_work() {
        for (line, why) in [
            ("/only", "where it leads"),
            ("no/slash /b", "begin with a slash"),
            ("/a b", "neither a path nor a URL"),
            ("/a id=:id /b", "query parameters"),
            ("/a /b 305", "305 is not supported"),
            ("/a /b 301x", "no status"),
            ("/a /b 301 Country=us", "Country=us"),
            ("/a https://example.org/ 200", "proxy"),
            ("/a //example.org/", "another host"),
            ("/a https:///x", "no host"),
            ("/a /b#c 200", "fragment"),
            ("/a https://:splat/", "no host"),
            ("/* https://:splat/", "host"),
            ("https://x.example/* /b", "whole URLs"),
            ("/a\0 /b", "NUL"),
        ] {
            let (file, errors) = netlify(&format!("/first /1\n{line}\n/last /2\n"));
            assert_eq!(errors.all().len(), 1, "{line}: {errors:?}");
            let (number, said) = &errors.all()[0];
            assert!(*number == 2 && said.contains(why), "{line}: {errors:?}");
            assert_eq!(decide(&file, "/first", None).as_deref(), Some("/1 301"));
            assert_eq!(decide(&file, "/last", None).as_deref(), Some("/2 301"));
        }
        let (_, errors) = RedirectsFile::parse(b"/a /\xff\n", Dialect::Netlify);
        assert!(errors.all()[0].1.contains("UTF-8"));
    }

    #[test]
    fn of_too_many_rules_the_first_count() {
        let text: String = (0..RULES_MAX + 5).map(|it| format!("/{it} /to\n")).collect();
        let (file, errors) = netlify(&text);
        assert_eq!((file.rules.len(), errors.all().len()), (RULES_MAX, 5));
        assert_eq!(decide(&file, "/9999", None).as_deref(), Some("/to 301"));
        assert_eq!(decide(&file, "/10000", None), None);
    }
}
