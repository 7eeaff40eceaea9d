//! The *meaning* of the keys that let clients change files: the methods of a directory, and its rules. Knows
//! nothing of the syntax.

use super::scope::{Scope, Writing};
use crate::files::{MissingDirectories, Root, WritableRoot, WriteRules};
use crate::http::Method;
use crate::site::OnConflict;
use std::path::PathBuf;

/// The settings of a scope, and of the top where it has none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) methods: Vec<Method>,
    pub(super) on_conflict: OnConflict,
    write: WriteRules,
}

impl Rules {
    /// The first scope that sets a key wins.
    pub(super) fn of<'s>(scopes: impl Iterator<Item = &'s Scope> + Clone) -> Rules {
        fn find<'s, T>(
            scopes: impl Iterator<Item = &'s Scope> + Clone,
            key: impl Fn(&'s Writing) -> Option<T>,
        ) -> Option<T> {
            scopes.clone().find_map(|scope| key(&scope.writing))
        }
        let default = WriteRules::default();
        let file_mode = find(scopes.clone(), |it| it.upload_mode).unwrap_or(default.file_mode);
        let makes = find(scopes.clone(), |it| it.create_full_put_path).unwrap_or_default();
        let overwrites = find(scopes.clone(), |it| it.form_overwrite).unwrap_or_default();
        let write = WriteRules {
            file_mode,
            directory_mode: directory_mode(file_mode),
            missing_directories: match makes {
                true => MissingDirectories::Make,
                false => MissingDirectories::Refuse,
            },
            durability: find(scopes.clone(), |it| it.durability).unwrap_or(default.durability),
            file_bytes_max: scopes
                .clone()
                .find_map(|scope| scope.body_bytes_max)
                .unwrap_or(default.file_bytes_max),
            quota_bytes: find(scopes.clone(), |it| it.quota_bytes).flatten(),
            ..default
        };
        let methods = find(scopes, |it| it.methods.clone())
            .unwrap_or_else(|| vec![Method::Get, Method::Head]);
        let on_conflict = if overwrites { OnConflict::Replace } else { OnConflict::Keep };
        Rules { methods, on_conflict, write }
    }

    pub(super) fn reads(&self) -> bool {
        self.methods.contains(&Method::Get)
    }

    pub(super) fn stores(&self) -> bool {
        [Method::Put, Method::Delete].iter().any(|method| self.methods.contains(method))
    }

    pub(super) fn takes_forms(&self) -> bool {
        self.methods.contains(&Method::Post)
    }
}

/// The writable roots. The same root with the same rules is one value, so that it has one quota.
#[derive(Default)]
pub(super) struct WritableRoots {
    known: Vec<(Root, WritableRoot)>,
}

impl WritableRoots {
    pub(super) fn get(&mut self, root: &Root, rules: &Rules) -> WritableRoot {
        let is_same = |(known, writable): &&(Root, WritableRoot)| {
            known.path() == root.path()
                && known.link_policy() == root.link_policy()
                && known.tag_policy() == root.tag_policy()
                && *writable.rules() == rules.write
        };
        if let Some((_, writable)) = self.known.iter().find(is_same) {
            return writable.clone();
        }
        let writable = WritableRoot::new(root.clone(), rules.write);
        self.known.push((root.clone(), writable.clone()));
        writable
    }

    /// Where they are.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.known.iter().map(|(root, _)| root.path().to_owned()).collect()
    }
}

/// Users who may read a file may enter its directory; the server may do everything.
fn directory_mode(file_mode: u32) -> u32 {
    file_mode | (file_mode & 0o444) >> 2 | 0o700
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_files_may_enter_their_directory() {
        for (file, directory) in
            [(0o644, 0o755), (0o600, 0o700), (0o640, 0o750), (0o664, 0o775), (0o444, 0o755)]
        {
            assert_eq!(directory_mode(file), directory, "{file:o}");
        }
    }
}
