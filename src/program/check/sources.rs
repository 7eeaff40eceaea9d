//! Which files are the source of an application.

use crate::site::Application;
use std::path::{Path, PathBuf};

/// The Python files of applications; paths without links.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Where they run.
    directories: Vec<PathBuf>,
    /// The modules that are imported first.
    modules: Vec<PathBuf>,
}

impl Sources {
    pub(super) fn of<'a>(applications: impl Iterator<Item = &'a Application>) -> Sources {
        let mut sources = Sources::default();
        for Application { target, directory, .. } in applications {
            let Ok(directory) = directory.canonicalize() else { continue };
            let module = target.split(':').next().unwrap_or(target);
            let module = directory.join(module.replace('.', "/"));
            let files = [module.with_extension("py"), module.join("__init__.py")];
            sources.modules.extend(files.iter().filter_map(|file| file.canonicalize().ok()));
            sources.directories.push(directory);
        }
        sources
    }

    /// Whether a file below a root is one of them. A root within the directory of an application is for its public
    /// files, which may be written in Python.
    pub(super) fn contain(&self, root: &Path, file: &Path) -> bool {
        let is_within =
            |directory: &PathBuf| directory.starts_with(root) && file.starts_with(directory);
        let is_python = file.extension().is_some_and(|it| it == "py" || it == "pyc");
        is_python && self.directories.iter().any(is_within)
            || self.modules.iter().any(|module| module == file)
    }
}
