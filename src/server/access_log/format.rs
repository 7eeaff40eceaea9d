//! How the lines of a log look: a format, compiled once to pieces that are rendered without looking anything up.

use super::escape::{Escape, Quoting};
use super::stamp::Pen;
use super::subject::Subject;
use super::variable::{self, Early, Late, Named};
use crate::server::record::Record;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// How a line looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The `combined` format of nginx and Apache, followed by the duration in seconds:
    /// `client - user [time] "request line" status bytes "referer" "user agent" duration`.
    #[default]
    Combined,
    /// The `common` format of Apache: `client - user [time] "request line" status bytes`.
    Common,
    /// An object of JSON, always with the same members. What is missing is `null`.
    Json,
    /// For people: `time  method target  status  bytes  duration  client`, with a coloured status if wanted.
    Terminal {
        /// Whether the status is coloured.
        colours: bool,
    },
    /// A format of one's own.
    Own(OwnFormat),
}

/// A text with the names of variables, as nginx has it in `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFormat {
    pieces: Arc<[Piece]>,
}

/// What is wrong with a format.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// No variables have these names.
    UnknownVariables(Vec<String>),
    /// A dollar is not followed by a name.
    NoName,
    /// It has a control character, such as a line end: a line is one line.
    ControlCharacter,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::UnknownVariables(names) => match &names[..] {
                [name] => write!(f, "there is no variable ${name}"),
                names => write!(f, "there are no variables ${}", names.join(", $")),
            },
            FormatError::NoName => f.write_str("a $ must be followed by the name of a variable"),
            FormatError::ControlCharacter => {
                f.write_str("a line cannot contain control characters other than tabs")
            }
        }
    }
}

impl Error for FormatError {}

impl Format {
    /// A text with the names of variables, as nginx has it in `log_format`: `$remote_addr`, `$request_time`,
    /// `${status}`, `$http_x_name` for a header of the request, `$sent_http_x_name` for one of the response.
    ///
    /// ```
    /// use httpd::{Escape, Format};
    /// let format = Format::own("$remote_addr $status $request_time", Escape::Default)?;
    /// assert!(Format::own("$remote_address", Escape::Default).is_err());
    /// # let _ = format;
    /// # Ok::<(), httpd::FormatError>(())
    /// ```
    ///
    /// # Errors
    /// When there are no variables of such names: all of them.
    pub fn own(text: &str, escape: Escape) -> Result<Format, FormatError> {
        let pieces = parse(text, escape.into())?;
        Ok(Format::Own(OwnFormat { pieces: pieces.into() }))
    }

    /// The pieces of a line, without its end.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let text = match self {
            Format::Own(own) => return own.pieces.to_vec(),
            Format::Json => return json(),
            Format::Terminal { colours } => return terminal(*colours),
            Format::Common => COMMON.to_owned(),
            Format::Combined => {
                format!("{COMMON} \"$http_referer\" \"$http_user_agent\" $request_time")
            }
        };
        parse(&text, Quoting::Plain).unwrap_or_default()
    }
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Box<[u8]>),
    Early(Early, Quoting),
    Late(Late),
}

/// A compiled format.
#[derive(Debug)]
pub(super) struct LineFormat {
    pieces: Vec<Piece>,
    /// The late ones of them.
    late: Vec<Late>,
}

impl LineFormat {
    /// A format of these pieces.
    pub(super) fn new(all: Vec<Piece>) -> LineFormat {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut late = Vec::new();
        for piece in all {
            if let Piece::Late(value) = &piece {
                late.push(*value);
            }
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(next)) => {
                    *last = [&last[..], &next[..]].concat().into();
                }
                (_, piece) => pieces.push(piece),
            }
        }
        LineFormat { pieces, late }
    }

    /// Renders what is known when a response is queued, and notes where the rest belongs, and where it ends.
    pub(super) fn begin(
        &self,
        texts: &mut Vec<u8>,
        cuts: &mut Vec<u32>,
        pen: &mut Pen,
        subject: &Subject<'_>,
    ) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => texts.extend_from_slice(text),
                Piece::Early(early, quoting) => early.write(texts, *quoting, pen, subject),
                Piece::Late(_) => cuts.push(texts.len() as u32),
            }
        }
        cuts.push(texts.len() as u32);
    }

    /// Puts a line together of the text from `start`, cut at these places, and what is known now.
    pub(super) fn end(
        &self,
        out: &mut Vec<u8>,
        texts: &[u8],
        start: usize,
        cuts: &[u32],
        record: &Record,
        now: Instant,
    ) {
        let mut start = start;
        for (place, cut) in cuts.iter().enumerate() {
            let cut = *cut as usize;
            out.extend_from_slice(&texts[start..cut]);
            start = cut;
            if let Some(late) = self.late.get(place) {
                late.write(out, record, now);
            }
        }
    }
}

