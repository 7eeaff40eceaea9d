//! Which files and directories the server's processes and its applications have to reach, from the rest of the
//! configuration. Looks at the disk, and changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::site::Application;
use crate::sys::confine::Reach;

/// What a serving process has to reach: the roots, those that are written to, and what else may be read. Logs,
/// passwords and keys are opened by the broker.
pub(super) fn of_server(
    roots: &[PathBuf],
    follows_all_links: bool,
    writable: &[PathBuf],
    readable: Vec<PathBuf>,
    applications: &[Arc<Application>],
) -> Reach {
    let mut read = readable;
    read.extend(roots.iter().flat_map(|root| directories(root)));
    if follows_all_links {
        // They may lead anywhere.
        read.push("/".into());
    }
    Reach {
        read,
        change: writable.iter().map(|root| real(root)).chain([std::env::temp_dir()]).collect(),
        write: vec!["/dev/null".into()],
        // Whether their sources have changed.
        list: applications.iter().map(|it| absolute(&it.directory)).collect(),
        ..Reach::default()
    }
}

/// The directory of a root. Where links lead to it, those that stand beside the directory that a link leads to are
/// allowed as well: the next release will be one of them.
fn directories(root: &Path) -> Vec<PathBuf> {
    let mut directories = vec![real(root)];
    let links = root.ancestors().filter(|path| path.is_symlink());
    for link in links {
        let target = real(link);
        if let Some(beside) = target.parent().filter(|it| !is_of_the_system(it)) {
            directories.push(beside.to_owned());
        }
    }
    directories
}

/// A directory with more than one concern below it.
fn is_of_the_system(path: &Path) -> bool {
    SYSTEM.iter().any(|known| Path::new(known) == path)
}

/// What an application has to reach: its directory, its Python, what programs usually read, and what its location adds.
pub(super) fn of_application(
    application: &Application,
    network: bool,
    readable: Vec<PathBuf>,
    writable: Option<Vec<PathBuf>>,
) -> Reach {
    let directory = absolute(&application.directory);
    let mut run: Vec<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
    run.extend(prefixes(&application.python));
    run.push(directory.clone());
    let mut read = readable;
    read.extend(READ.iter().map(PathBuf::from));
    if network {
        read.extend(READ_WITH_NETWORK.iter().map(PathBuf::from));
    }
    read.extend(search_path(application));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/lib"));
    read.extend(home);
    let mut change = writable.unwrap_or_else(|| vec![directory]);
    change.extend([std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()]);
    let write = DEVICES.iter().map(PathBuf::from).collect();
    Reach { read, change, write, run, network, ..Reach::default() }
}

/// The directories of `PYTHONPATH`, from its location and from the server's environment.
fn search_path(application: &Application) -> Vec<PathBuf> {
    let own = application.environment.iter().find(|(name, _)| name == "PYTHONPATH");
    let own = own.map(|(_, value)| value.into());
    let paths = own.or_else(|| std::env::var_os("PYTHONPATH")).unwrap_or_default();
    std::env::split_paths(&paths)
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| absolute(&application.directory.join(path)))
        .collect()
}

/// Where the files of an interpreter are: a virtual environment and what it was made of.
fn prefixes(python: &Path) -> Vec<PathBuf> {
    let python = found(python);
    let prefix = |path: &Path| {
        let prefix = path.parent()?.parent()?;
        (!is_of_the_system(prefix)).then(|| prefix.to_owned())
    };
    [python.clone(), real(&python)].iter().filter_map(|path| prefix(path)).collect()
}

/// A program by its path, or by its name in the `PATH`.
fn found(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        return absolute(program);
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&search).map(|directory| directory.join(program));
    places.find(|path| path.is_file()).unwrap_or_else(|| program.to_owned())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The same path without links, if it exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| absolute(path))
}

const SYSTEM: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib",
    "/var/log",
];

/// Programs and their libraries.
const PROGRAMS: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store"];

/// What the system says of itself, and single files that hardly ever change.
const READ: &[&str] = &[
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/run/secrets",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/fonts",
];

/// Names are looked up by files there that are replaced while the application runs.
const READ_WITH_NETWORK: &[&str] = &["/etc", "/run/systemd/resolve", "/run/resolvconf"];

/// By what the address of a daemon on another machine is found.
pub(super) const NAMES_OF_HOSTS: &[&str] =
    &["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_root_that_a_link_leads_to_may_become_its_next_release() {
        let folder = tempfile::tempdir().expect("there is room");
        let base = folder.path().canonicalize().expect("it is there");
        let (releases, current) = (base.join("releases"), base.join("current"));
        std::fs::create_dir_all(releases.join("1/public")).expect("it is ours");
        symlink("releases/1", &current).expect("it is ours");
        let all = directories(&current.join("public"));
        assert_eq!(all, [releases.join("1/public"), releases.clone()]);
        assert_eq!(directories(&releases), [releases]);
    }

    #[test]
    fn a_link_of_the_system_opens_no_directory_of_the_system() {
        let folder = tempfile::tempdir().expect("there is room");
        let link = folder.path().join("www");
        symlink("/usr/share", &link).expect("it is ours");
        assert_eq!(directories(&link), [Path::new("/usr/share")]);
    }

    #[test]
    fn a_virtual_environment_brings_what_it_was_made_of() {
        let folder = tempfile::tempdir().expect("there is room");
        let base = folder.path().canonicalize().expect("it is there");
        for directory in ["python/bin", "venv/bin"] {
            std::fs::create_dir_all(base.join(directory)).expect("it is ours");
        }
        std::fs::write(base.join("python/bin/python3"), "").expect("it is ours");
        symlink("../../python/bin/python3", base.join("venv/bin/python")).expect("it is ours");
        let both = prefixes(&base.join("venv/bin/python"));
        assert_eq!(both, [base.join("venv"), base.join("python")]);
    }
}
