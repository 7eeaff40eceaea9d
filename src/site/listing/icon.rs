//! Which picture stands before an entry: a class of the page's style sheet, by the content type.

use crate::files::{Entry, Types};

/// The class of an entry.
pub(super) fn class(entry: &Entry, types: &Types) -> &'static str {
    if entry.is_directory {
        return "d";
    }
    let content_type = types.content_type(&entry.name);
    let essence = content_type.split(';').next().unwrap_or_default().trim_ascii_end();
    match essence {
        "application/pdf" | "application/epub+zip" | "application/postscript" => "p",
        "text/html"
        | "text/css"
        | "text/javascript"
        | "application/javascript"
        | "application/json"
        | "application/xml"
        | "text/xml"
        | "application/x-sh"
        | "application/toml"
        | "application/wasm" => "c",
        _ if essence.starts_with("image/") => "i",
        _ if essence.starts_with("video/") => "v",
        _ if essence.starts_with("audio/") => "m",
        _ if essence.starts_with("font/") => "t",
        _ if essence.starts_with("text/x-") => "c",
        _ if essence.starts_with("text/") => "t",
        _ if PACKED.iter().any(|word| essence.contains(word)) => "z",
        _ if OFFICE.iter().any(|word| essence.contains(word)) => "t",
        _ => "f",
    }
}

/// What the types of archives and packages have in their names.
const PACKED: [&str; 12] = [
    "zip",
    "gzip",
    "x-tar",
    "x-xz",
    "zstd",
    "7z",
    "rar",
    "bzip",
    "compressed",
    "iso9660",
    "package",
    "x-rpm",
];

const OFFICE: [&str; 4] = ["opendocument", "officedocument", "msword", "ms-excel"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::Timestamp;

    #[test]
    fn the_picture_follows_the_type() {
        for (name, expected) in [
            ("a.txt", "t"),
            ("README.md", "t"),
            ("a.jpg", "i"),
            ("a.svg", "i"),
            ("a.mp4", "v"),
            ("a.flac", "m"),
            ("a.pdf", "p"),
            ("a.tar.gz", "z"),
            ("a.zip", "z"),
            ("a.html", "c"),
            ("a.json", "c"),
            ("a.odt", "t"),
            ("a.bin", "f"),
            ("LICENSE", "f"),
        ] {
            let modified = Timestamp { seconds: 0, nanoseconds: 0 };
            let name: Box<[u8]> = name.as_bytes().into();
            let entry = Entry { name, is_directory: false, size_bytes: 0, modified };
            assert_eq!(class(&entry, &Types::new()), expected, "{entry:?}");
        }
    }
}
