//! A root full of unpleasant names, and a server for it.

use super::Folder;
use super::client::{Client, Request};
use httpd::{
    AccessLog, Address, CacheLimits, Dotfiles, ErrorBodies, Escape, Format, Handle, Handler,
    Limits, Mapping, Root, Running, Server, Site, StartError, StaticFiles, Symlinks, Types,
    Workers,
};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// `Last-Modified` of every file that a fixture makes: long ago, so that its ETag is strong.
pub const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// The same as a time.
pub fn modified() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

/// Names that some server has stumbled over, each with how a client writes it. The content of each
/// file is its name.
pub const HOSTILE_NAMES: &[(&[u8], &str)] = &[
    (b"with space.txt", "/with%20space.txt"),
    (b"new\nline.txt", "/new%0Aline.txt"),
    (b"100%.txt", "/100%25.txt"),
    (b"%41.txt", "/%2541.txt"),
    ("snow \u{2603} \u{1f980}.txt".as_bytes(), "/snow%20%E2%98%83%20%F0%9F%A6%80.txt"),
    (b"\"#[]{}.txt", "/%22%23%5B%5D%7B%7D.txt"),
    (b"not \xff\xfe utf-8.txt", "/not%20%FF%FE%20utf-8.txt"),
    (b"a..b.txt", "/a..b.txt"),
    (b"back\\slash.txt", "/back%5Cslash.txt"),
    (b"question?.txt", "/question%3F.txt"),
    (b"semi;colon=1.txt", "/semi;colon=1.txt"),
    (b"plus+plus.txt", "/plus+plus.txt"),
    (b"<b>'&amp;.txt", "/%3Cb%3E'&amp;.txt"),
    (b"tab\t.txt", "/tab%09.txt"),
    (b"~tilde.txt", "/~tilde.txt"),
    (b"-dash.txt", "/-dash.txt"),
    (b"trailing.", "/trailing."),
];

/// What a server needs; by default a root with [`HOSTILE_NAMES`], one worker, and nothing else.
pub struct Fixture {
    place: Place,
    /// Puts the handlers into the site.
    locations: Vec<Box<dyn FnOnce(Site) -> Site>>,
    symlinks: Symlinks,
    types: Types,
    dotfiles: Dotfiles,
    index: Vec<String>,
    listing: bool,
    error_bodies: ErrorBodies,
    limits: Limits,
    cache: CacheLimits,
    access_log: AccessLog,
    listen: Vec<String>,
    workers: usize,
    #[cfg(feature = "tls")]
    tls: Option<httpd::Tls>,
}

impl Fixture {
    pub fn new() -> Fixture {
        let fixture = Fixture {
            place: Place::new(),
            locations: Vec::new(),
            symlinks: Symlinks::default(),
            types: Types::new(),
            dotfiles: Dotfiles::default(),
            index: vec!["index.html".into()],
            listing: false,
            error_bodies: ErrorBodies::default(),
            limits: Limits::default(),
            cache: CacheLimits::default(),
            access_log: AccessLog::off(),
            listen: Vec::new(),
            workers: 1,
            #[cfg(feature = "tls")]
            tls: None,
        };
        HOSTILE_NAMES.iter().fold(fixture, |fixture, (name, _)| fixture.file(name, name))
    }

    /// A file in the root, with its directories.
    pub fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Fixture {
        write(&self.root().join(path(name.as_ref())), content.as_ref());
        self
    }

