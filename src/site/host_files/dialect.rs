//! How the files are read that say how a root is served.

use super::lines::LineErrors;
use crate::http::Status;

/// Whose rules are followed where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A redirect is a 301, unless it says otherwise. A file that exists is served, unless a rule is forced (`!`). A
    /// slash at the end of a path makes no difference.
    #[default]
    Netlify,
    /// A redirect is a 302. Every rule is followed, whether there is a file or not.
    Cloudflare,
}

impl Dialect {
    pub(super) fn default_status(self) -> Status {
        match self {
            Dialect::Netlify => Status::MOVED_PERMANENTLY,
            Dialect::Cloudflare => Status::FOUND,
        }
    }
}

/// What can be read of a file: itself, and what is wrong with it.
pub(crate) trait Parsed: Default + Send + Sync + 'static {
    fn parse(text: &[u8], dialect: Dialect) -> (Self, LineErrors);
}
