//! Which representation of a file a client gets: the file, or an encoded sibling next to it.
//!
//! The siblings are results like any other, so that one which appears, changes or goes is noticed. Where they
//! are in the cache is kept with the file, so that a warm choice takes one lookup, not four. It must never know
//! a request: the caller says what the client prefers.

use super::{OpenFiles, key};
use crate::files::lookup_result::LookupResult;
use crate::files::{
    CachedFile, Chosen, Found, Now, OpenError, Prefetch, Representation, Root, sibling,
};
use crate::http::{AcceptedCodings, Coding};
use crate::sys::file::Disk;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What the cache knows of a file and its siblings.
enum Known {
    Chosen(Chosen),
    /// The file has to be checked on the disk.
    StaleFile,
    /// The sibling that would be chosen has to.
    StaleSibling(Coding),
    /// Not enough.
    Little,
}

impl OpenFiles {
    /// Finds what is at a path as [`find`](OpenFiles::find) does, or the encoded sibling of the file there that the
    /// client prefers. A sibling that is empty or older than its file is ignored, and reported once.
    ///
    /// # Errors
    /// As [`find`](OpenFiles::find).
    pub(crate) fn find_variant(
        &mut self,
        root: &Root,
        path: &[u8],
        accepted: &AcceptedCodings,
        now: Now,
        disk: Disk,
    ) -> Result<Chosen, OpenError> {
        if sibling::is_one(path) {
            return self.find(root, path, now, disk).map(Chosen::from);
        }
        for _ in 0..CHECKS_MAX {
            key::write(&mut self.key, root.id(), path);
            match self.choose_known(accepted, now) {
                Known::Chosen(chosen) => return Ok(chosen),
                Known::StaleFile => {
                    let found = self.find(root, path, now, disk);
                    found.map_err(|error| self.and_siblings(error, root, path))?;
                }
                // If anything is wrong with it, that is seen when all of them are looked up.
                Known::StaleSibling(coding) => {
                    if self.find_sibling(root, path, coding, now, disk).is_err() {
                        break;
                    }
                }
                Known::Little => break,
            }
        }
        self.choose_found(root, path, accepted, now, disk)
    }

    /// The choice for the key, if all results that it depends on are kept.
    fn choose_known(&mut self, accepted: &AcceptedCodings, now: Now) -> Known {
        let Some(family) = self.cache.family(&self.key) else { return Known::Little };
        let LookupResult::File(file) = &family.file.result else { return Known::Little };
        if now.monotonic >= family.file.fresh_until {
            return Known::StaleFile;
        }
        let siblings = family.siblings.map(|entry| match &entry.result {
            LookupResult::File(sibling) if flaw(sibling, file).is_none() => Some(sibling),
            _ => None,
        });
        let coding = choose(accepted, &siblings);
        if let Some(coding) = coding
            && now.monotonic >= family.siblings[coding as usize].fresh_until
        {
            return Known::StaleSibling(coding);
        }
        let chosen = chosen(coding, file, &siblings);
        let place = family.place;
        let used = coding.map_or(place, |coding| family.places[coding as usize]);
        self.cache.keep_longer(place);
        self.cache.mark_used(used);
        Known::Chosen(chosen)
    }

    /// Looks the file and all of its siblings up, and remembers where they are kept.
    fn choose_found(
        &mut self,
        root: &Root,
        path: &[u8],
        accepted: &AcceptedCodings,
        now: Now,
        disk: Disk,
    ) -> Result<Chosen, OpenError> {
        let file = match self.find(root, path, now, disk) {
            Ok(Found::File(file)) => file,
            Ok(Found::Directory) => return Ok(Chosen::Directory),
            Err(error) => return Err(self.and_siblings(error, root, path)),
        };
        let mut siblings = [None, None, None];
        let mut places = [None; Coding::ALL.len()];
        for coding in Coding::ALL {
            let flaw = match self.find_sibling(root, path, coding, now, disk) {
                Ok(Found::File(sibling)) => {
                    let flaw = flaw(&sibling, &file);
                    siblings[coding as usize] = Some(sibling).filter(|_| flaw.is_none());
                    flaw
                }
                Ok(Found::Directory) | Err(OpenError::NotFound) => None,
                Err(OpenError::Forbidden) => Some("the server may not read it"),
                Err(error @ OpenError::Cold(_)) => return Err(self.and_siblings(error, root, path)),
                // The file itself can be sent.
                Err(OpenError::Exhausted) => None,
                Err(OpenError::Failed(error)) => {
                    log::error!("opening {}: {error}", self.name.escape_ascii());
                    None
                }
            };
            if let Some(flaw) = flaw
                && root.is_first_report(&self.name)
            {
                let shown = root.path().join(OsStr::from_bytes(&self.name));
                log::warn!("{shown:?} is not sent: {flaw} (logged once)");
            }
            key::write(&mut self.key, root.id(), &self.name);
            places[coding as usize] = self.cache.place(&self.key);
        }
        if let [Some(first), Some(second), Some(third)] = places {
            key::write(&mut self.key, root.id(), path);
            let files = 1 + siblings.iter().flatten().count() as u64;
            self.cache.set_siblings(&self.key, [first, second, third], files * VARIANT_BYTES);
        }
        let siblings = siblings.each_ref().map(Option::as_ref);
        Ok(chosen(choose(accepted, &siblings), &file, &siblings))
    }

    fn find_sibling(
        &mut self,
        root: &Root,
        path: &[u8],
        coding: Coding,
        now: Now,
        disk: Disk,
    ) -> Result<Found, OpenError> {
        let mut name = std::mem::take(&mut self.name);
        sibling::write_name(&mut name, path, coding);
        let found = self.find(root, &name, now, disk);
        self.name = name;
        found
    }

    /// A job that reads a cold file reads its siblings too: an exchange waits for the disk once.
    fn and_siblings(&self, error: OpenError, root: &Root, path: &[u8]) -> OpenError {
        let OpenError::Cold(_) = error else { return error };
        let bytes_max = self.limits.contents_bytes_max;
        OpenError::Cold(Prefetch::Siblings { root: root.clone(), path: path.to_vec(), bytes_max })
    }
}

type Usable<'a> = [Option<&'a Arc<CachedFile>>; Coding::ALL.len()];

fn choose(accepted: &AcceptedCodings, siblings: &Usable<'_>) -> Option<Coding> {
    accepted.choose(|coding| siblings[coding as usize].is_some())
}

fn chosen(coding: Option<Coding>, file: &Arc<CachedFile>, siblings: &Usable<'_>) -> Chosen {
    if siblings.iter().all(Option::is_none) {
        return Chosen::File(Arc::clone(file));
    }
    let chosen = coding.and_then(|coding| siblings[coding as usize]).unwrap_or(file);
    chosen.become_variant_of(file, coding);
    Chosen::Variant(Arc::clone(chosen))
}

/// Why a sibling is not sent in place of its file.
fn flaw(sibling: &CachedFile, file: &CachedFile) -> Option<&'static str> {
    sibling::flaw(sibling.length(), sibling.identity().modified, file.identity().modified)
}

/// Once for the file, once for the sibling that is chosen, and then the choice.
const CHECKS_MAX: usize = 3;

/// About what a representation takes, with its headers.
const VARIANT_BYTES: u64 = size_of::<Representation>() as u64 + 250;
