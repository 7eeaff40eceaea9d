//! Measures the pure parts of a request alone: no socket, no file, no clock.
//!
//! `cargo bench --bench parts --features fuzzing` tells times (criterion; a part of a name as argument selects).
//! `cargo bench --bench parts --features fuzzing -- count` tells instructions, which do not depend on what else the
//! machine does: each part is run by valgrind, some thousand times and not at all, and the
//! difference is what one costs.

mod count;

use criterion::Criterion;
use httpd::parts::parts;
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["count"] => count::table(),
        ["run", name, times] => count::run(name, times),
        _ => {
            let mut criterion = Criterion::default().configure_from_args();
            for mut part in parts() {
                criterion.bench_function(part.name, |bencher| bencher.iter(|| (part.run)()));
            }
            criterion.final_summary();
            ExitCode::SUCCESS
        }
    }
}
