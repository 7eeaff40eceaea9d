//! The *meaning* of the rules that scopes have: what applies to a request of a location, and whether it can. Knows nothing
//! of the syntax.

use std::sync::Arc;

use super::errors::Errors;
use super::location::LocationSection;
use super::origin::{Origin, Written};
use super::scope::Scope;
use super::{compression, rates, responses};
use crate::files::Root;
use crate::http::Compression;
use crate::site::Site;
use crate::site::rules::Rules;
use crate::site::rules::https::HttpsRedirect;
use crate::site::rules::redirects::Source;

/// The rules of scopes, of which the innermost comes first, each with the root of its error pages.
pub(super) fn compile(
    scopes: &[(&Scope, Option<&Root>)],
    serves_files: bool,
    https_port: Option<u16>,
    errors: &mut Errors,
) -> Option<Arc<Rules>> {
    let mut rules = Rules::default();
    let seconds = scopes.iter().find_map(|(scope, _)| scope.rules.hsts).flatten();
    rules.hsts = seconds.map(|seconds| format!("max-age={seconds}"));
    let redirect = scopes.iter().find_map(|(scope, _)| scope.rules.redirect_https.as_ref());
    if let Some(Written { value: true, origin }) = redirect {
        rules.https = https_port.map(HttpsRedirect::new);
        if https_port.is_none() && !errors.has_one_at(*origin) {
            let message = "redirect_https needs an address with TLS to lead to: write listen = [\":80\", \"https://:443\"]";
            errors.note(*origin, message);
        }
    }
    for (scope, _) in scopes {
        if !scope.rules.redirects.is_empty() {
            rules.redirects.push(Arc::clone(&scope.rules.redirects));
        }
        if !scope.rules.rewrites.is_empty() {
            rules.rewrites.push(Arc::clone(&scope.rules.rewrites));
        }
    }
    rules.is_for_files = serves_files;
    rules.compression = compression_of_responses(scopes, serves_files);
    let responses: Vec<_> = scopes.iter().map(|(scope, root)| (&scope.responses, *root)).collect();
    responses::compile(&mut rules, &responses, serves_files, errors);
    let rates: Vec<_> = scopes.iter().map(|(scope, _)| &scope.rates).collect();
    rules.rates = rates::compile(&rates);
    (!rules.is_empty()).then(|| Arc::new(rules))
}

/// What is compressed of responses that are no files. Where files are served, these are lists of directories; all others
/// are short.
fn compression_of_responses(
    scopes: &[(&Scope, Option<&Root>)],
    serves_files: bool,
) -> Option<Compression> {
    let sections = scopes.iter().map(|(scope, _)| &scope.compression);
    let lists = || scopes.iter().find_map(|(scope, _)| scope.listing) == Some(true);
    match serves_files {
        true if lists() => compression::of_files(sections),
        true => None,
        false => compression::of_responses(sections),
    }
}

/// Reports redirects and rewrites of a location that its paths never match.
pub(super) fn check_location(scope: &Scope, path: &str, errors: &mut Errors) {
    let prefix = path.trim_end_matches('/').as_bytes();
    for redirect in scope.rules.all() {
        let Source::Glob(glob) = &redirect.from else { continue };
        if !glob.may_match_below(prefix) {
            let message = format!(
                "from is not below the path of its location, {path:?}: no request can match it"
            );
            errors.note(Origin::File(redirect.written_at), message);
        }
    }
}

/// Whether there are redirects or rewrites here, apart from inherited ones.
pub(super) fn lead_elsewhere(scope: &Scope, locations: &[LocationSection]) -> bool {
    let scopes = [scope].into_iter().chain(locations.iter().map(|it| &it.scope));
    scopes.flat_map(|it| it.rules.all()).next().is_some()
}

/// Reports redirects that never end, and rewrites that lead round in a circle: a request is rewritten once and so would
/// end, but nobody can have meant it.
pub(super) fn check_circles(
    site: &Site,
    outer: &[&Scope],
    locations: &[LocationSection],
    errors: &mut Errors,
) {
    let scopes = || outer.iter().copied().chain(locations.iter().map(|it| &it.scope));
    let redirects = scopes().flat_map(|scope| scope.rules.redirects.iter());
    let endless =
        redirects.filter_map(|it| Some((it.written_at, site.endless_redirects(&it.sample()?)?)));
    report_circles(endless, "this redirect never ends", errors);
    let rewrites = scopes().flat_map(|scope| scope.rules.rewrites.iter());
    let circular =
        rewrites.filter_map(|it| Some((it.written_at, site.circular_rewrites(&it.sample()?)?)));
    report_circles(circular, "this rewrite leads round in a circle", errors);
}

/// Reports circles, each given by where its rule is written and by its paths, once.
fn report_circles(
    circles: impl Iterator<Item = (usize, Vec<Vec<u8>>)>,
    what: &str,
    errors: &mut Errors,
) {
    let mut reported: Vec<Vec<u8>> = Vec::new();
    for (written_at, paths) in circles {
        if paths.iter().any(|path| reported.contains(path)) {
            continue;
        }
        let shown: Vec<_> =
            paths.iter().take(SHOWN_MAX).map(|it| String::from_utf8_lossy(it)).collect();
        let more = if paths.len() > SHOWN_MAX { " → …" } else { "" };
        let origin = Origin::File(written_at);
        // It may stand at the top, and have been reported for another host.
        if !errors.has_one_at(origin) {
            errors.note(origin, format!("{what}: {}{more}", shown.join(" → ")));
        }
        reported.extend(paths);
    }
}

/// How many paths of a circle an error shows.
const SHOWN_MAX: usize = 5;
