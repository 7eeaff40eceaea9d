//! What stands around a line where it goes to.

use super::escape::Quoting;
use super::format::{Piece, text};
use super::variable::{Early, Late};
use crate::server::destination::{Destination, INFORMATIONAL, Journal};

/// A line as a message for this destination.
pub(super) fn enveloped(destination: &Destination, line: Vec<Piece>) -> Vec<Piece> {
    match destination {
        Destination::File(_) | Destination::Stdout | Destination::Stderr => line,
        Destination::Syslog(syslog) => {
            let mut pieces = vec![
                text(&syslog.before_time(INFORMATIONAL)),
                Piece::Early(Early::TimeUtc, Quoting::Plain),
                text(&syslog.after_time("access")),
            ];
            pieces.extend(line);
            pieces
        }
        Destination::Journal(journal) => fields(journal, line),
    }
}

/// The fields of an entry of the journal. No line and no value has a line end, so none needs its length before it.
fn fields(journal: &Journal, line: Vec<Piece>) -> Vec<Piece> {
    let early = |early| Piece::Early(early, Quoting::Plain);
    let mut pieces = vec![Piece::Text(journal.fields(INFORMATIONAL).into()), text("MESSAGE=")];
    pieces.extend(line);
    for (name, value) in [
        ("CLIENT", early(Early::RemoteAddr)),
        ("METHOD", early(Early::Method)),
        ("HOST", early(Early::Host)),
        ("TARGET", early(Early::Target)),
        ("STATUS", early(Early::Status)),
        ("BYTES_SENT", Piece::Late(Late::BytesSent)),
        ("SECONDS", Piece::Late(Late::Time)),
        ("REQUEST_ID", early(Early::RequestId)),
    ] {
        pieces.push(text(&format!("\nHTTP_{name}=")));
        pieces.push(value);
    }
    pieces.push(text("\n"));
    pieces
}