    /// A file beside the root, where nobody may get at it.
    pub fn outside(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Fixture {
        write(&self.place.path().join(path(name.as_ref())), content.as_ref());
        self
    }

    /// An empty directory in the root.
    pub fn dir(self, name: impl AsRef<[u8]>) -> Fixture {
        fs::create_dir_all(self.root().join(path(name.as_ref()))).expect("a directory can be made");
        self
    }

    /// A symbolic link in the root; the target as it is. `OUTSIDE` at its beginning stands for the
    /// directory that holds the root.
    pub fn symlink(self, name: impl AsRef<[u8]>, target: &str) -> Fixture {
        let target = target.replace("OUTSIDE", self.place.path().to_str().expect("it is UTF-8"));
        let name = self.root().join(path(name.as_ref()));
        fs::create_dir_all(name.parent().expect("it is in the root")).expect("a directory");
        std::os::unix::fs::symlink(target, name).expect("a link can be made");
        self
    }

    /// A handler beside the files.
    pub fn handler(mut self, prefix: &str, handler: impl Handler) -> Fixture {
        let prefix = prefix.to_owned();
        self.locations.push(Box::new(move |site| site.at(&prefix, handler)));
        self
    }

    /// Something else that is done to the site.
    pub fn site(mut self, change: impl FnOnce(Site) -> Site + 'static) -> Fixture {
        self.locations.push(Box::new(change));
        self
    }

    /// The same root at another place.
    pub fn mount(self, prefix: &str, mapping: Mapping) -> Fixture {
        let files = StaticFiles::new(Root::open(self.root()).expect("the root")).mapping(mapping);
        self.handler(prefix, files)
    }

    pub fn symlinks(mut self, symlinks: Symlinks) -> Fixture {
        self.symlinks = symlinks;
        self
    }

    pub fn types(mut self, types: Types) -> Fixture {
        self.types = types;
        self
    }

    pub fn dotfiles(mut self, dotfiles: Dotfiles) -> Fixture {
        self.dotfiles = dotfiles;
        self
    }

    pub fn index(mut self, names: &[&str]) -> Fixture {
        self.index = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    pub fn listing(mut self) -> Fixture {
        self.listing = true;
        self
    }

    pub fn error_bodies(mut self, error_bodies: ErrorBodies) -> Fixture {
        self.error_bodies = error_bodies;
        self
    }

    /// Changes some of the limits.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Fixture {
        change(&mut self.limits);
        self
    }

    /// Changes some of the limits of the cache.
    pub fn cache(mut self, change: impl FnOnce(&mut CacheLimits)) -> Fixture {
        change(&mut self.cache);
        self
    }

    /// An access log beside the root; [`TestServer::log`] reads it.
    pub fn access_log(mut self) -> Fixture {
        self.access_log = AccessLog::to_file(self.place.log(), Format::Combined);
        self
    }

    /// The same with lines in a format of one's own.
    pub fn access_log_of(mut self, format: &str) -> Fixture {
        let format = Format::own(format, Escape::Default).expect("it is sound");
        self.access_log = AccessLog::to_file(self.place.log(), format);
        self
    }

    pub fn workers(mut self, workers: usize) -> Fixture {
        self.workers = workers;
        self
    }

    /// Where to listen instead of 127.0.0.1, on any free port.
    pub fn listen(mut self, address: &str) -> Fixture {
        self.listen.push(address.to_owned());
        self
    }

    /// Speaks TLS.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: httpd::Tls) -> Fixture {
        self.tls = Some(tls);
        self.listen("https://127.0.0.1:0")
    }

    /// Listens on a Unix socket beside the root.
    pub fn listen_unix(self) -> Fixture {
        let address = format!("unix:{}", self.place.socket().display());
        self.listen(&address)
    }

    /// The directory that is served.
    pub fn root(&self) -> PathBuf {
        self.place.root()
    }

    /// The directory that holds the root.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// The server, ready to be started, and the place that has to outlive it.
    pub fn server(self) -> (Server, Place) {
        let root = Root::open(self.place.root())
            .expect("the root can be opened")
            .symlinks(self.symlinks)
            .types(self.types);
        let files = StaticFiles::new(root).index(self.index).dotfiles(self.dotfiles);
        let files = files.listing(self.listing);
        let site = Site::new().at("/", files).error_bodies(self.error_bodies);
        let site = self.locations.into_iter().fold(site, |site, location| location(site));
        let workers = NonZeroUsize::new(self.workers).expect("at least one worker");
        let server = Server::new(site)
            .workers(Workers::Count(workers))
            .limits(self.limits)
            .cache(self.cache)
            .access_log(self.access_log);
        let listen =
            if self.listen.is_empty() { vec!["127.0.0.1:0".to_owned()] } else { self.listen };
        let server = listen.iter().fold(server, |server, address| server.listen(address));
        #[cfg(feature = "tls")]
        let server = match self.tls {
            Some(tls) => server.tls(tls),
            None => server,
        };
        (server, self.place)
    }

