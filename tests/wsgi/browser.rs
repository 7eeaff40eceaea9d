//! A user with a browser: curl with a cookie jar.

use super::server::{Folder, Server};
use std::process::Command;

/// What comes of a page, at the end of all redirects.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    /// Where it was found, with `http://` and the authority taken off.
    pub path: String,
    /// Of the last answer, and of those on the way.
    pub heads: String,
    pub content: Vec<u8>,
}

impl Page {
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("it is text")
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Page {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Demands that these words are in it.
    #[track_caller]
    pub fn shows(&self, words: &str) -> &Page {
        assert!(self.text().contains(words), "no {words:?} in {}", self.text());
        self
    }

    #[track_caller]
    pub fn has_header(&self, line: &str) -> &Page {
        let mut lines = self.heads.lines().map(str::trim_end);
        let found = lines.any(|told| told.eq_ignore_ascii_case(line));
        assert!(found, "no {line:?} in {}", self.heads);
        self
    }

    /// The value of a hidden field of a form.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text().split_once(&start).expect("the field is there");
        rest.split('"').next().expect("it is quoted").to_owned()
    }
}

/// One user.
pub struct Browser<'a> {
    server: &'a Server,
    folder: Folder,
}

impl<'a> Browser<'a> {
    pub fn of(server: &'a Server) -> Browser<'a> {
        Browser { server, folder: Folder::new() }
    }

    pub fn get(&self, path: &str) -> Page {
        self.curl(path, &[])
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let arguments: Vec<&str> =
            pairs.iter().flat_map(|pair| ["--data-urlencode", pair.as_str()]).collect();
        // A form without fields is a POST, too.
        self.curl(path, &[&["--data", ""], &arguments[..]].concat())
    }

    /// Sends a file in a form, and its other fields.
    pub fn upload(&self, path: &str, file: &[u8], fields: &[(&str, &str)]) -> Page {
        let file = self.folder.write("upload/tr\u{e9}s grand.bin", file);
        let mut pairs = vec![format!("file=@\"{}\"", file.display())];
        pairs.extend(fields.iter().map(|(name, value)| format!("{name}={value}")));
        let arguments: Vec<&str> =
            pairs.iter().flat_map(|pair| ["--form", pair.as_str()]).collect();
        self.curl(path, &arguments)
    }

    /// What curl makes of it, with further arguments.
    #[track_caller]
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Page {
        let jar = self.folder.path("cookies");
        let heads = self.folder.path("heads");
        let content = self.folder.path("content");
        let authority = self.server.authority();
        // Left over from the last page, where this one has no content.
        let _ = std::fs::remove_file(&content);
        let output = Command::new("curl")
            .args([
                "-sS",
                "--max-time",
                "20",
                "--location",
                "--write-out",
                "%{http_code} %{url_effective}",
            ])
            .args(["--referer", ";auto"])
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar)
            .arg("--dump-header")
            .arg(&heads)
            .arg("--output")
            .arg(&content)
            .args(arguments)
            .arg(format!("http://{authority}{path}"))
            .output()
            .expect("curl is there");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{path}: {said}\n{}", self.server.log());
        let told = String::from_utf8(output.stdout).expect("it is ASCII");
        let (status, url) = told.split_once(' ').expect("as it was told to write");
        Page {
            status: status.parse().expect("a status"),
            path: url.replacen(&format!("http://{authority}"), "", 1),
            heads: std::fs::read_to_string(heads).expect("an answer has a head"),
            content: std::fs::read(content).unwrap_or_default(),
        }
    }
}
