//! The service with actix-web: `peer-actix ADDRESS ROOT INTERVAL_MS`.

use actix_web::web::{self, Bytes, Data, Json};
use actix_web::{App, HttpResponse, HttpServer, Responder, get, post};
use serde::{Deserialize, Serialize};
use std::time::Duration;
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

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let [address, root, interval] =
        [1, 2, 3].map(|n| std::env::args().nth(n).expect("an argument"));
    let interval = Duration::from_millis(interval.parse().expect("milliseconds"));
    let (sender, _) = broadcast::channel(16);
    let ticking = sender.clone();
    actix_web::rt::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        for number in 0_u64.. {
            ticks.tick().await;
            let _ = ticking.send(Bytes::from(format!("data: message {number}\n\n")));
        }
    });
    let sender = Data::new(sender);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(sender.clone())
            .service(hello)
            .service(add)
            .service(events)
            .service(actix_files::Files::new("/", &root))
            .default_service(web::to(HttpResponse::NotFound))
    });
    let server = server.workers(1).bind(&address)?;
    println!("{}", server.addrs()[0]);
    server.run().await
}
