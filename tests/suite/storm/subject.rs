//! What is changed all the time, and how long each of its versions lived.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How a file changes. Those that are written in place can be seen half written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Appended,
    Created,
    Flipped,
    ParentRenamed,
    Replaced,
    Rewritten,
    RootFlipped,
    Truncated,
}

/// One file, and where the next version of it is prepared.
pub(super) struct Subject {
    pub(super) manner: Manner,
    file: PathBuf,
    aside: PathBuf,
}

impl Subject {
    pub(super) const TARGETS: [(Manner, &str); 8] = [
        (Manner::Appended, "/appended.txt"),
        (Manner::Created, "/created.txt"),
        (Manner::Flipped, "/current/deep/flipped.txt"),
        (Manner::ParentRenamed, "/parent/deep/moved.txt"),
        (Manner::Replaced, "/replaced.txt"),
        (Manner::Rewritten, "/rewritten.txt"),
        (Manner::RootFlipped, "/live/deep/root.txt"),
        (Manner::Truncated, "/truncated.txt"),
    ];

    pub(super) fn all(place: &Path) -> Vec<Subject> {
        Subject::TARGETS
            .iter()
            .map(|&(manner, target)| {
                let beneath =
                    if manner == Manner::RootFlipped { place } else { &place.join("root") };
                let file = beneath.join(&target[1..]);
                let aside = match manner {
                    Manner::Flipped => place.join("root/releases"),
                    Manner::RootFlipped => place.join("releases"),
                    _ => place.join(format!("{manner:?}")),
                };
                fs::create_dir_all(&aside).expect("a directory can be made");
                Subject { manner, file, aside }
            })
            .collect()
    }

    /// Puts version `number` in place.
    pub(super) fn change(&mut self, number: u64, begin: Instant) -> Life {
        let new = self.aside.join(number.to_string());
        let content = content(self.manner, number);
        match (self.manner, &content) {
            (Manner::Appended, Some(content)) if number.is_multiple_of(GENERATION) => {
                fs::write(&new, content).expect("it can be written");
                fs::rename(new, &self.file).expect("the same file system");
            }
            (Manner::Appended, _) => {
                let mut file = File::options().append(true).open(&self.file).expect("it is there");
                file.write_all(&line(number)).expect("there is room");
            }
            (Manner::Created, None) => fs::remove_file(&self.file).expect("it is there"),
            (Manner::Created | Manner::Truncated, Some(content)) => {
                fs::write(&self.file, content).expect("it can be written");
            }
            (Manner::Replaced, Some(content)) => {
                fs::write(&new, content).expect("it can be written");
                fs::rename(new, &self.file).expect("the same file system");
            }
            (Manner::Rewritten, Some(content)) => {
                let mut file = File::options();
                let file = file.write(true).create(true).truncate(false).open(&self.file);
                file.expect("it is there").write_all_at(content, 0).expect("there is room");
            }
            (Manner::ParentRenamed, None) => {
                fs::rename(self.ancestor(2), self.aside.join("old")).expect("it is there");
                fs::remove_dir_all(self.aside.join("old")).expect("it is ours");
            }
            (Manner::ParentRenamed, Some(content)) => {
                prepare(&new.join("deep/moved.txt"), content);
                fs::rename(new, self.ancestor(2)).expect("the same file system");
            }
            (Manner::Flipped, Some(content)) => {
                prepare(&new.join("deep/flipped.txt"), content);
                self.flip(number);
            }
            (Manner::RootFlipped, Some(content)) => {
                prepare(&new.join("htdocs/deep/root.txt"), content);
                self.flip(number);
            }
            (manner, None) => unreachable!("{manner:?} is always there"),
        }
        let end = Instant::now();
        let tag = content.as_ref().map(|_| self.tag());
        if number >= KEPT && matches!(self.manner, Manner::Flipped | Manner::RootFlipped) {
            let old = self.aside.join((number - KEPT).to_string());
            fs::remove_dir_all(old).expect("it is ours");
        }
        Life { begin, in_place: end, tag }
    }

    /// So many directories up.
    fn ancestor(&self, count: usize) -> PathBuf {
        self.file.ancestors().nth(count).expect("it lies deeper").to_owned()
    }

    /// Has a link lead to the new release, in one step.
    fn flip(&self, number: u64) {
        let next = self.aside.join("next");
        symlink(format!("releases/{number}"), &next).expect("a link can be made");
        fs::rename(next, self.ancestor(2)).expect("the same file system");
    }

    /// What the server calls this version, once it is certain of it.
    fn tag(&self) -> String {
        // The link of the served root does not lead into `htdocs`, which the test has it end in.
        let file = match self.manner {
            Manner::RootFlipped => self.ancestor(2).join("htdocs/deep/root.txt"),
            _ => self.file.clone(),
        };
        let metadata = fs::metadata(file).expect("it is there");
        let modified = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
        format!("{modified:x}-{:x}", metadata.size())
    }
}

fn prepare(file: &Path, content: &[u8]) {
    fs::create_dir_all(file.parent().expect("it is in a directory")).expect("it can be made");
    fs::write(file, content).expect("it can be written");
}

/// What a version is; `None` where there is nothing.
pub(super) fn content(manner: Manner, number: u64) -> Option<Vec<u8>> {
    let lines = match manner {
        Manner::Created | Manner::ParentRenamed if number % 2 == 1 => return None,
        Manner::Appended => {
            let first = number - number % GENERATION;
            return Some((first..=number).flat_map(line).collect());
        }
        Manner::Rewritten => LINES,
        _ => 1 + number as usize * 7 % LINES,
    };
    Some(line(number).repeat(lines))
}

/// A line that names its version and lies within one page.
fn line(number: u64) -> [u8; LINE_BYTES] {
    let text = format!("version {number:>55}\n");
    text.as_bytes().try_into().expect("the width is that of a line")
}

/// One version's life. It ends when the next one is in place.
pub(super) struct Life {
    /// From when on it may have been seen.
    pub(super) begin: Instant,
    /// From when on nothing but it can have been seen.
    pub(super) in_place: Instant,
    pub(super) tag: Option<String>,
}

pub(super) fn in_place(manner: Manner) -> bool {
    matches!(manner, Manner::Appended | Manner::Created | Manner::Rewritten | Manner::Truncated)
}

pub(super) const LINE_BYTES: usize = 64;
/// Of a file that is not appended to.
const LINES: usize = 60;
/// Appended to so often, then replaced.
const GENERATION: u64 = 50;
/// Releases that are kept.
const KEPT: u64 = 3;