    /// Starts it.
    pub fn serve(self) -> TestServer {
        self.try_serve().unwrap_or_else(|error| panic!("starting: {error}"))
    }

    pub fn try_serve(self) -> Result<TestServer, StartError> {
        let (server, place) = self.server();
        let running = server.start()?;
        Ok(TestServer {
            addresses: running.addresses().to_vec(),
            handle: running.handle(),
            running: Some(running),
            place,
        })
    }
}

/// A root, and beside it what nobody may get at.
pub struct Place(Folder);

impl Place {
    fn new() -> Place {
        let folder = Folder::new();
        fs::create_dir(folder.path("root")).expect("the folder is empty");
        Place(folder)
    }

    fn path(&self) -> &Path {
        self.0.here()
    }

    fn root(&self) -> PathBuf {
        self.0.path("root")
    }

    fn log(&self) -> PathBuf {
        self.0.path("access.log")
    }

    fn socket(&self) -> PathBuf {
        self.0.path("socket")
    }
}

/// A server that serves; stopped when it is dropped.
pub struct TestServer {
    addresses: Vec<Address>,
    handle: Handle,
    running: Option<Running>,
    place: Place,
}

impl TestServer {
    /// A request with GET.
    pub fn get(&self, target: impl AsRef<[u8]>) -> Request<'_> {
        self.request("GET", target)
    }

    /// A request with HEAD.
    pub fn head(&self, target: impl AsRef<[u8]>) -> Request<'_> {
        self.request("HEAD", target)
    }

    pub fn request(&self, method: &str, target: impl AsRef<[u8]>) -> Request<'_> {
        Request::new(self.address(), method, target)
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// A new connection over which these bytes were sent.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect();
        client.send(bytes);
        client
    }

    /// The first address.
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    pub fn port(&self) -> u16 {
        match self.address() {
            Address::Tcp(address) => address.port(),
            other => panic!("{other} has no port"),
        }
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it is there until the drop")
    }

    /// The directory that is served.
    pub fn root(&self) -> PathBuf {
        self.place.root()
    }

    /// What the access log holds by now.
    pub fn log(&self) -> String {
        String::from_utf8(fs::read(self.place.log()).unwrap_or_default()).expect("it is text")
    }

    /// The lines of the access log, once there are this many.
    pub fn log_lines(&self, count: usize) -> Vec<String> {
        super::until(&format!("the log has {count} lines"), || {
            let lines: Vec<String> = self.log().lines().map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Puts a file into the root anew, as an editor does: written beside it, then renamed.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = self.root().join(".new");
        write(&new, content.as_ref());
        fs::rename(new, self.root().join(name)).expect("the same file system");
    }

    /// Takes a file out of memory, as far as the file system lets us: it must be read from the disk.
    pub fn chill(&self, name: impl AsRef<Path>) {
        let file = File::open(self.root().join(name)).expect("it is there");
        file.sync_all().expect("it can be written to the disk");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("it is advice");
    }

    /// Waits until the server has ended of itself.
    pub fn wait(&mut self) {
        if let Some(running) = self.running.take() {
            super::wait::ends("the server", || running.wait());
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.handle.stop_now();
        self.wait();
    }
}

/// Writes a file that counts as old.
pub fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("a directory");
    fs::write(path, content).expect("a file can be written");
    set_modified(path, modified());
}

pub fn set_modified(path: &Path, time: SystemTime) {
    let file = File::options().append(true).open(path).expect("the file is there");
    file.set_modified(time).expect("its time can be set");
}

fn path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}
