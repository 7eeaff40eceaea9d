//! What an exchange asks of the connection that carries it, whatever its version of HTTP.

use super::client_name::ClientName;
use crate::http::TlsFacts;
use std::sync::Arc;

/// The connection, as its exchanges and the lines of the access log see it.
pub(crate) trait Carrier {
    /// Asks the kernel whether the client has gone.
    fn client_has_gone(&mut self) -> bool;

    /// The client, as the log names it.
    fn name(&self) -> ClientName;

    /// The facts of TLS, if the connection has it.
    fn tls(&self) -> Option<Arc<TlsFacts>>;
}
