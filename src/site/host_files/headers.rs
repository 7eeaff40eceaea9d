//! `_headers`: a line with a path, and below it lines with headers. All rules that match count, in their order.
//!
//! It must never know how the file was found, or what is sent.

use super::dialect::{Dialect, Parsed};
use super::index::Index;
use super::lines::{LineErrors, RULES_MAX, lines};
use super::pattern::{PathPattern, placeholder};
use crate::http::Headers;
use crate::http::header::is_token;
use crate::http::target::encode_path;

/// The rules of a file.
#[derive(Debug, Default)]
pub(crate) struct HeadersFile {
    rules: Vec<FileRule>,
    index: Index,
}

#[derive(Debug)]
struct FileRule {
    pattern: PathPattern,
    /// Headers that the response loses.
    detached: Vec<String>,
    set: Vec<(String, Vec<Piece>)>,
}

/// A piece of a value.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// What a wildcard stands for, counted from 1.
    Capture(usize),
}

impl Parsed for HeadersFile {
    fn parse(text: &[u8], _dialect: Dialect) -> (HeadersFile, LineErrors) {
        let (mut file, mut errors) = (HeadersFile::default(), LineErrors::default());
        // `Err`: no path, or a broken one, whose headers are left out with it.
        let mut here: Result<(usize, FileRule), bool> = Err(false);
        for (number, line) in lines(text, &mut errors) {
            if line.starts_with('/') || line.contains("://") && !line.contains(": ") {
                file.end_rule(std::mem::replace(&mut here, Err(true)), &mut errors);
                match PathPattern::parse(line) {
                    Ok(pattern) => {
                        let rule = FileRule { pattern, detached: Vec::new(), set: Vec::new() };
                        here = Ok((number, rule));
                    }
                    Err(why) => errors.note(number, why),
                }
                continue;
            }
            let added = match &mut here {
                Ok((_, rule)) => rule.add(line),
                Err(true) => Ok(()),
                Err(false) => Err("it stands before the first path".to_owned()),
            };
            if let Err(why) = added {
                errors.note(number, why);
            }
        }
        file.end_rule(here, &mut errors);
        (file, errors)
    }
}

impl FileRule {
    /// Adds `Name: value` or `! Name`.
    fn add(&mut self, line: &str) -> Result<(), String> {
        if self.detached.len() + self.set.len() >= HEADERS_PER_RULE_MAX {
            return Err(format!("{HEADERS_PER_RULE_MAX} headers for one path are the most"));
        }
        if let Some(name) = line.strip_prefix('!') {
            let name = name.trim();
            check_name(name)?;
            self.detached.push(name.to_owned());
            return Ok(());
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err("it is neither a path nor a header: write \"Name: value\"".to_owned());
        };
        let (name, value) = (name.trim(), value.trim());
        check_name(name)?;
        if value.is_empty() {
            return Err(format!("{name} has no value; \"! {name}\" removes a header"));
        }
        Headers::new().add(name, value).map_err(|error| error.to_string())?;
        if value.chars().any(|it| it.is_control() && it != '\t') {
            return Err(format!("the value of {name} has a control character"));
        }
        self.set.push((name.to_owned(), pieces(value, &self.pattern)));
        Ok(())
    }
}

impl HeadersFile {
    fn end_rule(&mut self, rule: Result<(usize, FileRule), bool>, errors: &mut LineErrors) {
        let Ok((number, rule)) = rule else { return };
        let added = if rule.set.is_empty() && rule.detached.is_empty() {
            Err("no headers follow this path".to_owned())
        } else if self.rules.len() >= RULES_MAX {
            Err(format!("there are {RULES_MAX} rules already, which is the most"))
        } else {
            self.index.add(self.rules.len() as u32, &rule.pattern)
        };
        match added {
            Ok(()) => self.rules.push(rule),
            Err(why) => errors.note(number, why),
        }
    }

    /// Gives a response for this path its headers. Those of several rules with one name are joined; they replace what
    /// the server says. `is_fit` says which it may get.
    pub(crate) fn change(&self, path: &[u8], headers: &mut Headers, is_fit: impl Fn(&str) -> bool) {
        let mut own: Vec<&str> = Vec::new();
        let mut count = 0;
        for number in self.index.candidates(path) {
            let Some(rule) = self.rules.get(number as usize) else { continue };
            let Some(captures) = rule.pattern.captures(path) else { continue };
            for name in &rule.detached {
                headers.remove(name);
                own.retain(|it| !it.eq_ignore_ascii_case(name));
            }
            for (name, value) in rule.set.iter().filter(|(name, _)| is_fit(name)) {
                count += 1;
                if count > HEADERS_PER_RESPONSE_MAX {
                    return;
                }
                let mut text = Vec::new();
                let is_own = own.iter().any(|it| it.eq_ignore_ascii_case(name));
                // RFC 6265 §3: cookies are not joined.
                if is_own && !name.eq_ignore_ascii_case("Set-Cookie") {
                    text.extend_from_slice(headers.value(name).unwrap_or_default());
                    text.extend_from_slice(b", ");
                }
                for piece in value {
                    match piece {
                        Piece::Text(piece) => text.extend_from_slice(piece.as_bytes()),
                        Piece::Capture(number) => {
                            let captured = captures.get(*number).map(|it| &path[it]);
                            encode_path(captured.unwrap_or_default(), &mut text);
                        }
                    }
                }
                if !is_own {
                    own.push(name);
                }
                if !is_own || !name.eq_ignore_ascii_case("Set-Cookie") {
                    headers.remove(name);
                }
                if headers.add(name, text).is_err() {
                    debug_assert!(false, "{name} was checked when the file was read");
                }
            }
        }
    }
}

