//! The names of connections and exchanges, as events, timers and messages carry them.

/// Names a connection: its place in the slab, and a generation. An event or message for an earlier connection in the
/// same place finds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId {
    slot: u32,
    generation: u32,
}

impl ConnectionId {
    /// A place and its generation, cut to 31 bits: so no id collides with the tokens at the top of the range, which
    /// are not connections.
    pub(crate) fn new(slot: u32, generation: u32) -> ConnectionId {
        ConnectionId { slot, generation: generation & (u32::MAX >> 1) }
    }

    /// The place in the slab.
    pub(crate) fn slot(self) -> usize {
        self.slot as usize
    }

    /// Packed into an event's token.
    pub(crate) fn to_token(self) -> usize {
        (self.generation as usize) << 32 | self.slot as usize
    }

    /// Unpacked from an event's token.
    pub(crate) fn from_token(token: usize) -> ConnectionId {
        ConnectionId { slot: token as u32, generation: (token >> 32) as u32 }
    }
}

/// Names an exchange of a connection, in messages and jobs and for applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExchangeId {
    pub connection: ConnectionId,
    /// Always 0 for HTTP/1, which has one exchange at a time.
    pub stream: u32,
}

impl From<ConnectionId> for ExchangeId {
    fn from(connection: ConnectionId) -> ExchangeId {
        ExchangeId { connection, stream: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_keeps_place_and_generation_and_leaves_the_uppermost_bit_free() {
        for (slot, generation) in [(0, 0), (7, 1), (u32::MAX, u32::MAX >> 1)] {
            let id = ConnectionId::new(slot, generation);
            assert_eq!(ConnectionId::from_token(id.to_token()), id);
            assert!(id.to_token() < 1 << 63);
        }
    }
}
