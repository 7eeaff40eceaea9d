//! The end of a connection whose client may still send: its bytes are read and thrown away for a while.

use super::phase::Phase;
use super::{Pause, Socket};
use crate::server::context::WorkerContext;
use crate::server::share::Share;
use crate::server::wire::{ReadOutcome, Transport};
use std::time::Instant;

/// Throws away the bytes that still come.
pub(super) fn linger<W: Transport>(
    socket: &mut Socket<W>,
    until: Instant,
    share: &mut Share,
    cx: &mut WorkerContext,
) -> Pause {
    cx.scratch.resize(LINGER_BYTES, 0);
    loop {
        if share.is_used_up() && socket.wire.has_unread() {
            return Pause::Again;
        }
        share.spend_read();
        match socket.wire.read(&mut cx.scratch) {
            Ok(ReadOutcome::Bytes(count)) => share.spend_bytes(count as u64),
            Ok(ReadOutcome::Blocked) => return Pause::Sleep,
            Ok(ReadOutcome::End) => return Pause::Close,
            Err(error) => {
                socket.log_failure(&error, Phase::Lingering);
                return Pause::Close;
            }
        }
        let now = cx.clock.monotonic();
        if now >= until {
            return Pause::Close;
        }
        socket.deadline = (now + cx.setup.limits.lingering_timeout).min(until);
    }
}

/// How many bytes are thrown away at once.
const LINGER_BYTES: usize = 8 * 1024;
