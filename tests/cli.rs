//! The real program, from outside: flags, environment, files, signals, exit codes.

mod support;

mod cli {
    mod access;
    mod blocked;
    mod hosts;
    mod memory;
    mod on_terminal;
    mod pool;
    mod pool_stops;
    mod processes;
    mod refusals;
    mod replacement;
    mod start;
    mod stopping;
    mod terminal;
}
