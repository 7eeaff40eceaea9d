//! The service with axum: `peer-axum ADDRESS ROOT INTERVAL_MS [one|pool]`.

use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router, extract::State};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tower_http::services::ServeDir;

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

async fn hello() -> Json<Hello> {
    Json(Hello { message: "hello" })
}

async fn add(Json(terms): Json<Terms>) -> Json<Sum> {
    Json(Sum { sum: terms.a.wrapping_add(terms.b) })
}

async fn events(
    State(sender): State<broadcast::Sender<Event>>,
) -> Sse<impl tokio_stream::Stream<Item = Result<Event, BroadcastStreamRecvError>>> {
    Sse::new(BroadcastStream::new(sender.subscribe()))
}

async fn serve(address: String, root: String, interval: Duration) -> std::io::Result<()> {
    let (sender, _) = broadcast::channel(16);
    let ticking = sender.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        for number in 0_u64.. {
            ticks.tick().await;
            let _ = ticking.send(Event::default().data(format!("message {number}")));
        }
    });
    let app = Router::new()
        .route("/hello", get(hello))
        .route("/add", post(add))
        .route("/events", get(events))
        .with_state(sender)
        .fallback_service(ServeDir::new(root));
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("{}", listener.local_addr()?);
    // Without it, a response of two writes waits for the client's acknowledgement: 40 ms.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}

fn main() -> std::io::Result<()> {
    let [address, root, interval] =
        [1, 2, 3].map(|n| std::env::args().nth(n).expect("an argument"));
    let interval = Duration::from_millis(interval.parse().expect("milliseconds"));
    let mut runtime = match std::env::args().nth(4).as_deref() {
        Some("pool") => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(address, root, interval))
}
