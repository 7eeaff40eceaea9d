//! One version of a file, with all header fields that depend on the file alone.
//!
//! It must never know how it was found, how long it is kept, or how it is sent.

use super::representation::{CONTENT_TYPE, Representation};
use super::sum::{Sum, Sums};
use super::version::{self, FileVersion};
use crate::http::Coding;
use crate::sys::file::{self, Disk, Identity};
use std::any::Any;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// A file as it was at one moment: contents, length, entity tag and headers belong to one version.
///
/// With [`Contents::Descriptor`] this is true until a program writes to the file in place. What sends such a
/// file in several pieces asks between them whether this [still holds](CachedFile::still_holds).
#[derive(Debug)]
pub(crate) struct CachedFile {
    contents: Contents,
    identity: Identity,
    /// Only of a file that is not in memory.
    samples: Samples,
    /// What responses say of it as it was found.
    found: Forms,
    /// The same once its tag is there, if that is made of its contents.
    tagged: OnceLock<Box<Forms>>,
    /// If it is one of several representations of a resource, the type of the original and its coding.
    variant_of: OnceLock<(Box<[u8]>, Option<Coding>)>,
    /// What somebody has made of its contents.
    derived: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// What responses say of a file.
#[derive(Debug)]
struct Forms {
    /// As it is.
    plain: Representation,
    /// As one of several representations of a resource, if it is, from its first use on.
    variant: OnceLock<Box<Representation>>,
}

impl Forms {
    fn new(version: FileVersion, content_type: &[u8]) -> Forms {
        Forms { plain: Representation::plain(version, content_type), variant: OnceLock::new() }
    }
}

/// Where the bytes of a file are.
#[derive(Debug)]
pub(crate) enum Contents {
    /// All of them are here.
    Memory(Box<[u8]>),
    /// In the file, open for reading.
    Descriptor(OwnedFd),
}

/// Hashes of the first and the last bytes of a file when it was found, if the kernel had them in memory.
/// A file that is longer now, but has the same bytes there, has most likely only grown.
#[derive(Clone, Copy, Debug, Default)]
struct Samples {
    first: Option<u64>,
    last: Option<u64>,
}

impl Samples {
    /// Of a file that is, or was, `length` bytes long.
    fn of(open: BorrowedFd<'_>, length: u64) -> Samples {
        let mut buffer = [0; SAMPLE_BYTES];
        let mut hash = |offset| {
            let count = usize::try_from(length - offset).unwrap_or(usize::MAX).min(SAMPLE_BYTES);
            let sample = &mut buffer[..count];
            let read = file::read_at(open, sample, offset, Disk::MustNotBlock);
            read.is_ok_and(|read| read == count).then(|| {
                let mut hasher = DefaultHasher::new();
                hasher.write(sample);
                hasher.finish()
            })
        };
        Samples { first: hash(0), last: hash(length.saturating_sub(SAMPLE_BYTES as u64)) }
    }

    /// Whether the last bytes are known to be the same, and the first ones not known to differ.
    fn still_hold(&self, now: &Samples) -> bool {
        let differs = |then: Option<u64>, now| then.is_some() && now != then;
        self.last.is_some() && self.last == now.last && !differs(self.first, now.first)
    }
}

impl CachedFile {
    /// Takes a snapshot of an open regular file whose identity was just read. A file of up to
    /// `contents_bytes_max` bytes is read into memory; of a longer file the descriptor is kept.
    ///
    /// `None`: the file changed meanwhile. A write in place during the read is not noticed if it began in
    /// the same tick of the file system's clock (up to 10 ms) as the write before it, and did not change
    /// the size. That is why the entity tag of a file that was just written is weak, and differs from the
    /// tag that the file has later ([`FileVersion`]).
    ///
    /// With `sums`, its tag is made of its contents, at once if they are few and read anyway.
    pub(super) fn snapshot(
        open: OwnedFd,
        identity: Identity,
        content_type: &str,
        sums: Option<&Arc<Sums>>,
        contents_bytes_max: u64,
        wall: SystemTime,
        disk: Disk,
    ) -> io::Result<Option<CachedFile>> {
        let by_time = sums.is_none().then(|| FileVersion::of(&identity, open.as_fd(), wall));
        let mut samples = Samples::default();
        let contents = match usize::try_from(identity.size_bytes) {
            // Nothing is read, so nothing can be torn. A program that writes in place empties the file
            // first, perhaps again and again, so comparing identities might never succeed.
            Ok(0) => Contents::Memory(Box::default()),
            Ok(length) if identity.size_bytes <= contents_bytes_max => {
                let mut bytes = vec![0; length].into_boxed_slice();
                if file::read_at(open.as_fd(), &mut bytes, 0, disk)? < length
                    || file::identity(open.as_fd())? != identity
                {
                    return Ok(None);
                }
                Contents::Memory(bytes)
            }
            _ => {
                file::read_nothing_ahead(open.as_fd());
                samples = Samples::of(open.as_fd(), identity.size_bytes);
                if file::identity(open.as_fd())? != identity {
                    // They may belong to another version.
                    samples = Samples::default();
                }
                Contents::Descriptor(open)
            }
        };
        let version = by_time.unwrap_or_else(|| {
            let sum = match &contents {
                // What is here has this sum, whatever becomes of the file.
                Contents::Memory(bytes) if bytes.len() <= SUMMED_AT_ONCE_BYTES => {
                    Some(Sum::of(bytes))
                }
                _ => sums.and_then(|sums| sums.get(&identity)),
            };
            FileVersion::by_content(&identity, sum, wall)
        });
        let file = CachedFile::render(contents, identity, version, content_type);
        Ok(Some(CachedFile { samples, ..file }))
    }

