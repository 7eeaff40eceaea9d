//! Which request a thread of the pool works for, so that what goes wrong in a function that does not see the request can
//! be logged with its name.

use crate::http::RequestName;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static AT_HAND: RefCell<Option<Arc<RequestName>>> = const { RefCell::new(None) };
}

/// Does something for this request.
pub(crate) fn working_for<R>(request: &Arc<RequestName>, act: impl FnOnce() -> R) -> R {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            AT_HAND.take();
        }
    }
    AT_HAND.set(Some(Arc::clone(request)));
    let _end = End;
    act()
}

/// The request that this thread works for. `None` on a worker, which has the request itself.
pub(super) fn request_at_hand() -> Option<Arc<RequestName>> {
    AT_HAND.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use std::panic::catch_unwind;

    #[test]
    fn a_request_is_at_hand_until_its_work_ends_or_panics() {
        let name = Arc::new(RequestName { method: Method::Get, path: b"/a".as_slice().into() });
        let seen = working_for(&name, || request_at_hand().map(|it| it.to_string()));
        assert_eq!(seen.as_deref(), Some("GET /a"));
        assert!(request_at_hand().is_none());
        drop(catch_unwind(|| working_for(&name, || panic!("on purpose"))));
        assert!(request_at_hand().is_none());
    }
}
