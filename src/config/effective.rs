//! The configuration as it takes effect, for `-T`: each value, and where it comes from. It is TOML again, so that it can
//! be read by people and by this program.
//!
//! The defaults are those that `conf/httpd.toml` shows, as a test demands. Knows which keys are inherited, and not what
//! they mean.

use super::compression;
use super::document::{Document, WrittenKey, WrittenTable, WrittenText, quoted};
use super::errors::Errors;
use super::file::{self, File};
use super::listen;
use super::logs;
use super::origin::{Origin, Written};
use super::overrides::Overrides;
use super::scope::{self, Scope};
use super::section::names;
use super::source::Source;
use std::fmt::Write;
use std::path::Path;

impl Source {
    /// The configuration as it takes effect, with where each value comes from. It must have no errors.
    #[must_use]
    pub(crate) fn effective(&self, overrides: &Overrides) -> String {
        effective(self, overrides)
    }
}

/// The text of [`Source::effective`].
fn effective(source: &Source, overrides: &Overrides) -> String {
    let document = Document::of(source.text());
    let defaults = Document::of(DEFAULTS);
    let keys = |title: &str| {
        let mut sections = file::sections().into_iter();
        sections.find(|it| it.title == title).map(|it| it.keys).unwrap_or_default()
    };
    let in_location = keys("[[location]]");
    let inherited = names(&scope::keys::<Scope>());
    let mut printer = Printer {
        source,
        overrides,
        inherited,
        top: &document.top,
        defaults: &defaults.top,
        out: String::new(),
    };
    if let Some(path) = &source.path {
        let _ = writeln!(
            printer.out,
            "# {} as it takes effect. Paths are relative to the directory of that file.",
            path.display()
        );
    }
    printer.top();
    for section in file::sections() {
        let name = section.title.trim_matches(['[', ']']);
        if !section.title.starts_with("[[") && !name.is_empty() && !in_location.contains(&name) {
            printer.section(name, &section.keys);
        }
    }
    if let Some(wsgi) = &overrides.wsgi {
        printer.heading("[[location]]", wsgi.origin);
        printer.line("path = \"/\"", "--wsgi");
        printer.line(&format!("wsgi = {}", quoted(&wsgi.value)), "--wsgi");
        printer.flags_of_applications();
    }
    for location in &document.locations {
        printer.inner("[[location]]", location, None);
    }
    for host in &document.hosts {
        printer.inner("[[host]]", &host.own, None);
        for location in &host.locations {
            printer.inner("[[host.location]]", location, Some(&host.own));
        }
    }
    printer.out
}

struct Printer<'a> {
    source: &'a Source,
    overrides: &'a Overrides,
    /// The keys that mean the same at the top, in a host and in a location.
    inherited: Vec<&'static str>,
    top: &'a WrittenTable,
    defaults: &'a WrittenTable,
    out: String,
}

