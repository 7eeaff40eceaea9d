//! A configuration as it was written: its tables, and for each key where it stands and its value as text. Knows no key
//! by name but those of tables that hold others, and does not care what a value means.

use std::fmt::Write;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The tables of a configuration without errors.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(super) top: WrittenTable,
    pub(super) hosts: Vec<WrittenHost>,
    pub(super) locations: Vec<WrittenTable>,
}

/// The table of a host, and those of its locations.
#[derive(Debug, Default)]
pub(super) struct WrittenHost {
    pub(super) own: WrittenTable,
    pub(super) locations: Vec<WrittenTable>,
}

/// A table.
#[derive(Debug, Default)]
pub(super) struct WrittenTable {
    /// Where it begins.
    pub(super) at: usize,
    /// What its key `path` says, if that is text.
    path: Option<String>,
    /// In the order written.
    pub(super) keys: Vec<WrittenKey>,
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct WrittenKey {
    pub(super) name: String,
    pub(super) at: usize,
    pub(super) text: WrittenText,
}

impl WrittenKey {
    /// Whether its value is written so.
    pub(super) fn is(&self, value: &str) -> bool {
        matches!(&self.text, WrittenText::One(text) if text == value)
    }

    /// Whether it switches off what is inherited.
    pub(super) fn is_off(&self) -> bool {
        self.is("\"off\"") || self.is("false")
    }
}

/// A value as TOML.
#[derive(Debug)]
pub(super) enum WrittenText {
    /// In one line.
    One(String),
    /// Tables of an array, each in one line, and where it begins.
    Tables(Vec<(usize, String)>),
    /// A table.
    Table(WrittenTable, String),
}

impl Document {
    /// Reads a text that was loaded without errors.
    pub(crate) fn of(text: &str) -> Document {
        let (document, _) = DeTable::parse_recoverable(text);
        let top = document.get_ref();
        Document {
            top: WrittenTable::of(0, top),
            hosts: tables(top, "host")
                .map(|(at, table)| WrittenHost {
                    own: WrittenTable::of(at, table),
                    locations: locations(table),
                })
                .collect(),
            locations: locations(top),
        }
    }

    /// The table of a location by its host and its path, which may lack its last slash.
    pub(super) fn location(&self, host: Option<usize>, path: &str) -> Option<&WrittenTable> {
        let locations = match host {
            Some(place) => &self.hosts.get(place)?.locations,
            None => &self.locations,
        };
        let is_meant = |table: &&WrittenTable| {
            table.path.as_deref().map(without_slash) == Some(without_slash(path))
        };
        locations.iter().find(is_meant)
    }

    /// Where a key was written that applies to a location: in it, in its host, or at the top.
    pub(crate) fn place_of(
        &self,
        host: Option<usize>,
        location: Option<&str>,
        key: &str,
    ) -> Option<usize> {
        let location = location.and_then(|path| self.location(host, path));
        let host = host.and_then(|place| Some(&self.hosts.get(place)?.own));
        let tables = [location, host, Some(&self.top)];
        tables.into_iter().flatten().find_map(|table| Some(table.key(key)?.at))
    }

    /// Where the table of a location begins, and its path as it was written.
    pub(crate) fn place_of_location(
        &self,
        host: Option<usize>,
        path: &str,
    ) -> Option<(usize, &str)> {
        let location = self.location(host, path)?;
        Some((location.at, location.path.as_deref()?))
    }

    /// Where the table of a host begins.
    pub(crate) fn place_of_host(&self, host: usize) -> Option<usize> {
        Some(self.hosts.get(host)?.own.at)
    }
}

impl WrittenTable {
    fn of(at: usize, table: &DeTable<'_>) -> WrittenTable {
        let mut keys: Vec<WrittenKey> = table
            .iter()
            .map(|(name, value)| WrittenKey {
                name: name.get_ref().to_string(),
                at: name.span().start,
                text: WrittenText::of(value),
            })
            .collect();
        keys.sort_by_key(|key| key.at);
        let path = table.iter().find(|(name, _)| name.get_ref() == "path");
        let path = path.and_then(|(_, value)| value.get_ref().as_str()).map(str::to_owned);
        WrittenTable { at, path, keys }
    }

