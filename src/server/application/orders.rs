//! Orders to a slot: from workers that find its process hanging, and from whoever runs the server.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The name of a process, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId(pub u64);

/// What a slot is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Put another in the place of this process, if it still is there.
    Replace { process: ProcessId, why: Why },
    /// Put another in the place of whatever is there.
    Renew,
    /// End.
    Stop { grace: Duration },
}

/// Why a process is replaced. It completes the sentence "process 123 …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A request has neither ended nor begun its response in this time.
    Timeout(Duration),
    /// A response has been silent for this time.
    StreamTimeout(Duration),
    /// It leaves requests in its queue.
    TakesNothing,
    /// More than it has credit for.
    SendsTooMuch,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Timeout(time) => write!(formatter, "exceeded timeout = {time:?}"),
            Why::StreamTimeout(time) => write!(formatter, "exceeded stream_timeout = {time:?}"),
            Why::TakesNothing => {
                formatter.write_str("takes no requests, although a thread is idle")
            }
            Why::SendsTooMuch => formatter.write_str("sends more than it may"),
        }
    }
}

/// Orders to one slot. They wake it.
#[derive(Clone)]
pub struct Orders {
    shared: Arc<Shared>,
}

struct Shared {
    list: Mutex<VecDeque<Order>>,
    wake: UnixStream,
    woken: UnixStream,
}

impl Orders {
    /// No orders yet.
    ///
    /// # Errors
    /// When out of descriptors.
    pub fn new() -> io::Result<Orders> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let shared = Shared { list: Mutex::new(VecDeque::new()), wake, woken };
        Ok(Orders { shared: Arc::new(shared) })
    }

    /// Gives one; a repeated one counts once.
    pub fn give(&self, order: Order) {
        let mut list = self.shared.list.lock().unwrap_or_else(PoisonError::into_inner);
        if !list.contains(&order) {
            list.push_back(order);
        }
        // Full, it is awake already.
        let _ = (&self.shared.wake).write(b"!");
    }

    /// Readable when there are orders.
    pub fn woken(&self) -> BorrowedFd<'_> {
        self.shared.woken.as_fd()
    }

    /// Takes the next one.
    pub fn next(&self) -> Option<Order> {
        let _ = (&self.shared.woken).read(&mut [0; 64]);
        self.shared.list.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[cfg(test)]
impl Orders {
    /// Whether there is such an order.
    pub fn is_given(&self, is: impl FnMut(Order) -> bool) -> bool {
        std::iter::from_fn(|| self.next()).any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::wait;

    #[test]
    fn an_order_wakes_and_is_given_once() {
        let orders = Orders::new().expect("descriptors are left");
        orders.give(Order::Renew);
        orders.give(Order::Renew);
        let woken = [orders.woken()];
        wait::wait_readable(&woken, None).expect("there is memory");
        assert_eq!(orders.next(), Some(Order::Renew));
        assert_eq!(orders.next(), None);
    }
}
