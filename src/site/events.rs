//! Server-sent events (WHATWG HTML, §9.2): the text of an event, and a stream of them.

use super::Response;
use super::stream::{Gone, Sender, TrySendError};
use std::fmt::{self, Write};
use std::time::Duration;

/// One server-sent event: data, and what goes with it.
///
/// ```
/// use httpd::Event;
/// use std::time::Duration;
/// let event = Event::data("two\nlines").id(7).event("chat");
/// assert_eq!(event.to_string(), "data: two\ndata: lines\nid: 7\nevent: chat\n\n");
/// let greeting = Event::comment("welcome").retry(Duration::from_secs(2));
/// assert_eq!(greeting.to_string(), ": welcome\nretry: 2000\n\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// All of it, with the empty line at its end.
    text: String,
}

impl Event {
    /// An event with this data. Each line of it becomes a line of the event, and the browser joins them again.
    pub fn data(data: impl AsRef<str>) -> Event {
        Event::empty().lines("data: ", data.as_ref())
    }

    /// An event whose data is a value in JSON. With the feature `json`.
    ///
    /// ```
    /// use httpd::Event;
    /// assert_eq!(Event::json(&("a", 1)).to_string(), "data: [\"a\",1]\n\n");
    /// ```
    ///
    /// # Panics
    /// When the value has no JSON: a map whose keys are neither text nor numbers, or a `Serialize` of one's own that
    /// fails.
    #[cfg(feature = "json")]
    #[track_caller]
    pub fn json<T: serde_core::Serialize + ?Sized>(value: &T) -> Event {
        let json = serde_json::to_string(value);
        Event::data(json.unwrap_or_else(|error| panic!("an event has no JSON: {error}")))
    }

    /// A comment: browsers ignore it.
    pub fn comment(comment: impl AsRef<str>) -> Event {
        Event::empty().lines(": ", comment.as_ref())
    }

    fn empty() -> Event {
        Event { text: "\n".to_owned() }
    }

    /// The same with an id. A browser that connects again sends the last one:
    /// `request.header("Last-Event-ID")`.
    ///
    /// # Panics
    /// When it has a line break or a null character; [`Event::is_sound`] tells.
    #[track_caller]
    pub fn id(self, id: impl fmt::Display) -> Event {
        self.field("id", &id.to_string())
    }

    /// The same with a type: `addEventListener` names it. Without one it is `message`.
    ///
    /// # Panics
    /// When it has a line break or a null character; [`Event::is_sound`] tells.
    #[track_caller]
    pub fn event(self, event: &str) -> Event {
        self.field("event", event)
    }

    /// The same with the time that a browser waits before it connects again.
    pub fn retry(self, pause: Duration) -> Event {
        self.field("retry", &pause.as_millis().to_string())
    }

    /// Whether a text can be an id or a type: it has no line break and no null character.
    pub fn is_sound(text: &str) -> bool {
        !text.contains(['\r', '\n', '\0'])
    }

    #[track_caller]
    fn field(mut self, name: &str, value: &str) -> Event {
        assert!(
            Event::is_sound(value),
            "the {name} of an event has a line break or a null character: {value:?}"
        );
        self.text.pop();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{name}: {value}\n\n");
        self
    }