impl Printer<'_> {
    fn top(&mut self) {
        let sections = file::sections();
        let top = sections.first().map(|it| it.keys.clone()).unwrap_or_default();
        let in_location = &self.inherited;
        let is_section = |name: &str| {
            name == "host"
                || name == "location"
                || !in_location.contains(&name)
                    && sections.iter().any(|it| it.title.trim_matches(['[', ']']) == name)
        };
        let names: Vec<_> = top.into_iter().filter(|name| !is_section(name)).collect();
        for name in names {
            self.key_of_top(name);
        }
    }

    fn key_of_top(&mut self, name: &'static str) {
        match self.given(name) {
            Some((text, origin)) => {
                let origin = self.place(origin);
                self.line(&format!("{name} = {text}"), &origin);
            }
            None if name == "listen" => self.listen(),
            None if name == "root"
                && (self.overrides.wsgi.is_some() || self.source.path.is_none()) =>
            {
                if self.overrides.wsgi.is_none() {
                    self.line("root = \".\"", "default");
                }
            }
            None => match (self.top.key(name), self.defaults.key(name)) {
                (Some(key), _) => self.key(key, ""),
                (None, Some(default)) if name != "root" => {
                    if let WrittenText::One(text) = &default.text {
                        self.line(&format!("{name} = {text}"), "default");
                    }
                }
                _ => {}
            },
        }
    }

    /// What a flag or a variable says of a key at the top.
    fn given(&self, name: &str) -> Option<(String, Origin)> {
        let overrides = self.overrides;
        match name {
            "root" => overrides.root.as_ref().filter(|_| overrides.wsgi.is_none()).map(|it| {
                let path = std::path::absolute(&it.value).unwrap_or(it.value.clone());
                (quoted(&path.to_string_lossy()), it.origin)
            }),
            "processes" => overrides.processes.as_ref().map(|it| (it.value.to_string(), it.origin)),
            "workers" => overrides.workers.as_ref().map(|it| match it.value {
                crate::Workers::Auto => (quoted("auto"), it.origin),
                crate::Workers::Count(count) => (count.to_string(), it.origin),
            }),
            "user" => overrides.user.as_ref().map(|it| (quoted(&it.value), it.origin)),
            "serve_as_root" => {
                overrides.serves_as_root.as_ref().map(|it| (it.value.to_string(), it.origin))
            }
            _ => None,
        }
    }

    /// The addresses, which flags may change in part.
    fn listen(&mut self) {
        let overrides = self.overrides;
        let (file, _) = File::read(self.source.text());
        let base = self.source.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let addresses = listen::addresses(file.listen, overrides, base, &mut Errors::default());
        let addresses: Vec<_> = addresses
            .addresses
            .iter()
            .map(|it| match (quoted(&it.address.value), it.is_proxied) {
                (address, true) => format!("{{ address = {address}, proxy_protocol = true }}"),
                (address, false) => address,
            })
            .collect();
        let mut origins = Vec::new();
        match overrides.listen.first() {
            Some(flag) => origins.push(self.place(flag.origin)),
            None => match self.top.key("listen") {
                Some(key) => origins.push(self.place(Origin::File(key.at))),
                None => origins.push("default".to_owned()),
            },
        }
        let host = overrides.host.as_ref().map(|it| it.origin);
        let port = overrides.port.as_ref().map(|it| it.origin);
        if host.is_some() && port.is_some() {
            origins.clear();
        }
        origins.extend([host, port].into_iter().flatten().map(|it| self.place(it)));
        self.line(&format!("listen = [{}]", addresses.join(", ")), &origins.join(" and "));
    }

    /// A section such as `[log]`.
    fn section(&mut self, name: &str, keys: &[&'static str]) {
        let written = self.top.key(name);
        let (own, defaults) = (section_of(written), section_of(self.defaults.key(name)));
        let _ = write!(self.out, "\n[{name}]\n");
        for key in keys {
            let given = self.given_in(name, key);
            if let Some((text, origin)) = given {
                let origin = self.place(origin);
                self.line(&format!("{key} = {text}"), &origin);
            } else if let Some(written) = own.and_then(|table| table.key(key)) {
                self.key(written, "");
            } else if name == "log" && *key == "level" && self.overrides.wsgi.is_some() {
                self.line("level = \"info\"", "default with --wsgi");
            } else if let Some(WrittenText::One(text)) =
                defaults.and_then(|table| table.key(key)).map(|key| &key.text)
            {
                self.line(&format!("{key} = {text}"), "default");
            }
        }
    }

    /// What a flag or a variable says of a key of a section.
    fn given_in(&self, section: &str, key: &str) -> Option<(String, Origin)> {
        let path = |given: &Option<Written<std::path::PathBuf>>| {
            let given = given.as_ref()?;
            let is_word = logs::is_no_file(&given.value);
            let path = match is_word {
                true => given.value.clone(),
                false => std::path::absolute(&given.value).unwrap_or(given.value.clone()),
            };
            Some((quoted(&path.to_string_lossy()), given.origin))
        };
        match (section, key) {
            ("log", "file") => path(&self.overrides.log),
            ("access_log", "file") => path(&self.overrides.access_log),
            ("log", "level") => {
                let given = self.overrides.level.as_ref()?;
                let name = logs::LEVELS.iter().find(|(_, level)| *level == given.value)?.0;
                Some((quoted(name), given.origin))
            }
            _ => None,
        }
    }

    /// The table of a host or of a location, with what it inherits from its host and from the top.
    fn inner(&mut self, title: &str, own: &WrittenTable, host: Option<&WrittenTable>) {
        self.heading(title, Origin::File(own.at));
        let is_application = own.key("wsgi").is_some();
        let has_files = !is_application && !own.key("status_pages").is_some_and(|it| it.is("true"));
        for key in &own.keys {
            let is_flag = match key.name.as_str() {
                "threads" => self.overrides.threads.is_some(),
                "timeout" => self.overrides.timeout.is_some(),
                "reload" => self.overrides.reload.is_some(),
                "location" => true,
                _ => false,
            };
            if !is_flag {
                self.key(key, "");
            }
        }
        if is_application {
            self.flags_of_applications();
        }
        let about_files = scope::keys_about_files();
        for name in self.inherited.clone() {
            let is_left_out = name == "root" && (own.key("alias").is_some() || !has_files)
                || !has_files && about_files.contains(&name)
                || is_application && name == compression::NOT_FOR_APPLICATIONS;
            if is_left_out {
                continue;
            }
            let outer = [host, Some(self.top)];
            if ADDED.contains(&name) {
                if own.key(name).is_some_and(|it| it.is_off()) {
                    continue;
                }
                for key in outer.into_iter().flatten().filter_map(|table| table.key(name)) {
                    let place = self.place(Origin::File(key.at));
                    let _ = writeln!(self.out, "# and {name} of {place}");
                }
            } else if own.key(name).is_none() {
                let inherited = host.and_then(|host| host.key(name));
                match (inherited, self.given(name)) {
                    (Some(key), _) => self.key(key, ", inherited"),
                    (None, Some((text, origin))) => {
                        let origin = format!("{}, inherited", self.place(origin));
                        self.line(&format!("{name} = {text}"), &origin);
                    }
                    (None, None) => {
                        if let Some(key) = self.top.key(name) {
                            self.key(key, ", inherited");
                        }
                    }
                }
            }
        }
    }

    fn flags_of_applications(&mut self) {
        let overrides = self.overrides;
        if overrides.reload.is_some() {
            self.line("reload = \"on-change\"", "--reload");
        }
        if let Some(threads) = &overrides.threads {
            self.line(&format!("threads = {}", threads.value), "--threads");
        }
        if let Some(timeout) = &overrides.timeout {
            self.line(&format!("timeout = \"{}ms\"", timeout.value.as_millis()), "--timeout");
        }
    }

    fn key(&mut self, key: &WrittenKey, remark: &str) {
        let name = &key.name;
        match &key.text {
            WrittenText::One(text) | WrittenText::Table(_, text) => {
                let place = self.place(Origin::File(key.at));
                self.line(&format!("{name} = {text}"), &format!("{place}{remark}"));
            }
            WrittenText::Tables(rows) => {
                let _ = writeln!(self.out, "{name} = [");
                for (at, row) in rows {
                    let place = self.place(Origin::File(*at));
                    self.line(&format!("  {row},"), &format!("{place}{remark}"));
                }
                self.out.push_str("]\n");
            }
        }
    }

    fn heading(&mut self, title: &str, origin: Origin) {
        let place = self.place(origin);
        self.out.push('\n');
        self.line(title, &place);
    }

    fn line(&mut self, text: &str, place: &str) {
        let _ = writeln!(self.out, "{text:<TEXT_WIDTH$} # {place}");
    }

    fn place(&self, origin: Origin) -> String {
        match origin {
            Origin::Default => "default".to_owned(),
            Origin::Given(name) => name.to_owned(),
            Origin::File(at) => self.source.line_of(at),
        }
    }
}

/// The table that a key holds.
fn section_of(key: Option<&WrittenKey>) -> Option<&WrittenTable> {
    match &key?.text {
        WrittenText::Table(table, _) => Some(table),
        _ => None,
    }
}

/// Those of inner tables are added to those of outer ones. Of the others, the innermost is used.
const ADDED: &[&str] = &["types", "header", "redirect", "rewrite", "error_pages"];

/// Shows the defaults.
const DEFAULTS: &str = include_str!("../../conf/httpd.toml");

/// Where most comments begin.
const TEXT_WIDTH: usize = 40;
