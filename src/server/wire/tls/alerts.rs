//! The alerts that a client gets in place of those of rustls, where the standards name others.
//!
//! rustls lets nobody choose. Where a resolver has no certificate for a name, it sends `access_denied`; RFC 6066 §3 has
//! `unrecognized_name`. To an old client whose hello lacks something it sends `handshake_failure` before it looks at the
//! version; RFC 8446 §4.2.1 and appendix D.5 have `protocol_version`. Its `Acceptor` sends the same alerts, and needs
//! buffers of its own. But an alert about a hello is not encrypted, so that it can be changed while it waits.

/// Changes the alert that waits to be sent about these bytes, a hello and perhaps more, if there is a better one.
pub(super) fn correct(waiting: &mut [u8], hello: &[u8]) {
    let [ALERT, _, _, 0, 2, FATAL, description] = waiting else { return };
    match *description {
        ACCESS_DENIED => *description = UNRECOGNIZED_NAME,
        HANDSHAKE_FAILURE if is_before_1_2(hello) => *description = PROTOCOL_VERSION,
        _ => {}
    }
}

/// Whether this is the hello of a client that speaks TLS 1.1 at best.
fn is_before_1_2(hello: &[u8]) -> bool {
    matches!(hello, [HANDSHAKE, _, _, _, _, CLIENT_HELLO, _, _, _, 3, 0..=2, ..])
}

/// Types of records and messages (RFC 8446 §4, §5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// RFC 8446 §6.
const FATAL: u8 = 2;
const HANDSHAKE_FAILURE: u8 = 40;
const ACCESS_DENIED: u8 = 49;
const PROTOCOL_VERSION: u8 = 70;
const UNRECOGNIZED_NAME: u8 = 112;

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(description: u8, hello: &[u8]) -> u8 {
        let mut alert = [ALERT, 3, 3, 0, 2, FATAL, description];
        correct(&mut alert, hello);
        assert_eq!(alert[..6], [ALERT, 3, 3, 0, 2, FATAL]);
        alert[6]
    }

    #[test]
    fn alerts_about_names_and_old_versions_are_those_of_the_standards() {
        let hello = |minor| [HANDSHAKE, 3, 1, 0, 44, CLIENT_HELLO, 0, 0, 40, 3, minor, 7];
        assert_eq!(corrected(ACCESS_DENIED, &hello(3)), UNRECOGNIZED_NAME);
        for (minor, expected) in [
            (0, PROTOCOL_VERSION),
            (1, PROTOCOL_VERSION),
            (2, PROTOCOL_VERSION),
            (3, HANDSHAKE_FAILURE),
            (4, HANDSHAKE_FAILURE),
        ] {
            assert_eq!(corrected(HANDSHAKE_FAILURE, &hello(minor)), expected, "{minor}");
        }
        assert_eq!(corrected(HANDSHAKE_FAILURE, b""), HANDSHAKE_FAILURE);
        assert_eq!(corrected(HANDSHAKE_FAILURE, &hello(2)[..10]), HANDSHAKE_FAILURE);
        assert_eq!(corrected(50, &hello(1)), 50);
    }

    #[test]
    fn what_is_no_alert_in_clear_stays_as_it_is() {
        for waiting in [
            &b""[..],
            // A warning; an encrypted alert; two alerts.
            &[ALERT, 3, 3, 0, 2, 1, ACCESS_DENIED],
            &[ALERT, 3, 3, 0, 3, FATAL, ACCESS_DENIED, 0],
            &[ALERT, 3, 3, 0, 2, FATAL, ACCESS_DENIED, ALERT],
            &[23, 3, 3, 0, 2, FATAL, ACCESS_DENIED],
        ] {
            let mut changed = waiting.to_vec();
            correct(&mut changed, b"");
            assert_eq!(changed, waiting);
        }
    }
}
