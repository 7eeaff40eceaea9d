//! The files that all servers serve, the same in every run: nothing here is random.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A folder of files, and the order in which the many are asked for.
pub struct Site {
    pub root: PathBuf,
    /// Targets of the many files, by rank: the first is the most popular one.
    pub targets: Vec<String>,
    /// Their lengths in bytes, by rank.
    pub lengths: Vec<usize>,
    /// Ranks, Zipf-like, in the order of the requests.
    pub requests: Vec<usize>,
}

impl Site {
    /// Writes the single files below `folder`; the many take a while and are written when they are wanted.
    pub fn build(folder: &Path) -> io::Result<Site> {
        let root = folder.join("site");
        fs::create_dir_all(&root)?;
        write(&root.join("small.html"), SMALL_BYTES)?;
        write(&root.join("98k.bin"), MEDIUM_BYTES)?;
        write(&root.join("955k.bin"), LARGE_BYTES)?;
        Ok(Site { root, targets: Vec::new(), lengths: Vec::new(), requests: Vec::new() })
    }

    /// Writes those of [`DOWNLOADS`] that are `wanted`.
    pub fn add_downloads(&self, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        let files = DOWNLOADS.iter().filter(|(name, _)| wanted(name));
        files
            .into_iter()
            .try_for_each(|(name, length)| write(&self.root.join(format!("{name}.bin")), *length))
    }

    /// Writes the many files and draws the order of their requests.
    pub fn add_many(&mut self) -> io::Result<()> {
        let mut random = Random(0x5eed);
        for rank in 0..MANY_FILES {
            let folder = format!("many/{:02}", rank % 100);
            if rank < 100 {
                fs::create_dir_all(self.root.join(&folder))?;
            }
            // Uniform in the logarithm: as many files of 0.2–2 KB as of 2–20 KB and of 20–200 KB.
            let length = MANY_BYTES_MIN * (MANY_BYTES_MAX / MANY_BYTES_MIN).powf(random.fraction());
            let target = format!("{folder}/{rank:05}.html");
            write(&self.root.join(&target), length as usize)?;
            self.lengths.push(length as usize);
            self.targets.push(format!("/{target}"));
        }
        self.requests = zipf(&mut random);
        Ok(())
    }
}

/// Draws ranks with a probability of 1 / (rank + 1).
fn zipf(random: &mut Random) -> Vec<usize> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=MANY_FILES)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    (0..MANY_REQUESTS)
        .map(|_| {
            let drawn = random.fraction() * sum;
            sums.partition_point(|upper| *upper < drawn).min(MANY_FILES - 1)
        })
        .collect()
}

fn write(path: &Path, length: usize) -> io::Result<()> {
    let bytes: Vec<u8> =
        b"0123456789abcdefghijklmnopqrstuvwxyz.\n".iter().copied().cycle().take(length).collect();
    fs::write(path, bytes)?;
    // A file that was changed a moment ago may get a weak ETag, or none that is worth caching.
    File::options()
        .write(true)
        .open(path)?
        .set_modified(SystemTime::now() - Duration::from_secs(24 * 3600))
}

/// Marsaglia's xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    /// In 0 ..< 1.
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub const SMALL_BYTES: usize = 38;
pub const MEDIUM_BYTES: usize = 98_620;
pub const LARGE_BYTES: usize = 954_824;
/// Large files by name, and their lengths in bytes.
pub const DOWNLOADS: [(&str, usize); 4] =
    [("300k", 300 << 10), ("1m", 1 << 20), ("10m", 10 << 20), ("100m", 100 << 20)];
const MANY_FILES: usize = 10_000;
/// wrk begins again at the end of the list.
const MANY_REQUESTS: usize = 65_536;
const MANY_BYTES_MIN: f64 = 200.0;
const MANY_BYTES_MAX: f64 = 200_000.0;