    /// A file that another part has opened, outside of any cache. `None`: it is not a regular file.
    ///
    /// # Errors
    /// When the descriptor cannot be asked.
    pub(crate) fn of_open(
        open: OwnedFd,
        content_type: &str,
        wall: SystemTime,
    ) -> io::Result<Option<CachedFile>> {
        let identity = file::identity(open.as_fd())?;
        if identity.kind != file::FileKind::File {
            return Ok(None);
        }
        CachedFile::snapshot(open, identity, content_type, None, 0, wall, Disk::MustNotBlock)
    }

    fn render(
        contents: Contents,
        identity: Identity,
        version: FileVersion,
        content_type: &str,
    ) -> CachedFile {
        let found = Forms::new(version, content_type.as_bytes());
        let samples = Samples::default();
        let (tagged, variant_of, derived) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        CachedFile { contents, identity, samples, found, tagged, variant_of, derived }
    }

    /// Encoded contents of a file, as one of its representations. `name` is what its entity tag has in addition.
    pub(super) fn encoded(
        original: &CachedFile,
        coding: Coding,
        name: &str,
        bytes: Box<[u8]>,
    ) -> CachedFile {
        let version = original.plain().version().with_coding(name);
        let plain = Representation::negotiated(version, original.content_type(), Some(coding));
        let identity = Identity { size_bytes: bytes.len() as u64, ..original.identity };
        let file = CachedFile::render(Contents::Memory(bytes), identity, version, "");
        CachedFile { found: Forms { plain, variant: OnceLock::new() }, ..file }
    }

    /// How long the file is, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.identity.size_bytes
    }

    /// What a response says of the file as it is.
    pub(crate) fn plain(&self) -> &Representation {
        &self.forms().plain
    }

    fn forms(&self) -> &Forms {
        self.tagged.get().map_or(&self.found, |tagged| tagged)
    }

    /// Gives it the tag that is made of its contents.
    pub(super) fn set_sum(&self, sum: Sum) {
        let version = self.found.plain.version();
        if version.is_tag_awaited() {
            self.tagged
                .get_or_init(|| Box::new(Forms::new(version.with_sum(sum), self.content_type())));
        }
    }

    /// Whether its tag is made of its contents, and is not there yet.
    pub(crate) fn is_tag_awaited(&self) -> bool {
        self.plain().version().is_tag_awaited()
    }

    /// Whether it has no validators because nothing can be said of its time.
    pub(super) fn time_says_nothing(&self) -> bool {
        let version = self.found.plain.version();
        version.etag().is_none() && !version.is_tag_awaited()
    }

    /// What a response says of the file as one of several representations; the same as [`plain`](CachedFile::plain)
    /// of a file that is none.
    pub(crate) fn variant(&self) -> &Representation {
        let forms = self.forms();
        let Some((content_type, coding)) = self.variant_of.get() else { return &forms.plain };
        forms.variant.get_or_init(|| {
            let version = forms.plain.version();
            Box::new(Representation::variant(version, content_type, *coding))
        })
    }

