//! What flags and the environment say. It replaces what the file says.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::origin::Written;
use crate::server::{CertificateText, Workers};
use crate::site::Reload;

/// The settings from flags and environment; where one is `None`, the file decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub root: Option<Written<PathBuf>>,
    /// A WSGI application at `/`, run in the working directory.
    pub wsgi: Option<Written<String>>,
    /// For every application, as the next two.
    pub reload: Option<Reload>,
    pub threads: Option<Written<usize>>,
    pub timeout: Option<Written<Duration>>,
    /// Whom the serving processes become.
    pub user: Option<Written<String>>,
    /// Whether they may serve as root.
    pub serves_as_root: Option<Written<bool>>,
    /// Addresses that replace those of the file.
    pub listen: Vec<Written<String>>,
    /// All TCP addresses speak TLS. Without a certificate, one is made.
    pub tls: bool,
    /// Certificates that the supervisor has read. Others are read from their files.
    pub certificates: Vec<CertificateText>,
    pub host: Option<Written<String>>,
    pub port: Option<Written<u16>>,
    pub processes: Option<Written<NonZeroUsize>>,
    pub workers: Option<Written<Workers>>,
    pub log: Option<Written<PathBuf>>,
    pub level: Option<Written<LevelFilter>>,
    /// A file, or a word for another destination.
    pub access_log: Option<Written<PathBuf>>,
    /// Standard output, if it is a terminal: at level `info` and above, requests are shown there unless
    /// an access log is configured.
    pub terminal: Option<Terminal>,
}

/// A terminal that shows requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Whether to use colours.
    pub colours: bool,
}
