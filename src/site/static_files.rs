//! Files from a root: from a path to a file, or to its encoded sibling.
//!
//! `fallback` and `host_files` import this file and are imported by it, for a reason: they are two further ways by which
//! these files are found, and each asks in turn for files as they are found without it.
//!
//! It must never know mio, connections, timers or threads.

use super::dotfiles::Dotfiles;
use super::fallback::Lookup;
#[cfg(feature = "cli")]
use super::fallback::Tried;
use super::file_response::{respond, respond_plain};
use super::handler::{Answer, Context, Handler};
#[cfg(feature = "cli")]
use super::host_files::{Dialect, HostFiles};
use super::mapping::Mapping;
use super::open_error::refuse;
use super::{Request, Response, listing};
use crate::files::{Choice, Chosen, Found, OpenError, Root};
use crate::http::{AcceptedCodings, Compression, HeaderName, RequestHead, Status};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// A handler that serves the files beneath a [`Root`].
///
/// ```no_run
/// use httpd::{Root, Site, StaticFiles};
/// let files = StaticFiles::new(Root::open("public")?).index(["index.html"]);
/// let site = Site::new().at("/", files);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "ServeDir")]
#[doc(alias = "send_from_directory")]
pub struct StaticFiles {
    root: Root,
    index: Vec<Vec<u8>>,
    dotfiles: Dotfiles,
    mapping: Mapping,
    /// Whether a directory without an index is listed.
    lists: bool,
    precompressed: bool,
    compression: Option<Compression>,
    /// Only if files are found by more than their path.
    lookup: Option<Box<Lookup>>,
    /// Only if files in the root say how it is served.
    #[cfg(feature = "cli")]
    host_files: Option<Box<HostFiles>>,
    /// Whether the missing index of a directory was logged, which is done once.
    has_warned: AtomicBool,
}

impl StaticFiles {
    /// The files beneath this root, with `index.html` as the index of a directory.
    pub fn new(root: Root) -> StaticFiles {
        StaticFiles {
            root,
            index: vec![b"index.html".to_vec()],
            dotfiles: Dotfiles::default(),
            mapping: Mapping::default(),
            lists: false,
            precompressed: false,
            compression: None,
            lookup: None,
            #[cfg(feature = "cli")]
            host_files: None,
            has_warned: AtomicBool::new(false),
        }
    }

    /// The names of index files, tried in this order.
    pub fn index<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> StaticFiles {
        self.index = names.into_iter().map(|name| name.into().into_bytes()).collect();
        self
    }

    /// Whether names that begin with a dot are served. Default: [`Dotfiles::Deny`].
    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> StaticFiles {
        self.dotfiles = dotfiles;
        self
    }

    /// Which part of the path names the file. Default: [`Mapping::Alias`].
    pub fn mapping(mut self, mapping: Mapping) -> StaticFiles {
        self.mapping = mapping;
        self
    }

    /// Whether a directory without an index file is listed: as a page for people, and as JSON for programs that ask for
    /// `application/json` or `?format=json`. What is not served is not listed. Default: it is not, and such a directory
    /// is answered with 404.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use httpd::{Request, Root, Site, StaticFiles};
    /// let site = Site::new().at("/", StaticFiles::new(Root::open("src")?).listing(true));
    /// assert!(site.handle(Request::get("/?format=json")).into_text()?.contains("\"lib.rs\""));
    /// # Ok(())
    /// # }
    /// ```
    pub fn listing(mut self, lists: bool) -> StaticFiles {
        self.lists = lists;
        self
    }

