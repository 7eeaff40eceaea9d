//! The small HTML pages of error responses.
//!
//! They show the status and nothing of the request, so that no input is reflected, and nothing about the server.

use super::{Body, Response};
use crate::http::Status;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Whether error responses carry a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorBodies {
    /// A small HTML page.
    #[default]
    Html,
    /// No body.
    Off,
}

impl ErrorBodies {
    /// Gives a response the page of its status, if such responses have one.
    pub(super) fn add_to(self, response: &mut Response) {
        match self {
            ErrorBodies::Html => add_error_page(response),
            ErrorBodies::Off => {}
        }
    }
}

/// Gives a response the page of its status. Each page is made once per process.
pub(crate) fn add_error_page(response: &mut Response) {
    static PAGES: LazyLock<HashMap<u16, Vec<u8>>> = LazyLock::new(|| {
        (400..=599)
            .filter_map(Status::new)
            .map(|status| (status.code(), page(status).into_bytes()))
            .collect()
    });
    if let Some(page) = PAGES.get(&response.status.code()) {
        response.headers.put("Content-Type", "text/html");
        response.body = Body::Static(page);
    }
}

fn page(status: Status) -> String {
    let body = sentence(status).map(|it| format!("<p>{it}\n")).unwrap_or_default();
    document(&status.to_string(), &body)
}

/// What happened, for somebody who knows no status by heart.
fn sentence(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::BAD_REQUEST => "The server could not understand this request.",
        Status::UNAUTHORIZED => "This is only for those who sign in.",
        Status::FORBIDDEN => "You may not see this.",
        Status::NOT_FOUND => "There is nothing at this address.",
        Status::METHOD_NOT_ALLOWED => "This cannot be done here.",
        Status::REQUEST_TIMEOUT => "The request took too long to arrive.",
        Status::GONE => "This has been removed.",
        Status::CONTENT_TOO_LARGE => "This is more than the server accepts.",
        Status::TOO_MANY_REQUESTS => "That was too much at once. Please try again in a moment.",
        Status::INTERNAL_SERVER_ERROR => "Something went wrong on the server.",
        Status::BAD_GATEWAY => "The application did not respond properly.",
        Status::SERVICE_UNAVAILABLE => "The server is busy. Please try again in a moment.",
        Status::GATEWAY_TIMEOUT => "The application took too long to respond.",
        _ => return None,
    })
}

/// A small page that also fits on a phone, in light and dark: a title, and HTML below it.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         <style>{STYLE}</style>\n\
         <h1>{title}</h1>\n\
         {body}\
         </html>\n"
    )
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;color:#24292f;background:#fafafa;\
    max-width:36rem;margin:22vh auto 0;padding:0 1.5rem}\
    h1{font-size:1.8rem;font-weight:600;line-height:1.2}p{color:#57606a}\
    @media(prefers-color-scheme:dark){body{color:#e6edf3;background:#14171c}p{color:#9aa4af}a{color:#7ab7ff}}";
