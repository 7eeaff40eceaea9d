//! The service with actix-web: `peer-actix ADDRESS ROOT`.

use actix_web::web::{self, Bytes, Data, Json};
use actix_web::{App, HttpResponse, HttpServer, Responder, get, post};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

#[derive(Deserialize)]
struct Terms {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
struct Sum {
    sum: i64,
}

#[get("/hello")]
async fn hello() -> impl Responder {
    Json(Hello { message: "hello" })
}

#[post("/add")]
async fn add(terms: Json<Terms>) -> impl Responder {
    Json(Sum { sum: terms.a.wrapping_add(terms.b) })
}

#[get("/events")]
async fn events(sender: Data<broadcast::Sender<Bytes>>) -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-cache"))
        .streaming(BroadcastStream::new(sender.subscribe()))
}

#[post("/messages")]
async fn messages(sender: Data<broadcast::Sender<Bytes>>, text: String) -> impl Responder {
    // It fails where nobody listens.
    let _ = sender.send(Bytes::from(format!("data: {text}\n\n")));
    HttpResponse::NoContent()
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let [address, root] = [1, 2].map(|n| std::env::args().nth(n).expect("an argument"));
    let sender = Data::new(broadcast::channel::<Bytes>(16).0);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(sender.clone())
            .service(hello)
            .service(add)
            .service(events)
            .service(messages)
            .service(actix_files::Files::new("/", &root))
            .default_service(web::to(HttpResponse::NotFound))
    });
    // Without it, a response of two writes waits for the client's acknowledgement: 40 ms.
    let server = server.workers(1).tcp_nodelay(true).bind(&address)?;
    println!("{}", server.addrs()[0]);
    server.run().await
}
