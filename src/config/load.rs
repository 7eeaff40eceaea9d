//! Loads a configuration: reads its shape, assembles its meaning, and reports the errors of both.

use std::collections::BTreeSet;
use std::path::Path;

use super::assemble::{Config, assemble};
use super::errors::Errors;
use super::file::{self, File};
use super::logs::{self, Log};
use super::origin::LocatedError;
use super::overrides::Overrides;
use super::source::{ConfigError, Source, in_order};

impl Source {
    /// Makes a server of it.
    ///
    /// # Errors
    /// All errors, in the order of the file.
    pub(crate) fn load(&self, overrides: &Overrides) -> Result<Config, Vec<ConfigError>> {
        let (file, mut errors) = self.file();
        let path = self.path.as_deref();
        let mut config = assemble(file, overrides, self.base(), &mut errors);
        let Errors { list, puzzling, warnings, .. } = errors;
        config.warnings = in_order(warnings, path, self.text());
        if list.is_empty() { Ok(config) } else { Err(locate(list, &puzzling, path, self.text())) }
    }

    /// Where to log, and nothing else: opens nothing, and passes over errors.
    #[must_use]
    pub(crate) fn log(&self, overrides: &Overrides) -> Log {
        let (file, mut errors) = self.file();
        logs::log(&file.log, overrides, self.base(), &mut errors)
    }

    fn file(&self) -> (File, Errors) {
        match &self.path {
            None => (File::defaults(), Errors::default()),
            Some(_) => File::read(self.text()),
        }
    }
}

fn locate(
    located: Vec<LocatedError>,
    puzzling: &BTreeSet<&'static str>,
    path: Option<&Path>,
    text: &str,
) -> Vec<ConfigError> {
    let mut errors = in_order(located, path, text);
    for section in file::sections().iter().filter(|it| puzzling.contains(&it.title)) {
        let place = if section.title.is_empty() { "at the top" } else { section.title };
        let message = format!("known {place}: {}", section.keys.join(", "));
        let origin = path.map_or(String::new(), |path| path.display().to_string());
        errors.push(ConfigError { origin, message });
    }
    errors
}

#[cfg(test)]
pub(super) fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Config, Vec<ConfigError>> {
    Source::read(path).map_err(|error| vec![error])?.load(overrides)
}
