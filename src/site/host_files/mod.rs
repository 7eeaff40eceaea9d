//! `_headers` and `_redirects`: files in a root that say how it is served, in the format of Netlify and Cloudflare Pages.
//!
//! They come out of the cache of open files as every file does, so that a change counts at once. What was read of one
//! stays with the version that it was read of. They say nothing about other roots: a rewrite goes through the site, which
//! asks who may.

pub(crate) mod dialect;
pub(crate) mod headers;
mod index;
mod lines;
mod pattern;
pub(crate) mod redirects;

use super::dotfiles::is_host_file;
use super::mapping::Mapping;
use super::open_error::refuse;
use super::rewritten::Elsewhere;
use super::rules::redirects::Decided;
use super::rules::seen::Seen;
use super::static_files::StaticFiles;
use super::{Answer, Body, Context, Decision, Request, Response};
use crate::files::{CachedFile, Disk, Found, OpenError, Prefetch, Root};
use crate::http::Status;
use crate::http::target::encode_path;
pub(crate) use dialect::Dialect;
use dialect::Parsed;
use headers::HeadersFile;
use lines::LineErrors;
use redirects::{FileDecision, RedirectsFile};
use std::any::Any;
#[cfg(feature = "cli")]
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
#[cfg(feature = "cli")]
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The files of a root.
pub(super) struct HostFiles {
    redirects: HostFile<RedirectsFile>,
    headers: HostFile<HeadersFile>,
}

impl HostFiles {
    pub(super) fn new(dialect: Dialect) -> HostFiles {
        HostFiles {
            redirects: HostFile::new(b"_redirects", dialect),
            headers: HostFile::new(b"_headers", dialect),
        }
    }

    /// The answer to a request for what is at a path below the root.
    pub(super) fn answer(
        &self,
        files: &StaticFiles,
        request: &Request<'_>,
        context: &mut Context<'_>,
    ) -> Answer {
        let path = match files.path_of(request) {
            b"" => b"/",
            path => path,
        };
        if is_host_file(path) {
            return Response::new(Status::NOT_FOUND).into();
        }
        let loaded = match self.load(files.root(), context) {
            Ok(loaded) => loaded,
            Err(error) => return refuse(error, path),
        };
        let before = Before::of(files, request);
        let is_led = request.rewritten().is_some_and(|it| it.is_by_file());
        let decided = match &loaded.redirects {
            Some(file) if !is_led => {
                file.get().decide(&Seen { path, ..Seen::of(request.as_head()) })
            }
            _ => None,
        };
        let falls_back = decided.is_none();
        let decided = match decided {
            Some(decided) if decided.is_forced => return before.follow(decided, context),
            decided => decided,
        };
        let mut answer = files.serve(request, falls_back, context);
        if let Answer(Decision::Ready(response)) = &mut answer {
            if let Some(decided) = decided
                && response.status == Status::NOT_FOUND
                && response.is_bare()
            {
                return before.follow(decided, context);
            }
            if let Some(file) = &loaded.headers {
                let asked = before.asked_path(request).unwrap_or(path);
                change(file.get(), asked, response);
            }
        }
        answer
    }

    fn load(&self, root: &Root, context: &mut Context<'_>) -> Result<LoadedFiles, OpenError> {
        Ok(LoadedFiles {
            redirects: self.redirects.load(root, context)?,
            headers: self.headers.load(root, context)?,
        })
    }
}

/// The files as they are now, where they are there.
struct LoadedFiles {
    redirects: Option<Loaded<RedirectsFile>>,
    headers: Option<Loaded<HeadersFile>>,
}

/// Gives a response its headers. A redirect of the server's own gets none.
fn change(file: &HeadersFile, path: &[u8], response: &mut Response) {
    let is_304 = response.status == Status::NOT_MODIFIED;
    if response.status.code() / 100 == 3 && !is_304 {
        return;
    }
    // Neither has the type of the file.
    let has_other_type = is_304 || matches!(response.body, Body::Parts(_));
    let is_fit = |name: &str| {
        !has_other_type || !name.get(..8).is_some_and(|it| it.eq_ignore_ascii_case("content-"))
    };
    file.change(path, &mut response.headers, is_fit);
}

/// What stands in the paths of a site before those of the root: that of the location, if it is an alias.
struct Before<'r>(&'r [u8]);

impl<'r> Before<'r> {
    fn of(files: &StaticFiles, request: &'r Request<'_>) -> Before<'r> {
        match files.mapping_kind() {
            Mapping::Alias => Before(&request.path_bytes()[..request.prefix_bytes()]),
            Mapping::Root => Before(b""),
        }
    }

    /// The path that the client asked for, if another one is served.
    fn asked_path(&self, request: &'r Request<'_>) -> Option<&'r [u8]> {
        let asked = request.rewritten()?.asked_path().strip_prefix(self.0)?;
        asked.starts_with(b"/").then_some(asked)
    }

    /// Does what a rule says.
    fn follow(&self, decided: FileDecision, context: &mut Context<'_>) -> Answer {
        let FileDecision { status, location, .. } = decided;
        let mut target = Vec::new();
        if location.starts_with(b"/") {
            encode_path(self.0, &mut target);
        }
        target.extend_from_slice(&location);
        if status.code() / 100 == 3 {
            return Decided { status, location: Some(target) }.into_response().into();
        }
        let status = (status != Status::OK).then_some(status);
        // Where a part of the request would have it lead to another place, there is nothing.
        context.leading.elsewhere = Elsewhere::new(&target).map(|it| Box::new(it.by_file(status)));
        Response::new(Status::NOT_FOUND).into()
    }
}

