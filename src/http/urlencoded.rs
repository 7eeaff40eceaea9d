//! `application/x-www-form-urlencoded`: pairs of names and values, in queries and forms (WHATWG URL §5).

use std::borrow::Cow;

/// The pairs of a query or of a form, in order, decoded as browsers encode them.
///
/// `+` is a space and `%` begins an encoded byte. Nothing is an error (WHATWG URL §5.1): a `%` that begins
/// no encoding stands for itself, a name without `=` has an empty value, empty pairs are left out, and what is no
/// UTF-8 becomes U+FFFD. [`Pairs::bytes`] gives what came, decoded and otherwise untouched.
///
/// It allocates only where something has to be decoded.
///
/// ```
/// use httpd::Pairs;
///
/// let pairs: Vec<_> = Pairs::new(b"q=caf%C3%A9+au+lait&page=2").collect();
/// assert_eq!(pairs, [("q".into(), "café au lait".into()), ("page".into(), "2".into())]);
/// assert_eq!(Pairs::new(b"a=1&b=2&a=3").value("a").as_deref(), Some("1"));
/// ```
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// The pairs of these bytes.
    pub fn new(bytes: &'a [u8]) -> Pairs<'a> {
        Pairs { rest: bytes }
    }

    /// The value of the first pair of this name.
    pub fn value(mut self, name: &str) -> Option<Cow<'a, str>> {
        std::iter::from_fn(|| self.next_raw())
            .find(|(raw, _)| Decoded { raw }.eq(name.bytes()))
            .map(|(_, raw)| text(raw))
    }

    /// The same pairs as bytes, for names and values that may not be UTF-8.
    pub fn bytes(mut self) -> impl Iterator<Item = (Cow<'a, [u8]>, Cow<'a, [u8]>)> {
        std::iter::from_fn(move || {
            self.next_raw().map(|(name, value)| (decode(name), decode(value)))
        })
    }

    /// The next name and value as they came.
    fn next_raw(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'&', self.rest).unwrap_or(self.rest.len());
            let pair = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !pair.is_empty() {
                let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
                return Some((&pair[..equals], pair.get(equals + 1..).unwrap_or_default()));
            }
        }
        None
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        self.next_raw().map(|(name, value)| (text(name), text(value)))
    }
}

fn text(raw: &[u8]) -> Cow<'_, str> {
    match decode(raw) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    match memchr::memchr2(b'+', b'%', raw) {
        None => Cow::Borrowed(raw),
        Some(_) => Cow::Owned(Decoded { raw }.collect()),
    }
}

/// The bytes that are encoded.
struct Decoded<'a> {
    raw: &'a [u8],
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, mut rest) = self.raw.split_first()?;
        let byte = match (first, rest) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => first,
        };
        self.raw = rest;
        Some(byte)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.raw.len() / 3, Some(self.raw.len()))
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Pairs::new(text.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect()
    }

    #[track_caller]
    fn same(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn pairs_come_decoded_in_order() {
        same("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]);
        same("n%61me=v+1%2b1%3D2%26", &[("name", "v 1+1=2&")]);
        same("%C3%A4=%c3%b6+%F0%9F%8D%B0", &[("ä", "ö 🍰")]);
        same("a=b=c&=v", &[("a", "b=c"), ("", "v")]);
    }

    #[test]
    fn nothing_is_an_error() {
        same("", &[]);
        same("&&a&&", &[("a", "")]);
        same("=", &[("", "")]);
        same("a=%&b=%4&c=%4g&d=%%41", &[("a", "%"), ("b", "%4"), ("c", "%4g"), ("d", "%A")]);
        same("a=100%", &[("a", "100%")]);
        // Encoded delimiters delimit nothing.
        same("a%26b%3D=c;d=e", &[("a&b=", "c;d=e")]);
        same("a=%ff%00\u{1}", &[("a", "\u{fffd}\0\u{1}")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_reachable() {
        let mut pairs = Pairs::new(b"%ff=\xfe+").bytes();
        let (name, value) = pairs.next().expect("there is one");
        assert_eq!((&name[..], &value[..]), (&b"\xff"[..], &b"\xfe "[..]));
        assert!(pairs.next().is_none());
    }

    #[test]
    fn the_first_of_equal_names_is_found_however_it_is_encoded() {
        let value = |text: &'static str, name| Pairs::new(text.as_bytes()).value(name);
        assert_eq!(value("x=0&n+%61=1&n+a=2", "n a").as_deref(), Some("1"));
        assert_eq!(value("a=1", "b"), None);
        assert_eq!(value("a=1", ""), None);
        assert_eq!(value("ab=1&a=2", "a").as_deref(), Some("2"));
        assert_eq!(value("A=1", "a"), None);
        assert_eq!(value("a", "a").as_deref(), Some(""));
    }

    #[test]
    fn what_needs_no_decoding_is_borrowed() {
        let (name, value) = Pairs::new(b"name=v%61lue").next().expect("there is one");
        assert!(matches!(name, Cow::Borrowed("name")), "{name}");
        assert!(matches!(value, Cow::Owned(_)), "{value}");
    }

    #[test]
    fn very_many_pairs_are_read_one_by_one() {
        let text = "&a=%".repeat(100_000);
        assert_eq!(Pairs::new(text.as_bytes()).count(), 100_000);
        assert_eq!(Pairs::new(text.as_bytes()).value("b"), None);
    }
}