    pub(super) fn key(&self, name: &str) -> Option<&WrittenKey> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl WrittenText {
    fn of(value: &Spanned<DeValue<'_>>) -> WrittenText {
        match value.get_ref() {
            DeValue::Array(items) if !items.is_empty() && items.iter().all(is_table) => {
                let rows =
                    items.iter().map(|item| (item.span().start, in_one_line(item.get_ref())));
                WrittenText::Tables(rows.collect())
            }
            DeValue::Table(table) => {
                let text = in_one_line(value.get_ref());
                WrittenText::Table(WrittenTable::of(value.span().start, table), text)
            }
            other => WrittenText::One(in_one_line(other)),
        }
    }
}

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().is_table()
}

fn locations(table: &DeTable<'_>) -> Vec<WrittenTable> {
    tables(table, "location").map(|(at, table)| WrittenTable::of(at, table)).collect()
}

/// The tables of an array, and where they begin.
fn tables<'t>(
    table: &'t DeTable<'t>,
    name: &str,
) -> impl Iterator<Item = (usize, &'t DeTable<'t>)> + use<'t> {
    let found = table.iter().find(|(key, _)| key.get_ref() == name);
    let items: &[Spanned<DeValue<'_>>] = match found.map(|(_, value)| value.get_ref()) {
        Some(DeValue::Array(items)) => items,
        _ => &[],
    };
    items.iter().filter_map(|item| Some((item.span().start, item.get_ref().as_table()?)))
}

/// A value as TOML, in one line.
fn in_one_line(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(digits) => match digits.radix() {
            10 => digits.as_str().to_owned(),
            radix => match u64::from_str_radix(digits.as_str(), radix) {
                Ok(number) => number.to_string(),
                Err(_) => digits.as_str().to_owned(),
            },
        },
        DeValue::Float(digits) => digits.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|it| in_one_line(it.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) if table.is_empty() => "{}".to_owned(),
        DeValue::Table(table) => {
            let mut pairs: Vec<_> = table.iter().collect();
            pairs.sort_by_key(|(name, _)| name.span().start);
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| {
                    let (name, value) = (bare_or_quoted(name.get_ref()), value.get_ref());
                    format!("{name} = {}", in_one_line(value))
                })
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

fn bare_or_quoted(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// Text as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A path of a location, whose last slash does not matter.
fn without_slash(path: &str) -> &str {
    path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_one_line_means_what_was_written() {
        for (text, expected) in [
            ("a = 'x\\y'", r#""x\\y""#),
            ("a = \"q\\\"\\ttab\\u0001\"", r#""q\"\ttab\u0001""#),
            ("a = 0x1F", "31"),
            ("a = 1_000", "1000"),
            ("a = [ 1, # one\n 'two' ]", r#"[1, "two"]"#),
            ("a = { b = true, 'c d' = [] }", r#"{ b = true, "c d" = [] }"#),
            ("a = {}", "{}"),
        ] {
            let document = Document::of(text);
            let found = match &document.top.keys[0].text {
                WrittenText::One(found) | WrittenText::Table(_, found) => found,
                WrittenText::Tables(_) => panic!("{text}"),
            };
            assert_eq!(found, expected, "{text}");
            let again = Document::of(&format!("a = {found}"));
            assert_eq!(again.top.keys.len(), 1, "{found} is TOML");
        }
    }

    #[test]
    fn a_key_is_found_in_the_innermost_table_that_has_it() {
        let text = "root = \"a\"\nindex = \"i\"\n[[location]]\npath = \"/x/\"\nindex = \"j\"\n\
                    [[host]]\nserver_name = \"h\"\nroot = \"b\"\n[[host.location]]\npath = \"/x\"\n";
        let document = Document::of(text);
        let line = |at: Option<usize>| text[..at.expect("it is there")].matches('\n').count() + 1;
        assert_eq!(line(document.place_of(None, Some("/x"), "index")), 5);
        assert_eq!(line(document.place_of(None, Some(""), "index")), 2);
        assert_eq!(line(document.place_of(Some(0), Some("/x"), "index")), 2);
        assert_eq!(line(document.place_of(Some(0), Some("/x"), "root")), 8);
        assert_eq!(line(document.place_of_host(0)), 6);
        let (at, path) = document.place_of_location(Some(0), "/x/").expect("it is there");
        assert_eq!((line(Some(at)), path), (9, "/x"));
        assert_eq!(document.place_of(None, None, "listing"), None);
    }
}
