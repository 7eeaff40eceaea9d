//! Encoded files that a worker keeps, within a bound of bytes, and which of them make room for others.
//!
//! It must never know how a file is found or encoded, or who asks for it.

use super::CachedFile;
use super::encoding::{Encoded, EncodingResult};
use super::key::CacheKey;
use crate::http::Coding;
use crate::sys::file::Identity;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Encoded files by the key of the file that they are made of. Second chance (CLOCK) chooses which make room.
#[derive(Debug)]
pub(super) struct EncodedCache {
    bytes_max: u64,
    bytes: u64,
    indices: HashMap<CacheKey, usize>,
    slots: Vec<Option<EncodedSlot>>,
    free: Vec<usize>,
    hand: usize,
}

/// What is known of the encodings of one version of a file.
#[derive(Debug)]
struct EncodedSlot {
    key: CacheKey,
    /// Which version that is.
    identity: Identity,
    codings: [Known; Coding::ALL.len()],
    /// Whether it was used since the hand came by.
    is_used: bool,
    cost_bytes: u64,
}

/// What is known of a file in one coding.
#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    /// A thread has it.
    Begun(Arc<EncodingResult>),
    /// It does not become smaller.
    NotSmaller,
    Here {
        file: Arc<CachedFile>,
        /// How often it was sent since it is here, or since the last attempt to make it smaller.
        uses: u32,
        improvement: Improvement,
    },
}

/// What became of making an encoded file smaller.
#[derive(Debug)]
enum Improvement {
    Due,
    Begun(Arc<EncodingResult>),
    Done,
}

/// What the cache has.
#[derive(Debug)]
pub(super) enum Kept {
    /// The file is sent as it is.
    Identity,
    /// The encoded file, and whether it is sent so often that it is worth the time to make it smaller.
    Encoded(Arc<CachedFile>, bool),
    /// Nothing. It may be encoded, if there is room for it.
    Nothing,
}

