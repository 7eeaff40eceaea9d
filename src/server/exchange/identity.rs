//! The id of a request: taken from a trusted proxy, or made.

use super::Exchange;
use crate::http::{RequestHead, RequestId};
use crate::server::id_maker::IdMaker;
use crate::site::Response;
use std::sync::Arc;

impl Exchange {
    /// The id of the request, if requests have ids and this one was asked for it.
    pub(crate) fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_deref()
    }

    /// Gives the request its id, if requests have ids. One that came with it is only believed from trusted proxies: a
    /// stranger could make the lines of different requests look like those of one.
    // Inlined, as far as it does nothing where requests have no ids.
    #[inline(always)]
    pub(crate) fn identify(
        &mut self,
        head: &mut RequestHead<'_>,
        is_from_proxy: bool,
        ids: &mut IdMaker,
    ) {
        if self.setup.request_id.is_some() {
            self.find_id(head, is_from_proxy, ids);
        }
    }

    #[cold]
    fn find_id(&mut self, head: &mut RequestHead<'_>, is_from_proxy: bool, ids: &mut IdMaker) {
        if let Some(header) = &self.setup.request_id {
            let came = || {
                let value = head.header(header).filter(|_| is_from_proxy)?;
                RequestId::taken(header, value)
            };
            if self.request_id.is_none() {
                let id = came().unwrap_or_else(|| RequestId::made(header, ids.next()));
                self.request_id = Some(Arc::new(id));
            }
            head.peer.request_id.clone_from(&self.request_id);
        }
    }

    /// Puts the id on the response, in place of one that its handler has put there. A request whose head could not be
    /// read gets one now.
    #[inline(always)]
    pub(crate) fn put_id(&mut self, response: &mut Response, ids: &mut IdMaker) {
        if self.setup.request_id.is_some() {
            self.write_id(response, ids);
        }
    }

    #[cold]
    fn write_id(&mut self, response: &mut Response, ids: &mut IdMaker) {
        if let Some(header) = &self.setup.request_id {
            let made = || Arc::new(RequestId::made(header, ids.next()));
            let id = self.request_id.get_or_insert_with(made);
            if let Err(error) = response.headers.set(&id.header, id.value.as_bytes()) {
                log::error!("cannot send the id of a request: {error}");
            }
        }
    }
}
