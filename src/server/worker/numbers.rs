//! What a worker has counted and does now, for those who ask.

use super::Worker;
use super::kernel::Kernel;
use crate::server::metrics::{ConnectionState, Counters, WorkerNumbers};

impl<K: Kernel> Worker<K> {
    /// Copies its counters, and looks at its connections.
    pub(super) fn numbers(&self) -> WorkerNumbers {
        let mut connections = [0; ConnectionState::COUNT];
        let mut streams_open = 0;
        let clients = self.connections.iter().filter(|(_, it)| !it.connection.is_for_status());
        for (_, slot) in clients {
            connections[slot.connection.state() as usize] += 1;
            streams_open += slot.connection.streams() as u64;
        }
        WorkerNumbers {
            counters: self.counters(),
            connections,
            connections_max: self.cx.setup.limits.connections_max as u64,
            streams_open,
            cache: self.cx.files.numbers(),
            applications: self.cx.gateway.numbers(),
            is_stopping: self.cx.is_stopping,
        }
    }

    /// Its counters, with what its TLS connections have counted.
    fn counters(&self) -> Counters {
        #[cfg_attr(
            not(feature = "tls"),
            expect(unused_mut, reason = "nothing is added without TLS")
        )]
        let mut counters = self.cx.counters.clone();
        #[cfg(feature = "tls")]
        {
            let of_tls = self.cx.tls.counts();
            counters.handshakes = [
                [of_tls.full_tls12, of_tls.resumed_tls12],
                [of_tls.full_tls13, of_tls.resumed_tls13],
            ];
            counters.handshakes_failed = of_tls.failed;
            counters.crowded_out = of_tls.crowded_out;
        }
        counters
    }
}
