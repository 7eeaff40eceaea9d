//! What holds for every parser of bytes that others send, whatever the bytes are.
//!
//! Each function takes any bytes and panics where a promise is broken. The fuzz targets in `fuzz/` call
//! them with bytes that libFuzzer invents; a test calls them with the corpora that stand there, so that
//! no finding comes back. To search for new ones, see `fuzz/README.md`.

mod access;
mod http2_bytes;
mod names;
mod proxies;
mod rules;
mod values;

use crate::config::{Origin, Overrides, Source, Written};
use crate::http::authority::check_authority;
use crate::http::conditional::{self, Outcome, Preconditions, Validators};
use crate::http::etag::Strength;
use crate::http::form::{Event, FormError, FormReader, FormReaderLimits};
use crate::http::h1::body::{BodyDecoder, BodyEnd, Framing};
use crate::http::h1::field_lines::FieldLines;
use crate::http::h1::request_reader::RequestReader;
use crate::http::range::{self, Ranges};
use crate::http::target::{Target, encode_path};
use crate::http::{
    AcceptedCodings, Coding, ETag, HeadLimits, HeaderName, Method, Peer, Scheme, date, list,
};
use crate::program::supervisor::inheritance::Inheritance;
use crate::program::supervisor::protocol::{Instruction, Report};
use crate::sys::channel::MESSAGE_BYTES_MAX;
use crate::wsgi::response::HEADER_BYTES;
use crate::wsgi::response::{MessageKind, ResponseMessage};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use crate::server::fuzz_connection as connection;
pub use crate::server::fuzz_http2 as http2;
pub use crate::server::fuzz_records as records;
pub use access::{credentials, networks, passwords};
pub use http2_bytes::{frames, hpack, hpack_encode, settings, stream_head};
pub use names::names;
pub use proxies::{forwarded, proxy};
pub use rules::{glob, host_files, rules};
#[cfg(feature = "json")]
pub use values::json;
pub use values::{cookies, fields, pairs};

/// A fuzz target: any bytes are its input.
pub type FuzzTarget = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const FUZZ_TARGETS: &[(&str, FuzzTarget)] = &[
    ("head", head),
    ("body", body),
    ("hpack", hpack),
    ("hpack_encode", hpack_encode),
    ("frames", frames),
    ("http2", http2),
    ("records", records),
    ("settings", settings),
    ("stream_head", stream_head),
    ("target", target),
    ("ranges", ranges),
    ("conditionals", conditionals),
    ("lists", lists),
    ("codings", codings),
    ("names", names),
    ("form", form),
    ("fields", fields),
    ("forwarded", forwarded),
    ("proxy", proxy),
    ("pairs", pairs),
    ("cookies", cookies),
    #[cfg(feature = "json")]
    ("json", json),
    ("credentials", credentials),
    ("passwords", passwords),
    ("networks", networks),
    ("configuration", configuration),
    ("application", application),
    ("supervisor", supervisor),
    ("glob", glob),
    ("rules", rules),
    ("host_files", host_files),
    ("connection", connection),
];

/// A request head means the same however it is cut into pieces, and a request can be made of it or not.
pub fn head(bytes: &[u8]) {
    let limits = HeadLimits { head_bytes_max: 2048, target_bytes_max: 1024, header_count_max: 16 };
    let mut whole = RequestReader::new();
    let at_once = whole.read_head(bytes, &limits);
    let mut pieces = RequestReader::new();
    let step = bytes.len() / 7 + 1;
    let ends = (step..bytes.len()).step_by(step).chain([bytes.len()]);
    let in_pieces = ends
        .map(|end| pieces.read_head(&bytes[..end], &limits))
        .find(|read| !matches!(read, Ok(None)))
        .unwrap_or(Ok(None));
    match (at_once, in_pieces) {
        (Ok(Some(length)), Ok(Some(as_long))) => {
            assert_eq!(length, as_long);
            assert_eq!(whole.framing(), pieces.framing());
            assert_eq!(whole.persistence(), pieces.persistence());
            if let Ok(request) = whole.request(bytes, Peer::default()) {
                let path = request.path();
                assert!(
                    path.starts_with(b"/") || path == b"*" && request.method() == Method::Options
                );
                assert!(!path.contains(&0));
                for (name, value) in request.headers() {
                    assert!(!name.is_empty());
                    assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                }
            }
        }
        // A bound may be passed by what follows in the same piece.
        (Err(_), Err(_)) | (Ok(None), Ok(None)) => {}
        (at_once, in_pieces) => panic!("at once {at_once:?}, in pieces {in_pieces:?}"),
    }
}

/// Content in chunks is the same however it is cut. The first two bytes say how.
pub fn body(bytes: &[u8]) {
    let Some((&[framing, step], input)) = bytes.split_first_chunk::<2>() else { return };
    let framing = match framing {
        0 => Framing::None,
        length @ 1..=63 => Framing::Length(u64::from(length)),
        _ => Framing::Chunked,
    };
    let at_once = decoded(framing, input, input.len().max(1));
    let in_pieces = decoded(framing, input, usize::from(step) + 1);
    assert_eq!(at_once, in_pieces);
}

