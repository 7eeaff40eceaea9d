//! The heads of responses on the wire (RFC 9113 §8.3.2).

use super::write::{begin_block, end_block};
use crate::http::hpack::{Encoder, Indexing, PreparedFields, write_index, write_with_name};
use crate::http::{Headers, Status};

/// What a response head has beside its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseLine {
    /// The stream of its request.
    pub stream: u32,
    /// The status.
    pub status: Status,
    /// The length of its body, if that is known. Not written where RFC 9110 §8.6 forbids it (1xx, 204), nor with 304,
    /// where it would mean nothing.
    pub length: Option<u64>,
    /// Whether no data follows.
    pub ends_stream: bool,
}

/// Appends a complete response head, in as many frames as the client needs. `server_and_date` holds the fields that are
/// the same for every response of this second.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    line: ResponseLine,
    server_and_date: &PreparedFields,
    headers: &Headers,
    payload_bytes_max: usize,
) {
    let ResponseLine { stream, status, length, ends_stream } = line;
    let start = begin_block(out);
    encoder.begin(out);
    let mut room = [0; 20];
    match status_index(status) {
        Some(index) => write_index(out, index),
        None => {
            let code = digits(u64::from(status.code()), &mut room);
            encoder.field(out, b":status", code, Indexing::Kept);
        }
    }
    encoder.prepared(out, server_and_date);
    if let Some(length) = length.filter(|_| !status.forbids_content()) {
        write_with_name(out, CONTENT_LENGTH, digits(length, &mut room));
    }
    if let Some(shared) = headers.shared_lines() {
        encoder.prepared(out, shared.prepared());
    }
    for (name, value) in headers.added() {
        each_field(name, value, |name, value, indexing| encoder.field(out, name, value, indexing));
    }
    end_block(out, start, stream, ends_stream, payload_bytes_max);
}

/// Prepares fields to be written as [`write_head`] writes them.
pub(crate) fn prepare<'a>(
    prepared: &mut PreparedFields,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) {
    for (name, value) in fields {
        each_field(name, value, |name, value, indexing| prepared.add(name, value, indexing));
    }
}

/// The place in the static table of HPACK (RFC 7541 appendix A), where it has a status.
fn status_index(status: Status) -> Option<usize> {
    match status.code() {
        200 => Some(8),
        204 => Some(9),
        206 => Some(10),
        304 => Some(11),
        400 => Some(12),
        404 => Some(13),
        500 => Some(14),
        _ => None,
    }
}

/// The place of the name `content-length` there.
const CONTENT_LENGTH: usize = 28;

/// Appends the interim response that has a waiting client send its body (RFC 9110 §15.2.1).
pub(crate) fn write_continue(
    out: &mut Vec<u8>,
    encoder: &mut Encoder,
    stream: u32,
    payload_bytes_max: usize,
) {
    let start = begin_block(out);
    encoder.begin(out);
    encoder.field(out, b":status", b"100", Indexing::NotKept);
    end_block(out, start, stream, false, payload_bytes_max);
}

/// A number in decimal digits, at the end of the room for them.
fn digits(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}

/// Hands on a field as it is sent: its name in lower case (RFC 9113 §8.2.1), without white space around its value, and
/// not at all if it would describe an HTTP/1 connection (RFC 9113 §8.2.2).
#[inline]
fn each_field(name: &[u8], value: &[u8], write: impl FnOnce(&[u8], &[u8], Indexing)) {
    let mut lower = [0; NAME_BYTES_MAX];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return;
    };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    if matches!(lower, b"keep-alive" | b"proxy-connection" | b"upgrade") {
        return;
    }
    write(lower, value.trim_ascii(), indexing(lower));
}

/// Whether a field is worth a place in the client's table: it is if many responses have it with the same value.
fn indexing(name: &[u8]) -> Indexing {
    match name {
        // RFC 7541 §7.1.3.
        b"set-cookie" | b"www-authenticate" | b"authentication-info" => Indexing::Never,
        b"etag"
        | b"last-modified"
        | b"content-range"
        | b"location"
        | b"content-location"
        | b"age"
        | b"expires"
        | b"retry-after"
        | b"content-disposition" => Indexing::NotKept,
        _ => Indexing::Kept,
    }
}