    /// Whether a client that accepts it gets the encoded sibling of a file in its place: of `a.css` the file
    /// `a.css.zst`, `a.css.br` or `a.css.gz`. Default: no.
    ///
    /// All responses for a file that has a sibling carry `Vary: Accept-Encoding`, and each coding has an entity tag
    /// of its own. A sibling that is empty or older than its file is ignored, and logged once. The names of siblings
    /// are files like any other.
    ///
    /// ```no_run
    /// use httpd::{Root, Site, StaticFiles};
    /// let files = StaticFiles::new(Root::open("public")?).precompressed(true);
    /// let site = Site::new().at("/", files);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn precompressed(mut self, precompressed: bool) -> StaticFiles {
        self.precompressed = precompressed;
        self
    }

    /// The part of a request's path that names the file.
    pub(super) fn path_of<'r>(&self, request: &'r Request<'_>) -> &'r [u8] {
        self.mapping.path_of(request)
    }

    /// Whether files are compressed while they are served, and how. Default: they are not.
    ///
    /// The first request for a file waits until a thread has compressed it, which takes one to three milliseconds for 100
    /// KB; it is then kept in memory (see
    /// [`CacheLimits::compressed_bytes_max`](crate::CacheLimits::compressed_bytes_max)), and compressed better in idle
    /// time if it is asked for often. A [sibling](StaticFiles::precompressed) is sent in preference. Each coding has an
    /// entity tag of its own. A file that was modified within the last two seconds, or is larger than 16 MiB, is sent as
    /// it is.
    ///
    /// ```no_run
    /// use httpd::{Compression, Root, Site, StaticFiles};
    /// let files = StaticFiles::new(Root::open("public")?).compression(Compression::default());
    /// let site = Site::new().at("/", files);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "compression")]
    pub fn compression(mut self, compression: Compression) -> StaticFiles {
        self.compression = Some(compression);
        self
    }

    /// What the client of a request prefers.
    fn choice<'a>(&'a self, head: &RequestHead<'_>, context: &Context<'_>) -> Choice<'a> {
        Choice {
            accepted: accepted_codings(head),
            precompressed: self.precompressed,
            compression: self.compression.as_ref(),
            may_wait: context.may_wait_for_encoding,
        }
    }

    /// What is at a path, given in pieces.
    pub(super) fn find(
        &self,
        pieces: &[&[u8]],
        choice: Option<&Choice<'_>>,
        context: &mut Context<'_>,
    ) -> Result<Chosen, OpenError> {
        match choice {
            Some(choice) => context.find_chosen(&self.root, pieces, choice),
            None => context.find(&self.root, pieces).map(Chosen::from),
        }
    }

    /// The file to send where a browser navigates to a path that names no file: the page of an application that routes in
    /// the browser. What a page refers to, such as scripts and images, is answered with 404 all the same, and with
    /// `Cache-Control: no-store`: a script that is gone since the last release does not become a page.
    ///
    /// ```no_run
    /// use httpd::{Root, Site, StaticFiles};
    /// let site = Site::new().at("/", StaticFiles::new(Root::open("dist")?).fallback("index.html"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn fallback(mut self, path: impl Into<String>) -> StaticFiles {
        let path = path.into();
        let path = path.trim_start_matches('/').as_bytes().to_vec();
        self.lookup.get_or_insert_default().fallback = Some(path);
        self
    }

    /// Whether `/about` is answered with `about.html`, and `/about.html` is redirected to `/about`. Default: no.
    pub fn clean_urls(mut self, clean_urls: bool) -> StaticFiles {
        if clean_urls || self.lookup.is_some() {
            self.lookup.get_or_insert_default().clean_urls = clean_urls;
        }
        self
    }

    /// The paths to try instead of that of the request.
    #[cfg(feature = "cli")]
    pub(crate) fn try_files(mut self, tried: Vec<Tried>) -> StaticFiles {
        self.lookup.get_or_insert_default().tried = tried;
        self
    }

    /// Has `_headers` and `_redirects` in the root say how it is served.
    #[cfg(feature = "cli")]
    pub(crate) fn host_files(mut self, dialect: Dialect) -> StaticFiles {
        self.host_files = Some(Box::new(HostFiles::new(dialect)));
        self
    }

    #[cfg(feature = "cli")]
    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    #[cfg(feature = "cli")]
    pub(super) fn mapping_kind(&self) -> Mapping {
        self.mapping
    }

    /// Whether files in the root say how it is served. They are not served themselves.
    fn has_host_files(&self) -> bool {
        #[cfg(feature = "cli")]
        return self.host_files.is_some();
        #[cfg(not(feature = "cli"))]
        false
    }

    fn answer_listing(&self, request: &Request<'_>, path: &[u8]) -> Answer {
        listing::answer(request, &self.root, path, self.dotfiles, self.has_host_files())
    }

    /// The list of what is in a directory, if it is one and lists are switched on.
    pub(super) fn list(
        &self,
        request: &Request<'_>,
        path: &[u8],
        context: &mut Context<'_>,
    ) -> Option<Answer> {
        let is_at_end = path.is_empty() || path.ends_with(b"/");
        let directory = path.strip_suffix(b"/").unwrap_or(path);
        let is_listed = self.lists
            && is_at_end
            && (directory.is_empty()
                || matches!(context.find(&self.root, &[directory]), Ok(Found::Directory)));
        is_listed.then(|| self.answer_listing(request, path))
    }

    /// Whether a name is that of an index.
    pub(super) fn is_index(&self, name: &[u8]) -> bool {
        self.index.iter().any(|it| it == name)
    }

    /// The answer for a directory whose path lacks its slash: a redirect, or the directory itself where the client asked for
    /// another path and knows nothing of this one.
    pub(super) fn at_directory(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        match request.rewritten() {
            None => super::redirect::add_slash(request).into(),
            Some(rewritten) => {
                context.leading.elsewhere = Some(Box::new(rewritten.with_slash()));
                Response::new(Status::NOT_FOUND).into()
            }
        }
    }

    /// The first index file that the directory has.
    pub(super) fn find_index(
        &self,
        directory: &[u8],
        choice: Option<&Choice<'_>>,
        context: &mut Context<'_>,
    ) -> Result<Chosen, OpenError> {
        for name in &self.index {
            match self.find(&[directory, name], choice, context) {
                Ok(Chosen::Directory) | Err(OpenError::NotFound) => {}
                found => return found,
            }
        }
        if !self.lists && !self.has_warned.load(Ordering::Relaxed) {
            self.warn_of_missing_index(directory, context);
        }
        Err(OpenError::NotFound)
    }

    /// Explains the 404 of an existing directory to an operator who expects a listing.
    #[cold]
    fn warn_of_missing_index(&self, directory: &[u8], context: &mut Context<'_>) {
        let directory = directory.strip_suffix(b"/").unwrap_or(directory);
        let is_there = directory.is_empty()
            || matches!(context.find(&self.root, &[directory]), Ok(Found::Directory));
        if is_there && !self.has_warned.swap(true, Ordering::Relaxed) {
            let index: Vec<_> = self.index.iter().map(|it| String::from_utf8_lossy(it)).collect();
            log::warn!(
                "404 for the directory {:?}: it contains no {}, and listing is off (logged once)",
                self.root.path().join(OsStr::from_bytes(directory)),
                index.join(" or "),
            );
        }
    }
}

