//! What a site answers to a request that has found its way, and what every response passes before it is sent.
//!
//! It must never know how a response travels.

use super::rewritten::Rewritten;
use super::route::Route;
use super::{
    Answer, BodyPolicy, Context, Decision, Handler, Methods, Request, RequestBody, Response, Site,
    permit,
};
use crate::http::{Method, RequestHead, Status};
use std::cell::RefCell;

impl Site {
    /// The request as the handler of its route sees it.
    pub(crate) fn request<'a>(
        &'a self,
        route: &'a Route,
        head: &'a RequestHead<'a>,
        body: Option<&'a RefCell<RequestBody>>,
    ) -> Request<'a> {
        Request::new(head, self.of(route).locations.place(route), body)
            .led(route.rewritten.as_deref())
    }

    /// What becomes of the body that a request announces.
    pub(crate) fn body_policy(&self, route: &Route, head: &RequestHead<'_>) -> BodyPolicy {
        if route.is_decided() {
            return BodyPolicy::discard();
        }
        let led = route.rewritten.as_deref().map(|rewritten| rewritten.head(head));
        let head = led.as_ref().unwrap_or(head);
        match self.of(route).locations.handler(route) {
            Some(handler) => handler.body_policy(&self.request(route, head, None)),
            None => BodyPolicy::discard(),
        }
    }

    /// What keeps a request from its handler: a response, or work that finds out whether the request may go on, after
    /// which this is asked again. `None`: nothing does.
    pub(crate) fn admit(&self, route: &mut Route, head: &RequestHead<'_>) -> Option<Answer> {
        if route.passage.as_ref().is_some_and(|passage| !passage.has_check()) {
            // After a check, the request goes on where it has stopped, and may come to another one.
            self.pass(route, head);
        }
        if let Some(check) = route.passage.as_mut().and_then(|it| it.take_check()) {
            return Some(Answer(Decision::Blocking(permit::job(check))));
        }
        route.take_response().map(|response| (*response).into())
    }

    /// The answer to a request: the functions around it, server-wide OPTIONS, location, method, handler, in that order.
    pub(crate) fn answer(
        &self,
        route: &mut Route,
        head: &RequestHead<'_>,
        body: &RefCell<RequestBody>,
        context: &mut Context<'_>,
    ) -> Answer {
        if route.has_functions()
            && let Some(answer) = self.admit(route, head)
        {
            return answer;
        }
        if head.path() == b"*" {
            return options(Methods::READ).into();
        }
        let site = self.of(route);
        if let Some(handler) = site.locations.handler(route) {
            let rewritten = route.rewritten.as_deref();
            context.leading.status = rewritten.and_then(Rewritten::status);
            let led = rewritten.map(|rewritten| rewritten.head(head));
            let as_led = led.as_ref().unwrap_or(head);
            let answer = handler.answer(&self.request(route, as_led, Some(body)), context);
            let Some(to) = context.leading.elsewhere.take() else { return answer };
            // A handler leads a request elsewhere once.
            site.lead(route, head, *to);
            self.pass(route, head);
            return self.answer(route, head, body, context);
        }
        let method = head.method();
        let response = match site.locations.methods(route) {
            None if matches!(method, Method::Trace | Method::Connect) => not_allowed(Methods::READ),
            None if site.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
            None => Response::new(Status::NOT_FOUND),
            Some(methods) if method == Method::Options => options(methods),
            Some(_) if site.is_unknown(method) => Response::new(Status::NOT_IMPLEMENTED),
            Some(methods) => not_allowed(methods),
        };
        response.into()
    }

    /// What every response passes before it is sent: those of files, handlers, threads and applications, and refusals.
    /// The functions around its handler see it; then an error without a body of its own gets the page of its status.
    #[inline]
    pub(crate) fn finish(&self, route: &mut Route, response: &mut Response) {
        let is_bare_error = response.status >= Status::BAD_REQUEST && response.is_bare();
        if is_bare_error || !self.is_plain() {
            self.finish_in_full(route, response);
        }
    }

    fn finish_in_full(&self, route: &mut Route, response: &mut Response) {
        if let Some(passage) = &mut route.passage {
            passage.change(response);
        }
        let site = self.of(route);
        let rules = site.locations.rules(route);
        if let Some(rules) = rules.filter(|it| it.may_have_page(&route.noted, response)) {
            let without = std::mem::replace(response, Response::new(Status::OK));
            *response = rules.with_page(&mut route.noted, without);
        }
        if response.is_named() {
            // It comes back when the file is found.
            return;
        }
        if response.status >= Status::BAD_REQUEST && response.is_bare() {
            site.error_bodies.add_to(response);
        }
        if let Some(rules) = rules {
            rules.change(route.scheme, route.noted.as_deref(), response);
        }
    }

    /// Whether no handler of the site takes this method or one like it (RFC 9110 §9.1).
    fn is_unknown(&self, method: Method) -> bool {
        let taken = |handler: &dyn Handler| handler.methods().contains(method);
        matches!(method, Method::Extension(_)) && !self.locations.handlers().any(taken)
    }
}

/// RFC 9110 §9.3.7.
fn options(methods: Methods) -> Response {
    let mut response = Response::new(Status::NO_CONTENT);
    response.headers.put("Allow", methods.allow());
    response
}

/// RFC 9110 §15.5.6: `Allow` is required.
fn not_allowed(methods: Methods) -> Response {
    let mut response = Response::new(Status::METHOD_NOT_ALLOWED);
    response.headers.put("Allow", methods.allow());
    response
}
