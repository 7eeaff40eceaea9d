//! The service with axum: `peer-axum ADDRESS ROOT`.

use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router, extract::State};
use serde::{Deserialize, Serialize};
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

async fn messages(State(sender): State<broadcast::Sender<Event>>, text: String) -> StatusCode {
    // It fails where nobody listens.
    let _ = sender.send(Event::default().data(text));
    StatusCode::NO_CONTENT
}

// With one worker of the other runtime it is not faster.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let [address, root] = [1, 2].map(|n| std::env::args().nth(n).expect("an argument"));
    let app = Router::new()
        .route("/hello", get(hello))
        .route("/add", post(add))
        .route("/events", get(events))
        .route("/messages", post(messages))
        .with_state(broadcast::channel(16).0)
        .fallback_service(ServeDir::new(root));
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("{}", listener.local_addr()?);
    // Without it, a response of two writes waits for the client's acknowledgement: 40 ms.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await
}
