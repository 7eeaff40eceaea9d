//! Floor 4: when and how bytes move. mio and the slab live here only.
//!
//! A [`Server`] binds every address, then starts its workers; each worker is a reactor on a thread
//! of its own that shares nothing with the others but the read-only site. In the order of a
//! request: [`listener`], [`worker`], [`connection`], [`wire`], [`exchange`].

pub(crate) mod access_log;
pub(crate) mod address;
pub(crate) mod application;
pub(crate) mod asker;
pub(crate) mod background;
pub(crate) mod backoff;
pub(crate) mod buffers;
pub(crate) mod carrier;
pub(crate) mod client_name;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod context;
mod descriptors;
pub(crate) mod destination;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "most of it is for tests"))]
mod driven;
mod encoders;
pub(crate) mod exchange;
pub(crate) mod handler_runs;
pub(crate) mod id;
mod id_maker;
pub(crate) mod in_process;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod mailbox;
pub(crate) mod memory_watch;
pub(crate) mod metrics;
pub(crate) mod pool;
mod prepared;
pub(crate) mod record;
mod refusals;
mod reload;
pub(crate) mod replacement;
mod running;
mod serve_error;
pub(crate) mod share;
pub(crate) mod start_error;
mod starting;
mod stderr_log;
pub(crate) mod timers;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod wire;
pub(crate) mod worker;

#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
#[doc(hidden)]
pub use driven::{connection as fuzz_connection, http2 as fuzz_http2};
#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
#[doc(hidden)]
pub use wire::fuzz_records;

pub use access_log::{AccessLog, Escape, Format, FormatError};
pub use address::{Address, AddressError};
pub use destination::{Facility, NoFacility, Syslog};
pub use limits::Limits;
pub use running::{Handle, Running};
pub use serve_error::{ServeError, ServeErrorKind};
pub use start_error::StartError;
pub use stderr_log::log_to_stderr;
#[cfg(feature = "tls")]
pub use tls::{Certificate, CertificateError, Tls};
#[cfg(feature = "tls")]
pub(crate) use tls::{CertificateFiles, CertificateText, TicketSecrets, TlsKeeper, TlsNews};

use crate::files::CacheLimits;
use crate::http::{ForwardedHeader, Headers};
use crate::site::{Application, HostName, Network, NetworkError, Site, TrustedProxies};
pub use crate::sys::unix_socket::SocketAccess;
use address::ListenScheme;
use listener::passed::Passed;
#[cfg(feature = "cli")]
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// How many workers, each a reactor on its own thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// As many as there are CPUs that this process may use.
    #[default]
    Auto,
    /// So many.
    Count(NonZeroUsize),
}

impl Workers {
    /// How many workers each of `processes` processes has. With [`Workers::Auto`] the processes share the CPUs,
    /// rounded up, so that no CPU is left out.
    fn count(self, processes: usize) -> usize {
        match self {
            Workers::Auto => crate::sys::cpus::count().div_ceil(processes),
            Workers::Count(count) => count.get(),
        }
    }
}

/// An address, as it is written.
struct Listen {
    text: String,
    /// Whether connections to it begin with a PROXY header.
    is_proxied: bool,
}

/// A server that has not started yet.
///
/// ```no_run
/// use httpd::{Request, Response, Root, Server, Site, StaticFiles};
/// let site = Site::new()
///     .at("/", StaticFiles::new(Root::open("public")?))
///     .at("/hello", |_: &Request<'_>| Response::text("hello\n"));
/// Server::new(site).listen("127.0.0.1:8080").run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    site: Site,
    listen: Vec<Listen>,
    /// Whom it believes, or which text is no network.
    proxies: Result<TrustedProxies, (String, NetworkError)>,
    /// Whether it may start without an address.
    listens_nowhere: bool,
    workers: Workers,
    limits: Limits,
    cache: CacheLimits,
    /// By their numbers; the first is that of the site itself.
    access_logs: Vec<AccessLog>,
    request_id: Option<Arc<str>>,
    /// By which further names its status is asked for.
    status_names: Vec<HostName>,
    spool_directory: PathBuf,
    socket_access: SocketAccess,
    /// Sockets that a service manager has passed.
    passed: Arc<Passed>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    /// The keys of tickets, if somebody else keeps TLS fresh.
    #[cfg(feature = "tls")]
    ticket_secrets: Option<TicketSecrets>,
    gives_up: Box<dyn FnMut() -> bool + Send>,
}

impl Server {
    /// A server of this site that listens nowhere yet.
    pub fn new(site: Site) -> Server {
        Server {
            site,
            listen: Vec::new(),
            proxies: Ok(TrustedProxies::default()),
            listens_nowhere: false,
            workers: Workers::default(),
            limits: Limits::default(),
            cache: CacheLimits::default(),
            access_logs: vec![AccessLog::default()],
            request_id: None,
            status_names: Vec::new(),
            spool_directory: std::env::temp_dir(),
            socket_access: SocketAccess::default(),
            passed: Arc::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            ticket_secrets: None,
            gives_up: Box::new(|| false),
        }
    }

