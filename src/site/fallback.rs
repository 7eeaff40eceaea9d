//! What is served where a path names no file: the page of an application that runs in the browser, files whose
//! extension is left out, and nginx's `try_files`.
//!
//! It must never know where a file is on the disk.

use super::file_response::respond;
use super::handler::Decision;
use super::open_error::refuse;
use super::permit::{self, Permit};
use super::rules::headers::vary;
use super::static_files::StaticFiles;
use super::{Answer, Context, Request, Response, gate, redirect};
use crate::files::{Choice, Chosen, OpenError, Types};
use crate::http::{Status, weight};

/// How files are found beyond the path itself.
#[derive(Default)]
pub(crate) struct Lookup {
    /// Whether `/about` is `about.html`, and `/about.html` is redirected to it.
    pub(super) clean_urls: bool,
    /// Instead of the path itself, in this order. Empty: the path.
    pub(super) tried: Vec<Tried>,
    /// The file for navigations to what is not there, relative to the root.
    pub(super) fallback: Option<Vec<u8>>,
    types: Types,
}

/// A path to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The path of the request between two texts, relative to the root.
    Path(Vec<u8>, Vec<u8>),
    /// The index of the directory at the path.
    Index,
    /// A file.
    File(Vec<u8>),
}

/// What is at a path.
enum Place {
    Found(Chosen),
    /// At another path, from which so many bytes of this one are left out at its end.
    Without(usize),
}

impl Lookup {
    /// The answer to a request for a path relative to the root, which is no dotfile.
    pub(super) fn answer(
        &self,
        files: &StaticFiles,
        request: &Request<'_>,
        path: &[u8],
        choice: Option<&Choice<'_>>,
        falls_back: bool,
        context: &mut Context<'_>,
    ) -> Answer {
        let is_guarded = gate::guards(request);
        let mut search = Search { files, choice, context, is_guarded, found_at: Vec::new() };
        let found = match self.clean(&mut search, path, request.rewritten().is_some()) {
            Ok(None) if self.tried.is_empty() => search.plain(path),
            Ok(None) => self.try_each(&mut search, path),
            Ok(Some(place)) => Ok(place),
            Err(error) => Err(error),
        };
        match found {
            Ok(Place::Found(Chosen::Directory)) => files.at_directory(request, search.context),
            Ok(Place::Found(found)) => match search.obstacle(request) {
                Some(answer) => answer,
                None => respond(request, found, search.context).into(),
            },
            Ok(Place::Without(count)) => redirect::without_end(request, count).into(),
            Err(OpenError::NotFound) => match files.list(request, path, search.context) {
                Some(list) => list,
                None if falls_back => self.fall_back(&mut search, request),
                None => Response::new(Status::NOT_FOUND).into(),
            },
            Err(error) => refuse(error, path),
        }
    }

    /// What a path without its extension stands for. `None`: itself. Where the client asked for another path, it is not
    /// redirected.
    fn clean(
        &self,
        search: &mut Search<'_, '_>,
        path: &[u8],
        is_led: bool,
    ) -> Result<Option<Place>, OpenError> {
        if !self.clean_urls || path.is_empty() {
            return Ok(None);
        }
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if let Some(stem) = path.strip_suffix(HTML) {
            if is_led || name.len() == HTML.len() || !search.has(&[path])? {
                return Ok(None);
            }
            if search.files.is_index(name) {
                return Ok(Some(Place::Without(name.len())));
            }
            // The path without extension must lead back here.
            let leads_elsewhere = search.has(&[stem])?;
            return Ok((!leads_elsewhere).then_some(Place::Without(HTML.len())));
        }
        if let Some(page) = path.strip_suffix(b"/") {
            let has_index = match search.index(path) {
                Ok(_) => true,
                Err(OpenError::NotFound) => false,
                Err(error) => return Err(error),
            };
            if has_index || !search.has(&[page, HTML])? {
                return Ok(None);
            }
            return match is_led {
                true => Ok(search.file(&[page, HTML])?.map(Place::Found)),
                false => Ok(Some(Place::Without(1))),
            };
        }
        if let Some(found) = search.file(&[path])? {
            return Ok(Some(Place::Found(found)));
        }
        Ok(search.file(&[path, HTML])?.map(Place::Found))
    }

    fn try_each(&self, search: &mut Search<'_, '_>, path: &[u8]) -> Result<Place, OpenError> {
        for tried in &self.tried {
            let found = match tried {
                Tried::File(name) => search.file(&[name])?,
                Tried::Path(..) if path.is_empty() || path.ends_with(b"/") => None,
                Tried::Path(before, after) => search.file(&[before, path, after])?,
                Tried::Index => match search.directory(path) {
                    Ok(place) => return Ok(place),
                    Err(OpenError::NotFound) => None,
                    Err(error) => return Err(error),
                },
            };
            if let Some(found) = found {
                return Ok(Place::Found(found));
            }
        }
        Err(OpenError::NotFound)
    }

