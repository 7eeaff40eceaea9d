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

/// Gives a response the page of its status. Each page is made once per process.
pub(crate) fn with_error_page(mut response: Response) -> Response {
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
    response
}

fn page(status: Status) -> String {
    document(&status.to_string(), "")
}

/// A small page that also fits on a phone: a title, and HTML below it.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         <style>body{{font:1.1rem system-ui,sans-serif;text-align:center;margin-top:20vh}}</style>\n\
         <h1>{title}</h1>\n\
         {body}\
         </html>\n"
    )
}
