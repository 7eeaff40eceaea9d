//! Thousands of slow and silent clients: the figures, and whether they are within their bounds.

use crate::support::hostile::{Kind, Server};
use crate::support::lacks;

/// What went wrong.
pub fn run(count: usize) -> Vec<String> {
    if let Some(lack) = lacks::descriptors() {
        return vec![lack];
    }
    let mut problems = Vec::new();
    for (kind, count) in [
        (Kind::SlowHeads, count),
        (Kind::SlowReaders, count.div_ceil(10)),
        (Kind::IdleTls, count),
        (Kind::HalfHandshakes, count),
    ] {
        let server = Server::start();
        let mut factors = Vec::new();
        for _ in 0..TIMES {
            let figures = server.suffers(kind, count);
            println!("{figures}");
            problems.extend(figures.problem());
            factors.push(figures.factor());
        }
        factors.sort_by(f64::total_cmp);
        let factor = factors[factors.len() / 2];
        if factor > FACTOR_MAX {
            problems.push(format!("{kind:?}: the p99 of the others is {factor:.2} times as long"));
        }
    }
    problems
}

const TIMES: usize = 3;
const FACTOR_MAX: f64 = 2.0;