    /// A line for each line of the text. All three ends of a line count, as they do for the reader.
    fn lines(mut self, start: &str, text: &str) -> Event {
        self.text.pop();
        for part in text.split('\n') {
            let part = part.strip_suffix('\r').unwrap_or(part);
            for line in part.split('\r') {
                self.text.push_str(start);
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
        self.text.push('\n');
        self
    }
}

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Sends server-sent events to one client, from any thread. It is a [`Sender`] that also keeps the stream alive: when
/// nothing was sent for 15 s, the worker sends a comment, so that no proxy takes the stream for dead, and a client
/// that has gone is noticed.
///
/// When the server stops, the stream ends at once, and the browser connects again: `retry` says when.
///
/// ```
/// use httpd::{Event, Events, Response, Site};
/// use std::sync::{Arc, Mutex};
/// // One stream for each client; `Broadcast` does this for all of them.
/// let clients = Arc::new(Mutex::new(Vec::<Events>::new()));
/// let site = Site::new().get("/events", move |_| {
///     let (events, response) = Response::events();
///     // There is room in a new stream.
///     let _ = events.try_send(&Event::data("welcome"));
///     clients.lock().expect("nobody panics").push(events);
///     response
/// });
/// # let _ = site;
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    sender: Sender,
}

impl Response {
    /// A stream of server-sent events, which is not stored by caches.
    ///
    /// A proxy in front that buffers has to be asked not to; nginx understands
    /// `.header("X-Accel-Buffering", "no")`.
    pub fn events() -> (Events, Response) {
        let (sender, response) = Response::stream("text/event-stream");
        sender.end_at_stop();
        let response = response.header("Cache-Control", "no-store");
        (Events { sender }.keep_alive(KEEP_ALIVE), response)
    }
}

impl Events {
    /// Sends an event, and never waits; see [`Sender::try_send`].
    ///
    /// # Errors
    /// When there is no room, or the stream has ended.
    pub fn try_send(&self, event: &Event) -> Result<(), TrySendError> {
        self.sender.try_send(event)
    }

    /// Sends an event, and waits while there is no room for it; see [`Sender::send`].
    ///
    /// # Errors
    /// When the stream has ended.
    ///
    /// # Panics
    /// When it would have to wait on a worker.
    pub fn send(&self, event: &Event) -> Result<(), Gone> {
        self.sender.send(event)
    }

    /// After how long a comment is sent if no event was. Default: 15 s; at least 100 ms. [`None`]: never, so that a
    /// client whose machine or network has failed is noticed with the next event only.
    pub fn keep_alive(self, interval: impl Into<Option<Duration>>) -> Events {
        let interval = interval.into().map(|interval| interval.max(KEEP_ALIVE_MIN));
        self.sender.keep_alive(interval, b":\n\n");
        self
    }

    /// Whether the stream has ended; see [`Sender::is_gone`].
    pub fn is_gone(&self) -> bool {
        self.sender.is_gone()
    }

    /// Calls this when the client has gone or the server stops; see [`Sender::on_gone`].
    pub fn on_gone(&self, call: impl FnOnce() + Send + 'static) {
        self.sender.on_gone(call);
    }

    /// Ends the stream after what was sent. A browser connects again all the same: an answer of 204 to that stops it.
    pub fn finish(self) {
        self.sender.finish();
    }
}

impl From<Events> for Sender {
    fn from(events: Events) -> Sender {
        events.sender
    }
}

/// As the standard advises, because some proxies close what is quiet.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const KEEP_ALIVE_MIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_line_begins_a_line_of_data() {
        for (data, text) in [
            ("", "data: \n\n"),
            (" a", "data:  a\n\n"),
            ("a\nb", "data: a\ndata: b\n\n"),
            ("a\r\nb\rc\n", "data: a\ndata: b\ndata: c\ndata: \n\n"),
            ("\n\n", "data: \ndata: \ndata: \n\n"),
            ("a\nid: 7", "data: a\ndata: id: 7\n\n"),
        ] {
            assert_eq!(Event::data(data).to_string(), text, "{data:?}");
        }
    }

    #[test]
    fn a_field_with_a_line_break_is_refused() {
        for text in ["a\n", "\rb", "a\0"] {
            assert!(!Event::is_sound(text));
            assert!(std::panic::catch_unwind(|| Event::data("x").id(text)).is_err());
            assert!(std::panic::catch_unwind(|| Event::data("x").event(text)).is_err());
        }
        assert!(Event::is_sound("ä: 1"));
    }

    #[test]
    fn its_response_is_a_stream_that_no_cache_stores() {
        let (events, response) = Response::events();
        assert_eq!(response.headers.value("content-type"), Some(&b"text/event-stream"[..]));
        assert_eq!(response.headers.value("cache-control"), Some(&b"no-store"[..]));
        assert!(!events.is_gone());
        drop(response);
        assert_eq!(events.try_send(&Event::data("x")), Err(TrySendError::Gone));
    }
}