const COMMON: &str =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent";

fn parse(text: &str, quoting: Quoting) -> Result<Vec<Piece>, FormatError> {
    if text.chars().any(|it| it.is_control() && it != '\t') {
        return Err(FormatError::ControlCharacter);
    }
    let mut pieces = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.extend(text_piece(before));
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or(FormatError::NoName)?,
            None => {
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                after.split_at(after.bytes().take_while(|byte| is_name(byte)).count())
            }
        };
        if name.is_empty() {
            return Err(FormatError::NoName);
        }
        match variable::named(name) {
            None if unknown.iter().any(|it| it == name) => {}
            None => unknown.push(name.to_owned()),
            Some(Named::Early(early)) => pieces.push(Piece::Early(early, quoting)),
            Some(Named::Late(late)) => pieces.push(Piece::Late(late)),
            Some(Named::Constant(value)) => {
                let mut text = Vec::new();
                quoting.write(&mut text, Some(value.as_bytes()));
                pieces.push(Piece::Text(text.into()));
            }
        }
        rest = behind;
    }
    pieces.extend(text_piece(rest));
    if unknown.is_empty() { Ok(pieces) } else { Err(FormatError::UnknownVariables(unknown)) }
}

fn text_piece(text: &str) -> Option<Piece> {
    (!text.is_empty()).then(|| Piece::Text(text.as_bytes().into()))
}

/// `{"time":"…","client":"…",…}`
fn json() -> Vec<Piece> {
    use {Early as E, Late as L};
    let early = |early| Piece::Early(early, Quoting::AsJson);
    let quoted = |early| [text("\""), Piece::Early(early, Quoting::WithinJson), text("\"")];
    let header = |name| early(Early::Header(name));
    let members: Vec<(&str, Vec<Piece>)> = vec![
        ("time", quoted(E::TimeUtc).into()),
        ("client", vec![early(E::RemoteAddr)]),
        ("user", vec![early(E::RemoteUser)]),
        ("method", vec![early(E::Method)]),
        ("scheme", vec![early(E::Scheme)]),
        ("host", vec![early(E::Host)]),
        ("target", vec![early(E::Target)]),
        ("protocol", vec![early(E::Protocol)]),
        ("tls_version", vec![early(E::TlsVersion)]),
        ("tls_cipher", vec![early(E::TlsCipher)]),
        ("status", vec![early(E::Status)]),
        ("request_bytes", vec![Piece::Late(L::RequestBytes)]),
        ("request_body_bytes", vec![Piece::Late(L::RequestBodyBytes)]),
        ("response_bytes", vec![Piece::Late(L::BytesSent)]),
        ("response_body_bytes", vec![Piece::Late(L::BodyBytesSent)]),
        ("first_byte_seconds", vec![Piece::Late(L::TimeToFirstByte)]),
        ("seconds", vec![Piece::Late(L::Time)]),
        ("complete", vec![Piece::Late(L::IsComplete)]),
        ("server_name", vec![early(E::ServerName)]),
        ("location", vec![early(E::Location)]),
        ("cache", vec![early(E::Cache)]),
        ("request_id", vec![early(E::RequestId)]),
        ("referer", vec![header(crate::http::HeaderName::Referer)]),
        ("user_agent", vec![header(crate::http::HeaderName::UserAgent)]),
    ];
    let mut pieces = Vec::new();
    for (place, (name, value)) in members.into_iter().enumerate() {
        let before = if place == 0 { "{" } else { "," };
        pieces.push(text(&format!("{before}\"{name}\":")));
        pieces.extend(value);
    }
    pieces.push(text("}"));
    pieces
}

fn terminal(colours: bool) -> Vec<Piece> {
    let early = |early| Piece::Early(early, Quoting::Plain);
    vec![
        early(Early::TimeOfDay),
        text("  "),
        early(Early::MethodAndTarget),
        text("  "),
        early(if colours { Early::ColouredStatus } else { Early::Status }),
        text("  "),
        Piece::Late(Late::BodyBytesSent),
        text(" B  "),
        Piece::Late(Late::Milliseconds),
        text(" ms  "),
        early(Early::RemoteAddr),
    ]
}

/// A piece that is always the same.
pub(super) fn text(text: &str) -> Piece {
    Piece::Text(text.as_bytes().into())
}
