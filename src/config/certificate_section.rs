//! The keys of certificates, at the top and in a host.

use super::origin::Written;
use super::section::SectionKey;

/// The certificates of the top or of a host, as they are written.
#[derive(Debug, Default)]
pub(super) struct CertificateSection {
    pub(super) certificates: Vec<Written<String>>,
    pub(super) keys: Vec<Written<String>>,
}

pub(super) fn certificate_keys<T: AsMut<CertificateSection>>() -> [SectionKey<T>; 2] {
    [
        SectionKey::new("certificate", |it: &mut T, value, errors| {
            it.as_mut().certificates = errors.take_each(value, |it| it.written());
        }),
        SectionKey::new("certificate_key", |it, value, errors| {
            it.as_mut().keys = errors.take_each(value, |it| it.written());
        }),
    ]
}
