//! How urgently a client needs a response (RFC 9218): the header `Priority`, or the same in HTTP/2's PRIORITY_UPDATE.

/// The priority of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priority {
    /// From 0, the most urgent, to 7.
    pub urgency: u8,
    /// Whether the client can use a part of the response while it waits for the rest.
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Priority {
        Priority { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// Reads a value. A parameter that is missing, or has a value of another kind, has its default (RFC 9218 §4).
    /// `None`: it is no dictionary (RFC 9651 §4.2.2), and all of it is to be ignored.
    pub(crate) fn parse(value: &[u8]) -> Option<Priority> {
        let mut priority = Priority::default();
        let mut rest = Rest(value);
        rest.skip(b" ");
        while !rest.0.is_empty() {
            let key = rest.key()?;
            let item = if rest.take(b'=') { rest.item_or_list()? } else { Item::Boolean(true) };
            rest.parameters()?;
            match (key, item) {
                // The last of several counts.
                (b"u", Item::Integer(urgency @ 0..=7)) => priority.urgency = urgency as u8,
                (b"u", _) => priority.urgency = Priority::default().urgency,
                (b"i", Item::Boolean(incremental)) => priority.incremental = incremental,
                (b"i", _) => priority.incremental = false,
                _ => {}
            }
            rest.skip(b" \t");
            if rest.0.is_empty() {
                break;
            }
            if !rest.take(b',') {
                return None;
            }
            rest.skip(b" \t");
            if rest.0.is_empty() {
                return None;
            }
        }
        Some(priority)
    }
}

/// A value of a dictionary, as far as a priority may have it.
#[derive(Clone, Copy)]
enum Item {
    Integer(i64),
    Boolean(bool),
    Other,
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, any: &[u8]) {
        while self.0.first().is_some_and(|byte| any.contains(byte)) {
            self.0 = &self.0[1..];
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.0.strip_prefix(&[byte]) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// The run of bytes that are like this.
    fn run(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !is_in(*byte)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        run
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let first = *self.0.first()?;
        if !first.is_ascii_lowercase() && first != b'*' {
            return None;
        }
        let is_in = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
        };
        Some(self.run(is_in))
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item_or_list(&mut self) -> Option<Item> {
        if !self.take(b'(') {
            return self.item();
        }
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        match *self.0.first()? {
            b'?' => match self.0 {
                [_, bit @ (b'0' | b'1'), rest @ ..] => {
                    self.0 = rest;
                    Some(Item::Boolean(*bit == b'1'))
                }
                _ => None,
            },
            b'-' | b'0'..=b'9' => self.number(),
            b'@' => {
                self.take(b'@');
                match self.number()? {
                    Item::Integer(_) => Some(Item::Other),
                    _ => None,
                }
            }
            b'"' => self.string(),
            b'%' => {
                self.take(b'%');
                self.string()
            }
            b':' => {
                self.take(b':');
                let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
                self.run(is_base64);
                self.take(b':').then_some(Item::Other)
            }
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.run(|byte| super::header::is_token(byte) || matches!(byte, b':' | b'/'));
                Some(Item::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let is_negative = self.take(b'-');
        let whole = self.run(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if self.take(b'.') {
            let fraction = self.run(|byte| byte.is_ascii_digit());
            let is_good = (1..=3).contains(&fraction.len()) && whole.len() <= 12;
            return is_good.then_some(Item::Other);
        }
        let value = whole.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(Item::Integer(if is_negative { -value } else { value }))
    }

    fn string(&mut self) -> Option<Item> {
        if !self.take(b'"') {
            return None;
        }
        loop {
            self.run(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
            if self.take(b'"') {
                return Some(Item::Other);
            }
            let is_escaped = self.take(b'\\') && (self.take(b'"') || self.take(b'\\'));
            if !is_escaped {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<(u8, bool)> {
        Priority::parse(value.as_bytes()).map(|it| (it.urgency, it.incremental))
    }

    #[test]
    fn urgency_and_incremental_are_read_and_the_rest_is_passed_over() {
        for (value, expected) in [
            ("", (3, false)),
            ("u=0", (0, false)),
            ("u=7, i", (7, true)),
            ("i,u=5", (5, true)),
            ("i=?1", (3, true)),
            ("i=?0", (3, false)),
            ("  u=1  ", (1, false)),
            ("u=1\t,\ti", (1, true)),
            ("u=1;a;b=2, i;c=\"d\\\"\"", (1, true)),
            (
                "a=1.5, *b=tok/en:x, c=:YQ==:, d=\"s,t\", e=(1 2;x \"z\"), f=@12, g=%\"a\", u=2",
                (2, false),
            ),
            ("u=2, u=4", (4, false)),
        ] {
            assert_eq!(parsed(value), Some(expected), "{value:?}");
        }
    }

    #[test]
    fn a_parameter_of_another_kind_has_its_default() {
        for value in ["u=8", "u=-1", "u", "u=?1", "u=1.0", "u=a", "i=1", "i=a", "u=(1)", "u=2,u=9"]
        {
            assert_eq!(parsed(value), Some((3, false)), "{value:?}");
        }
    }

    #[test]
    fn what_is_no_dictionary_is_ignored() {
        for value in [
            "u=1,",
            "u=1 i",
            "U=1",
            "=1",
            "u=",
            "u=1,,i",
            "i=?2",
            "a=\"",
            "a=\"\\x\"",
            "a=(1",
            "a=(1,2)",
            "a=:x",
            "u=1234567890123456",
            "a=1.",
            "a=1.2345",
            "a=@1.5",
            ";a",
            "u=1;",
            "u=1\u{e4}",
            "a=-",
        ] {
            assert_eq!(parsed(value), None, "{value:?}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_ignored() {
        let value = b"u=1;a=\"b\\\\\", i=?1, x=(1 2);y, z=:YQ==:";
        for cut in 0..=value.len() {
            let _ = Priority::parse(&value[..cut]);
            for byte in 0..=255 {
                let mut changed = value.to_vec();
                changed.insert(cut, byte);
                let _ = Priority::parse(&changed);
            }
        }
    }
}
