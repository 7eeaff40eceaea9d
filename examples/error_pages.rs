//! Error pages of your own: `cargo run --example error_pages -- 127.0.0.1:8080 conf/www`, then
//!
//! ```sh
//! curl -i localhost:8080/              # a file
//! curl -i localhost:8080/missing       # 404 with the page below
//! ```
//!
//! `WithErrorPages` wraps any handler and gives its errors a page unless they have a body. What the
//! server refuses before a handler is asked (a malformed request, a method that no handler takes, too
//! large a body) keeps the server's own page; `Site::error_bodies` turns those off.

use httpd::{
    Answer, BodyPolicy, Context, Handler, Methods, Request, Root, Server, Site, StaticFiles, Status,
};

struct WithErrorPages<H>(H);

impl<H: Handler> Handler for WithErrorPages<H> {
    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        self.0.answer(request, context).map(|response| {
            if response.status < Status::BAD_REQUEST || !response.is_bare() {
                return response;
            }
            // The headers stay, such as the `Content-Range` of a 416.
            let page = page(response.status);
            response.body(page).header("Content-Type", "text/html; charset=utf-8")
        })
    }

    fn methods(&self) -> Methods {
        self.0.methods()
    }

    fn body_policy(&self, request: &Request<'_>) -> BodyPolicy {
        self.0.body_policy(request)
    }
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
    let files = StaticFiles::new(Root::open(directory)?).index(["index.html"]);
    let site = Site::new().at("/", WithErrorPages(files));
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}
