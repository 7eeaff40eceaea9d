//! What changes for TLS while a server serves: a renewed certificate, new keys of tickets. Who finds it out (a thread of
//! the server, or the supervisor for all of its processes) sends it as bytes or applies it at once.

use super::text::CertificateText;
use super::tickets::TicketSecrets;
use zeroize::Zeroizing;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsNews {
    Certificate(CertificateText),
    Tickets(TicketSecrets),
}

impl TlsNews {
    /// As bytes, for another process.
    pub(crate) fn to_bytes<'n>(all: impl IntoIterator<Item = &'n TlsNews>) -> Zeroizing<Vec<u8>> {
        let all: Vec<&TlsNews> = all.into_iter().collect();
        // So much room that no key is moved, which would leave a copy of it.
        let room = all.iter().map(|news| match news {
            TlsNews::Certificate(text) => 1 + text.length(),
            TlsNews::Tickets(_) => 256,
        });
        let mut bytes = Zeroizing::new(Vec::with_capacity(room.sum()));
        for news in all {
            match news {
                TlsNews::Certificate(text) => {
                    bytes.push(CERTIFICATE);
                    text.write_to(&mut bytes);
                }
                TlsNews::Tickets(secrets) => {
                    let secrets = secrets.to_bytes();
                    bytes.extend_from_slice(&[TICKETS, secrets.len() as u8]);
                    bytes.extend_from_slice(&secrets);
                }
            }
        }
        bytes
    }

    /// Of such bytes; `None`: they are something else.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Vec<TlsNews>> {
        let mut all = Vec::new();
        while let Some((kind, rest)) = bytes.split_first() {
            let (news, rest) = match *kind {
                CERTIFICATE => {
                    let (text, rest) = CertificateText::read_from(rest)?;
                    (TlsNews::Certificate(text), rest)
                }
                TICKETS => {
                    let (length, rest) = rest.split_first()?;
                    let (secrets, rest) = rest.split_at_checked(usize::from(*length))?;
                    (TlsNews::Tickets(TicketSecrets::from_bytes(secrets)?), rest)
                }
                _ => return None,
            };
            all.push(news);
            bytes = rest;
        }
        Some(all)
    }
}

const CERTIFICATE: u8 = b'c';
const TICKETS: u8 = b't';

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tls::text::CertificateFiles;

    #[test]
    fn news_arrive_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("there is room");
        let files = CertificateFiles {
            chain: folder.path().join("fullchain.pem"),
            key: folder.path().join("privkey.pem"),
        };
        std::fs::write(&files.chain, "a chain").expect("there is room");
        std::fs::write(&files.key, "").expect("there is room");
        let text = CertificateText::read(files).expect("they are there");
        let mut secrets = TicketSecrets::generate().expect("random numbers");
        secrets.rotate().expect("random numbers");
        let all = [
            TlsNews::Certificate(text.clone()),
            TlsNews::Tickets(secrets),
            TlsNews::Certificate(text),
        ];
        let bytes = TlsNews::to_bytes(&all);
        assert_eq!(TlsNews::from_bytes(&bytes).as_deref(), Some(&all[..]));
        let mut whole = 0;
        for end in 0..bytes.len() {
            if let Some(some) = TlsNews::from_bytes(&bytes[..end]) {
                assert_eq!(some, all[..some.len()]);
                whole += 1;
            }
        }
        assert_eq!(whole, 3, "it may end between two of them only");
        assert_eq!(TlsNews::from_bytes(b"x"), None);
        assert!(!format!("{all:?}").contains("a chain"), "the log gets no contents");
    }
}
