//! Forms as clients send them and as attackers do, cut in every way.

use super::*;

/// All events of a form, with the data of each part joined.
#[derive(Debug, PartialEq, Eq)]
struct ReadForm {
    parts: Vec<(PartHead, Vec<u8>)>,
    end: Result<(), FormError>,
}

fn read_pieces(content_type: &str, limits: FormReaderLimits, pieces: &[&[u8]]) -> ReadForm {
    let mut read = ReadForm { parts: Vec::new(), end: Ok(()) };
    let mut open = false;
    let mut form = match FormReader::new(content_type.as_bytes(), limits) {
        Ok(form) => form,
        Err(error) => return ReadForm { end: Err(error), ..read },
    };
    for piece in pieces {
        let mut input = *piece;
        loop {
            match form.read(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Part(head))) => {
                    assert!(!std::mem::replace(&mut open, true), "the part before has ended");
                    read.parts.push((head, Vec::new()));
                }
                Ok(Some(Event::Data(data))) => {
                    assert!(open && !data.is_empty());
                    read.parts.last_mut().expect("it is open").1.extend_from_slice(data);
                }
                Ok(Some(Event::PartEnd)) => {
                    assert!(std::mem::replace(&mut open, false), "a part was open");
                }
                Ok(Some(Event::End)) => assert!(!open),
                Err(error) => return ReadForm { end: Err(error), ..read },
            }
        }
        assert!(input.is_empty());
    }
    ReadForm { end: form.finish(), ..read }
}

/// Reads it whole, cut in two at every place, in three at many, and byte by byte.
fn read_with(content_type: &str, limits: FormReaderLimits, body: &[u8]) -> ReadForm {
    let whole = read_pieces(content_type, limits, &[body]);
    for cut in 0..=body.len() {
        let (head, tail) = body.split_at(cut);
        assert_eq!(read_pieces(content_type, limits, &[head, tail]), whole, "cut at {cut}");
        for second in (0..tail.len()).step_by(7) {
            let (middle, tail) = tail.split_at(second);
            let pieces = [head, middle, tail];
            assert_eq!(read_pieces(content_type, limits, &pieces), whole, "cut at {cut}, {second}");
        }
    }
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(read_pieces(content_type, limits, &bytes), whole, "byte by byte");
    whole
}

fn read(content_type: &str, body: &[u8]) -> ReadForm {
    read_with(content_type, FormReaderLimits::default(), body)
}

const B: &str = "multipart/form-data; boundary=b";

/// The data of parts named `n`, of a form with the boundary `b` that is sound.
fn data(body: &[u8]) -> Vec<String> {
    let read = read(B, body);
    assert_eq!(read.end, Ok(()), "{}", body.escape_ascii());
    read.parts
        .into_iter()
        .map(|(head, data)| {
            assert_eq!(head, named("n"));
            String::from_utf8(data).expect("the tests are written in UTF-8")
        })
        .collect()
}

fn error(body: &[u8]) -> FormError {
    read(B, body).end.expect_err(&body.escape_ascii().to_string())
}

fn named(name: &str) -> PartHead {
    PartHead { name: name.into(), filename: None, content_type: None }
}

fn file(name: &str, filename: &str, content_type: Option<&str>) -> PartHead {
    PartHead {
        name: name.into(),
        filename: Some(filename.into()),
        content_type: content_type.map(Into::into),
    }
}

#[test]
fn a_form_of_curl_is_read() {
    let body = b"--------------------------97aec16f1049f2de\r\n\
        Content-Disposition: form-data; name=\"text\"\r\n\r\none two\r\n\
        --------------------------97aec16f1049f2de\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"we%22ird\\ n\xc3\xa4me.txt\"\r\n\
        Content-Type: text/plain\r\n\r\nhello\r\n--not the boundary\r\n\r\n\
        --------------------------97aec16f1049f2de\r\n\
        Content-Disposition: form-data; name=\"e\"; filename=\"empty.bin\"\r\n\
        Content-Type: image/png\r\n\r\n\r\n\
        --------------------------97aec16f1049f2de--\r\n";
    let read = read("multipart/form-data; boundary=------------------------97aec16f1049f2de", body);
    assert_eq!(read.end, Ok(()));
    assert_eq!(
        read.parts,
        [
            (named("text"), b"one two".to_vec()),
            (
                file("file", "we%22ird\\ näme.txt", Some("text/plain")),
                b"hello\r\n--not the boundary\r\n".to_vec()
            ),
            (file("e", "empty.bin", Some("image/png")), Vec::new()),
        ]
    );
}