    /// The page for a navigation; for anything else, such as a script that a new release does not have any more, a 404
    /// that nobody keeps.
    fn fall_back(&self, search: &mut Search<'_, '_>, request: &Request<'_>) -> Answer {
        let Some(page) = &self.fallback else {
            return Response::new(Status::NOT_FOUND).into();
        };
        let missing = || Response::new(Status::NOT_FOUND).header("Cache-Control", "no-store");
        if !self.is_navigation(request) {
            return missing().into();
        }
        match search.file(&[page]) {
            Ok(Some(file)) => {
                if let Some(answer) = search.obstacle(request) {
                    return answer;
                }
                // The same URL may be an asset of the next release.
                let mut response = respond(request, file, search.context);
                response.headers.put("Cache-Control", "no-cache");
                vary(&mut response.headers, "Accept, Sec-Fetch-Mode");
                response.into()
            }
            Ok(None) => missing().into(),
            Err(error) => refuse(error, page),
        }
    }

    /// Whether a browser asks for a page to show, and not for a part of one. Browsers say so themselves
    /// (`Sec-Fetch-Mode`, W3C Fetch Metadata) over TLS and to this machine. Elsewhere, what a page shows accepts HTML and
    /// has no name of a file of another kind.
    fn is_navigation(&self, request: &Request<'_>) -> bool {
        if let Some(mode) = request.header_bytes("Sec-Fetch-Mode") {
            return mode == b"navigate";
        }
        let accept = request.header_bytes("Accept").unwrap_or_default().to_ascii_lowercase();
        let accepts_html = accept.split(|&byte| byte == b',').any(|item| {
            let mut parts = item.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let is_html = matches!(parts.next(), Some(b"text/html" | b"application/xhtml+xml"));
            is_html && !parts.any(|it| weight::of_parameter(it).flatten() == Some(0))
        });
        let name = request.path_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let content_type = self.types.content_type(name);
        accepts_html
            && (content_type.starts_with("text/html") || content_type == "application/octet-stream")
    }
}

/// Where and for whom files are looked for.
struct Search<'s, 'c> {
    files: &'s StaticFiles,
    choice: Option<&'s Choice<'s>>,
    context: &'s mut Context<'c>,
    /// Whether anything of the site is not for everybody.
    is_guarded: bool,
    /// Then the path of the file that was found, if that is not what the path of the request names.
    found_at: Vec<u8>,
}

impl Search<'_, '_> {
    /// What keeps a request from the file that was found, as if it had named that.
    fn obstacle(&self, request: &Request<'_>) -> Option<Answer> {
        if self.found_at.is_empty() {
            return None;
        }
        let inside = self.files.path_of(request).len();
        let outside = &request.path_bytes()[..request.path_bytes().len() - inside];
        let path = [outside, b"/", &self.found_at].concat();
        match gate::read(request, &path) {
            Permit::Granted => None,
            Permit::Refused(response) => {
                let (path, status) = (path.escape_ascii(), response.status);
                log::info!(
                    "{path} stands in place of the path, and not everybody may have it: {status}"
                );
                Some((*response).into())
            }
            Permit::Check(check) => Some(Answer(Decision::Blocking(permit::job(check)))),
        }
    }

    /// What is at a path itself.
    fn plain(&mut self, path: &[u8]) -> Result<Place, OpenError> {
        self.found_at.clear();
        if path.is_empty() || path.ends_with(b"/") {
            return self.index(path).map(Place::Found);
        }
        self.files.find(&[path], self.choice, self.context).map(Place::Found)
    }

    /// A directory at a path: its index, or the directory where the path lacks its slash.
    fn directory(&mut self, path: &[u8]) -> Result<Place, OpenError> {
        let is_at_end = path.is_empty() || path.ends_with(b"/");
        match self.plain(path)? {
            Place::Found(Chosen::Directory) => Ok(Place::Found(Chosen::Directory)),
            place if is_at_end => Ok(place),
            _ => Err(OpenError::NotFound),
        }
    }

    /// The index of a directory.
    fn index(&mut self, directory: &[u8]) -> Result<Chosen, OpenError> {
        self.files.find_index(directory, self.choice, self.context)
    }

    /// Whether there is a file at a path, given in pieces.
    fn has(&mut self, pieces: &[&[u8]]) -> Result<bool, OpenError> {
        match self.files.find(pieces, None, self.context) {
            Ok(Chosen::Directory) | Err(OpenError::NotFound) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The file at a path, given in pieces, if there is one.
    fn file(&mut self, pieces: &[&[u8]]) -> Result<Option<Chosen>, OpenError> {
        match self.files.find(pieces, self.choice, self.context) {
            Ok(Chosen::Directory) | Err(OpenError::NotFound) => Ok(None),
            Ok(found) => {
                if self.is_guarded {
                    self.found_at = pieces.concat();
                }
                Ok(Some(found))
            }
            Err(error) => Err(error),
        }
    }
}

const HTML: &[u8] = b".html";