/// The content, how much of the input it took, and whether it is complete; `None` if it is broken.
fn decoded(framing: Framing, input: &[u8], step: usize) -> Option<(Vec<u8>, usize, BodyEnd)> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut content, mut used) = (Vec::new(), 0);
    for piece in input.chunks(step) {
        let mut rest = piece;
        loop {
            let found = decoder.decode(rest).ok()?;
            assert!(found.data.end <= found.consumed && found.consumed <= rest.len());
            content.extend_from_slice(&rest[found.data]);
            used += found.consumed;
            if found.end == BodyEnd::Reached {
                return Some((content, used, BodyEnd::Reached));
            }
            rest = &rest[found.consumed..];
            if rest.is_empty() {
                break;
            }
        }
    }
    Some((content, used, BodyEnd::Open))
}

/// A path leads nowhere above the root, and is the same once it has been encoded and read again.
pub fn target(bytes: &[u8]) {
    let _ = check_authority(bytes);
    let is_possible = !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_graphic());
    if !is_possible {
        return;
    }
    for method in [Method::Get, Method::Options, Method::Connect] {
        let Ok(target) = Target::parse(method, bytes, Scheme::Http) else { continue };
        if let Some(authority) = target.authority {
            assert_eq!(check_authority(authority), Ok(()));
        }
        if method == Method::Options && &target.path[..] == b"*" {
            continue;
        }
        assert!(target.path.starts_with(b"/") && !target.path.contains(&0));
        assert!(!target.path.windows(2).any(|two| two == b"//"));
        let mut names = target.path.split(|byte| *byte == b'/');
        assert!(!names.any(|name| name == b".." || name == b"."));
        let mut encoded = Vec::new();
        encode_path(&target.path, &mut encoded);
        let again = Target::parse(Method::Get, &encoded, Scheme::Http)
            .expect("what was encoded can be read");
        assert_eq!(again.path, target.path);
    }
}

/// Ranges lie inside, are not empty, and are together no longer than the whole. The first four bytes
/// are the length.
pub fn ranges(bytes: &[u8]) {
    let Some((&length, value)) = bytes.split_first_chunk::<4>() else { return };
    let length = u64::from(u32::from_le_bytes(length));
    let is_inside = |part: &std::ops::Range<u64>| part.start < part.end && part.end <= length;
    match range::parse(value, length, 256) {
        Ranges::Whole | Ranges::Unsatisfiable => {}
        Ranges::One(part) => assert!(is_inside(&part)),
        Ranges::Many(parts) => {
            assert!(parts.len() > 1 && parts.len() <= 256);
            assert!(parts.iter().all(is_inside));
            assert!(parts.iter().map(|part| part.end - part.start).sum::<u64>() <= length);
        }
    }
}

/// Preconditions are evaluated to the same end for reading and for changing, but for the tags of encodings: they name the
/// version that a change is for. The bytes are header lines.
pub fn conditionals(bytes: &[u8]) {
    let etag = ETag::of(1, 2, Strength::Strong);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let validators = Validators {
        etag: Some(&etag),
        is_tag_awaited: false,
        modified: Some(modified),
        date: Strength::Strong,
    };
    let limits = HeadLimits { head_bytes_max: 4096, target_bytes_max: 64, header_count_max: 64 };
    let message = [b"PUT / HTTP/1.1\r\nHost: a\r\n", bytes, b"\r\n\r\n"].concat();
    let mut reader = RequestReader::new();
    let Ok(Some(_)) = reader.read_head(&message, &limits) else { return };
    let Ok(request) = reader.request(&message, Peer::default()) else { return };
    let preconditions = Preconditions::of(&request);
    let may_change = preconditions.judge(Some(validators)) == conditional::Judgement::Holds;
    let may_read = conditional::evaluate(&request, validators) != Outcome::Failed;
    let names_encoding = preconditions.names_encoding_of(Some(validators));
    assert!(may_change == may_read || may_change && names_encoding);
}

/// The elements of a list have no white space around them and are not empty; dates can be shown once
/// they are read.
pub fn lists(bytes: &[u8]) {
    for element in list::elements(bytes) {
        assert!(!element.is_empty() && element.trim_ascii() == element);
        // One element is a list of one.
        assert!(list::elements(element).next().is_some());
    }
    if let Some(time) = date::parse(bytes) {
        assert_eq!(date::parse(&date::format(time)), Some(time));
    }
    if let Some(name) = HeaderName::recognise(bytes) {
        assert!(name.as_str().as_bytes().eq_ignore_ascii_case(bytes));
    }
}