#[test]
fn a_form_of_requests_is_read() {
    let body = b"--e66e07162b9d16ec20bbb0623f2a00d4\r\n\
        Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
        --e66e07162b9d16ec20bbb0623f2a00d4\r\n\
        Content-Disposition: form-data; name=\"b\"\r\n\r\nzwei\xc3\xbc\r\n\
        --e66e07162b9d16ec20bbb0623f2a00d4\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"n\xc3\xa4me %22q%22.txt\"\r\n\
        Content-Type: text/x\r\n\r\n\x00\r\n--\r\r\n\
        --e66e07162b9d16ec20bbb0623f2a00d4--\r\n";
    let read = read("multipart/form-data; boundary=e66e07162b9d16ec20bbb0623f2a00d4", body);
    assert_eq!(read.end, Ok(()));
    assert_eq!(
        read.parts,
        [
            (named("a"), b"1".to_vec()),
            (named("b"), "zweiü".into()),
            (file("file", "näme %22q%22.txt", Some("text/x")), b"\x00\r\n--\r".to_vec()),
        ]
    );
}

#[test]
fn a_form_of_a_browser_is_read() {
    let body = b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\
        Content-Disposition: form-data; name=\"upload\"; filename=\"C:\\x\\y.txt\"\r\n\
        Content-Type: application/octet-stream\r\n\r\nz\r\n\
        ------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n\
        Content-Disposition: form-data; name=\"go\"\r\n\r\n\r\n\
        ------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n";
    let read = read("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", body);
    assert_eq!(read.end, Ok(()));
    assert_eq!(
        read.parts,
        [
            (file("upload", "C:\\x\\y.txt", Some("application/octet-stream")), b"z".to_vec()),
            (named("go"), Vec::new()),
        ]
    );
}

const HEAD: &str = "Content-Disposition: form-data; name=n\r\n\r\n";

#[test]
fn what_only_looks_like_a_boundary_is_data() {
    for text in [
        "",
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n",
        "\r\r\n",
        "-",
        "--",
        "x--b",
        "\r\n--",
        "\r\n-b",
        "\r\n--\r\n--",
        "\n--b",
        "\r--b",
        "\r\n--a\r\n",
        "\r\n\r\n--\r\nb",
        "--\r\n",
        "\r\n- -b",
    ] {
        let body = format!("--b\r\n{HEAD}{text}\r\n--b\r\n{HEAD}{text}\r\n--b--\r\n");
        assert_eq!(data(body.as_bytes()), [text, text], "{text:?}");
    }
}

#[test]
fn preamble_epilogue_and_padding_are_not_the_forms() {
    for body in [
        format!("preamble\r\n--b\r\n{HEAD}x\r\n--b--\r\nepilogue\r\n--b\r\n"),
        format!("\r\n--b \t\r\n{HEAD}x\r\n--b--"),
        format!("--a\r\n\r\n\r\n--b\r\n{HEAD}x\r\n--b--\t \r\n--b--"),
        format!("x--b\r\n--b\r\n{HEAD}x\r\n--b--anything"),
    ] {
        assert_eq!(data(body.as_bytes()), ["x"], "{body:?}");
    }
}

#[test]
fn a_form_may_have_no_parts_and_a_part_no_data() {
    assert!(data(b"--b--\r\n").is_empty());
    assert!(data(b"--b--").is_empty());
    // RFC 2046 §5.1.1: the line end before a boundary may be the one that ends the head.
    assert_eq!(data(format!("--b\r\n{HEAD}--b--").as_bytes()), [""]);
    assert_eq!(data(format!("--b\r\n{HEAD}--b\r\n{HEAD}\r\n--b--").as_bytes()), ["", ""]);
}

#[test]
fn a_form_that_breaks_off_is_truncated() {
    let body = format!("preamble\r\n--b\r\n{HEAD}some data\r\n--b\r\n{HEAD}more\r\n--b--");
    for length in 0..body.len() {
        let read = read_pieces(B, FormReaderLimits::default(), &[&body.as_bytes()[..length]]);
        assert_eq!(read.end, Err(FormError::Truncated), "{length} bytes");
    }
}

