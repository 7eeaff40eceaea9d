//! Waiting for a state without guessing how long it takes.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// After so long something will not happen any more.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until there is an answer. Panics with `what` when there is none within [`PATIENCE`].
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
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