/// One of the files.
struct HostFile<V> {
    name: &'static [u8],
    dialect: Dialect,
    /// What was read last, for all workers.
    last: Arc<Last<V>>,
}

/// What was read of a file, and the hash of its bytes.
type Last<V> = Mutex<Option<(u64, Arc<V>)>>;

/// What was read of a file, which keeps it.
struct Loaded<V> {
    file: Arc<CachedFile>,
    value: std::marker::PhantomData<V>,
}

impl<V: Parsed> Loaded<V> {
    /// That of a file that something was read of already.
    fn of(file: &Arc<CachedFile>) -> Option<Loaded<V>> {
        file.derived()?.downcast_ref::<Arc<V>>()?;
        Some(Loaded { file: Arc::clone(file), value: std::marker::PhantomData })
    }

    fn get(&self) -> &V {
        let derived = self.file.derived().and_then(|it| it.downcast_ref::<Arc<V>>());
        derived.expect("it was there when this was made, and stays")
    }
}

impl<V: Parsed> HostFile<V> {
    fn new(name: &'static [u8], dialect: Dialect) -> HostFile<V> {
        HostFile { name, dialect, last: Arc::default() }
    }

    /// What it says now; nothing if there is none.
    fn load(&self, root: &Root, context: &mut Context<'_>) -> Result<Option<Loaded<V>>, OpenError> {
        let file = match context.find(root, &[self.name]) {
            Ok(Found::File(file)) => file,
            Ok(Found::Directory) | Err(OpenError::NotFound) => return Ok(None),
            Err(OpenError::Forbidden) => {
                root.report_once(self.name, "the server may not read it");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if let Some(loaded) = Loaded::of(&file) {
            return Ok(Some(loaded));
        }
        let (last, dialect) = (Arc::clone(&self.last), self.dialect);
        let path = root.path().join(std::ffi::OsStr::from_bytes(self.name));
        let read_from = Arc::clone(&file);
        let read = move || {
            let value = read(&read_from, &last, dialect, &path);
            read_from.set_derived(value);
        };
        if file.length() > AT_ONCE_BYTES_MAX && context.disk == Disk::MustNotBlock {
            return Err(OpenError::Cold(Prefetch::derive(read)));
        }
        read();
        Ok(Loaded::of(&file))
    }
}

/// What a file says. It may wait for the disk, and for another thread that reads the same.
fn read<V: Parsed>(
    file: &CachedFile,
    last: &Last<V>,
    dialect: Dialect,
    path: &Path,
) -> Arc<dyn Any + Send + Sync> {
    if file.length() > BYTES_MAX {
        log::warn!("{}", too_large(path));
        return Arc::new(Arc::new(V::default()));
    }
    let text = match file.read_all() {
        Ok(text) => text,
        Err(error) => {
            log::error!("{}: {error}; none of it counts", path.display());
            return Arc::new(Arc::new(V::default()));
        }
    };
    let mut hasher = DefaultHasher::new();
    hasher.write(&text);
    let hash = hasher.finish();
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, value)) = &*last
        && *known == hash
    {
        return Arc::new(Arc::clone(value));
    }
    let (value, errors) = V::parse(&text, dialect);
    errors.texts(path).for_each(|text| log::warn!("{text}"));
    let value = Arc::new(value);
    *last = Some((hash, Arc::clone(&value)));
    Arc::new(value)
}

fn too_large(path: &Path) -> String {
    format!("{}: it is larger than {BYTES_MAX} bytes; none of it counts", path.display())
}

/// What is left out of the files of a root, as the log names it when the server reads them.
#[cfg(feature = "cli")]
pub(crate) fn left_out(root: &Path, dialect: Dialect) -> Vec<String> {
    let of = |name: &str, parse: fn(&[u8], Dialect) -> LineErrors| {
        let path = root.join(name);
        // To open a pipe would wait for its writer.
        if !path.is_file() {
            return Vec::new();
        }
        let mut text = Vec::new();
        let file = File::open(&path).and_then(|it| it.take(BYTES_MAX + 1).read_to_end(&mut text));
        match file {
            Err(_) => Vec::new(),
            Ok(_) if text.len() as u64 > BYTES_MAX => vec![too_large(&path)],
            Ok(_) => parse(&text, dialect).texts(&path).collect(),
        }
    };
    let redirects = of("_redirects", |text, dialect| RedirectsFile::parse(text, dialect).1);
    let headers = of("_headers", |text, dialect| HeadersFile::parse(text, dialect).1);
    [redirects, headers].concat()
}

/// A larger file is read by a thread. Reading so many bytes takes a small part of a millisecond.
const AT_ONCE_BYTES_MAX: u64 = 16 * 1024;

/// A larger one holds no rules.
const BYTES_MAX: u64 = 1024 * 1024;
