//! Waiting for a state without guessing how long it takes.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// After so long something will not happen any more, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What can be asked for until it is there.
pub trait Answer {
    type Value;

    fn value(self) -> Option<Self::Value>;
}

impl<T> Answer for Option<T> {
    type Value = T;

    fn value(self) -> Option<T> {
        self
    }
}

impl Answer for bool {
    type Value = ();

    fn value(self) -> Option<()> {
        self.then_some(())
    }
}

/// Asks until there is an answer, or until it is yes. Panics with `what` when that does not come within
/// [`PATIENCE`].
#[track_caller]
pub fn until<A: Answer>(what: &str, mut ask: impl FnMut() -> A) -> A::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ask().value() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Lets something end that may wait without a bound of its own. Panics when it has not ended within
/// [`PATIENCE`], unless the test is failing already.
pub fn ends(what: &str, wait: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        wait();
        let _ = ended.send(());
    });
    let is_late = end.recv_timeout(PATIENCE).is_err();
    assert!(!is_late || thread::panicking(), "{what} did not end within {PATIENCE:?}");
}
