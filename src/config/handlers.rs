//! The handlers of a location, each for its methods, and who may use them.

use crate::site::{Access, FormUpload, Location, Site, StaticFiles, Store};

/// Braces in a path of the configuration are braces.
pub(super) fn literal(path: &str) -> Location {
    Location::prefix(path).literal()
}

/// The handlers of a location, each for its methods.
pub(super) struct Handlers {
    pub(super) files: Option<StaticFiles>,
    pub(super) store: Option<Store>,
    pub(super) forms: Option<FormUpload>,
    pub(super) access: Access,
}

/// Lets only those in who may.
pub(super) fn guarded(site: Site, path: &str, access: Access) -> Site {
    if access.is_open() { site } else { site.access(literal(path), access) }
}

impl Handlers {
    /// Adds them to a site.
    pub(super) fn stand(self, site: Site, path: &str) -> Site {
        let site = match self.files {
            Some(files) => site.at(literal(path), files),
            None => site,
        };
        let site = match self.store {
            Some(store) => site.at(literal(path), store),
            None => site,
        };
        let site = match self.forms {
            Some(forms) => site.at(literal(path), forms),
            None => site,
        };
        guarded(site, path, self.access)
    }
}