    /// Listens at one more address: `"localhost:8080"` for this machine only, `":8080"` for everyone, `"unix:/run/it.sock"`;
    /// see [`Address::parse`] for how it is written. With `https://` before it, the server speaks TLS there (port 443 unless
    /// another is written), and needs the certificates of `tls`. With `h2c://`, clients that know it in advance may speak
    /// HTTP/2 there without TLS (`curl --http2-prior-knowledge`), and all others HTTP/1.
    #[doc(alias = "bind")]
    #[doc(alias = "port")]
    pub fn listen(mut self, address: &str) -> Server {
        self.listen.push(Listen { text: address.to_owned(), is_proxied: false });
        self
    }

    /// Listens at one more address for those who watch the server: it serves [`StatusPages`](crate::StatusPages) there,
    /// and nothing of the site. Everyone who can connect sees them, so choose an address of this machine, a Unix socket,
    /// or one that only the monitoring can reach. While the server stops, it goes on there, and `readyz` says that it
    /// stops.
    ///
    /// ```no_run
    /// use httpd::{Server, Site};
    /// let site = Site::new().get("/", |_| "hello\n");
    /// Server::new(site).listen(":8080").listen_status("localhost:9090").run()?;
    /// // curl http://localhost:9090/metrics
    /// # Ok::<(), httpd::StartError>(())
    /// ```
    ///
    /// A page of a stranger can have its own name resolve to that address, and would then read the status in the browser
    /// of somebody who can connect (DNS rebinding). So only `livez` and `readyz` are answered for any `Host`; the others
    /// for addresses, names without a dot, names that the public DNS gives to nobody (below `localhost`, `local`, `internal`,
    /// `home.arpa`, `test` and `invalid`), those of the site ([`Site::names`], [`Site::host`]) and [`Server::status_names`]. All others
    /// get 421.
    pub fn listen_status(mut self, address: &str) -> Server {
        let text = format!("{}{address}", ListenScheme::Status.prefix());
        self.listen.push(Listen { text, is_proxied: false });
        self
    }

    /// Answers for these names, too, at the addresses of [`Server::listen_status`].
    ///
    /// ```
    /// use httpd::{Server, Site};
    /// let server = Server::new(Site::new()).listen_status(":9090");
    /// let server = server.status_names(["web1.example.org".parse()?]);
    /// # let _ = server;
    /// # Ok::<(), httpd::HostNameError>(())
    /// ```
    pub fn status_names(mut self, names: impl IntoIterator<Item = HostName>) -> Server {
        self.status_names.extend(names);
        self
    }

    /// Listens at one more address for a proxy that sends the header of the PROXY protocol, version 1 or 2, at the
    /// beginning of each connection. The header is required, and has the time of a request head. The client that it names
    /// is believed if the other end is in one of the [`trusted_proxies`](Server::trusted_proxies), or if there are none.
    pub fn listen_proxied(mut self, address: &str) -> Server {
        self.listen.push(Listen { text: address.to_owned(), is_proxied: true });
        self
    }