    /// Makes it one of several representations of what `original` is, itself among them. Only the first call counts: a
    /// name and its root decide both type and coding.
    pub(super) fn become_variant_of(&self, original: &CachedFile, coding: Option<Coding>) {
        self.variant_of.get_or_init(|| (original.content_type().into(), coding));
    }

    /// What somebody has made of its contents, which is kept as long as this version of the file is.
    pub(crate) fn derived(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.derived.get().map(|derived| &**derived)
    }

    /// Keeps what somebody has made of its contents, unless there is something already.
    pub(crate) fn set_derived(&self, derived: Arc<dyn Any + Send + Sync>) {
        self.derived.get_or_init(|| derived);
    }

    /// All of its bytes. It may wait for the disk.
    ///
    /// # Errors
    /// Those of reading, and [`io::ErrorKind::Interrupted`] when the file is not what it was.
    pub(crate) fn read_all(&self) -> io::Result<Cow<'_, [u8]>> {
        let open = match &self.contents {
            Contents::Memory(bytes) => return Ok(Cow::Borrowed(bytes)),
            Contents::Descriptor(open) => open.as_fd(),
        };
        let mut bytes = vec![0; usize::try_from(self.length()).unwrap_or(usize::MAX)];
        let count = file::read_at(open, &mut bytes, 0, Disk::MayBlock)?;
        if count < bytes.len() || file::identity(open)? != self.identity {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(Cow::Owned(bytes))
    }

    /// The bytes, or where they are.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Whether the file still has the bytes of this version, as far as a few calls can show: it is
    /// unchanged, or it is longer and has the same first and last bytes, like a log that is appended to.
    ///
    /// # Errors
    /// When the descriptor cannot be asked.
    pub(crate) fn still_holds(&self) -> io::Result<bool> {
        let Contents::Descriptor(open) = &self.contents else {
            return Ok(true);
        };
        let now = file::identity(open.as_fd())?;
        if now.has_same_contents(&self.identity) {
            return Ok(true);
        }
        let length = self.identity.size_bytes;
        let has_grown = now.size_bytes > length && self.samples.last.is_some();
        Ok(has_grown && self.samples.still_hold(&Samples::of(open.as_fd(), length)))
    }

    /// Whether the bytes are here.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.contents, Contents::Memory(_))
    }

    /// Which version of which file this is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(&self) -> &[u8] {
        let mut fields = self.found.plain.headers().fields();
        fields.find(|(name, _)| *name == CONTENT_TYPE.as_bytes()).map_or(b"", |(_, value)| value)
    }

    /// Whether the file had been left alone for long enough when this snapshot was taken: then no other
    /// contents can have its identity.
    pub(super) fn is_settled(&self) -> bool {
        self.found.plain.version().is_settled()
    }

    /// How long until a new snapshot of this version would be settled.
    pub(super) fn settles_in(&self, wall: SystemTime) -> Duration {
        let version = self.found.plain.version();
        let settles_in = match version.modified() {
            // Its tag is made of its contents, or it has none.
            None => version::settles_in_with_change,
            Some(_) => version::settles_in,
        };
        match settles_in(&self.identity, wall) {
            left if !left.is_zero() && !self.is_settled() => left,
            // It is settled, or the clock was set back: a new snapshot would say the same.
            _ => Duration::MAX,
        }
    }

    /// How many bytes of memory this takes.
    pub(super) fn cost_bytes(&self) -> u64 {
        let contents = match &self.contents {
            Contents::Memory(bytes) => bytes.len(),
            Contents::Descriptor(_) => 0,
        };
        let rendered = self.found.plain.headers().cost_bytes() + size_of::<CachedFile>();
        let tagged = if self.found.plain.version().is_tag_awaited() { TAGGED_BYTES } else { 0 };
        (contents + rendered + tagged) as u64
    }
}

/// A page. Reading less costs as much.
const SAMPLE_BYTES: usize = 4096;

/// The sum of so many bytes takes a tenth of a millisecond.
const SUMMED_AT_ONCE_BYTES: usize = 64 * 1024;

/// About what the headers take once there is a tag.
const TAGGED_BYTES: usize = size_of::<Forms>() + 300;

#[cfg(test)]
impl CachedFile {
    pub(super) fn version(&self) -> &FileVersion {
        self.plain().version()
    }

    pub(super) fn etag(&self) -> &crate::http::ETag {
        self.plain().version().etag().expect("it has one")
    }
}

#[cfg(test)]
mod tests;
