//! A listing for people: one page without scripts, and without anything from elsewhere.

use super::escape::{Controls, write_html, write_link};
use super::icon;
use super::view::{Key, Order, View};
use crate::files::{Entry, Listing, Readme, Root};
use crate::http::date::rfc3339;
use crate::site::Request;
use std::io::{self, Write};

/// A page, ready to be written.
pub(super) struct Page {
    /// The path of the directory in the site.
    path: Vec<u8>,
    /// How much of the path belongs to the prefix of the location: nothing above it is listed.
    prefix_bytes: usize,
    root: Root,
    view: View,
    listing: Listing,
}

impl Page {
    pub(super) fn new(request: &Request<'_>, root: &Root, view: View, listing: Listing) -> Page {
        let path = request.path_bytes().to_vec();
        let prefix_bytes = request.prefix_bytes().min(path.len());
        Page { path, prefix_bytes, root: root.clone(), view, listing }
    }

    /// Writes the whole page.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(BEFORE_TITLE.as_bytes())?;
        write_html(&self.path, Controls::Shown, out)?;
        out.write_all(AFTER_TITLE.as_bytes())?;
        out.write_all(STYLE.as_bytes())?;
        out.write_all(b"</style>\n<body>\n<header>\n")?;
        self.write_way(out)?;
        self.write_summary(out)?;
        out.write_all(b"</header>\n<main>\n")?;
        if self.listing.entries.is_empty() {
            out.write_all(b"<p class=note>This folder is empty.\n")?;
        } else {
            self.write_table(out)?;
        }
        if self.listing.has_more {
            let count = grouped(self.listing.entries.len() as u64);
            writeln!(out, "<p class=note>There are more: these are {count} of them.")?;
        }
        if let Some(readme) = &self.listing.readme {
            write_readme(readme, out)?;
        }
        out.write_all(b"</main>\n</html>\n")
    }

    /// The folders that lead here, each a link; the last one is here.
    fn write_way(&self, out: &mut dyn Write) -> io::Result<()> {
        let (prefix, rest) = self.path.split_at(self.prefix_bytes);
        let names: Vec<&[u8]> =
            rest.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        let first = prefix.strip_prefix(b"/").unwrap_or(prefix);
        let first = if first.is_empty() { b"Home" } else { first };
        out.write_all(b"<h1>")?;
        for (depth, name) in std::iter::once(&first).chain(&names).enumerate() {
            let up = names.len() - depth;
            let class = if depth == 0 { " class=h" } else { "" };
            if up == 0 {
                write!(out, "<span{class} aria-current=page>")?;
                write_html(name, Controls::Shown, out)?;
                out.write_all(b"</span>")?;
            } else {
                let (up, query) = ("../".repeat(up), self.view.query());
                write!(out, "<a{class} href=\"{up}{query}\">")?;
                write_html(name, Controls::Shown, out)?;
                out.write_all(b"</a><i>/</i>")?;
            }
        }
        out.write_all(b"</h1>\n")
    }

    fn write_summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let entries = &self.listing.entries;
        let folders = entries.iter().filter(|entry| entry.is_directory).count();
        let files = entries.len() - folders;
        let bytes: u64 = entries
            .iter()
            .filter(|entry| !entry.is_directory)
            .fold(0, |sum, entry| sum.saturating_add(entry.size_bytes));
        let mut parts = Vec::new();
        if folders > 0 {
            parts.push(counted(folders, "folder", "folders"));
        }
        if files > 0 {
            parts.push(counted(files, "file", "files"));
            parts.push(size(bytes));
        }
        writeln!(out, "<p>{}", parts.join(" · "))
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<table>\n<thead><tr>")?;
        for (key, title) in [(Key::Name, "Name"), (Key::Size, "Size"), (Key::Time, "Modified")] {
            let (sorted, arrow) = match (self.view.key == key, self.view.order) {
                (false, _) => ("", ""),
                (true, Order::Ascending) => (" aria-sort=ascending", " ↑"),
                (true, Order::Descending) => (" aria-sort=descending", " ↓"),
            };
            // An empty query leads back to the usual order.
            let link = match self.view.sorted_by(key).query() {
                "" => "?",
                query => query,
            };
            let hint = if key == Key::Time { " title=\"In UTC\"" } else { "" };
            write!(out, "<th scope=col{sorted}><a href=\"{link}\"{hint}>{title}{arrow}</a>")?;
        }
        out.write_all(b"\n<tbody>\n")?;
        for entry in &self.listing.entries {
            self.write_row(entry, out)?;
        }
        out.write_all(b"</table>\n")
    }

    fn write_row(&self, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
        let class = icon::class(entry, self.root.content_types());
        write!(out, "<tr><td><a class={class} href=\"")?;
        write_link(&entry.name, out)?;
        if entry.is_directory {
            write!(out, "/{}", self.view.query())?;
        }
        out.write_all(b"\">")?;
        write_html(&entry.name, Controls::Shown, out)?;
        out.write_all(b"</a><td>")?;
        if !entry.is_directory {
            out.write_all(size(entry.size_bytes).as_bytes())?;
        }
        let time = rfc3339(entry.modified.seconds);
        let (day, minute) = (&time[..10], &time[11..16]);
        writeln!(out, "<td><time datetime={time}>{day} <span>{minute}</span></time>")
    }
}

/// The text as it is: no markup of its own.
fn write_readme(readme: &Readme, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<section>\n<h2><a class=t href=\"")?;
    write_link(&readme.name, out)?;
    out.write_all(b"\">")?;
    write_html(&readme.name, Controls::Shown, out)?;
    // A first new line within <pre> does not count.
    out.write_all(b"</a></h2>\n<pre>\n")?;
    let text = readme.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&readme.text);
    write_html(text, Controls::Text, out)?;
    out.write_all(b"</pre>\n")?;
    if readme.is_cut {
        out.write_all(b"<p class=note>It goes on: <a href=\"")?;
        write_link(&readme.name, out)?;
        out.write_all(b"\">the whole text</a>\n")?;
    }
    out.write_all(b"</section>\n")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count as u64), if count == 1 { one } else { many })
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size as people say it, by thousands, with at most three digits.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (bytes, mut thousand, mut unit) = (u128::from(bytes), 1000, 1);
    // As long as it would be rounded to a thousand of them.
    while bytes + thousand / 2 >= thousand * 1000 {
        thousand *= 1000;
        unit += 1;
    }
    let tenths = (bytes * 10 + thousand / 2) / thousand;
    if tenths < 1000 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", (bytes + thousand / 2) / thousand, UNITS[unit])
    }
}

const BEFORE_TITLE: &str = "<!DOCTYPE html>\n\
    <html lang=en>\n\
    <meta charset=utf-8>\n\
    <meta name=viewport content=\"width=device-width,initial-scale=1\">\n\
    <meta name=color-scheme content=\"light dark\">\n\
    <title>";

const AFTER_TITLE: &str = "</title>\n<style>\n";

const STYLE: &str = include_str!("listing.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_said_with_three_digits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (954_824, "955 kB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (100_000, "100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
