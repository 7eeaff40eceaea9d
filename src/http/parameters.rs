//! Parameters that follow a value after semicolons: `name=token` and `name="quoted string"` (RFC 9110 §5.6.6).

use super::header::is_token;
use std::borrow::Cow;

/// A value and its parameters taken apart.
#[derive(Debug)]
pub(crate) struct Parameters<'a> {
    /// What precedes the first semicolon.
    pub(crate) value: &'a [u8],
    rest: &'a [u8],
}

/// A parameter breaks the grammar, or is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl<'a> Parameters<'a> {
    pub(crate) fn of(header: &'a [u8]) -> Parameters<'a> {
        let end = memchr::memchr(b';', header).unwrap_or(header.len());
        Parameters { value: header[..end].trim_ascii(), rest: &header[end..] }
    }

    /// The value of the parameter of this name, in any case of letters.
    ///
    /// # Errors
    /// When any of the parameters is broken, or this one is there twice, because two readers could then
    /// understand two things.
    pub(super) fn find(&self, name: &[u8]) -> Result<Option<Cow<'a, [u8]>>, Broken> {
        let mut found = None;
        let mut rest = self.rest;
        while let Some((this, value)) = next(&mut rest)? {
            if this.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
                return Err(Broken);
            }
        }
        Ok(found)
    }
}

type Parameter<'a> = (&'a [u8], Cow<'a, [u8]>);

fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<Parameter<'a>>, Broken> {
    loop {
        *rest = rest.trim_ascii_start();
        match rest.split_first() {
            None => return Ok(None),
            Some((b';', after)) => *rest = after,
            Some(_) => break,
        }
    }
    let equals = memchr::memchr(b'=', rest).ok_or(Broken)?;
    let (name, after) = (&rest[..equals], &rest[equals + 1..]);
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        return Err(Broken);
    }
    let (value, after) = match after.split_first() {
        Some((b'"', quoted)) => quoted_string(quoted)?,
        _ => {
            let end = memchr::memchr(b';', after).unwrap_or(after.len());
            (Cow::Borrowed(after[..end].trim_ascii_end()), &after[end..])
        }
    };
    *rest = after.trim_ascii_start();
    if rest.first().is_none_or(|&byte| byte == b';') {
        Ok(Some((name, value)))
    } else {
        Err(Broken)
    }
}

/// What precedes the closing quote, and what follows it.
///
/// A backslash escapes a quote or a backslash. Before anything else it stands for itself, because browsers
/// send the backslashes of a file name unescaped.
fn quoted_string(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Broken> {
    let mut value = Vec::new();
    let mut start = 0;
    let mut at = 0;
    loop {
        match bytes.get(at..) {
            None | Some([]) => return Err(Broken),
            Some([b'"', after @ ..]) => {
                let last = &bytes[start..at];
                if start == 0 {
                    return Ok((Cow::Borrowed(last), after));
                }
                value.extend_from_slice(last);
                return Ok((Cow::Owned(value), after));
            }
            Some([b'\\', b'"' | b'\\', ..]) => {
                value.extend_from_slice(&bytes[start..at]);
                start = at + 1;
                at += 2;
            }
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, name: &str) -> Result<Option<String>, Broken> {
        let value = Parameters::of(header.as_bytes()).find(name.as_bytes())?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    #[test]
    fn tokens_and_quoted_strings_are_found() {
        let header = r#"form-data ; name=a;; Filename="b; c=\"d\" \\ C:\x"; e= ;"#;
        assert_eq!(Parameters::of(header.as_bytes()).value, b"form-data");
        assert_eq!(find(header, "name"), Ok(Some("a".into())));
        assert_eq!(find(header, "filename"), Ok(Some(r#"b; c="d" \ C:\x"#.into())));
        assert_eq!(find(header, "e"), Ok(Some("".into())));
        assert_eq!(find(header, "f"), Ok(None));
        assert_eq!(find("a", "f"), Ok(None));
        assert_eq!(find("", "f"), Ok(None));
        assert_eq!(find(r#"a; f="";"#, "f"), Ok(Some("".into())));
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_broken() {
        for broken in [
            "a; f",
            "a; =b",
            "a; f =b",
            r#"a; f="b"#,
            r#"a; f="b\"#,
            r#"a; f="b\""#,
            r#"a; f="b"c"#,
            "a; f=b; F=c",
            "a; \"f\"=b",
        ] {
            assert_eq!(find(broken, "f"), Err(Broken), "{broken}");
        }
    }
}