/// A coding is chosen only if it is there and named or covered by `*`, means the same in any case of letters, and
/// stays the choice where the codings that were not chosen are missing. The first byte says which are there.
pub fn codings(bytes: &[u8]) {
    let Some((&there, value)) = bytes.split_first() else { return };
    let is_there = |coding: Coding| there & (1 << coding as u8) != 0;
    let accepted = AcceptedCodings::of(value);
    let chosen = accepted.choose(is_there);
    if let Some(coding) = chosen {
        assert!(is_there(coding));
        let name = coding.token().as_bytes();
        let is_named = value.windows(name.len()).any(|it| it.eq_ignore_ascii_case(name));
        assert!(is_named || value.contains(&b'*'));
        assert_eq!(accepted.choose(|it| it == coding), chosen);
        let refused = [value, b", ", coding.token().as_bytes(), b";q=0"].concat();
        assert_ne!(AcceptedCodings::of(&refused).choose(is_there), chosen);
    }
    for same in [value.to_ascii_uppercase(), [b" ,\t", value, b" , "].concat()] {
        assert_eq!(AcceptedCodings::of(&same), accepted);
    }
}

/// A form is the same however it is cut. The first line is its type; its length says how it is cut.
pub fn form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (content_type, input) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let at_once = events(content_type, input, input.len().max(1));
    let in_pieces = events(content_type, input, end % 13 + 1);
    assert_eq!(at_once, in_pieces);
}

/// What is read of a form, neighbouring data joined, up to its end or an error.
fn events(
    content_type: &[u8],
    input: &[u8],
    step: usize,
) -> Option<(Vec<FormEvent>, Result<(), FormError>)> {
    let limits = FormReaderLimits { parts_max: 8, ..FormReaderLimits::default() };
    let mut form = FormReader::new(content_type, limits).ok()?;
    let mut events = Vec::new();
    for mut piece in input.chunks(step) {
        loop {
            match form.read(&mut piece) {
                Ok(None) => break,
                Ok(Some(Event::Data(data))) => match events.last_mut() {
                    Some(FormEvent::Data(joined)) => joined.extend_from_slice(data),
                    _ => events.push(FormEvent::Data(data.to_vec())),
                },
                Ok(Some(other)) => events.push(FormEvent::Other(format!("{other:?}"))),
                Err(error) => return Some((events, Err(error))),
            }
        }
    }
    Some((events, form.finish()))
}

/// An event that outlives its form.
#[derive(Debug, PartialEq, Eq)]
enum FormEvent {
    Data(Vec<u8>),
    Other(String),
}

/// A configuration is taken or refused with reasons, each with its place.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Nothing of it may lead to a real folder, or opening one would be what is measured.
    let source = Source::of(Some(Path::new("/nonexistent/httpd.toml")), text.to_owned());
    // With a host of its own no name is looked up, which would be what is measured.
    let host = Written { value: "127.0.0.1".to_owned(), origin: Origin::Given("-h") };
    if let Err(errors) = source.load(&Overrides { host: Some(host), ..Overrides::default() }) {
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|error| !error.to_string().is_empty()));
    }
}

/// A message of an application process is understood or refused; what is understood can be sent.
pub fn application(bytes: &[u8]) {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return };
    let Some(response) = ResponseMessage::read(header, rest) else { return };
    assert!(response.body_bytes <= rest.len());
    if let MessageKind::Head(head) | MessageKind::File { head, .. } = &response.kind {
        let lines = FieldLines::render(head.headers.iter());
        let lines = lines.as_bytes();
        let without_ends = lines.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(without_ends, memchr::memmem::find_iter(lines, b"\r\n").count());
        assert!(memchr::memmem::find(lines, b"\r\n\r\n").is_none() && !lines.contains(&0));
    }
}

/// What supervisor and processes say to each other is understood as it was said, or not at all.
pub fn supervisor(bytes: &[u8]) {
    if let Some(order) = Instruction::read(bytes) {
        assert_eq!(order.words(), bytes);
    }
    if let Ok(inheritance) = String::from_utf8_lossy(bytes).parse::<Inheritance>() {
        assert_eq!(inheritance.to_string().parse(), Ok(inheritance));
    }
    if let Some(report) = Report::read(bytes) {
        let words = report.words();
        assert!(words.len() <= MESSAGE_BYTES_MAX);
        if words.len() < MESSAGE_BYTES_MAX {
            assert_eq!(Report::read(&words), Some(report));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FUZZ_TARGETS;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_promise_holds_for_the_corpora() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for &(name, target) in FUZZ_TARGETS {
            let inputs = fs::read_dir(folder.join(name)).expect("every target has a corpus");
            let mut count = 0;
            for input in inputs {
                let path = input.expect("the corpus can be read").path();
                println!("{}", path.display());
                target(&fs::read(&path).expect("an input can be read"));
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }

    #[test]
    fn every_target_has_its_program() {
        for &(name, _) in FUZZ_TARGETS {
            let program =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
            let text = fs::read_to_string(program).expect("a program for each target");
            assert!(text.contains(&format!("fuzz::{name}(")), "{name}");
        }
    }
}
