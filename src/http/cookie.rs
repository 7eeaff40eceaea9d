//! The cookies of a request: `Cookie` (RFC 6265bis §4.2). What servers set is in
//! [`set_cookie`](super::set_cookie).

/// The names and values in the lines of `Cookie`, in order.
///
/// Where a name is there twice the first one counts: browsers send the cookie with the longer path first
/// (RFC 6265bis §5.8.3). A value loses the quotes around it. A cookie without a name is left out, because it could
/// pretend to be any other: `=id=x` would be `id=x` to a careless reader.
pub(crate) fn cookies<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (!name.is_empty()).then_some((name, unquoted.unwrap_or(value)))
    })
}

/// The value of the first cookie of this name; `None` as well where it is no UTF-8.
pub(crate) fn value<'a>(lines: impl Iterator<Item = &'a [u8]>, name: &str) -> Option<&'a str> {
    cookies(lines)
        .find(|(found, _)| *found == name.as_bytes())
        .and_then(|(_, value)| str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(lines: [&'static str; N]) -> Vec<(&'static str, &'static str)> {
        let text = |bytes| str::from_utf8(bytes).expect("the test's are UTF-8");
        cookies(lines.into_iter().map(str::as_bytes)).map(|(n, v)| (text(n), text(v))).collect()
    }

    #[test]
    fn cookies_come_in_order_from_all_lines() {
        assert_eq!(read(["a=1; b=2"]), [("a", "1"), ("b", "2")]);
        assert_eq!(read(["a=1", "b=2;c=3"]), [("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(read(["id=a=b=="]), [("id", "a=b==")]);
        assert_eq!(read([]), []);
    }

    #[test]
    fn quotes_around_a_value_are_dropped() {
        assert_eq!(
            read(["a=\"1 2\"; b=\"; c=\"\"; d=x\"y\""]),
            [("a", "1 2"), ("b", "\""), ("c", ""), ("d", "x\"y\"")]
        );
    }

    #[test]
    fn what_is_no_cookie_is_left_out() {
        for nothing in ["", ";", ";;  ;", "a", "=", "=id=x", " = id=x", "\0"] {
            assert_eq!(read([nothing]), [], "{nothing:?}");
        }
        assert_eq!(read([" a\t=\t1 ;; =x; b= ;c"]), [("a", "1"), ("b", "")]);
    }

    #[test]
    fn the_first_of_equal_names_counts() {
        let value = |line: &'static [u8], name| value([line].into_iter(), name);
        assert_eq!(value(b"id=1; id=2", "id"), Some("1"));
        assert_eq!(value(b"ID=1; id=2", "id"), Some("2"));
        assert_eq!(value(b"xid=1; =id=3", "id"), None);
        assert_eq!(value(b"id", "id"), None);
        // Not the second one, which another page may have set.
        assert_eq!(value(b"id=\xff; id=2", "id"), None);
        assert_eq!(value(b"\xff=1; id=2", "id"), Some("2"));
    }
}
