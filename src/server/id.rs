//! The names of connections and exchanges, as events, timers and messages carry them.

/// Which connection: a place, and how many had it before. A stale event or message finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId {
    slot: u32,
    generation: u32,
}

impl ConnectionId {
    /// A place and its generation, of which 31 bits count: so no id collides with the tokens at
    /// the top of the range, which are not connections.
    pub fn new(slot: u32, generation: u32) -> ConnectionId {
        ConnectionId { slot, generation: generation & (u32::MAX >> 1) }
    }

    /// The place in the slab.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// Packed into an event's token.
    pub fn to_token(self) -> usize {
        (self.generation as usize) << 32 | self.slot as usize
    }

    /// Unpacked from an event's token.
    pub fn from_token(token: usize) -> ConnectionId {
        ConnectionId { slot: token as u32, generation: (token >> 32) as u32 }
    }
}

/// Which exchange of which connection. Messages, jobs and applications name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeId {
    pub connection: ConnectionId,
    /// Of HTTP/1, which has one exchange at a time, always 0.
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
