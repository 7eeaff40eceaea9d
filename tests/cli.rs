//! The real program, from outside: flags, environment, files, signals, exit codes.

mod support;

mod cli {
    mod blocked;
    mod memory;
    mod on_terminal;
    mod processes;
    mod refusals;
    mod start;
    mod stopping;
    mod terminal;
}
