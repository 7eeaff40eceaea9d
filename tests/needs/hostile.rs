//! Thousands of slow and silent clients beside normal ones. The strict figures come from `cargo bench --bench soak --
//! --hostile`; here, a build without optimisation on a busy machine has to keep its bounds, too.

use crate::support::hostile::{Kind, Server};
use crate::support::lacks;

/// A verdict that holds is worth more than one that was unlucky.
#[track_caller]
fn hardly_disturb(kind: Kind, count: usize) {
    let server = Server::start();
    let mut seen = String::new();
    for _ in 0..3 {
        let figures = server.suffers(kind, count);
        assert_eq!(figures.problem(), None);
        seen += &format!("\n{figures}");
        if figures.factor() <= FACTOR_MAX {
            eprintln!("{seen}");
            return;
        }
    }
    panic!("more than {FACTOR_MAX} times:{seen}");
}

fn slow_heads_hardly_disturb_others_and_their_memory_is_bounded() {
    hardly_disturb(Kind::SlowHeads, MANY);
}

fn slow_readers_hardly_disturb_others_and_their_memory_is_bounded() {
    hardly_disturb(Kind::SlowReaders, 500);
}

fn idle_connections_with_tls_hardly_disturb_others_and_their_memory_is_bounded() {
    hardly_disturb(Kind::IdleTls, 1000);
}

fn half_handshakes_hardly_disturb_others_and_their_memory_is_bounded() {
    hardly_disturb(Kind::HalfHandshakes, MANY);
}

const FACTOR_MAX: f64 = 2.5;

/// What a build without optimisation has time for.
const MANY: usize = if cfg!(debug_assertions) { 1000 } else { 5000 };

tests! {
    lacks::descriptors:
        slow_heads_hardly_disturb_others_and_their_memory_is_bounded,
        slow_readers_hardly_disturb_others_and_their_memory_is_bounded,
        idle_connections_with_tls_hardly_disturb_others_and_their_memory_is_bounded,
        half_handshakes_hardly_disturb_others_and_their_memory_is_bounded,
}
