//! Counts instructions with `valgrind --tool=callgrind`.

use httpd::parts::parts;
use std::env;
use std::process::{Command, ExitCode};

/// Runs one part so many times; this is what valgrind looks at.
pub fn run(name: &str, times: &str) -> ExitCode {
    let part = parts().into_iter().find(|part| part.name == name);
    let (Some(mut part), Ok(times)) = (part, times.parse::<u32>()) else {
        eprintln!("parts: run NAME TIMES");
        return ExitCode::FAILURE;
    };
    for _ in 0..times {
        (part.run)();
    }
    ExitCode::SUCCESS
}

/// Prints a table of all parts.
pub fn table() -> ExitCode {
    println!("| part | bytes | instructions |\n|---|---:|---:|");
    for part in parts() {
        let counts = instructions(part.name, 0).and_then(|without| {
            instructions(part.name, TIMES).map(|with| (with - without) / u64::from(TIMES))
        });
        match counts {
            Ok(count) => println!("| {} | {} | {count} |", part.name, part.bytes),
            Err(error) => {
                eprintln!("parts: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn instructions(name: &str, times: u32) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", name, &times.to_string()])
        .output()
        .map_err(|error| format!("starting valgrind: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    told.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .ok_or_else(|| format!("valgrind counted nothing: {told}"))
}

/// So many that the first run, which finds cold branches and grows buffers, does not show.
const TIMES: u32 = 2_000;
