//! A file system that takes its time to read, made by the test: the kernel asks this thread for
//! every piece (FUSE, Linux's `include/uapi/linux/fuse.h`, protocol 7.31).
//!
//! It is mounted nowhere: it has a descriptor alone, and ends with it.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// A directory of files, named by numbers from 0, each with the same content.
pub struct SlowDisk {
    mount: OwnedFd,
}

impl SlowDisk {
    /// One where to read a piece of 128 KiB or less takes this long, and one waits for another.
    ///
    /// # Errors
    /// When this may not be made here: it takes root's privileges and FUSE.
    pub fn new(content: Vec<u8>, time: Duration) -> io::Result<SlowDisk> {
        let kernel = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let context = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "fd", kernel.as_raw_fd().to_string())?;
        for (key, value) in [("rootmode", "40000"), ("user_id", "0"), ("group_id", "0")] {
            fsconfig_set_string(&context, key, value)?;
        }
        fsconfig_set_flag(&context, "ro")?;
        fsconfig_create(&context)?;
        let mount =
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?;
        let disk = Arc::new(Disk { kernel, content, time });
        let (reads, to_read) = mpsc::channel();
        let reader = Arc::clone(&disk);
        thread::spawn(move || reader.turn(&to_read));
        thread::spawn(move || disk.serve(&reads));
        Ok(SlowDisk { mount })
    }

    /// Where this process finds it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.mount.as_raw_fd()).into()
    }
}

struct Disk {
    kernel: OwnedFd,
    content: Vec<u8>,
    time: Duration,
}

/// What is to be read, and for which request.
struct Read {
    unique: u64,
    offset: u64,
    length: u32,
}

impl Disk {
    /// Answers until it is not mounted any more: what has to be read in its turn, all else at once.
    fn serve(&self, reads: &Sender<Read>) {
        let mut buffer = vec![0; 256 * 1024];
        while let Ok(length) = rustix::io::read(&self.kernel, &mut buffer[..]) {
            let request = &buffer[..length];
            let (operation, unique, node) =
                (u32_at(request, 4), u64_at(request, 8), u64_at(request, 16));
            let answer = match operation {
                INIT => Ok(initialised(u32_at(request, HEADER + 8))),
                LOOKUP => self.entry(&request[HEADER..length - 1]),
                GETATTR => Ok([&seconds(LONG)[..], &[0; 8], &self.attributes(node)].concat()),
                OPEN | OPENDIR => Ok([&[0; 8][..], &KEEP_CACHE.to_ne_bytes(), &[0; 4]].concat()),
                READ => {
                    let offset = u64_at(request, HEADER + 8);
                    let length = u32_at(request, HEADER + 16);
                    let _ = reads.send(Read { unique, offset, length });
                    continue;
                }
                RELEASE | RELEASEDIR => Ok(Vec::new()),
                FORGET | BATCH_FORGET | INTERRUPT => continue,
                _ => Err(Errno::NOSYS),
            };
            self.reply(unique, &answer);
        }
    }

    /// Reads one piece after another.
    fn turn(&self, reads: &Receiver<Read>) {
        for Read { unique, offset, length } in reads {
            thread::sleep(self.time);
            let start = (offset as usize).min(self.content.len());
            let end = (start + length as usize).min(self.content.len());
            self.reply(unique, &Ok(self.content[start..end].to_vec()));
        }
    }

    /// `struct fuse_out_header` and what follows it.
    fn reply(&self, unique: u64, answer: &Result<Vec<u8>, Errno>) {
        let (error, content) = match answer {
            Ok(content) => (0, &content[..]),
            Err(error) => (-error.raw_os_error(), &[][..]),
        };
        let length = 16 + content.len() as u32;
        let head = [&length.to_ne_bytes()[..], &error.to_ne_bytes(), &unique.to_ne_bytes()];
        // Fails when whoever asked has gone.
        let _ = rustix::io::write(&self.kernel, &[&head.concat(), content].concat());
    }

    /// `struct fuse_entry_out`.
    fn entry(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let number: u64 = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse().ok())
            .ok_or(Errno::NOENT)?;
        let node = ROOT + 1 + number;
        let times = [&seconds(LONG)[..], &seconds(LONG), &[0; 8]].concat();
        Ok([&node.to_ne_bytes()[..], &[0; 8], &times, &self.attributes(node)].concat())
    }

    /// `struct fuse_attr`.
    fn attributes(&self, node: u64) -> [u8; 88] {
        let (mode, size) = match node {
            ROOT => (0o40_555_u32, 0),
            _ => (0o100_444, self.content.len() as u64),
        };
        let mut attributes = [0; 88];
        attributes[..8].copy_from_slice(&node.to_ne_bytes());
        attributes[8..16].copy_from_slice(&size.to_ne_bytes());
        for time in [24, 32, 40] {
            attributes[time..time + 8].copy_from_slice(&seconds(784_111_777));
        }
        attributes[60..64].copy_from_slice(&mode.to_ne_bytes());
        attributes[64..68].copy_from_slice(&1_u32.to_ne_bytes());
        attributes[80..84].copy_from_slice(&4096_u32.to_ne_bytes());
        attributes
    }
}

/// `struct fuse_init_out`: up to 128 KiB are read ahead, and several pieces at a time.
fn initialised(readahead_bytes_max: u32) -> Vec<u8> {
    let mut answer = vec![0; 64];
    let fields = [(0, 7), (4, 31), (8, readahead_bytes_max.min(128 * 1024)), (12, ASYNC_READ)];
    for (place, value) in fields {
        answer[place..place + 4].copy_from_slice(&u32::to_ne_bytes(value));
    }
    answer[20..24].copy_from_slice(&(128 * 1024_u32).to_ne_bytes());
    answer[24..28].copy_from_slice(&1_u32.to_ne_bytes());
    answer
}

fn seconds(seconds: u64) -> [u8; 8] {
    seconds.to_ne_bytes()
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_ne_bytes(bytes[place..place + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    u64::from_ne_bytes(bytes[place..place + 8].try_into().expect("eight bytes"))
}

/// The length of `struct fuse_in_header`.
const HEADER: usize = 40;
const ROOT: u64 = 1;
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const RELEASEDIR: u32 = 29;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

const KEEP_CACHE: u32 = 2;
const ASYNC_READ: u32 = 1;

/// For as long the kernel need not ask again.
const LONG: u64 = 3600;