impl Handler for StaticFiles {
    fn answer(&self, request: &Request<'_>, context: &mut Context<'_>) -> Answer {
        #[cfg(feature = "cli")]
        if let Some(host_files) = &self.host_files {
            return host_files.answer(self, request, context);
        }
        self.serve(request, true, context)
    }
}

impl StaticFiles {
    /// The answer by what is in the root; `falls_back` says whether what is missing may have a page.
    #[inline(always)]
    pub(super) fn serve(
        &self,
        request: &Request<'_>,
        falls_back: bool,
        context: &mut Context<'_>,
    ) -> Answer {
        let path = self.path_of(request);
        if self.dotfiles.hides(path) {
            log::debug!("{} is not served: it is a dotfile or below one", path.escape_ascii());
            return Response::new(Status::NOT_FOUND).into();
        }
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let head = request.as_head();
        let has_variants = self.precompressed || self.compression.is_some();
        let choice = has_variants.then(|| self.choice(head, context));
        if let Some(lookup) = &self.lookup {
            let choice = choice.as_ref();
            return lookup.answer(self, request, relative, choice, falls_back, context);
        }
        let found = match &choice {
            choice if path.ends_with(b"/") => self.find_index(relative, choice.as_ref(), context),
            None => context.find(&self.root, &[relative]).map(Chosen::from),
            Some(_) => self.find(&[relative], choice.as_ref(), context),
        };
        match found {
            Ok(Chosen::File(file)) => respond_plain(head, file, context).into(),
            Ok(Chosen::Directory) => self.at_directory(request, context),
            Ok(found) => respond(request, found, context).into(),
            Err(OpenError::NotFound) if self.lists && path.ends_with(b"/") => {
                self.answer_listing(request, relative)
            }
            Err(error) => refuse(error, path),
        }
    }
}

/// The content codings that a client accepts.
fn accepted_codings(head: &RequestHead<'_>) -> AcceptedCodings {
    head.joined(HeaderName::AcceptEncoding)
        .map_or(AcceptedCodings::NONE, |it| AcceptedCodings::of(&it))
}
