//! Error pages of your own: `cargo run --example error_pages -- 127.0.0.1:8080 conf/www`, then
//!
//! ```sh
//! curl -i localhost:8080/              # a file
//! curl -i localhost:8080/missing       # 404 with the page below
//! curl -i localhost:8080/ -X DELETE    # 405 with the page below: nobody takes DELETE here
//! ```
//!
//! `Site::around` shows a function every response of a part of the site, also what the server refuses by itself.
//! Only what is no request at all (400) keeps the server's own page.

use httpd::{Response, Root, Server, Site, StaticFiles, Status};

fn with_page(response: Response) -> Response {
    if response.status < Status::BAD_REQUEST || !response.is_bare() {
        return response;
    }
    // The headers stay, such as the `Content-Range` of a 416.
    let page = page(response.status);
    response.body(page).header("Content-Type", "text/html; charset=utf-8")
}

/// It shows nothing that the client has sent, so there is nothing to escape.
fn page(status: Status) -> String {
    let advice = match status {
        Status::NOT_FOUND => "Try the <a href=\"/\">front page</a>.",
        _ => "Please try again later.",
    };
    format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{status}</title>\n\
         <h1>{status}</h1>\n<p>{advice}</p>\n"
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let directory = arguments.next().unwrap_or_else(|| "conf/www".to_owned());
    let site = Site::new()
        .at("/", StaticFiles::new(Root::open(directory)?).index(["index.html"]))
        .around("/", |_, next| next.then(with_page));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}
