//! The text of a configuration, and its errors as they are shown: with file, line and column.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::document::Document;
use super::origin::{LocatedError, Origin};
use crate::sys::broker::open_read;
use crate::sys::reason::reason_at;

/// The text of a configuration, and the path of its file, if there is one. It can be loaded again after the
/// file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(super) path: Option<PathBuf>,
    text: String,
}

impl Source {
    /// Reads a configuration file; without one, the defaults apply.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 1 MiB, or is not UTF-8.
    pub(crate) fn read(path: Option<&Path>) -> Result<Source, ConfigError> {
        let text = path.map_or(Ok(String::new()), read_text)?;
        Ok(Source::of(path, text))
    }

    /// A text that was read from this file before.
    #[must_use]
    pub(crate) fn of(path: Option<&Path>, text: String) -> Source {
        Source { path: path.map(Path::to_owned), text }
    }

    /// The text of the file; empty without one.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its keys as they are written. It must have no errors.
    #[must_use]
    pub(crate) fn document(&self) -> Document {
        Document::of(&self.text)
    }

    /// The file and the line of a byte.
    #[must_use]
    pub(crate) fn line_of(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        format!("{}:{line}", path.display())
    }

    /// What relative paths are relative to.
    pub(super) fn base(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }
}

/// One error of the configuration. It is shown as one line: `file:line:column: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    pub(super) origin: String,
    pub(super) message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin.as_str() {
            "" => formatter.write_str(&self.message),
            origin => write!(formatter, "{origin}: {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

/// With line and column, in the order of the file.
pub(super) fn in_order(
    mut located: Vec<LocatedError>,
    path: Option<&Path>,
    text: &str,
) -> Vec<ConfigError> {
    located.sort_by_key(|error| error.origin);
    let as_line = |error: LocatedError| {
        let origin = match (error.origin, path) {
            // The operator has not typed this name.
            (Origin::Given("DIR"), _) => String::new(),
            (Origin::Given(name), _) => name.to_owned(),
            (Origin::File(at), Some(path)) => place_in(path, text.as_bytes(), at),
            (Origin::Default, Some(path)) => path.display().to_string(),
            (Origin::Default | Origin::File(_), None) => String::new(),
        };
        ConfigError { origin, message: error.message }
    };
    located.into_iter().map(as_line).collect()
}

/// `file:line:column`, both counted from 1, columns in characters.
fn place_in(path: &Path, text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    format!("{}:{line}:{column}", path.display())
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String| ConfigError {
        origin: path.display().to_string(),
        message: format!("cannot read the configuration: {reason}"),
    };
    let mut bytes = Vec::new();
    open_read(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(reason_at(path, &error)))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(unreadable(format!("it is larger than {TEXT_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError {
            origin: place_in(path, error.as_bytes(), at),
            message: "a configuration is UTF-8, which this byte is not".to_owned(),
        }
    })
}

/// A larger file is not a configuration.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;
