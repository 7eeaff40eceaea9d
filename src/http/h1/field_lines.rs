//! Header fields as the lines that HTTP/1 writes (RFC 9112 §5), rendered once and sent often.

/// Field lines, each with its CRLF. Names are tokens and values have no control characters, so that the
/// lines can be split into names and values again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldLines(Box<[u8]>);

impl FieldLines {
    /// Renders these names and values.
    pub(crate) fn render<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> FieldLines {
        let mut lines = FieldLines::default();
        lines.replace(fields);
        lines
    }

    /// Replaces the lines by these names and values; allocates nothing if they are as long as the old ones.
    pub(crate) fn replace<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, V)>,
    ) {
        let mut lines = std::mem::take(&mut self.0).into_vec();
        lines.clear();
        for (name, value) in fields {
            write_field_line(&mut lines, name.as_ref(), value.as_ref());
        }
        self.0 = lines.into_boxed_slice();
    }

    /// All lines, as they go on the wire.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Names and values, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.split_inclusive(|&byte| byte == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\r\n")?;
            let colon = memchr::memchr(b':', line)?;
            Some((&line[..colon], line[colon..].strip_prefix(b": ")?))
        })
    }
}

/// Appends one field line.
pub(crate) fn write_field_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendered_lines_can_be_split_again() {
        let fields = [("ETag", "\"a: b\""), ("X-Empty", ""), ("Vary", "Accept-Encoding")];
        let lines = FieldLines::render(fields);
        assert_eq!(lines.as_bytes(), b"ETag: \"a: b\"\r\nX-Empty: \r\nVary: Accept-Encoding\r\n");
        let again: Vec<_> = lines.fields().collect();
        assert_eq!(again, fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    }
}
