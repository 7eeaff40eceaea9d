//! Reads one value as the type of its key, or says what was expected. Knows the units of durations and
//! sizes and the forms of names; knows no key by name.

use std::fmt::Display;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::{LocatedError, Origin, Written};
use crate::files::is_known_charset;
use crate::http::header;
use crate::site::HostName;
use crate::sys::group::group;

/// A value, and the name of its key for errors.
#[derive(Clone, Copy)]
pub(super) struct Value<'d> {
    key: &'d str,
    written: &'d Spanned<DeValue<'d>>,
}

impl<'d> Value<'d> {
    pub(super) fn new(key: &'d str, written: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value { key, written }
    }

    pub(super) fn origin(self) -> Origin {
        Origin::File(self.written.span().start)
    }

    /// An error about this value. `what` follows the name of the key: "must be …", "is …".
    pub(super) fn error(self, what: impl Display) -> LocatedError {
        LocatedError { origin: self.origin(), message: format!("{} {what}", self.key) }
    }

    /// Text that is not empty and has no NUL, which no path, name or header can contain.
    pub(super) fn text(self) -> Result<&'d str, LocatedError> {
        match self.written.get_ref() {
            DeValue::String(text) if text.is_empty() => Err(self.error("must not be empty")),
            DeValue::String(text) if text.contains('\0') => {
                Err(self.error("must not contain a NUL character"))
            }
            DeValue::String(text) => Ok(text.as_ref()),
            _ => Err(self.mismatch("text in quotes")),
        }
    }

    /// Text that may be empty, without NUL.
    pub(super) fn any_text(self) -> Result<&'d str, LocatedError> {
        match self.written.get_ref() {
            DeValue::String(text) if text.is_empty() => Ok(""),
            _ => self.text(),
        }
    }

    /// `None` for `"off"` (or `false`), by which a scope has nothing of what an outer one sets.
    pub(super) fn unless_off<T>(
        self,
        read: impl FnOnce(Value<'d>) -> Result<T, LocatedError>,
    ) -> Result<Option<T>, LocatedError> {
        if self.is_off() { Ok(None) } else { read(self).map(Some) }
    }

    pub(super) fn is_off(self) -> bool {
        match self.written.get_ref() {
            DeValue::String(text) => text == OFF,
            value => matches!(value, DeValue::Boolean(false)),
        }
    }

    pub(super) fn written(self) -> Result<Written<String>, LocatedError> {
        Ok(Written { value: self.text()?.to_owned(), origin: self.origin() })
    }

    /// An address to listen on. Many people write a number first.
    pub(super) fn address(self) -> Result<Written<String>, LocatedError> {
        if let DeValue::Integer(number) = self.written.get_ref() {
            let number = number.as_str();
            return Err(self.error(format_args!(
                "must be an address in quotes: write \":{number}\" for everyone, or \"localhost:{number}\" for this machine only"
            )));
        }
        self.written()
    }

    /// A name of a host.
    pub(super) fn host_name(self) -> Result<Written<HostName>, LocatedError> {
        let text = self.text()?;
        if text == "_" {
            return Err(self.error(
                "is nginx's \"_\": leave it out, what stands at the top answers all other names",
            ));
        }
        match text.parse() {
            Ok(value) => Ok(Written { value, origin: self.origin() }),
            Err(error) => Err(self.error(format_args!("{text:?}: {error}"))),
        }
    }

    pub(super) fn location_path(self) -> Result<Written<String>, LocatedError> {
        let path = self.text()?;
        let odd_segment = |segment: &str| matches!(segment, "." | "..");
        if let Some(at) = path.find('*') {
            // Taken to the letter, it would be a location that no request has, and guard nothing.
            let above = path[..at].rfind('/').map_or("/", |slash| &path[..=slash]);
            let message = "is everything below a path, without \"*\"";
            Err(self.error(format_args!(
                "{message}: write {above:?}; rules have patterns, as in [[header]] path"
            )))
        } else if let Some(decoded) = percent_decoded(path) {
            Err(self.error(format_args!(
                "is compared with the decoded paths of requests: write {decoded:?}"
            )))
        } else if !path.starts_with('/') {
            Err(self.error(format_args!("must begin with a slash: write {:?}", format!("/{path}"))))
        } else if path.contains("//") || path.split('/').any(odd_segment) {
            Err(self.error("must not contain \"//\", \"/./\" or \"/../\": no request's path does"))
        } else if path.contains(['?', '#']) {
            Err(self.error("must be a path alone, without \"?\" or \"#\""))
        } else {
            self.written()
        }
    }

    pub(super) fn file_name(self) -> Result<String, LocatedError> {
        match self.text()? {
            name if name.contains('/') || matches!(name, "." | "..") => {
                Err(self.error(format_args!("must be the name of a file, not {name:?}")))
            }
            name => Ok(name.to_owned()),
        }
    }

    pub(super) fn charset(self) -> Result<String, LocatedError> {
        match self.text()? {
            name if name == CHARSET_OFF || is_known_charset(name) => Ok(name.to_owned()),
            name => Err(self.error(format_args!(
                "must be the name of a character encoding, such as \"utf-8\" or \"iso-8859-1\", or \
                 \"{CHARSET_OFF}\", not {name:?}"
            ))),
        }
    }

    /// `type/subtype`, perhaps with parameters (RFC 9110 §8.3.1). Parameters are not parsed: it is enough
    /// that they cannot end the header.
    pub(super) fn content_type(self) -> Result<&'d str, LocatedError> {
        let text = self.text()?;
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let tokens = essence.trim_end().split_once('/');
        let is_type = tokens.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        if is_type && parameters.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Ok(text);
        }
        Err(self.error(format_args!("must be a content type such as \"text/plain\", not {text:?}")))
    }

    /// One of these words.
    pub(super) fn choice<T: Clone>(self, choices: &[(&str, T)]) -> Result<T, LocatedError> {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let expected = one_of(&words);
        let DeValue::String(text) = self.written.get_ref() else {
            return Err(self.mismatch(&expected));
        };
        let found = choices.iter().find(|(word, _)| word == text);
        found
            .map(|(_, meaning)| meaning.clone())
            .ok_or_else(|| self.error(format_args!("must be {expected}, not {text:?}")))
    }

    pub(super) fn boolean(self) -> Result<bool, LocatedError> {
        match self.written.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.mismatch("true or false")),
        }
    }

    /// Permissions of a file in octal, as chmod(1) takes them.
    pub(super) fn mode(self) -> Result<u32, LocatedError> {
        let DeValue::String(text) = self.written.get_ref() else {
            return Err(self.mismatch(A_MODE));
        };
        let digits = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(text, 8));
        match digits {
            Some(Ok(mode)) if mode <= 0o777 && !text.starts_with('+') => Ok(mode),
            _ => Err(self.error(format_args!("must be {A_MODE}, not {text:?}"))),
        }
    }

    /// A group of this system, by its name or its number.
    pub(super) fn group(self) -> Result<u32, LocatedError> {
        let name = self.text()?;
        group(name)
            .ok_or_else(|| self.error(format_args!("must be a group of this system, not {name:?}")))
    }

    /// A whole number of at least `least` that the type can hold.
    pub(super) fn count<N: TryFrom<u64>>(self, least: u64) -> Result<N, LocatedError> {
        let DeValue::Integer(digits) = self.written.get_ref() else {
            return Err(self.mismatch("a whole number"));
        };
        self.fit(u64::from_str_radix(digits.as_str(), digits.radix()).ok(), least)
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count_to(self, most: usize) -> Result<usize, LocatedError> {
        match self.count(1)? {
            count if count <= most => Ok(count),
            _ => Err(self.error(format_args!("must be at most {most}"))),
        }
    }

    /// A number of bytes: a plain integer, or text with a unit such as `"8MiB"`.
    pub(super) fn bytes<N: TryFrom<u64>>(self, least: u64) -> Result<N, LocatedError> {
        match self.written.get_ref() {
            DeValue::Integer(_) => self.count(least),
            DeValue::String(text) => match parse_bytes(text) {
                Some(bytes) => self.fit(Some(bytes), least),
                None => Err(self.error(format_args!("must be {A_SIZE}, not {text:?}"))),
            },
            _ => Err(self.mismatch(A_SIZE)),
        }
    }

    /// A time of days, in seconds: `"365d"`, or a duration.
    pub(super) fn days(self) -> Result<u64, LocatedError> {
        let text = match self.written.get_ref() {
            DeValue::String(text) => text,
            _ => return Err(self.mismatch(A_NUMBER_OF_DAYS)),
        };
        let days = text.strip_suffix('d').and_then(|number| number.parse::<u32>().ok());
        let seconds = days.map(|days| u64::from(days) * 86_400);
        let seconds = seconds.or_else(|| parse_duration(text).map(|time| time.as_secs()));
        seconds.ok_or_else(|| self.error(format_args!("must be {A_NUMBER_OF_DAYS}, not {text:?}")))
    }

    /// A duration with its unit, longer than zero and at most [`DURATION_MAX`].
    pub(super) fn duration(self) -> Result<Duration, LocatedError> {
        let text = match self.written.get_ref() {
            DeValue::String(text) => text,
            DeValue::Integer(number) => {
                return Err(
                    self.error(format_args!("needs a unit: write \"{number}s\" for seconds"))
                );
            }
            _ => return Err(self.mismatch(A_DURATION)),
        };
        match parse_duration(text) {
            None if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
                Err(self.error(format_args!("needs a unit: write \"{text}s\" for seconds")))
            }
            None => Err(self.error(format_args!("must be {A_DURATION}, not {text:?}"))),
            Some(Duration::ZERO) => Err(self.error("must be longer than 0")),
            Some(length) if length > DURATION_MAX => Err(self.error("must be at most \"24h\"")),
            Some(length) => Ok(length),
        }
    }

    /// The values of an array, or a value without brackets.
    pub(super) fn items(self) -> Vec<Value<'d>> {
        match self.written.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|written| Value { written, ..self }).collect()
            }
            _ => vec![self],
        }
    }

    pub(super) fn table(self) -> Result<&'d DeTable<'d>, LocatedError> {
        match self.written.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.mismatch("a table")),
        }
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.written.get_ref(), DeValue::Array(_))
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self.written.get_ref(), DeValue::String(_))
    }

    pub(super) fn is_integer(self) -> bool {
        matches!(self.written.get_ref(), DeValue::Integer(_))
    }

    pub(super) fn mismatch(self, expected: &str) -> LocatedError {
        let kind = match self.written.get_ref() {
            DeValue::Array(_) => "an array",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Integer(_) => "a number",
            DeValue::String(_) => "text",
            DeValue::Table(_) => "a table",
        };
        self.error(format_args!("must be {expected}, not {kind}"))
    }

    fn fit<N: TryFrom<u64>>(self, number: Option<u64>, least: u64) -> Result<N, LocatedError> {
        match number {
            Some(number) if number >= least => {
                N::try_from(number).map_err(|_| self.error("is larger than this machine can hold"))
            }
            None if !self.is_negative() => Err(self.error("is larger than this machine can hold")),
            _ => Err(self.error(format_args!("must be at least {least}"))),
        }
    }

    fn is_negative(self) -> bool {
        match self.written.get_ref() {
            DeValue::Integer(digits) => digits.as_str().starts_with('-'),
            _ => false,
        }
    }
}