    /// Believes clients in these networks when they say for whom they ask, in `X-Forwarded-For` and
    /// `X-Forwarded-Proto`: then [`Request::peer`](crate::Request::peer), the log and everything else is about the
    /// right-most address in that list that is not in one of the networks. A network is written as `"192.0.2.7"`,
    /// `"10.0.0.0/8"`, `"2001:db8::/32"`, or `"unix"` for the clients of Unix sockets. Default: nobody is believed.
    ///
    /// The proxies have to set both headers, or remove what their clients send.
    ///
    /// ```no_run
    /// use httpd::{Server, Site};
    /// let site = Site::new().get("/", |request| format!("hello {:?}\n", request.peer()));
    /// Server::new(site).listen("localhost:8080").trusted_proxies(["127.0.0.1", "::1"]).run()?;
    /// # Ok::<(), httpd::StartError>(())
    /// ```
    pub fn trusted_proxies<'t>(mut self, networks: impl IntoIterator<Item = &'t str>) -> Server {
        let parsed = networks.into_iter().map(|text| match text.parse::<Network>() {
            Ok(network) => Ok(network),
            Err(error) => Err((text.to_owned(), error)),
        });
        let header = self.proxies.as_ref().map(TrustedProxies::header).unwrap_or_default();
        self.proxies =
            parsed.collect::<Result<Vec<_>, _>>().map(|it| TrustedProxies::new(it, header));
        self
    }

    /// The same with these proxies, as a configuration has them.
    pub(crate) fn trusting(mut self, proxies: TrustedProxies) -> Server {
        self.proxies = Ok(proxies);
        self
    }

    /// Which header of trusted proxies names the client. Default: `X-Forwarded-For`.
    pub fn forwarded_header(mut self, header: ForwardedHeader) -> Server {
        self.proxies = self.proxies.map(|proxies| proxies.with_header(header));
        self
    }

    /// The certificates for its `https://` addresses; see [`Tls`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Server {
        self.tls = Some(tls);
        self
    }

    /// The certificates that it was given.
    #[cfg(feature = "tls")]
    pub(crate) fn certificates(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Somebody else keeps TLS fresh and says so to [`Handle::take_tls_news`]. These are the keys of tickets until then.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_kept_elsewhere(mut self, secrets: TicketSecrets) -> Server {
        self.ticket_secrets = Some(secrets);
        self
    }

    /// Starts even without an address: it serves the connections that are handed to [`Handle::serve`].
    pub fn listen_nowhere(mut self) -> Server {
        self.listens_nowhere = true;
        self
    }

    /// How many workers. Default: one per CPU.
    #[doc(alias = "threads")]
    pub fn workers(mut self, workers: Workers) -> Server {
        self.workers = workers;
        self
    }

    /// The bounds in time and number.
    pub fn limits(mut self, limits: Limits) -> Server {
        self.limits = limits;
        self
    }

    /// The bounds of each worker's cache of open files.
    pub fn cache(mut self, cache: CacheLimits) -> Server {
        self.cache = cache;
        self
    }

    /// Where the access log goes. Default: nowhere.
    pub fn access_log(mut self, access_log: AccessLog) -> Server {
        self.access_logs = vec![access_log];
        self
    }

    /// The same with a log for each number that parts of the site have.
    #[cfg(feature = "cli")]
    pub(crate) fn access_logs(mut self, access_logs: Vec<AccessLog>) -> Server {
        self.access_logs = access_logs;
        self
    }

    /// Gives each request an id, in this header of the response, in [`Request::id`](crate::Request::id), in the access log
    /// and in the environ of applications. It is taken from the same header of the request if that comes from one of the
    /// [`trusted_proxies`](Server::trusted_proxies) and is an id; otherwise a new one is made, which nobody can guess.
    ///
    /// ```
    /// use httpd::{Server, Site};
    /// let site = Site::new().get("/", |request| format!("{:?}\n", request.id()));
    /// let server = Server::new(site).listen("localhost:0").request_id("X-Request-Id");
    /// # let _ = server;
    /// ```
    ///
    /// # Panics
    /// When no header can have this name.
    #[doc(alias = "correlation_id")]
    #[track_caller]
    pub fn request_id(mut self, header: &str) -> Server {
        if let Err(error) = Headers::new().add(header, "") {
            panic!("{error}");
        }
        self.request_id = Some(header.into());
        self
    }

    /// Where request bodies that are too large for memory are kept, in files without a name.
    /// Default: the directory for temporary files (`TMPDIR`).
    pub fn spool_directory(mut self, directory: impl Into<PathBuf>) -> Server {
        self.spool_directory = directory.into();
        self
    }

    /// Who may connect to its Unix sockets. Default: everyone who can reach the file (mode 0666).
    pub fn socket_access(mut self, access: SocketAccess) -> Server {
        self.socket_access = access;
        self
    }

    /// Listens on sockets that a service manager has passed, where an address names them.
    #[cfg(feature = "cli")]
    pub(crate) fn with_passed(mut self, passed: Arc<Passed>) -> Server {
        self.passed = passed;
        self
    }

    /// What it answers.
    #[cfg(feature = "cli")]
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Where a client without TLS comes in that asks for this port: there, or at the first address, if another port is
    /// mapped to it.
    #[cfg(feature = "cli")]
    pub(crate) fn plain_address(&self, port: u16) -> Option<SocketAddr> {
        let plain = self.listen.iter().filter_map(|it| match ListenScheme::split(&it.text) {
            (ListenScheme::Http | ListenScheme::H2c, address) => Address::parse(address).ok(),
            _ => None,
        });
        let addresses = plain.flatten().filter_map(|it| match it {
            Address::Tcp(address) => Some(address),
            Address::Unix(_) | Address::Systemd(_) => None,
        });
        let addresses: Vec<_> = addresses.collect();
        addresses.iter().find(|it| it.port() == port).or(addresses.first()).copied()
    }

    /// Who is believed when they name their client.
    #[cfg(feature = "cli")]
    pub(crate) fn proxies(&self) -> Option<&TrustedProxies> {
        self.proxies.as_ref().ok()
    }

    /// The applications that it starts.
    pub fn applications(&self) -> Vec<Arc<Application>> {
        self.site.applications()
    }

    /// While applications start, which may take long, the server calls this a few times a second and gives up when
    /// it returns `true`. Default: it never does.
    pub fn give_up_when(mut self, gives_up: impl FnMut() -> bool + Send + 'static) -> Server {
        self.gives_up = Box::new(gives_up);
        self
    }
}
