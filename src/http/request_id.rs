//! The id of a request, by which the lines of several logs are found to be about the same request.

use std::sync::Arc;

/// An id, and the header that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    pub header: Arc<str>,
    pub value: Box<str>,
}

impl RequestId {
    /// One that came in its header. `None`: it is too long, or has other characters than ids have.
    pub(crate) fn taken(header: &Arc<str>, value: &[u8]) -> Option<RequestId> {
        let is_usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=~@".contains(byte);
        let is_id = (1..=ID_BYTES_MAX).contains(&value.len()) && value.iter().all(is_usual);
        let value = str::from_utf8(value).ok().filter(|_| is_id)?;
        Some(RequestId { header: Arc::clone(header), value: value.into() })
    }

    /// A new one of a random number, as nginx makes it: 32 hexadecimal digits.
    pub(crate) fn made(header: &Arc<str>, random: u128) -> RequestId {
        RequestId { header: Arc::clone(header), value: format!("{random:032x}").into() }
    }
}

/// Longer than a UUID, and than what load balancers make.
const ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_has_no_characters_that_could_do_harm() {
        let header: Arc<str> = "X-Request-Id".into();
        let long = "x".repeat(ID_BYTES_MAX);
        for id in [
            "7",
            "0123456789abcdef0123456789abcdef",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "Root=1-67891233-abcdef012345678912345678",
            "a_b.c:d+e/f=~@",
            &long,
        ] {
            assert_eq!(
                RequestId::taken(&header, id.as_bytes()).map(|it| it.value),
                Some(id.into())
            );
        }
        let longer = "x".repeat(ID_BYTES_MAX + 1);
        for no_id in ["", " ", "a b", "a\"b", "a\\b", "é", "a;b", "a,b", "<a>", &longer] {
            assert_eq!(RequestId::taken(&header, no_id.as_bytes()), None, "{no_id:?}");
        }
    }

    #[test]
    fn a_new_id_has_32_digits() {
        let header: Arc<str> = "X-Request-Id".into();
        assert_eq!(&*RequestId::made(&header, 0xa1).value, "000000000000000000000000000000a1");
    }
}