/// A timeout on the command line, where a plain number means seconds.
///
/// # Errors
/// What it must be.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let length = seconds.or_else(|| parse_duration(text)).filter(|it| !it.is_zero());
    length.filter(|it| *it <= DURATION_MAX).ok_or_else(|| {
        format!("must be a duration such as 30s, 500ms or 2m, at most 24h, not {text:?}")
    })
}

/// `"30s"`, `"500ms"`, `"2m"`, `"1h"`: a whole number and a unit without a space.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    }
}

/// `"8MiB"` is 8 × 1024², `"1GB"` is 1000³, `"512"` and `"512B"` are bytes. `None` also when the
/// product is beyond 64 bits.
fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let each: u64 = match unit {
        "" | "B" => 1,
        "KB" | "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(each)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

/// `token` (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(header::is_token)
}

/// The path without percent encoding, if it has any.
fn percent_decoded(path: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    (decoded != path).then(|| decoded.into_owned())
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
fn one_of(words: &[String]) -> String {
    match words {
        [init @ .., last] if !init.is_empty() => format!("{} or {last}", init.join(", ")),
        _ => words.concat(),
    }
}

/// The word for no charset.
pub(super) const CHARSET_OFF: &str = OFF;

/// What switches off what is inherited.
const OFF: &str = "off";

/// Longer times are typos, and this one can always be added to the current time.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

const A_NUMBER_OF_DAYS: &str = "a number of days such as \"365d\", or a time such as \"1h\"";
const A_DURATION: &str = "a duration such as \"30s\", \"500ms\", \"2m\" or \"1h\"";
const A_MODE: &str = "permissions in octal such as \"0644\"";
const A_SIZE: &str = "a size such as \"64KiB\" or \"8MiB\", or a number of bytes";

#[cfg(test)]
mod tests;
