//! A request as a process receives it: one marshalled tuple of the exchange's token, the reactor that waits
//! for the response, the environ, and the body or the path of its file.

use super::marshal;

/// The name of an exchange, in both directions. Processes return it unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token(pub [u8; Token::BYTES]);

impl Token {
    /// The length of a token.
    pub(crate) const BYTES: usize = 16;

    /// A token of two numbers.
    pub(crate) fn new(first: u64, second: u64) -> Token {
        let mut bytes = [0; Token::BYTES];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&second.to_le_bytes());
        Token(bytes)
    }

    /// The first number.
    pub(crate) fn first(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The second number.
    pub(crate) fn second(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The token of a message that [`begin`] began.
    pub(crate) fn of_request(message: &[u8]) -> Option<Token> {
        let bytes = message.get(TOKEN_AT..TOKEN_AT + Token::BYTES)?;
        bytes.try_into().ok().map(Token)
    }
}

/// Appends the beginning of a request; the marshalled environ and the marshalled body follow.
pub(crate) fn begin(out: &mut Vec<u8>, token: Token, reactor: usize) {
    marshal::tuple(out, 4);
    marshal::bytes(out, &token.0);
    marshal::number(out, i32::try_from(reactor).unwrap_or(i32::MAX));
}

/// Where the token begins: after the tuple and its size, and the kind and length of the bytes.
const TOKEN_AT: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_request_is_found_again() {
        let mut message = Vec::new();
        begin(&mut message, Token::new(7, u64::MAX - 1), 3);
        let token = Token::of_request(&message).expect("it has one");
        assert_eq!((token, token.second()), (Token::new(7, u64::MAX - 1), u64::MAX - 1));
        assert_eq!(Token::of_request(&message[..10]), None);
    }
}
