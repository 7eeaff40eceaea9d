//! Which `Content-Type` a file has, going by the extension of its name.
//!
//! It must never know what is in the file, or who asks.

use std::borrow::Cow;
use std::collections::HashMap;

/// What the operator says about content types, on top of what is known anyway.
///
/// ```
/// use httpd::files::Types;
/// let types = Types::new().set("webapp", "application/x-webapp").charset("utf-8");
/// assert_eq!(types.content_type(b"a.webapp"), "application/x-webapp");
/// assert_eq!(types.content_type(b"a.HTML"), "text/html; charset=utf-8");
/// assert_eq!(types.content_type(b"LICENSE"), "application/octet-stream");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Types {
    /// By extension in lower case.
    overrides: HashMap<String, String>,
    charset: Option<String>,
}

impl Types {
    /// Just what is known: types without a charset.
    pub fn new() -> Types {
        Types::default()
    }

    /// Sets the content type of an extension, in any case and with or without its dot. It is sent as
    /// it stands here, without control characters; no charset is added.
    pub fn set(mut self, extension: &str, content_type: &str) -> Types {
        let extension = extension.strip_prefix('.').unwrap_or(extension).to_ascii_lowercase();
        self.overrides.insert(extension, without_controls(content_type));
        self
    }

    /// Sets the charset that is said of text: of `text/*`, and of the JavaScript, JSON and XML kinds.
    pub fn charset(mut self, charset: &str) -> Types {
        self.charset = Some(without_controls(charset));
        self
    }

    /// The content type of a file of this name, which may be a path and hold any bytes.
    pub fn content_type(&self, name: &[u8]) -> Cow<'_, str> {
        let extension = extension(name).map(str::to_ascii_lowercase);
        let Some(extension) = extension else {
            return UNKNOWN.into();
        };
        if let Some(content_type) = self.overrides.get(&extension) {
            return content_type.into();
        }
        let content_type = known(&extension);
        match &self.charset {
            Some(charset) if is_text(content_type) => {
                format!("{content_type}; charset={charset}").into()
            }
            _ => content_type.into(),
        }
    }
}

/// What follows the last dot of the last component. A dot at its beginning hides the file and begins
/// no extension.
fn extension(name: &[u8]) -> Option<&str> {
    let name = name.rsplit(|&byte| byte == b'/').next()?;
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
        || content_type.ends_with("+json")
        || content_type.ends_with("+xml")
        || ["application/javascript", "application/json", "application/xml"].contains(&content_type)
}

/// A header must stay one line.
fn without_controls(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

const UNKNOWN: &str = "application/octet-stream";

/// Where the guess is missing, outdated or of another trade. Sorted, for the search.
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
            ("a.txt", "text/plain"),
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
            ("a.md", "text/markdown"),
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
    fn a_charset_is_said_of_text_alone() {
        let types = Types::new().charset("utf-8");
        for name in
            ["a.html", "a.css", "a.js", "a.json", "a.svg", "a.xml", "a.rss", "a.webmanifest"]
        {
            assert!(types.content_type(name.as_bytes()).ends_with("; charset=utf-8"), "{name}");
        }
        for name in ["a.png", "a.pdf", "a.wasm", "a", "a.zip"] {
            assert!(!types.content_type(name.as_bytes()).contains("charset"), "{name}");
        }
    }

    #[test]
    fn no_type_breaks_out_of_its_line() {
        let types = Types::new().set("a", "text/a\r\nX: y").charset("utf-8\r\nX: y");
        assert_eq!(types.content_type(b"a.a"), "text/aX: y");
        assert!(!types.content_type(b"a.html").contains('\n'));
    }
}