/// No name of a [`Headers`] is longer.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::field_lines::FieldLines;
    use crate::http::h2::frame::{Frame, FrameReader};
    use crate::http::h2::write;
    use crate::http::hpack::{Decoder, TABLE_BYTES_USUAL};

    /// The fields of a head, and whether it ends its stream.
    fn read(bytes: &[u8], decoder: &mut Decoder) -> (Vec<String>, bool) {
        let mut all = Vec::new();
        write::settings(&mut all, &[]);
        all.extend_from_slice(bytes);
        let (mut reader, mut rest) = (FrameReader::new(), &all[..]);
        let (mut fields, mut ends) = (Vec::new(), false);
        while let Some((used, frame)) = reader.next(rest).expect("it is a frame") {
            rest = &rest[used..];
            if let Frame::Headers(headers) = frame {
                assert_eq!((headers.stream, headers.ends_headers), (7, true));
                ends = headers.ends_stream;
                let each = |name: &[u8], value: &[u8]| {
                    let field = [name, b": ", value].concat();
                    fields.push(String::from_utf8(field).expect("the test's are ASCII"));
                };
                decoder.decode(headers.fragment, &mut Vec::new(), each).expect("it is a block");
            }
        }
        (fields, ends)
    }

    fn same<const N: usize>(fields: [(&str, &str); N]) -> PreparedFields {
        let mut prepared = PreparedFields::default();
        prepare(&mut prepared, FieldLines::render(fields).fields());
        prepared
    }

    fn head(status: Status, length: Option<u64>, headers: &Headers) -> Vec<String> {
        let line = ResponseLine { stream: 7, status, length, ends_stream: true };
        let same = same([("Server", "x"), ("Date", "today")]);
        let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
        let mut out = Vec::new();
        write_head(&mut out, &mut encoder, line, &same, headers, 16_384);
        let (fields, ends) = read(&out, &mut Decoder::new(TABLE_BYTES_USUAL));
        assert!(ends);
        fields
    }

    #[test]
    fn a_head_has_its_status_first_and_names_in_lower_case() {
        let mut headers = Headers::new();
        headers.add("ETag", "\"1\"").expect("it is a token");
        headers.add("X-Custom", "  Value ").expect("it is a token");
        assert_eq!(
            head(Status::OK, Some(12), &headers),
            [
                ":status: 200",
                "server: x",
                "date: today",
                "content-length: 12",
                "etag: \"1\"",
                "x-custom: Value"
            ]
        );
        assert_eq!(head(Status::NOT_FOUND, None, &Headers::new())[0], ":status: 404");
        assert_eq!(head(Status::new(299).unwrap(), None, &Headers::new())[0], ":status: 299");
    }

    #[test]
    fn the_places_in_the_static_table_are_those_of_the_rfc() {
        for code in 200..600 {
            let status = Status::new(code).expect("it is a status");
            let fields = head(status, Some(12), &Headers::new());
            assert_eq!(fields[0], format!(":status: {code}"));
            let has_length = !status.forbids_content();
            assert_eq!(fields.get(3).is_some_and(|it| it == "content-length: 12"), has_length);
        }
    }

    #[test]
    fn fields_of_a_file_are_sent_as_others_are() {
        use crate::http::shared_lines::SharedLines;
        use std::sync::Arc;
        let long = "v".repeat(3000);
        let fields = [
            ("ETag", "\"1\""),
            ("Last-Modified", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("Accept-Ranges", "bytes"),
            ("Upgrade", "h3"),
            ("Content-Type", " text/html "),
            ("Set-Cookie", "a=1"),
            ("X-Empty", ""),
            ("X-Long", &long),
        ];
        let mut added = Headers::new();
        fields.iter().for_each(|(name, value)| added.add(name, value).expect("it is a token"));
        let shared = Headers::shared(&Arc::new(SharedLines::from(FieldLines::render(fields))));
        let same = same([("Server", "x")]);
        let line = ResponseLine { stream: 7, status: Status::OK, length: None, ends_stream: true };
        for table_bytes in [4096, 100, 0] {
            let mut sent = [Vec::new(), Vec::new()];
            for (sent, headers) in sent.iter_mut().zip([&added, &shared]) {
                let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
                let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
                encoder.bound(table_bytes);
                for _ in 0..3 {
                    let mut out = Vec::new();
                    write_head(&mut out, &mut encoder, line, &same, headers, 16_384);
                    let (fields, _) = read(&out, &mut decoder);
                    assert_eq!(fields.len(), 9, "{fields:?}");
                    sent.push(out);
                }
            }
            assert_eq!(sent[0], sent[1], "{table_bytes}");
            let [first, second] = [0, 1].map(|number| sent[0][number].len());
            assert!(table_bytes < 4096 || second < first, "{first} {second}");
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn no_length_where_there_is_never_a_body() {
        for status in [Status::NO_CONTENT, Status::NOT_MODIFIED] {
            let fields = head(status, Some(5), &Headers::new());
            assert!(!fields.iter().any(|field| field.starts_with("content-length")), "{fields:?}");
        }
    }

    #[test]
    fn headers_of_http_1_connections_stay_behind() {
        let mut headers = Headers::new();
        for name in ["Keep-Alive", "Upgrade", "Proxy-Connection", "X"] {
            headers.add(name, "y").expect("it is a token");
        }
        assert_eq!(head(Status::OK, None, &headers)[3..], ["x: y"]);
    }

    #[test]
    fn what_repeats_takes_a_byte_and_secrets_are_never_kept() {
        let mut headers = Headers::new();
        for (name, value) in [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "public, max-age=31536000, immutable"),
            ("X-Frame-Options", "DENY"),
        ] {
            headers.add(name, value).expect("it is a token");
        }
        let same = same([("Server", "x"), ("Date", "Mon, 21 Oct 2013 20:13:21 GMT")]);
        let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
        let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
        let mut lengths = Vec::new();
        for _ in 0..3 {
            let mut out = Vec::new();
            let line =
                ResponseLine { stream: 7, status: Status::OK, length: None, ends_stream: false };
            write_head(&mut out, &mut encoder, line, &same, &headers, 16_384);
            let (fields, ends) = read(&out, &mut decoder);
            assert_eq!((fields.len(), ends), (6, false));
            lengths.push(out.len());
        }
        assert_eq!(lengths[1..], [9 + 6; 2], "a byte for each field");
        headers.add("Set-Cookie", "session=1").expect("it is a token");
        let mut out = Vec::new();
        let line = ResponseLine { stream: 7, status: Status::OK, length: None, ends_stream: false };
        write_head(&mut out, &mut encoder, line, &same, &headers, 16_384);
        // Never indexed, by the name in place 55 of the static table.
        assert_eq!(out[9 + 6..][..2], [0x1f, 55 - 15]);
    }

    #[test]
    fn a_waiting_client_is_told_to_go_on() {
        let mut out = Vec::new();
        write_continue(&mut out, &mut Encoder::new(TABLE_BYTES_USUAL), 7, 16_384);
        let fields = read(&out, &mut Decoder::new(TABLE_BYTES_USUAL));
        assert_eq!(fields, (vec![":status: 100".to_owned()], false));
    }
}
