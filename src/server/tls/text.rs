//! The files of a certificate and its key, with what stands in them: so that it can be read here and used elsewhere, and
//! be compared with what stands there later. A certificate remembers its text, and is made of one.

use super::certificate::{Certificate, CertificateError};
use crate::sys::broker::open_read;
use crate::sys::reason::reason_at;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where a certificate and its key are read from. Both may be the same file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What stood in the two files.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CertificateText {
    pub(crate) files: CertificateFiles,
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// Which contents two files have, as far as the kernel can tell without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilesVersion([Option<FileStamp>; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl CertificateFiles {
    /// What they have now. Symlinks are followed, so that one that points elsewhere is another version.
    pub(super) fn version(&self) -> FilesVersion {
        FilesVersion([&self.chain, &self.key].map(|path| {
            let it = match fs::metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    open_read(path).and_then(|file| file.metadata())
                }
                it => it,
            };
            let it = it.ok()?;
            Some(FileStamp {
                device: it.dev(),
                inode: it.ino(),
                size: it.size(),
                modified: (it.mtime(), it.mtime_nsec()),
                changed: (it.ctime(), it.ctime_nsec()),
            })
        }))
    }
}

impl CertificateText {
    /// Reads both files.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub(crate) fn read(files: CertificateFiles) -> Result<CertificateText, CertificateError> {
        let chain = read_file(&files.chain).map_err(CertificateError::of_chain)?;
        let key = read_file(&files.key).map_err(CertificateError::of_key)?;
        Ok(CertificateText { files, chain, key: Zeroizing::new(key) })
    }

    /// The certificate that is written there.
    ///
    /// # Errors
    /// What is wrong with it, and in which file.
    pub(crate) fn certificate(&self) -> Result<Certificate, CertificateError> {
        match Certificate::from_pem(&self.chain, &self.key) {
            Ok(certificate) => Ok(certificate.of_files(self.files.clone())),
            Err(error) => {
                let path = if error.is_about_key() { &self.files.key } else { &self.files.chain };
                Err(error.in_file(path))
            }
        }
    }

    /// How many bytes [`write_to`](CertificateText::write_to) writes.
    pub(super) fn length(&self) -> usize {
        let CertificateFiles { chain, key } = &self.files;
        16 + chain.as_os_str().len() + key.as_os_str().len() + self.chain.len() + self.key.len()
    }

    /// As bytes, for another process.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) {
        use std::os::unix::ffi::OsStrExt;
        let paths = [&self.files.chain, &self.files.key].map(|it| it.as_os_str().as_bytes());
        for part in [paths[0], paths[1], &self.chain, &self.key] {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }

    /// Of the front of such bytes, with what follows it; `None`: they are something else.
    pub(super) fn read_from(bytes: &[u8]) -> Option<(CertificateText, &[u8])> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let mut rest = bytes;
        let mut part = || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (part, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(part)
        };
        let mut path = || Some(PathBuf::from(OsStr::from_bytes(part()?)));
        let files = CertificateFiles { chain: path()?, key: path()? };
        let (chain, key) = (part()?.to_vec(), Zeroizing::new(part()?.to_vec()));
        Some((CertificateText { files, chain, key }, rest))
    }
}

impl fmt::Debug for CertificateText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        self.files.fmt(formatter)
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let text =
        open(path).map_err(|error| format!("cannot read {path:?}: {}", reason_at(path, &error)))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{path:?} is larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn open(path: &Path) -> io::Result<Vec<u8>> {
    // So much room that the key is never moved, which would leave a copy of it.
    let mut text = Vec::with_capacity(FILE_BYTES_USUAL);
    open_read(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// A chain of certificates is much smaller.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Most are not larger.
const FILE_BYTES_USUAL: usize = 16 * 1024;
