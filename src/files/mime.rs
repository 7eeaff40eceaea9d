//! The `Content-Type` of a file by its name, mostly by the extension.
//!
//! It must never know what is in the file.

use super::NamePattern;
use super::name::last_name;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Content types by name: those that are known, and those that the operator sets.
///
/// ```
/// use httpd::Types;
/// let types = Types::new().set("webapp", "application/x-webapp");
/// assert_eq!(types.content_type(b"a.webapp"), "application/x-webapp");
/// assert_eq!(types.content_type(b"a.HTML"), "text/html");
/// assert_eq!(types.content_type(b"a.txt"), "text/plain; charset=utf-8");
/// assert_eq!(types.content_type(b"LICENSE"), "application/octet-stream");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// By extension, or by the whole name of a file without one, in lower case.
    overrides: HashMap<String, String>,
    /// The longest first.
    patterns: Vec<(NamePattern, String)>,
    charset: Charset,
}

/// Which types are given a charset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Charset {
    /// UTF-8, for text that cannot declare its charset itself.
    #[default]
    Utf8WhereNeeded,
    /// This one, for all text.
    All(String),
    Off,
}

impl Types {
    /// The known types, with `charset=utf-8` for text that cannot declare its charset itself: `text/plain`,
    /// `text/markdown`, `text/csv` and the like. HTML, CSS and JavaScript declare it, or their page does.
    pub fn new() -> Types {
        Types::default()
    }

    /// Sets the content type of files with this extension, and of files without an extension that have
    /// this name. Upper and lower case count as equal, and a leading dot is ignored. The type is sent as
    /// it is, less control characters; no charset is added.
    pub fn set(mut self, extension: &str, content_type: &str) -> Types {
        let extension = extension.strip_prefix('.').unwrap_or(extension).to_ascii_lowercase();
        self.overrides.insert(extension, without_controls(content_type));
        self
    }

    /// Sets the content type of all files whose name or path matches, whatever their extension.
    /// The longest of several patterns that match counts.
    pub(crate) fn set_matching(mut self, pattern: NamePattern, content_type: &str) -> Types {
        self.patterns.retain(|(other, _)| *other != pattern);
        self.patterns.push((pattern, without_controls(content_type)));
        self.patterns.sort_by_key(|(pattern, _)| Reverse(pattern.as_str().len()));
        self
    }

    /// Sets the charset of all text: `text/*` with HTML and CSS, JavaScript, and XML. JSON has no charset
    /// (RFC 8259 §11).
    pub fn charset(mut self, charset: &str) -> Types {
        self.charset = Charset::All(without_controls(charset));
        self
    }

    /// Adds no charset to any type.
    pub fn without_charset(mut self) -> Types {
        self.charset = Charset::Off;
        self
    }

    /// The content type of a file of this name, which may be a path and hold any bytes.
    pub fn content_type(&self, name: &[u8]) -> Cow<'_, str> {
        if let Some((_, content_type)) = self.patterns.iter().find(|(it, _)| it.matches(name)) {
            return content_type.into();
        }
        let extension = extension(name).map(str::to_ascii_lowercase);
        let Some(extension) = extension else {
            let whole = last_name(name).to_ascii_lowercase();
            let known = str::from_utf8(&whole).ok().and_then(|whole| self.overrides.get(whole));
            return known.map_or(UNKNOWN, String::as_str).into();
        };
        if let Some(content_type) = self.overrides.get(&extension) {
            return content_type.into();
        }
        let content_type = known(&extension);
        match &self.charset {
            Charset::Utf8WhereNeeded if is_text(content_type) && !declares(content_type) => {
                format!("{content_type}; charset=utf-8").into()
            }
            Charset::All(charset) if is_text(content_type) => {
                format!("{content_type}; charset={charset}").into()
            }
            _ => content_type.into(),
        }
    }
}

/// What follows the last dot of the last component. A leading dot only hides the file.
fn extension(name: &[u8]) -> Option<&str> {
    let name = last_name(name);
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0)?;
    str::from_utf8(&name[dot + 1..]).ok()
}

fn known(extension: &str) -> &'static str {
    if let Ok(place) = CORRECTIONS.binary_search_by_key(&extension, |&(extension, _)| extension) {
        return CORRECTIONS[place].1;
    }
    mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN)
}

fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.ends_with("+xml")
        || ["application/javascript", "application/xml"].contains(&content_type)
}

/// Whether text of this type declares its charset, or what refers to it does.
fn declares(content_type: &str) -> bool {
    content_type.ends_with("xml")
        || ["text/html", "text/css", "text/javascript", "application/javascript", "text/rtf"]
            .contains(&content_type)
}

/// Whether browsers know a charset of this name, in upper or lower case: the names of the WHATWG Encoding
/// Standard, and US-ASCII.
pub(crate) fn is_known_charset(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let numbered = |prefix: &str, numbers: &[u16]| {
        let number = name.strip_prefix(prefix).filter(|it| !it.starts_with(['0', '+']));
        number.and_then(|it| it.parse().ok()).is_some_and(|it: u16| numbers.contains(&it))
    };
    CHARSETS.contains(&&name[..])
        || numbered("iso-8859-", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16])
        || numbered("windows-", &[874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258])
}

const CHARSETS: [&str; 20] = [
    "utf-8",
    "utf8",
    "utf-16",
    "utf-16be",
    "utf-16le",
    "us-ascii",
    "ibm866",
    "iso-8859-8-i",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "x-mac-cyrillic",
    "gbk",
    "gb2312",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
];

/// A header field must stay one line.
fn without_controls(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

const UNKNOWN: &str = "application/octet-stream";

/// Types where the guess is missing, outdated or from another field. Sorted, for binary search.
const CORRECTIONS: [(&str, &str); 26] = [
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript"),
    ("cur", "image/x-icon"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("js", "text/javascript"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("otf", "font/otf"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rs", "text/plain"),
    ("swf", "application/x-shockwave-flash"),
    ("toml", "application/toml"),
    ("topojson", "application/geo+json"),
    ("ts", "video/mp2t"),
    ("usdz", "model/vnd.usdz+zip"),
    ("wasm", "application/wasm"),
    ("wgsl", "text/wgsl"),
    ("woff", "font/woff"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_pattern_counts_more_than_the_extension() {
        let pattern = |text| NamePattern::new(text).expect("it is one");
        let types = Types::new()
            .set("apple-app-site-association", "application/json")
            .set("license", "text/plain")
            .set("gz", "application/gzip")
            .set_matching(pattern("/.well-known/*"), "text/x-old")
            .set_matching(pattern("/.well-known/*"), "application/jrd+json")
            .set_matching(pattern("/.well-known/*.txt"), "text/plain; charset=utf-8")
            .set_matching(pattern("*.tar.gz"), "application/x-gtar");
        for (path, content_type) in [
            ("apple-app-site-association", "application/json"),
            ("a/apple-app-site-association", "application/json"),
            ("LICENSE", "text/plain"),
            ("a.LICENSE", "text/plain"),
            (".well-known/webfinger", "application/jrd+json"),
            (".well-known/security.txt", "text/plain; charset=utf-8"),
            ("a/.well-known/webfinger", UNKNOWN),
            ("a.tar.gz", "application/x-gtar"),
            ("a.gz", "application/gzip"),
        ] {
            assert_eq!(types.content_type(path.as_bytes()), content_type, "{path}");
        }
    }

    #[test]
    fn the_corrections_are_sorted() {
        assert!(CORRECTIONS.is_sorted_by_key(|&(extension, _)| extension));
    }

    #[test]
    fn the_common_kinds_are_what_they_always_were() {
        for (name, content_type) in [
            ("a.html", "text/html"),
            ("a.css", "text/css"),
            ("a.jpg", "image/jpeg"),
            ("a.jpeg", "image/jpeg"),
            ("a.png", "image/png"),
            ("a.gif", "image/gif"),
            ("a.swf", "application/x-shockwave-flash"),
            ("a.js", "text/javascript"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.xml", "text/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.ico", "image/x-icon"),
            ("a.pdf", "application/pdf"),
        ] {
            assert_eq!(Types::new().content_type(name.as_bytes()), content_type, "{name}");
        }
    }

    #[test]
    fn the_newer_kinds_are_known() {
        for (name, content_type) in [
            ("a.mjs", "text/javascript"),
            ("a.wasm", "application/wasm"),
            ("a.avif", "image/avif"),
            ("a.jxl", "image/jxl"),
            ("a.webp", "image/webp"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.map", "application/json"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.woff2", "font/woff2"),
            ("a.woff", "font/woff"),
            ("a.ttf", "font/ttf"),
            ("a.json", "application/json"),
            ("a.mp4", "video/mp4"),
            ("a.webm", "video/webm"),
        ] {
            assert_eq!(Types::new().content_type(name.as_bytes()), content_type, "{name}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(Types::new().content_type(b"INDEX.HtMl"), "text/html");
        assert_eq!(Types::new().set("WebApp", "a/b").content_type(b"x.wEBaPP"), "a/b");
    }

    #[test]
    fn only_the_last_extension_of_the_last_component_counts() {
        assert_eq!(Types::new().content_type(b"a.tar.gz"), "application/gzip");
        assert_eq!(Types::new().content_type(b"v1.css/README"), UNKNOWN);
        assert_eq!(Types::new().content_type(b"a.b/.html"), UNKNOWN);
    }

    #[test]
    fn what_is_not_known_is_bytes() {
        for name in
            [&b""[..], b"a", b".", b"..", b"a.", b".htaccess", b"a.nosuch", b"a.\xff\xfe", b"\xff"]
        {
            assert_eq!(Types::new().content_type(name), UNKNOWN, "{name:?}");
        }
    }

    #[test]
    fn what_the_operator_says_wins() {
        let types = Types::new().set(".html", "application/xhtml+xml").charset("utf-8");
        assert_eq!(types.content_type(b"a.html"), "application/xhtml+xml");
    }

    #[test]
    fn text_that_cannot_say_itself_what_it_is_written_in_is_utf_8() {
        for (name, charset) in [
            ("a.txt", "; charset=utf-8"),
            ("a.log", "; charset=utf-8"),
            ("a.md", "; charset=utf-8"),
            ("a.csv", "; charset=utf-8"),
            ("a.rs", "; charset=utf-8"),
            ("a.vtt", "; charset=utf-8"),
            ("a.ics", "; charset=utf-8"),
            ("a.html", ""),
            ("a.css", ""),
            ("a.js", ""),
            ("a.xml", ""),
            ("a.svg", ""),
            ("a.json", ""),
            ("a.map", ""),
            ("a.webmanifest", ""),
            ("a.png", ""),
            ("a", ""),
        ] {
            let types = Types::new();
            let content_type = types.content_type(name.as_bytes());
            let at = content_type.find(';').unwrap_or(content_type.len());
            assert_eq!(&content_type[at..], charset, "{name}: {content_type}");
            let bare = Types::new().without_charset();
            assert!(!bare.content_type(name.as_bytes()).contains(';'), "{name}");
        }
    }

    #[test]
    fn a_charset_that_is_set_is_said_of_all_text_and_never_of_json() {
        let types = Types::new().charset("iso-8859-1");
        for name in ["a.html", "a.css", "a.js", "a.txt", "a.svg", "a.xml", "a.rss"] {
            let content_type = types.content_type(name.as_bytes());
            assert!(content_type.ends_with("; charset=iso-8859-1"), "{content_type}");
        }
        for name in ["a.json", "a.map", "a.webmanifest", "a.png", "a.pdf", "a.wasm", "a", "a.zip"] {
            assert!(!types.content_type(name.as_bytes()).contains("charset"), "{name}");
        }
    }

    #[test]
    fn charsets_are_known_by_name() {
        for known in ["utf-8", "UTF-8", "iso-8859-15", "windows-1252", "Shift_JIS", "us-ascii"] {
            assert!(is_known_charset(known), "{known}");
        }
        for unknown in ["", "utf8x", "uft-8", "iso-8859-12", "iso-8859-01", "windows-+874", "off"] {
            assert!(!is_known_charset(unknown), "{unknown}");
        }
    }

    #[test]
    fn no_type_breaks_out_of_its_line() {
        let types = Types::new().set("a", "text/a\r\nX: y").charset("utf-8\r\nX: y");
        assert_eq!(types.content_type(b"a.a"), "text/aX: y");
        assert!(!types.content_type(b"a.html").contains('\n'));
    }
}
