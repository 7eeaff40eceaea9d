//! A form that a handler reads into memory: fields and files, however the client encodes them.
//!
//! It must never know where the bytes come from.

mod parts;

pub use parts::{FormPart, FormParts};

use crate::http::parameters::Parameters;
use crate::http::{Pairs, RequestError};
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

settings! {
    /// How much of a form is read into memory.
    ///
    /// ```
    /// use httpd::FormLimits;
    /// let limits = FormLimits::default().bytes_max(100 << 20);
    /// assert_eq!(limits.parts_max, 1000);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FormLimits {
        /// Fields and files: 1000.
        parts_max: usize = 1000,
        /// Bytes of the body: 16 MiB. The handler's `body_bytes_max` bounds it as well.
        bytes_max: u64 = 16 << 20,
    }
}

/// A form: its fields as text, and its files, in the order in which they came.
///
/// [`Request::form`](crate::Request::form) reads both kinds, `application/x-www-form-urlencoded` and
/// `multipart/form-data`.
#[derive(Clone, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    files: Vec<FormFile>,
}

/// A file of a [`Form`].
#[derive(Clone)]
pub struct FormFile {
    field: String,
    name: String,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

impl Form {
    /// Reads the body of a request of this `Content-Type`.
    ///
    /// # Errors
    /// 415 for another type, 413 beyond the limits, 400 for what breaks the grammar or breaks off.
    pub(crate) fn read(
        content_type: Option<&[u8]>,
        body: impl Read,
        limits: &FormLimits,
    ) -> Result<Form, RequestError> {
        let body = Bounded { source: body, left: limits.bytes_max, bytes_max: limits.bytes_max };
        if is_type(content_type, URLENCODED) {
            Form::urlencoded(body, limits)
        } else if is_type(content_type, MULTIPART) {
            Form::multipart(FormParts::new(content_type, body, limits.parts_max)?)
        } else {
            Err(RequestError::wrong_type(&[URLENCODED, MULTIPART], content_type))
        }
    }

    fn urlencoded(mut body: impl Read, limits: &FormLimits) -> Result<Form, RequestError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        let mut form = Form::default();
        for (name, value) in Pairs::new(&bytes) {
            if form.fields.len() == limits.parts_max {
                let text = format!("the form has more than {} fields", limits.parts_max);
                return Err(RequestError::too_large(text));
            }
            form.fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(form)
    }

    fn multipart(mut parts: FormParts<impl Read>) -> Result<Form, RequestError> {
        let mut form = Form::default();
        while let Some(mut part) = parts.next_part()? {
            let field = part.name().into_owned();
            let Some(name) = part.file_name().map(|name| name.into_owned()) else {
                form.fields.push((field, part.read_text(usize::MAX)?));
                continue;
            };
            let content_type = part.content_type().map(|content_type| content_type.into_owned());
            let bytes = part.read_bytes(usize::MAX)?;
            // No file was chosen.
            if !(part.is_nameless_file() && bytes.is_empty()) {
                form.files.push(FormFile { field, name, content_type, bytes });
            }
        }
        Ok(form)
    }

    /// The value of the first field of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The values of all fields of this name: of checkboxes, say.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields().filter(move |(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The same as [`Form::value`] of a field that has to be there.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn required(&self, name: &str) -> Result<&str, RequestError> {
        self.value(name)
            .ok_or_else(|| RequestError::unprocessable(format!("the form has no field \"{name}\"")))
    }

    /// The value of a field that has to be there, as a number or whatever else can be made of text.
    ///
    /// # Errors
    /// 422 that names the field and says why.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, RequestError> {
        let value = self.required(name)?;
        value
            .trim()
            .parse()
            .map_err(|error| RequestError::unprocessable(format!("the field \"{name}\": {error}")))
    }

    /// The names and values of all fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (&name[..], &value[..]))
    }

    /// The first file of the field of this name. `None` if no file was chosen.
    pub fn file(&self, field: &str) -> Option<&FormFile> {
        self.files.iter().find(|file| file.field == field)
    }

    /// All files.
    pub fn files(&self) -> &[FormFile] {
        &self.files
    }

    /// All files, to take their bytes out.
    pub fn into_files(self) -> Vec<FormFile> {
        self.files
    }
}

impl FormFile {
    /// The name of the form's field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The name of the file: the last component of what the client sent, so that it is no path. Empty if nothing is
    /// left that could name a file. Do not rely on it otherwise.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type as the client says it; browsers guess it from the file's name.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The names of the fields, and not what a person wrote.
impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Form")
            .field("fields", &names)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FormFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FormFile")
            .field("field", &self.field)
            .field("name", &self.name)
            .field("content_type", &self.content_type)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// Reads no more than so many bytes. More is an error.
struct Bounded<R> {
    source: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let text = format!("the form has more than {} bytes", self.bytes_max);
                return Err(RequestError::too_large(text).into());
            }
        }
        Ok(count)
    }
}

/// Whether this `Content-Type` is that media type, whatever its parameters.
fn is_type(content_type: Option<&[u8]>, expected: &str) -> bool {
    let essence = Parameters::of(content_type.unwrap_or_default()).value;
    essence.eq_ignore_ascii_case(expected.as_bytes())
}

const URLENCODED: &str = "application/x-www-form-urlencoded";

const MULTIPART: &str = "multipart/form-data";

#[cfg(test)]
mod tests;
