//! Buffers and states that no connection needs at the moment, kept so that a request allocates nothing.

use super::{After, Http1};
use crate::http::h1::request_reader::RequestReader;
use crate::server::connection::inbox::Inbox;
use crate::server::connection::outbox::Outbox;
use crate::server::context::Setup;
use crate::server::exchange::{Exchange, ExchangeState, Records};
use crate::server::id::ExchangeId;
use std::rc::Rc;

/// The free ones of a worker.
#[derive(Default)]
pub(crate) struct FreeList {
    // Boxed as connections hold them: moving one in or out must not copy it.
    #[expect(clippy::vec_box)]
    kept: Vec<Box<Http1>>,
}

impl FreeList {
    /// Takes one that is ready for a first request.
    pub(crate) fn take(&mut self, id: ExchangeId, setup: &Rc<Setup>) -> Box<Http1> {
        match self.kept.pop() {
            Some(mut http1) => {
                http1.exchange.id = id;
                http1
            }
            None => Box::new(Http1 {
                inbox: Inbox::new(),
                reader: RequestReader::new(),
                outbox: Outbox::default(),
                exchange: Exchange::new(id, setup),
                records: Records::default(),
                started: None,
                head_bytes: 0,
                unread_at: 0,
                after: After::NextRequest,
            }),
        }
    }

    /// Takes one back and clears it, so that no bytes of one client can reach another. One with an older setup is dropped,
    /// because it would keep that alive.
    pub(crate) fn give(&mut self, mut http1: Box<Http1>, setup: &Rc<Setup>) {
        let is_kept = self.kept.len() < KEPT_MAX && http1.exchange.is_by(setup);
        if is_kept && http1.inbox.is_usual_size() {
            debug_assert!(http1.records.is_empty(), "every response is logged by then");
            http1.inbox.clear();
            http1.outbox.clear();
            http1.begin_next();
            http1.exchange.forget_request();
            http1.exchange.body = Default::default();
            http1.exchange.state = ExchangeState::Head;
            http1.after = After::NextRequest;
            self.kept.push(http1);
        }
    }
}

/// About 12 KiB each. More are in use at once only while clients are slow.
const KEPT_MAX: usize = 64;