impl EncodedCache {
    /// Sets the bound that holds from the next file on.
    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// How many bytes of memory it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn new(bytes_max: u64) -> EncodedCache {
        EncodedCache {
            bytes_max,
            bytes: 0,
            indices: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
        }
    }

    /// What there is of this version of a file.
    pub(super) fn get(&mut self, key: &[u8], identity: &Identity, coding: Coding) -> Kept {
        let Some(&index) = self.indices.get(key) else { return Kept::Nothing };
        let Some(slot) = &mut self.slots[index] else { return Kept::Nothing };
        if slot.identity != *identity {
            self.vacate(index);
            return Kept::Nothing;
        }
        slot.is_used = true;
        match &mut slot.codings[coding as usize] {
            Known::Here { file, uses, improvement: Improvement::Done } => {
                *uses = uses.saturating_add(1);
                Kept::Encoded(Arc::clone(file), false)
            }
            Known::Here { file, uses, improvement: Improvement::Due } => {
                *uses += 1;
                let is_popular = *uses >= POPULAR;
                if is_popular {
                    *uses = 0;
                }
                Kept::Encoded(Arc::clone(file), is_popular)
            }
            Known::NotSmaller => Kept::Identity,
            Known::Nothing => Kept::Nothing,
            Known::Begun(_) | Known::Here { improvement: Improvement::Begun(_), .. } => {
                self.take_result(index, coding)
            }
        }
    }

    /// Looks whether a thread is done.
    fn take_result(&mut self, index: usize, coding: Coding) -> Kept {
        let Some(slot) = &mut self.slots[index] else { return Kept::Nothing };
        let known = &mut slot.codings[coding as usize];
        match known {
            Known::Begun(result) => match result.get() {
                None => return Kept::Identity,
                Some(Encoded::Failed) => *known = Known::Nothing,
                Some(Encoded::NotSmaller) => *known = Known::NotSmaller,
                Some(Encoded::Smaller(file)) => {
                    let file = Arc::clone(file);
                    *known = Known::Here { file, uses: 1, improvement: Improvement::Due };
                }
            },
            Known::Here { file, uses, improvement } => {
                if let Improvement::Begun(result) = improvement {
                    match result.get() {
                        None => return Kept::Encoded(Arc::clone(file), false),
                        Some(Encoded::Failed) => {
                            *uses = 0;
                            *improvement = Improvement::Due;
                        }
                        Some(Encoded::Smaller(better)) if better.length() < file.length() => {
                            *file = Arc::clone(better);
                            *improvement = Improvement::Done;
                        }
                        Some(_) => *improvement = Improvement::Done,
                    }
                }
            }
            Known::Nothing | Known::NotSmaller => {}
        }
        let kept = match known {
            Known::Here { file, .. } => Kept::Encoded(Arc::clone(file), false),
            Known::NotSmaller => Kept::Identity,
            Known::Nothing | Known::Begun(_) => Kept::Nothing,
        };
        // It takes less than the file, for which there was room.
        let cost_bytes = slot.cost_now();
        self.bytes = self.bytes - slot.cost_bytes + cost_bytes;
        slot.cost_bytes = cost_bytes;
        kept
    }

    /// Notes that a thread encodes a file. There is room for all of it, so that its result fits, whatever it is.
    /// `false`: there is not, and it shall not be encoded.
    pub(super) fn begin(
        &mut self,
        key: &[u8],
        file: &CachedFile,
        coding: Coding,
        result: &Arc<EncodingResult>,
    ) -> bool {
        let room = file.length() + OVERHEAD_BYTES + key.len() as u64;
        if room > self.bytes_max / PART_MAX {
            return false;
        }
        let index = match self.indices.get(key) {
            Some(&index) => index,
            None => self.add(key, file.identity()),
        };
        let Some(slot) = &mut self.slots[index] else { return false };
        slot.is_used = true;
        slot.codings[coding as usize] = Known::Begun(Arc::clone(result));
        slot.cost_bytes += file.length();
        self.bytes += file.length();
        self.make_room(index);
        true
    }

    /// Notes that a thread makes an encoded file smaller.
    pub(super) fn improve(&mut self, key: &[u8], coding: Coding, result: &Arc<EncodingResult>) {
        let index = self.indices.get(key).copied();
        if let Some(slot) = index.and_then(|index| self.slots[index].as_mut())
            && let Known::Here { improvement, .. } = &mut slot.codings[coding as usize]
        {
            *improvement = Improvement::Begun(Arc::clone(result));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = EncodedCache::new(self.bytes_max);
    }

    fn add(&mut self, key: &[u8], identity: &Identity) -> usize {
        let key: CacheKey = Rc::from(key);
        let cost_bytes = OVERHEAD_BYTES + key.len() as u64;
        self.bytes += cost_bytes;
        let slot = EncodedSlot {
            key: Rc::clone(&key),
            identity: *identity,
            codings: Default::default(),
            is_used: true,
            cost_bytes,
        };
        let index = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(index) {
            Some(free) => *free = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.indices.insert(key, index);
        index
    }

    /// Removes others until everything is within the bound.
    fn make_room(&mut self, but: usize) {
        // The first round clears all marks; the second one finds those without.
        for _ in 0..2 * self.slots.len() {
            if self.bytes <= self.bytes_max {
                return;
            }
            self.hand = (self.hand + 1) % self.slots.len();
            let hand = self.hand;
            match &mut self.slots[hand] {
                Some(slot) if hand != but && !slot.is_used => self.vacate(hand),
                Some(slot) => slot.is_used = false,
                None => {}
            }
        }
    }

    fn vacate(&mut self, index: usize) {
        if let Some(slot) = self.slots[index].take() {
            self.indices.remove(&slot.key);
            self.bytes -= slot.cost_bytes;
            self.free.push(index);
        }
    }
}

impl EncodedSlot {
    /// What it takes now. What a thread encodes counts as the file that it is made of.
    fn cost_now(&self) -> u64 {
        let codings = self.codings.iter().map(|known| match known {
            Known::Nothing | Known::NotSmaller => 0,
            Known::Begun(_) => self.identity.size_bytes,
            Known::Here { file, .. } => file.cost_bytes(),
        });
        OVERHEAD_BYTES + self.key.len() as u64 + codings.sum::<u64>()
    }
}

/// A file that was sent so often in a coding is sent more often, most likely.
const POPULAR: u32 = 8;

/// A file may take this part of the cache.
const PART_MAX: u64 = 4;

/// About what a slot takes, with its index and its key.
const OVERHEAD_BYTES: u64 = size_of::<Option<EncodedSlot>>() as u64 + 80;

#[cfg(feature = "compression")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::encoding::Encoding;
    use crate::http::encoder::{self, Effort};
    use crate::sys::file::Disk;
    use crate::sys::temporary::Directory;
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};
    use std::time::SystemTime;

    fn file(bytes: &[u8]) -> Arc<CachedFile> {
        let here = Directory::new();
        here.write("a", bytes);
        let open = OwnedFd::from(File::open(here.at("a")).expect("it is there"));
        let identity = crate::sys::file::identity(open.as_fd()).expect("it is open");
        let wall = SystemTime::now();
        let file =
            CachedFile::snapshot(open, identity, "text/css", None, 1 << 20, wall, Disk::MayBlock);
        Arc::new(file.expect("the disk works").expect("nobody writes"))
    }

    /// Has a file encoded, as a thread would.
    fn encode(cache: &mut EncodedCache, key: &[u8], file: &Arc<CachedFile>) -> bool {
        let encoding = Encoding::new(file, Coding::Gzip, Effort::Fast);
        let is_begun = cache.begin(key, file, Coding::Gzip, encoding.result());
        if is_begun {
            let kept = cache.get(key, file.identity(), Coding::Gzip);
            assert!(matches!(kept, Kept::Identity), "nobody has done it yet: {kept:?}");
            encoding.run();
        }
        is_begun
    }

    #[test]
    fn what_is_encoded_is_kept_until_it_has_to_make_room() {
        let text = file(&b"abcdefgh".repeat(500));
        let mut cache = EncodedCache::new(40_000);
        for number in 0..200_u64 {
            let key = number.to_be_bytes();
            assert!(encode(&mut cache, &key, &text));
            let kept = cache.get(&key, text.identity(), Coding::Gzip);
            assert!(matches!(kept, Kept::Encoded(..)), "{kept:?}");
            assert!(matches!(cache.get(&key, text.identity(), Coding::Brotli), Kept::Nothing));
            assert!(cache.bytes <= cache.bytes_max, "{}", cache.bytes);
            // The first one is always in use.
            cache.get(&0_u64.to_be_bytes(), text.identity(), Coding::Gzip);
        }
        let costs = cache.slots.iter().flatten().map(|slot| slot.cost_bytes);
        assert_eq!(costs.sum::<u64>(), cache.bytes);
        let first = cache.get(&0_u64.to_be_bytes(), text.identity(), Coding::Gzip);
        assert!(matches!(first, Kept::Encoded(..)), "{first:?}");
        assert!(cache.indices.len() > 15 && cache.indices.len() < 200, "{}", cache.indices.len());
        cache.clear();
        assert_eq!((cache.bytes, cache.indices.len()), (0, 0));
    }

    #[test]
    fn another_version_is_not_there() {
        let (old, new) = (file(&b"old ".repeat(500)), file(&b"newer ".repeat(500)));
        let mut cache = EncodedCache::new(1 << 20);
        assert!(encode(&mut cache, b"a", &old));
        assert!(matches!(cache.get(b"a", old.identity(), Coding::Gzip), Kept::Encoded(..)));
        assert!(matches!(cache.get(b"a", new.identity(), Coding::Gzip), Kept::Nothing));
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn what_does_not_shrink_is_remembered_and_costs_little() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(5_000)
        .collect();
        let noise = file(&noise);
        let mut cache = EncodedCache::new(1 << 20);
        assert!(encode(&mut cache, b"a", &noise));
        for _ in 0..3 {
            assert!(matches!(cache.get(b"a", noise.identity(), Coding::Gzip), Kept::Identity));
        }
        assert!(cache.bytes < 1000, "{}", cache.bytes);
    }

    #[test]
    fn what_would_take_much_of_the_cache_is_not_encoded() {
        let text = file(&b"abcdefgh".repeat(500));
        let mut cache = EncodedCache::new(12_000);
        assert!(!encode(&mut cache, b"a", &text));
        assert!(!encode(&mut EncodedCache::new(0), b"a", &text));
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn what_is_sent_often_is_made_smaller_once() {
        let text = file(&encoder::sample_text(4_000));
        let mut cache = EncodedCache::new(1 << 20);
        assert!(encode(&mut cache, b"a", &text));
        let get = |cache: &mut EncodedCache| match cache.get(b"a", text.identity(), Coding::Gzip) {
            Kept::Encoded(file, is_popular) => (file, is_popular),
            other => panic!("{other:?}"),
        };
        let asked = (1..20).take_while(|_| !get(&mut cache).1).count();
        assert_eq!(asked + 1, POPULAR as usize);
        let (fast, _) = get(&mut cache);
        // The first attempt is not done, because all threads are busy, say.
        let dropped = Encoding::new(&text, Coding::Gzip, Effort::Best);
        cache.improve(b"a", Coding::Gzip, dropped.result());
        drop(dropped);
        assert!((0..20).any(|_| get(&mut cache).1), "it is tried again");
        let best = Encoding::new(&text, Coding::Gzip, Effort::Best);
        cache.improve(b"a", Coding::Gzip, best.result());
        assert!(Arc::ptr_eq(&get(&mut cache).0, &fast), "it is not here yet");
        best.run();
        let better = get(&mut cache).0;
        assert!(better.length() < fast.length());
        assert_ne!(better.etag(), fast.etag());
        assert!((0..100).all(|_| !get(&mut cache).1), "it is as small as it gets");
    }
}
