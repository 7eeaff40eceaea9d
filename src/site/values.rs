//! What a request says beyond bytes: its query, cookies, forms and JSON; and cookies and JSON in a response.
//!
//! It must never know a grammar.

use super::into_response::log_failure;
use super::{Form, FormLimits, FormParts, IntoResponse, Request, Response};
use crate::http::{Cookie, HeaderName, Pairs, RequestError, Status, cookie};
use std::borrow::Cow;
use std::io;

/// How many parts of a form are read one after the other.
const PARTS_MAX: usize = 1000;

impl<'a> Request<'a> {
    /// The value of the first pair of this name in the query, decoded.
    ///
    /// ```
    /// use httpd::{Request, Site};
    /// let site = Site::new().get("/search", |request| {
    ///     let page: u32 = request.query_value("page").and_then(|it| it.parse().ok()).unwrap_or(1);
    ///     format!("{:?} on page {page}", request.query_value("q"))
    /// });
    /// let response = site.handle(Request::get("/search?q=caf%C3%A9+noir"));
    /// assert_eq!(response.into_text()?, "Some(\"café noir\") on page 1");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_pairs().value(name)
    }

    /// All names and values in the query, decoded, in order.
    pub fn query_pairs(&self) -> Pairs<'a> {
        Pairs::new(self.as_head().query.unwrap_or_default())
    }

    /// The value of the first cookie of this name, without the quotes around it, if it is UTF-8.
    ///
    /// ```
    /// use httpd::{Cookie, Failure, Request, Response, Site};
    /// let site = Site::new().get("/", |request| -> Result<Response, Failure> {
    ///     let visits = request.cookie("visits").and_then(|it| it.parse().ok()).unwrap_or(0) + 1;
    ///     let cookie = Cookie::new("visits", visits.to_string())?;
    ///     Ok(Response::text(format!("visit number {visits}\n")).cookie(cookie))
    /// });
    /// let response = site.handle(Request::get("/").header("Cookie", "theme=dark; visits=6"));
    /// assert!(response.headers.value("Set-Cookie").unwrap().starts_with(b"visits=7; "));
    /// assert_eq!(response.into_text()?, "visit number 7\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        cookie::value(self.cookie_lines(), name)
    }

    /// The names and values of all cookies that are UTF-8, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        cookie::cookies(self.cookie_lines()).filter_map(|(name, value)| {
            Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
        })
    }

    fn cookie_lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let head = self.as_head();
        head.headers.values(head.bytes, HeaderName::Cookie)
    }

    /// The whole body as text, which is taken, whatever type the client says that it has.
    ///
    /// ```
    /// use httpd::{Request, RequestError, Site, Status};
    /// let site = Site::new().post("/shout", |request| -> Result<String, RequestError> {
    ///     Ok(request.read_text()?.to_uppercase())
    /// });
    /// assert_eq!(site.handle(Request::post("/shout").body("hello")).into_text()?, "HELLO");
    /// assert_eq!(site.handle(Request::post("/shout").body([0xff])).status, Status::BAD_REQUEST);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// 400 if it is not UTF-8, or breaks off while it is read; 413 if it is larger than the bound.
    #[doc(alias = "body")]
    pub fn read_text(&self) -> Result<String, RequestError> {
        String::from_utf8(self.read_body()?)
            .map_err(|_| RequestError::new(Status::BAD_REQUEST, "the body is not UTF-8"))
    }

    /// The form in the body, which is taken: `application/x-www-form-urlencoded` or `multipart/form-data`, within
    /// the default [`FormLimits`]. All of it is in memory then; [`Request::multipart`] is for large files.
    ///
    /// ```
    /// use httpd::{Request, RequestError, Site, Status};
    /// let site = Site::new().post("/people", |request| -> Result<String, RequestError> {
    ///     let form = request.form()?;
    ///     let age: u8 = form.parse("age")?;
    ///     Ok(format!("{} is {age}\n", form.required("name")?))
    /// });
    /// let post = |body| {
    ///     let form = "application/x-www-form-urlencoded";
    ///     site.handle(Request::post("/people").header("Content-Type", form).body(body))
    /// };
    /// assert_eq!(post("name=Ada+L.&age=36").into_text()?, "Ada L. is 36\n");
    /// let response = post("name=Ada");
    /// assert_eq!(response.status, Status::UNPROCESSABLE_CONTENT);
    /// assert_eq!(response.into_text()?, "the form has no field \"age\"\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// 415 for another type, 413 beyond the limits, 400 if it breaks the grammar or breaks off.
    pub fn form(&self) -> Result<Form, RequestError> {
        self.form_within(&FormLimits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// As [`Request::form`].
    pub fn form_within(&self, limits: &FormLimits) -> Result<Form, RequestError> {
        Form::read(self.content_type(), self.take_body(), limits)
    }

    /// The parts of a `multipart/form-data` body, which is taken, one after the other: for files that need not fit
    /// into memory.
    ///
    /// ```
    /// use httpd::{Failure, Method, Site, blocking};
    /// let upload = blocking(|request| -> Result<String, Failure> {
    ///     let mut parts = request.multipart()?;
    ///     let mut bytes = 0;
    ///     while let Some(mut part) = parts.next_part()? {
    ///         if part.file_name().is_some() {
    ///             // … or into a file whose name the client did not choose.
    ///             bytes += std::io::copy(&mut part, &mut std::io::sink())?;
    ///         }
    ///     }
    ///     Ok(format!("{bytes} bytes\n"))
    /// });
    /// let upload = upload.methods(&[Method::Post]).body_bytes_max(10 << 30).streamed();
    /// let site = Site::new().at("/upload", upload);
    /// # let _ = site;
    /// ```
    ///
    /// # Errors
    /// 415 for another type, 400 if the type names no boundary.
    pub fn multipart(&self) -> Result<FormParts, RequestError> {
        FormParts::new(self.content_type(), self.take_body(), PARTS_MAX)
    }

    /// The JSON in the body, which is taken, as a value of any type that serde can make. With the feature `json`.
    ///
    /// ```
    /// use httpd::{Request, RequestError, Response, Site, Status};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize, Serialize)]
    /// struct Note {
    ///     text: String,
    ///     tags: Vec<String>,
    /// }
    ///
    /// let site = Site::new().post("/notes", |request| -> Result<Response, RequestError> {
    ///     let note: Note = request.json()?;
    ///     Ok(Response::json(&note).status(Status::CREATED))
    /// });
    /// let post = |body| {
    ///     site.handle(Request::post("/notes").header("Content-Type", "application/json").body(body))
    /// };
    /// let response = post(r#"{"text": "buy milk", "tags": []}"#);
    /// assert_eq!(response.into_text()?, r#"{"text":"buy milk","tags":[]}"#);
    /// let response = post(r#"{"text": "buy milk", "tags": ["a", 5]}"#);
    /// assert_eq!(response.status, Status::UNPROCESSABLE_CONTENT);
    /// assert_eq!(
    ///     response.into_text()?,
    ///     "tags[1]: invalid type: integer `5`, expected a string at line 1 column 36\n"
    /// );
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// 415 if the type is not JSON's, 400 if it is no JSON or breaks off, 422 with the path of the value if it is not
    /// what `T` asks for.
    #[cfg(feature = "json")]
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, RequestError> {
        use crate::http::json;
        json::check_type(self.content_type())?;
        let body = self.take_body();
        match body.as_bytes() {
            Some(bytes) => json::parse(bytes),
            None => json::parse(&body.into_bytes(usize::MAX)?),
        }
    }

    fn content_type(&self) -> Option<&'a [u8]> {
        self.as_head().first(HeaderName::ContentType)
    }
}

