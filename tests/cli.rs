//! The real program, from outside: flags, environment, files, signals, exit codes.

mod support;

mod cli {
    mod access;
    mod blocked;
    mod check;
    mod confined;
    mod effective;
    mod explain;
    mod hosts;
    mod logs;
    mod memory;
    mod on_terminal;
    mod orders;
    mod pool;
    mod pool_stops;
    mod processes;
    mod proxies;
    mod rates;
    mod refusals;
    mod reload;
    mod replacement;
    mod service_manager;
    mod shipped;
    mod start;
    mod status;
    mod stopping;
    mod terminal;
    #[cfg(feature = "tls")]
    mod tls;
    mod upgrade;
}
