//! What holds for the rules of a site, whatever an operator writes and whatever a client asks for.

use crate::http::target::Target as RequestTarget;
use crate::http::{Headers, Method, Scheme, Status};
use crate::site::host_files::Dialect;
use crate::site::host_files::dialect::Parsed;
use crate::site::host_files::headers::HeadersFile;
use crate::site::host_files::redirects::RedirectsFile;
use crate::site::rewritten::Elsewhere;
use crate::site::rules::glob::Glob;
use crate::site::rules::headers::{HeaderRule, Statuses};
use crate::site::rules::redirects::{Redirect, Redirects, Source};
use crate::site::rules::seen::Seen;
use crate::site::rules::target::Target;

/// A path that matches a pattern is the pattern with its wildcards filled in. The first line is the pattern.
pub fn glob(bytes: &[u8]) {
    let (pattern, path) = line(bytes);
    let Some(glob) = std::str::from_utf8(pattern).ok().and_then(|it| Glob::new(it).ok()) else {
        return;
    };
    assert!(glob.matches(&glob.sample()));
    if path.len() > 256 {
        return;
    }
    if let Some(captures) = glob.captures(path) {
        assert_eq!(glob.filled(path, &captures), path);
    }
}

/// A redirect leads to a path or a URL that is one line, whatever the request is; a rewrite to a path as that of a
/// request. Lines: pattern, target, path, query, status, name and value of a header.
pub fn rules(bytes: &[u8]) {
    let mut rest = bytes;
    let mut next = || {
        let (first, after) = line(rest);
        rest = after;
        first
    };
    let [from, to, path, query, status, name, value] = [(); 7].map(|()| next());
    let Some(path) = request_path(path) else { return };
    let query = Some(query).filter(|it| it.iter().all(u8::is_ascii_graphic) && !it.is_empty());
    let query = query.filter(|it| !it.contains(&b'#'));
    let seen = Seen { path: &path, query, host: b"host.example:80", scheme: Scheme::Http };
    let text = |bytes| std::str::from_utf8(bytes).ok();
    if let (Some(from), Some(to)) = (text(from), text(to))
        && let Ok(glob) = Glob::new(from)
        && let Ok(to) = Target::new(to, glob.wildcards())
    {
        let is_local = to.is_local();
        let mut redirects = Redirects::default();
        let redirect = Redirect {
            from: Source::Glob(glob),
            to: Some(to),
            status: Status::FOUND,
            written_at: 0,
        };
        assert!(redirects.push(redirect).is_ok());
        if let Some(location) = redirects.decide(&seen).and_then(|it| it.location) {
            check_location(&location, is_local);
        }
    }
    let (Some(name), Some(value), Some(status)) = (text(name), text(value), text(status)) else {
        return;
    };
    let mut statuses = Statuses::default();
    let is_sound = Headers::new().add(name, value).is_ok() && !value.contains(char::is_control);
    if is_sound && statuses.add(status).is_ok() {
        let field = || vec![(name.to_owned(), vec![value.to_owned()])];
        let (set, add) = (field(), field());
        let rule = HeaderRule { path: None, statuses, remove: Vec::new(), set, add, written_at: 0 };
        for code in [200, 304, 404, 500] {
            let mut headers = Headers::new();
            headers.put("ETag", "\"1\"");
            rule.change(Status::new(code).expect("it is one"), &mut headers);
            check_headers(&headers);
        }
    }
}

/// Of files for the host, what cannot be read is named by its line; rules found by the index are those that a search
/// through all of them finds; nothing of a request becomes another line or another host. The first line is the path of
/// a request, the others are the file.
pub fn host_files(bytes: &[u8]) {
    let (path, file) = line(bytes);
    let Some(path) = request_path(path) else { return };
    let count = file.iter().filter(|byte| **byte == b'\n').count() + 1;
    for dialect in [Dialect::Netlify, Dialect::Cloudflare] {
        let (redirects, errors) = RedirectsFile::parse(file, dialect);
        assert!(errors.lines().all(|line| (1..=count).contains(&line)));
        let seen =
            Seen { path: &path, query: Some(b"q=1"), host: b"host.example", ..Seen::default() };
        let decided = redirects.decide(&seen);
        assert_eq!(decided, redirects.decide_slowly(&seen));
        if let Some(decided) = decided {
            let is_page = decided.status.code() / 100 != 3;
            check_location(&decided.location, is_page);
        }
    }
    let (rules, errors) = HeadersFile::parse(file, Dialect::Netlify);
    assert!(errors.lines().all(|line| (1..=count).contains(&line)));
    let mut headers = Headers::new();
    headers.put("ETag", "\"1\"");
    rules.change(&path, &mut headers, |_| true);
    check_headers(&headers);
    assert_eq!(headers.value("ETag"), Some(&b"\"1\""[..]));
    assert_eq!(headers.value("Content-Length"), None);
}

/// The path of a request, if it can be one.
fn request_path(path: &[u8]) -> Option<Vec<u8>> {
    if path.is_empty() || !path.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let target = RequestTarget::parse(Method::Get, path, Scheme::Http).ok()?;
    Some(target.path.into_owned())
}

fn check_location(location: &[u8], is_local: bool) {
    assert!(location.iter().all(u8::is_ascii_graphic), "{}", location.escape_ascii());
    let is_path = location.starts_with(b"/");
    assert!(!location.starts_with(b"//") && !location.starts_with(b"/\\"));
    assert!(is_path || location.starts_with(b"http://") || location.starts_with(b"https://"));
    if is_local {
        assert!(is_path);
        if let Some(to) = Elsewhere::new(location) {
            let path = to.path();
            assert!(path.starts_with(b"/") && !path.contains(&0));
            assert!(!path.split(|&byte| byte == b'/').any(|it| it == b"." || it == b".."));
        }
    }
}

fn check_headers(headers: &Headers) {
    for (name, value) in headers.iter() {
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