impl Response {
    /// The same with a cookie for the client to keep. Several cookies have to have several names.
    #[doc(alias = "set_cookie")]
    pub fn cookie(mut self, cookie: Cookie) -> Response {
        self.headers.put("Set-Cookie", cookie.to_string());
        self
    }

    /// `200 OK` with a value in JSON. With the feature `json`.
    ///
    /// If the value cannot be written as JSON, which is a mistake of the program (a map whose keys are no text, for
    /// example), it is logged, and the response is 500.
    #[cfg(feature = "json")]
    #[doc(alias = "Json")]
    pub fn json<T: serde_core::Serialize + ?Sized>(value: &T) -> Response {
        match serde_json::to_vec(value) {
            Ok(bytes) => Response::bytes(crate::http::json::TYPE, bytes),
            Err(error) => super::Failure::from(error).into_response(),
        }
    }
}

/// What reading the body of a request fails with has such an error in it, which is taken out. Any other is the
/// server's own: it is logged, and the client gets 500 with a text that says no more.
impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> RequestError {
        error.downcast().unwrap_or_else(|error| {
            log_failure(&error, None);
            RequestError::new(Status::INTERNAL_SERVER_ERROR, "the server failed to read or write")
        })
    }
}

/// The status of the error with its text.
impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let response = Response::text(format!("{self}\n")).status(self.status());
        match self.expected_types() {
            [] => response,
            types => response.header("Accept", types.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_request_passes_through_one_of_reading() {
        let error = RequestError::too_large("more than 5 bytes");
        let wrapped = io::Error::from(error.clone());
        assert_eq!(wrapped.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(RequestError::from(wrapped), error);
        let other = RequestError::from(io::Error::other("/secret/path: no such file"));
        assert_eq!(other.status(), Status::INTERNAL_SERVER_ERROR);
        assert_eq!(other.to_string(), "the server failed to read or write");
    }
}
