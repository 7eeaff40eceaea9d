//! How much one side may send before the other makes room (RFC 9113 §5.2, §6.9).

/// The largest window.
pub(crate) const WINDOW_MAX: u32 = u32::MAX >> 1;

/// The window of data that is sent. It is negative after the client has made its windows smaller (RFC 9113 §6.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendWindow(i64);

impl SendWindow {
    /// A window of this size.
    pub(crate) fn new(size: u32) -> SendWindow {
        SendWindow(i64::from(size))
    }

    /// How much may be sent.
    pub(crate) fn left(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// So much is sent.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.0 -= bytes as i64;
    }

    /// The client makes it larger, or, by a setting, smaller. Returns whether it is still a window; see [`WINDOW_MAX`].
    #[must_use]
    pub(crate) fn change(&mut self, by: i64) -> bool {
        self.0 += by;
        self.0 <= i64::from(WINDOW_MAX)
    }
}

/// The window of data that is received.
///
/// Room is given back in large steps: a client whose every frame is answered with a frame of its size comes to send tiny
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiveWindow {
    /// What the client may still send.
    left: u32,
    /// What it may send when all room has been given back.
    size: u32,
    /// What has been taken in since room was last given back.
    taken: u32,
}

impl ReceiveWindow {
    /// A window of this size, of which the client knows.
    pub(crate) fn new(size: u32) -> ReceiveWindow {
        ReceiveWindow { left: size, size, taken: 0 }
    }

    /// So much has come. Returns whether the client was allowed to send it.
    #[must_use]
    pub(crate) fn receive(&mut self, bytes: u32) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// So much of what has come takes no room any more.
    pub(crate) fn take(&mut self, bytes: u32) {
        self.taken = self.taken.saturating_add(bytes);
    }

    /// How much room to give back, if it is time for that: when half of the window has been taken in.
    pub(crate) fn give_back(&mut self) -> Option<u32> {
        if self.taken < self.size / 2 || self.taken == 0 {
            return None;
        }
        let increment = std::mem::take(&mut self.taken);
        self.left += increment;
        Some(increment)
    }

    /// Makes it larger by so much. The client learns of it with the next room that is given back.
    pub(crate) fn grow(&mut self, by: u32) {
        let by = by.min(WINDOW_MAX - self.size);
        self.size += by;
        self.taken += by;
    }

    /// What the client may still send.
    #[cfg(test)]
    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// Its size.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_for_sending_may_be_negative_and_has_an_end() {
        let mut window = SendWindow::new(10);
        window.spend(10);
        assert!(window.change(-20));
        assert_eq!(window.left(), 0);
        assert!(window.change(25));
        assert_eq!(window.left(), 5);
        assert!(window.change(i64::from(WINDOW_MAX) - 5));
        assert!(!window.change(1));
    }

    #[test]
    fn room_is_given_back_in_steps_of_half_a_window() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(100));
        assert!(!window.receive(1));
        window.take(49);
        assert_eq!(window.give_back(), None);
        window.take(1);
        assert_eq!(window.give_back(), Some(50));
        assert!(window.receive(50) && !window.receive(1));
        window.grow(100);
        window.take(30);
        assert_eq!((window.give_back(), window.size()), (Some(130), 200));
        assert!(window.receive(130) && !window.receive(1));
    }

    #[test]
    fn the_client_is_never_allowed_more_than_there_is() {
        let mut window = ReceiveWindow::new(1000);
        let (mut allowed, mut unread) = (1000_u32, 0_u32);
        let mut seed = 1_u32;
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let amount = seed >> 20;
            let sent = amount.min(allowed);
            assert!(window.receive(sent));
            allowed -= sent;
            unread += sent;
            let taken = (amount / 3).min(unread);
            window.take(taken);
            unread -= taken;
            allowed += window.give_back().unwrap_or(0);
            assert!(allowed + unread <= 1000);
        }
    }
}
