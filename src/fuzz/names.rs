//! What holds for a name in a listing, whatever bytes it has.

use crate::http::accept::preference;
use crate::http::target::Target;
use crate::http::{Method, Scheme};
use crate::site::listing::escape::{Controls, write_html, write_json, write_json_link, write_link};
use std::io::Write;

/// A name can be shown in a page and in JSON, and cannot leave its place there; its link leads to it. The same bytes as
/// `Accept` are understood or not.
pub fn names(bytes: &[u8]) {
    for controls in [Controls::Shown, Controls::Text] {
        let html = written(|out| write_html(bytes, controls, out));
        assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
        let is_shown =
            |it: char| !it.is_control() || controls == Controls::Text && "\n\t".contains(it);
        assert!(html.chars().all(is_shown), "{html:?}");
        check_references(&html);
    }
    check_json(bytes, &written(|out| write_json(bytes, out)));
    if !bytes.is_empty()
        && !matches!(bytes, b"." | b"..")
        && !bytes.iter().any(|it| b"\0/".contains(it))
    {
        let link = written(|out| write_link(bytes, out));
        check_references(&link);
        let link = link.replace("&amp;", "&");
        check_link(bytes, &link);
        assert_eq!(written(|out| write_json_link(bytes, out)), format!("\"{link}\""));
    }
    for media_type in ["application/json", "text/html"] {
        assert!(preference(Some(bytes), media_type).weight <= 1000);
    }
}

fn written(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("there is room in memory");
    String::from_utf8(out).expect("it is UTF-8")
}

/// Every ampersand begins one of the references that are written.
fn check_references(html: &str) {
    for (at, _) in html.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        assert!(known.iter().any(|it| html[at..].starts_with(it)), "{html}");
    }
}

/// A browser that resolves the link in the listing of a directory asks for the name in that directory.
fn check_link(name: &[u8], link: &str) {
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>#?\\".contains(&byte)));
    assert!(!link.split('/').next().unwrap_or_default().contains(':'), "{link} has a scheme");
    let raw = format!("/d/{link}");
    let target = Target::parse(Method::Get, raw.as_bytes(), Scheme::Http).expect("it is sound");
    assert_eq!(&*target.path, [b"/d/", name].concat());
    assert_eq!(target.query, None);
}

/// Read again, it is the name, as far as that is UTF-8.
fn check_json(name: &[u8], json: &str) {
    assert!(!json.chars().any(|it| it.is_ascii_control()), "{json}");
    #[cfg(any(test, feature = "json"))]
    {
        let read: String = serde_json::from_str(json).expect("it is JSON");
        assert_eq!(read, String::from_utf8_lossy(name));
    }
    let _ = name;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million names would take long; these are of all lengths and of all pieces that mean something somewhere.
    #[test]
    fn no_name_leaves_its_place() {
        const PIECES: [&[u8]; 24] = [
            b"<",
            b">",
            b"\"",
            b"'",
            b"&",
            b"&amp;",
            b"%",
            b"%41",
            b"?",
            b"#",
            b":",
            b"\\",
            b"\n",
            b"\x7f",
            b"\xff",
            b"\xc3",
            b"\xa4",
            b"\xe2\x80\xae",
            b".",
            b"a",
            b"-->",
            b" ",
            b"javascript:",
            b"\xc2\x85",
        ];
        let mut state: u64 = 1;
        for _ in 0..20_000 {
            let mut name = Vec::new();
            for _ in 0..=state >> 61 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                name.extend_from_slice(PIECES[(state >> 40) as usize % PIECES.len()]);
            }
            names(&name);
        }
    }
}
