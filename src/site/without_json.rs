//! What is said to a program that reads or writes JSON without the feature for it.
//!
//! Without these, the compiler would only say that there is no such method.

use super::{Request, Response};
use crate::http::RequestError;

/// Nothing has it.
#[diagnostic::on_unimplemented(
    message = "JSON needs the feature `json` of httpd",
    label = "the feature is off",
    note = "in Cargo.toml: httpd = {{ …, features = [\"json\"] }}"
)]
pub trait FeatureJson {}

impl Request<'_> {
    #[doc(hidden)]
    pub fn json<T: FeatureJson>(&self) -> Result<T, RequestError> {
        Err(RequestError::new(crate::http::Status::NOT_IMPLEMENTED, "the feature json is off"))
    }
}

impl Response {
    #[doc(hidden)]
    pub fn json<T: FeatureJson + ?Sized>(_: &T) -> Response {
        Response::new(crate::http::Status::NOT_IMPLEMENTED)
    }
}
