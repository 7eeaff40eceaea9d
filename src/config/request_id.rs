//! `request_id`: whether requests have ids, and in which header.

use super::origin::LocatedError;
use super::value::Value;
use crate::http::Headers;

/// `true`, `false` or the name of a header. `None`: requests have no ids.
pub(super) fn read(value: Value<'_>) -> Result<Option<String>, LocatedError> {
    match value.boolean() {
        Ok(true) => return Ok(Some(USUAL_HEADER.to_owned())),
        Ok(false) => return Ok(None),
        Err(_) if value.is_text() => {}
        Err(_) => return Err(value.mismatch("true, false or the name of a header")),
    }
    let name = value.text()?;
    match Headers::new().add(name, "") {
        Ok(()) => Ok(Some(name.to_owned())),
        Err(error) => Err(value.error(format_args!(
            "must be true, or the name of a header such as \"X-Correlation-Id\": {error}"
        ))),
    }
}

const USUAL_HEADER: &str = "X-Request-Id";