#[test]
fn a_boundary_has_1_to_70_characters_of_its_own() {
    let form = |content_type: &str| {
        FormReader::new(content_type.as_bytes(), FormReaderLimits::default()).map(|form| {
            String::from_utf8(form.delimiter[4..].to_vec()).expect("boundaries are ASCII")
        })
    };
    assert_eq!(form("Multipart/Form-Data;BOUNDARY=\"a b:c\"; charset=utf-8").unwrap(), "a b:c");
    assert_eq!(form(&format!("{B}{}", "x".repeat(69))).unwrap().len(), 70);
    for no_form in [
        "",
        "text/plain; boundary=b",
        "multipart/mixed; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"b \"",
        "multipart/form-data; boundary=\"b\r\n\"",
        "multipart/form-data; boundary=\"b",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; boundary=b\u{e4}",
        &format!("{B}{}", "x".repeat(70)),
    ] {
        assert_eq!(form(no_form), Err(FormError::NotAForm), "{no_form:?}");
    }
}

#[test]
fn a_broken_form_is_refused() {
    for head in [
        "\r\n",
        "\r\n\r\n",
        "Content-Type: text/plain\r\n\r\n",
        "Content-Disposition: attachment; name=n\r\n\r\n",
        "Content-Disposition: form-data\r\n\r\n",
        "Content-Disposition: form-data; name\r\n\r\n",
        "Content-Disposition: form-data; filename=f\r\n\r\n",
        "Content-Disposition: form-data; name=n; name=m\r\n\r\n",
        "Content-Disposition: form-data; name=n; filename=f; filename=g\r\n\r\n",
        "Content-Disposition: form-data; name=\"n\r\n\r\n",
        "Content-Disposition: form-data; name=n\r\nContent-Disposition: form-data; name=m\r\n\r\n",
        "Content-Disposition: form-data;\r\n name=n\r\n\r\n",
        "Content-Disposition : form-data; name=n\r\n\r\n",
        "Content-Disposition: form-data; name=n\n\r\n",
        "Content-Disposition: form-data; name=\"n\rm\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"n\0m\"\r\n\r\n",
        "no header\r\n\r\n",
        ": x\r\n\r\n",
    ] {
        let error = error(format!("--b\r\n{head}x\r\n--b--\r\n").as_bytes());
        assert!(matches!(error, FormError::Malformed(_)), "{head:?}: {error}");
    }
    for body in ["--bb\r\n", "--b-\r\n", "--b\n", "--b\r\r\n", "--b x\r\n", "--b-x", "--b -"] {
        let error = error(format!("{body}{HEAD}x\r\n--b--").as_bytes());
        assert!(matches!(error, FormError::Malformed(_)), "{body:?}: {error}");
    }
}

#[test]
fn other_headers_of_a_part_are_ignored() {
    let body = "--b\r\nX-A: b\r\nCONTENT-DISPOSITION:form-data; name=n; filename*=utf-8''x\r\n\
        Content-Transfer-Encoding: binary\r\n\r\nx\r\n--b--";
    assert_eq!(data(body.as_bytes()), ["x"]);
}

#[test]
fn heads_and_parts_are_bounded() {
    let limits = FormReaderLimits { parts_max: 2, head_bytes_max: HEAD.len() };
    let part = format!("--b\r\n{HEAD}x\r\n");
    let two = read_with(B, limits, format!("{part}{part}--b--").as_bytes());
    assert_eq!((two.parts.len(), two.end), (2, Ok(())));
    let three = read_with(B, limits, format!("{part}{part}{part}--b--").as_bytes());
    assert_eq!((three.parts.len(), three.end), (2, Err(FormError::TooManyParts)));
    let long = read_with(B, limits, format!("--b\r\nX: y\r\n{HEAD}x\r\n--b--").as_bytes());
    assert_eq!(long.end, Err(FormError::HeadTooLarge));
    let endless = read_pieces(B, limits, &[b"--b\r\n", &[b'x'; 100_000]]);
    assert_eq!(endless.end, Err(FormError::HeadTooLarge));
}

/// Any bytes at all: it ends, it does not panic, and every cut gives the same.
#[test]
fn noise_is_read_the_same_however_it_is_cut() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    const WORDS: [&str; 10] = ["\r", "\n", "\r\n", "--", "b", "-", "--b\r\n", HEAD, "x", "\r\n--b"];
    for _ in 0..100 {
        let words = 1 + next() % 12;
        let body: String = (0..words).map(|_| WORDS[next() % WORDS.len()]).collect();
        read(B, format!("--b\r\n{HEAD}{body}").as_bytes());
        read(B, body.as_bytes());
    }
}
