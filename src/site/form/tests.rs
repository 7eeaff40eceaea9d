//! Forms as handlers read them: whole or part by part, sound and hostile, however the bytes come.

use super::*;
use crate::http::Status;

const B: &str = "multipart/form-data; boundary=b";

/// Gives at most so many bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.1).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Breaks off as a client does.
struct BreaksOff<'a>(&'a [u8]);

impl Read for BreaksOff<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(RequestError::malformed("the request body has broken off").into()),
            count => Ok(count),
        }
    }
}

fn read(content_type: &str, body: &[u8]) -> Result<Form, RequestError> {
    read_within(content_type, body, &FormLimits::default())
}

/// Reads it whole and in small pieces, which must come to the same.
fn read_within(content_type: &str, body: &[u8], limits: &FormLimits) -> Result<Form, RequestError> {
    let content_type = Some(content_type.as_bytes());
    let whole = Form::read(content_type, body, limits);
    for step in [1, 2, 3, 7, 64] {
        let pieces = Form::read(content_type, Slow(body, step), limits);
        assert_eq!(plain(&pieces), plain(&whole), "{step} at a time");
    }
    whole
}

type PlainForm = (Vec<(String, String)>, Vec<(String, String, Option<String>, Vec<u8>)>);

fn plain(form: &Result<Form, RequestError>) -> Result<PlainForm, RequestError> {
    let form = form.as_ref().map_err(Clone::clone)?;
    let files = form.files.iter().cloned();
    let files = files.map(|it| (it.field, it.name, it.content_type, it.bytes)).collect();
    Ok((form.fields.clone(), files))
}

fn fields(form: &Form) -> Vec<(&str, &str)> {
    form.fields().collect()
}

#[track_caller]
fn refused(content_type: &str, body: &[u8], limits: &FormLimits) -> (u16, String) {
    let error = read_within(content_type, body, limits).expect_err("it is unsound");
    (error.status().code(), error.to_string())
}

/// A part with this head.
fn part(disposition: &str, more: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n");
    [head.as_bytes(), data, b"\r\n"].concat()
}

