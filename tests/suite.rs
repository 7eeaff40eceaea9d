//! The server over real sockets, as its clients and operators see it.
//!
//! Each module is a word of the operator's; each test a sentence about what can be relied on. A
//! response is read by a client that accepts nothing but what RFC 9112 lets a server send.

mod support;

mod suite {
    mod access_log;
    mod bodies;
    mod busy_handlers;
    mod collected;
    mod compressed_streams;
    mod compression;
    mod conditionals;
    mod descriptors;
    mod directories;
    mod dotfiles;
    mod error_pages;
    mod errors;
    mod expect;
    mod fallback;
    mod files;
    mod floors;
    mod forms;
    mod guessing;
    mod half_close;
    mod handlers;
    mod headers;
    mod heads;
    mod host_files;
    mod hosts;
    mod http2;
    mod keepalive;
    mod large_files;
    mod library;
    mod limits;
    mod listening;
    mod listing;
    mod methods;
    mod offloaded;
    mod own_streams;
    mod panics;
    mod passwords;
    mod pipelining;
    mod precompressed;
    mod proxies;
    mod ranges;
    mod redirects;
    mod reload;
    mod request_ids;
    mod rewrites;
    mod senders;
    mod sent_files;
    mod shared_pools;
    mod shrinking_file;
    mod slow_clients;
    mod soak;
    mod status;
    mod stop;
    mod storm;
    mod streams;
    mod symlinks;
    mod tags;
    #[cfg(feature = "tls")]
    mod tls;
    #[cfg(feature = "tls")]
    mod tls_life;
    #[cfg(feature = "tls")]
    mod tls_records;
    mod traversal;
    mod types;
    mod unix_sockets;
    mod upload_refusals;
    mod upload_storm;
    mod uploads;
    mod values;
    mod virtual_hosts;
    mod who_may;
}