/// A name that a file may set: not one of those that say what is sent, and how.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("{name:?} is no name of a header"));
    }
    match SERVERS_OWN.iter().find(|it| it.eq_ignore_ascii_case(name)) {
        Some(name) => Err(format!("{name} is for the server to say")),
        None => Ok(()),
    }
}

fn pieces(value: &str, pattern: &PathPattern) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut text, mut rest) = (String::new(), value);
    while let Some(at) = rest.find(':') {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let name = placeholder(after);
        match pattern.names().iter().position(|it| it == name) {
            Some(place) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Capture(place + 1));
                rest = &after[1 + name.len()..];
            }
            None => {
                text.push(':');
                rest = &after[1..];
            }
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Text(text));
    pieces
}

const SERVERS_OWN: [&str; 16] = [
    "Accept-Ranges",
    "Age",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "WWW-Authenticate",
];

const HEADERS_PER_RULE_MAX: usize = 100;

/// However many rules match.
const HEADERS_PER_RESPONSE_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (HeadersFile, LineErrors) {
        HeadersFile::parse(text.as_bytes(), Dialect::Netlify)
    }

    fn changed(file: &HeadersFile, path: &str) -> Vec<String> {
        let mut headers = Headers::new();
        headers.put("Cache-Control", "no-cache");
        headers.put("X-Content-Type-Options", "nosniff");
        file.change(path.as_bytes(), &mut headers, |_| true);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        headers.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
    }

    const FILE: &str = "# everywhere\n\
        /*\n\
        \u{20} X-Frame-Options: DENY\r\n\
        \u{20} Link: </a.css>; rel=preload\n\
        /assets/*\n\
        \u{20} cache-control: public, max-age=31536000, immutable\n\
        \u{20} link: </b.css>; rel=preload\n\
        \u{20} Set-Cookie: a=b\n\
        \u{20} Set-Cookie: c=d\n\
        /users/:id\n\
        \tX-User: id=:id, :name\n\
        /plain\n\
        \u{20} ! X-Frame-Options\n\
        \u{20} ! X-Content-Type-Options\n\
        \u{20} Content-Security-Policy: img-src https://x.example:8080 data:\n";

    #[test]
    fn all_rules_that_match_count_in_their_order() {
        let (file, errors) = read(FILE);
        assert_eq!(errors.all(), []);
        let common = ["Cache-Control: no-cache", "X-Content-Type-Options: nosniff"];
        let with = |more: &[&str]| -> Vec<String> {
            common.iter().chain(more).map(|it| (*it).to_owned()).collect()
        };
        let preload = "Link: </a.css>; rel=preload";
        assert_eq!(changed(&file, "/"), with(&["X-Frame-Options: DENY", preload]));
        assert_eq!(
            changed(&file, "/assets/a.js"),
            [
                "X-Content-Type-Options: nosniff",
                "X-Frame-Options: DENY",
                "cache-control: public, max-age=31536000, immutable",
                "link: </a.css>; rel=preload, </b.css>; rel=preload",
                "Set-Cookie: a=b",
                "Set-Cookie: c=d",
            ]
        );
        assert_eq!(
            changed(&file, "/users/a\r\nb"),
            with(&["X-Frame-Options: DENY", preload, "X-User: id=a%0D%0Ab, :name"])
        );
        assert_eq!(
            changed(&file, "/plain"),
            [
                "Cache-Control: no-cache",
                preload,
                "Content-Security-Policy: img-src https://x.example:8080 data:"
            ]
        );
    }

    #[test]
    fn a_broken_line_is_left_out_and_the_others_work() {
        for (line, why) in [
            ("X-A b", "neither a path nor a header"),
            (": b", "no name"),
            ("X A: b", "no name"),
            ("X-A:", "no value"),
            ("! X A", "no name"),
            ("Content-Length: 7", "for the server"),
            ("! etag", "ETag is for the server"),
            ("Transfer-Encoding: chunked", "for the server"),
            ("X-A: b\u{7f}c", "X-A"),
        ] {
            let (file, errors) = read(&format!("/*\n  X-B: 1\n  {line}\n  X-C: 2\n"));
            assert_eq!(errors.all().len(), 1, "{line}: {errors:?}");
            let (number, said) = &errors.all()[0];
            assert!(*number == 3 && said.contains(why), "{line}: {errors:?}");
            assert_eq!(changed(&file, "/")[2..], ["X-B: 1", "X-C: 2"]);
        }
    }

    #[test]
    fn headers_of_a_broken_path_go_with_it_and_not_to_the_one_before() {
        let (file, errors) = read("/a\n  X-A: 1\n/b/*/*\n  X-B: 2\n/c\n/d\n  X-D: 4\n");
        let lines: Vec<usize> = errors.all().iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 5]);
        assert_eq!(changed(&file, "/a")[2..], ["X-A: 1"]);
        assert_eq!(changed(&file, "/b/x/y").len(), 2);
        assert_eq!(changed(&file, "/d")[2..], ["X-D: 4"]);
        let (_, errors) = read("X-A: 1\n/a\n  X-B: 2\n");
        assert_eq!(errors.all()[0].0, 1);
        let (_, errors) = read("https://x.example/*\n  X-B: 2\n");
        assert!(errors.all()[0].1.contains("whole URLs"));
    }

    #[test]
    fn a_response_gets_a_bounded_number_of_headers() {
        let text: String = (0..200).map(|it| format!("/*\n X-{it}: 1\n")).collect();
        let (file, errors) = read(&text);
        assert_eq!(errors.all(), []);
        assert_eq!(changed(&file, "/").len(), 2 + HEADERS_PER_RESPONSE_MAX);
    }
}