#[test]
fn both_encodings_give_the_same_fields() {
    let expected = [("text", "a b\r\nä&="), ("box", "1"), ("box", "2"), ("empty", "")];
    let urlencoded = b"text=a+b%0D%0A%C3%A4%26%3D&box=1&box=2&empty=";
    let form = read("application/x-www-form-urlencoded", urlencoded).expect("it is sound");
    assert_eq!(fields(&form), expected);
    let multipart = [
        part("name=\"text\"", "", "a b\r\nä&=".as_bytes()),
        part("name=\"box\"", "", b"1"),
        part("name=box", "", b"2"),
        part("name=\"empty\"", "", b""),
        b"--b--\r\n".to_vec(),
    ]
    .concat();
    let form = read(B, &multipart).expect("it is sound");
    assert_eq!(fields(&form), expected);
    assert_eq!(form.value("box"), Some("1"));
    assert_eq!(form.values("box").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((form.value("empty"), form.value("Box")), (Some(""), None));
    assert!(form.files().is_empty());
}

#[test]
fn files_come_with_names_and_types() {
    let all: Vec<u8> = (0..=255).collect();
    let body = [
        part("name=\"f\"; filename=\"a.png\"", "Content-Type: image/png\r\n", &all),
        part("name=\"f\"; filename=\"C:\\docs\\b.txt\"", "", b""),
        part("name=\"note\"", "", b"\xff\xfe"),
        // No file was chosen.
        part("name=\"g\"; filename=\"\"", "Content-Type: application/octet-stream\r\n", b""),
        part("name=\"h\"; filename=\"\"", "", b"x"),
        b"--b--".to_vec(),
    ]
    .concat();
    let form = read(B, &body).expect("it is sound");
    let picture = form.file("f").expect("it is there");
    assert_eq!((picture.field(), picture.name(), picture.bytes()), ("f", "a.png", &all[..]));
    assert_eq!(picture.content_type(), Some("image/png"));
    let names: Vec<_> = form.files().iter().map(|file| (file.field(), file.name())).collect();
    assert_eq!(names, [("f", "a.png"), ("f", "b.txt"), ("h", "")]);
    assert!(form.file("g").is_none() && form.file("note").is_none());
    assert_eq!(form.value("note"), Some("\u{fffd}\u{fffd}"));
    assert_eq!(form.into_files().swap_remove(2).into_bytes(), b"x");
}

#[test]
fn no_name_of_a_file_is_a_path() {
    for (sent, name) in [
        ("../../etc/passwd", "passwd"),
        ("/", ""),
        ("a/..", ""),
        ("..", ""),
        (".", ""),
        ("a/.", ""),
        ("..\\..\\a.exe", "a.exe"),
        (".htaccess", ".htaccess"),
        ("...", "..."),
    ] {
        let body = [part(&format!("name=f; filename=\"{sent}\""), "", b"x"), b"--b--".to_vec()];
        let form = read(B, &body.concat()).expect("it is sound");
        assert_eq!(form.file("f").expect("it is there").name(), name, "{sent}");
    }
}

#[test]
fn other_types_are_refused_with_those_that_are_read() {
    for other in ["", "text/plain", "application/json", "multipart/mixed; boundary=b"] {
        let error = read(other, b"a=1").expect_err("no form");
        assert_eq!(error.status(), Status::UNSUPPORTED_MEDIA_TYPE);
        let types = ["application/x-www-form-urlencoded", "multipart/form-data"];
        assert_eq!(error.expected_types(), types);
    }
    assert!(Form::read(None, &b"a=1"[..], &FormLimits::default()).is_err());
    let upper = read("Application/X-WWW-Form-Urlencoded; charset=UTF-8", b"a=1");
    assert_eq!(upper.expect("it is sound").value("a"), Some("1"));
    let bare = refused("multipart/form-data", b"", &FormLimits::default());
    assert_eq!(bare, (400, "Content-Type names no sound boundary".into()));
}

#[test]
fn what_breaks_the_grammar_or_breaks_off_is_malformed() {
    let sound = [part("name=a", "", b"1"), b"--b--".to_vec()].concat();
    for end in 0..sound.len() {
        let (status, text) = refused(B, &sound[..end], &FormLimits::default());
        assert_eq!((status, &text[..]), (400, "the form ends before its last boundary"), "{end}");
    }
    let (status, _) =
        refused(B, b"--b\r\nContent-Type: a\r\n\r\n1\r\n--b--", &FormLimits::default());
    assert_eq!(status, 400);
    for content_type in [B, "application/x-www-form-urlencoded"] {
        let limits = FormLimits::default();
        let error = Form::read(Some(content_type.as_bytes()), BreaksOff(&sound[..9]), &limits)
            .expect_err("it breaks off");
        assert_eq!(error, RequestError::malformed("the request body has broken off"));
    }
}

#[test]
fn more_than_a_limit_is_too_large() {
    let urlencoded = "application/x-www-form-urlencoded";
    let parts = |parts| FormLimits::default().parts_max(parts);
    let bytes = |bytes| FormLimits::default().bytes_max(bytes);
    let multipart =
        [part("name=a", "", b"1"), part("name=a", "", b"2"), b"--b--".to_vec()].concat();
    let length = multipart.len() as u64;

    assert!(read_within(urlencoded, b"a=1&b=2", &parts(2)).is_ok());
    assert!(read_within(urlencoded, b"a=1&b=2", &bytes(7)).is_ok());
    assert!(read_within(B, &multipart, &parts(2)).is_ok());
    assert!(read_within(B, &multipart, &bytes(length)).is_ok());
    for (content_type, body, limits, reason) in [
        (urlencoded, &b"a=1&b=2"[..], parts(1), "the form has more than 1 fields".to_owned()),
        (urlencoded, b"a=1&b=2", bytes(6), "the form has more than 6 bytes".to_owned()),
        (B, &multipart, parts(1), "the form has more than 1 parts".to_owned()),
        (B, &multipart, bytes(length - 1), format!("the form has more than {} bytes", length - 1)),
    ] {
        assert_eq!(refused(content_type, body, &limits), (413, reason));
    }
    let head = part(&format!("name=\"{}\"", "a".repeat(9000)), "", b"");
    let (status, text) = refused(B, &head, &FormLimits::default());
    assert_eq!((status, &text[..]), (413, "the headers of a part are too large"));
}

#[test]
fn parts_are_read_one_after_the_other_with_any_buffer() {
    // Beginnings of the boundary, but no boundary.
    let large = b"\r\n--\r\n--a\r\n-\r\r\n".repeat(9000);
    let body = [
        part("name=a", "", b"1"),
        part("name=large; filename=l", "", &large),
        part("name=b", "", b"2"),
        b"--b--\r\nan epilogue".to_vec(),
    ]
    .concat();
    for step in [1, 5, 1000, usize::MAX] {
        let mut parts = FormParts::new(Some(B.as_bytes()), Slow(&body, step), 10).expect("sound");
        let mut first = parts.next_part().expect("it is sound").expect("there is one");
        assert_eq!((&first.name()[..], first.file_name(), first.content_type()), ("a", None, None));
        assert_eq!(first.read_text(1), Ok("1".into()));
        assert_eq!(first.read_bytes(0), Ok(Vec::new()));
        let mut second = parts.next_part().expect("it is sound").expect("there is one");
        assert_eq!(second.file_name().as_deref(), Some("l"));
        let mut read = Vec::new();
        let mut buffer = [0; 13];
        loop {
            let room = 1 + read.len() % 13;
            match second.read(&mut buffer[..room]).expect("it is sound") {
                0 => break,
                count => read.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(read == large, "{} of {} bytes", read.len(), large.len());
        let third = parts.next_part().expect("it is sound").expect("there is one");
        assert_eq!(third.name(), "b");
        // It is skipped.
        assert!(parts.next_part().expect("it is sound").is_none());
        assert!(parts.next_part().expect("it is sound").is_none());
    }
}

#[test]
fn a_part_that_is_too_large_is_named_and_the_next_one_can_be_read() {
    let body = [part("name=a", "", b"12345"), part("name=b", "", b"2"), b"--b--".to_vec()].concat();
    let mut parts = FormParts::new(Some(B.as_bytes()), &body[..], 10).expect("it is sound");
    let mut first = parts.next_part().expect("it is sound").expect("there is one");
    let error = first.read_bytes(4).expect_err("it is larger");
    assert_eq!((error.status().code(), &error.to_string()[..]), (413, "a: more than 4 bytes"));
    let mut second = parts.next_part().expect("it is sound").expect("there is one");
    assert_eq!(second.read_text(4), Ok("2".into()));
}

#[test]
fn a_broken_form_stays_broken() {
    let body = part("name=a", "", b"1");
    let mut parts = FormParts::new(Some(B.as_bytes()), &body[..], 10).expect("it is sound");
    assert!(parts.next_part().expect("it is sound").is_some());
    for _ in 0..3 {
        let error = parts.next_part().err().expect("it has no end");
        assert_eq!(error.status(), Status::BAD_REQUEST);
    }
}

#[test]
fn fields_that_are_missing_or_wrong_are_named() {
    let form = read("application/x-www-form-urlencoded", b"age=+41+&name=x").expect("it is sound");
    assert_eq!(form.required("name"), Ok("x"));
    assert_eq!(form.parse("age"), Ok(41_u8));
    let error = form.required("mail").expect_err("it is missing");
    assert_eq!(error, RequestError::unprocessable("the form has no field \"mail\""));
    let error = form.parse::<u8>("name").expect_err("it is no number");
    assert_eq!(error.status().code(), 422);
    assert_eq!(error.to_string(), "the field \"name\": invalid digit found in string");
    assert!(!format!("{form:?}").contains("41"), "{form:?}");
}
