//! What each side asks of the other (RFC 9113 §6.5).

use super::error::{ErrorCode, Fault};
use super::window::WINDOW_MAX;
use crate::http::hpack;

/// The identifiers of settings (RFC 9113 §6.5.2, RFC 9218 §2.1).
pub(crate) mod identifier {
    pub(crate) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(crate) const ENABLE_PUSH: u16 = 0x2;
    pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(crate) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(crate) const MAX_FRAME_SIZE: u16 = 0x5;
    pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    pub(crate) const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// What the client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerSettings {
    /// The largest dynamic table that it keeps for our fields.
    pub header_table_bytes: u32,
    /// The window of each new stream.
    pub window: u32,
    /// The longest payload that it takes.
    pub payload_bytes_max: u32,
    /// How many entries the frames have had in all, for the account of floods.
    pub entries: u32,
}

impl Default for PeerSettings {
    fn default() -> PeerSettings {
        PeerSettings {
            header_table_bytes: hpack::TABLE_BYTES_USUAL as u32,
            window: 65_535,
            payload_bytes_max: PAYLOAD_BYTES_MIN,
            entries: 0,
        }
    }
}

impl PeerSettings {
    /// Takes in the payload of a frame, whose length was checked. Settings that are not known are ignored.
    ///
    /// # Errors
    /// If a value is not allowed. That ends the connection.
    pub(crate) fn apply(&mut self, payload: &[u8]) -> Result<(), Fault> {
        for &[i0, i1, v0, v1, v2, v3] in payload.as_chunks::<6>().0 {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            self.entries = self.entries.saturating_add(1);
            match u16::from_be_bytes([i0, i1]) {
                identifier::HEADER_TABLE_SIZE => self.header_table_bytes = value,
                identifier::ENABLE_PUSH | identifier::NO_RFC7540_PRIORITIES if value > 1 => {
                    return Err(Fault::protocol("a setting that is 0 or 1 is something else"));
                }
                identifier::INITIAL_WINDOW_SIZE if value > WINDOW_MAX => {
                    let what = "SETTINGS_INITIAL_WINDOW_SIZE is too large";
                    return Err(Fault::new(ErrorCode::FlowControl, what));
                }
                identifier::INITIAL_WINDOW_SIZE => self.window = value,
                identifier::MAX_FRAME_SIZE => {
                    if !(PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX).contains(&value) {
                        return Err(Fault::protocol("SETTINGS_MAX_FRAME_SIZE is out of bounds"));
                    }
                    self.payload_bytes_max = value;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Every side takes payloads of this length.
const PAYLOAD_BYTES_MIN: u32 = 16_384;

/// No frame can be longer.
const PAYLOAD_BYTES_MAX: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(values: &[(u16, u32)]) -> Result<PeerSettings, Fault> {
        let mut payload = Vec::new();
        for (identifier, value) in values {
            payload.extend_from_slice(&identifier.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        let mut settings = PeerSettings::default();
        settings.apply(&payload).map(|()| settings)
    }

    #[test]
    fn the_last_value_counts_and_unknown_settings_do_not() {
        let values = [(4, 1), (0x1234, 7), (4, WINDOW_MAX), (5, 16_777_215), (1, 0), (6, 9)];
        let settings = applied(&values).expect("they are allowed");
        let PeerSettings { header_table_bytes, window, payload_bytes_max, entries } = settings;
        assert_eq!((header_table_bytes, window), (0, WINDOW_MAX));
        assert_eq!((payload_bytes_max, entries), (16_777_215, 6));
        assert_eq!(applied(&[]), Ok(PeerSettings::default()));
    }

    #[test]
    fn values_out_of_bounds_end_the_connection() {
        for (identifier, value, code) in [
            (2, 2, ErrorCode::Protocol),
            (9, 2, ErrorCode::Protocol),
            (4, WINDOW_MAX + 1, ErrorCode::FlowControl),
            (5, 16_383, ErrorCode::Protocol),
            (5, 16_777_216, ErrorCode::Protocol),
        ] {
            let fault = applied(&[(identifier, value)]).expect_err("it is out of bounds");
            assert_eq!(fault.code, code, "{identifier} = {value}");
        }
        assert!(applied(&[(2, 0), (2, 1), (9, 1), (4, 0)]).is_ok());
    }
}
