//! A listing for programs.

use super::escape::{write_json, write_json_link};
use crate::files::{Entry, Listing};
use crate::http::date::rfc3339;
use std::io::{self, Write};

/// Writes the listing of the directory at a path of the site.
pub(super) fn write(path: &[u8], listing: &Listing, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\"path\":")?;
    write_json(path, out)?;
    write!(out, ",\"truncated\":{},\"entries\":[", listing.has_more)?;
    for (number, entry) in listing.entries.iter().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        write_entry(entry, out)?;
    }
    out.write_all(b"\n]}\n")
}

/// A name that is no UTF-8 cannot be written as JSON; its `url` leads there all the same.
fn write_entry(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\"name\":")?;
    write_json(&entry.name, out)?;
    out.write_all(b",\"url\":")?;
    if entry.is_directory {
        write_json_link(&[&entry.name, &b"/"[..]].concat(), out)?;
        out.write_all(b",\"type\":\"directory\"")?;
    } else {
        write_json_link(&entry.name, out)?;
        write!(out, ",\"type\":\"file\",\"size\":{}", entry.size_bytes)?;
    }
    write!(out, ",\"mtime\":\"{}\"}}", rfc3339(entry.modified.seconds))
}
