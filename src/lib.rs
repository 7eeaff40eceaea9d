#![doc = include_str!("guide.md")]
// How the server is built, for readers of its code. Users read `guide.md`, the front page of the documentation.
//
// # The house
//
// ```text
//  5  program   program/, config/                   what the operator wrote, and the process tree
//  4  server    worker, connection, exchange, wire  when and how bytes move   (mio, slab, rustls live here only)
//  3  site      locations, handlers, Response       which response            (no sockets, no threads)
//  2  files     root, open-file cache, types        what is on the disk
//     wsgi      PEP 3333, and an adapter in Python  what is said to applications (pure)
//  1  http      RFC 9110 meaning; http/h1 RFC 9112  what the bytes say        (pure: no I/O, no clock)
//  0  sys       listen, send_file, open_beneath …   what the kernel offers    (rustix, socket2, nix live here only)
// ```
//
// A file imports from the floors below it, never from above; a test reads the sources and holds
// this. Five tenets, the earlier wins: correct on the wire and confined to the root; understood in
// one reading; nothing shared between workers; nothing repeated per request that can be done per
// file, per second, per turn or at start; everything bounded (the numbers stand in `Limits`,
// `CacheLimits` and, where nobody needs to change them, at the end of the file that uses them).
//
// # A connection and its exchanges
//
// Floor 4 is cut where HTTP is: a *connection* is a socket's life, an *exchange* is one request's.
//
// - `server::wire` is a byte stream and its readiness. It knows no HTTP. It is a socket, or one
//   with TLS on it (`server::wire::tls`).
// - `server::connection` is a socket's life, whatever it speaks: idle, speaking HTTP/1, lingering.
//   `server::connection::http1` moves one exchange at a time through its states, frames bodies and writes
//   heads. Status lines, field lines, chunks and `keep-alive` are known there and in `http::h1` only.
// - `server::connection::http2` has many exchanges at once. A stream is one exchange and its two windows; all streams share
//   what is written next. What its frames mean is known there and in `http::h2` only.
// - `server::exchange` is a request and its response. It knows no socket, version or framing: who carries it
//   hands in the bytes of the request's body (`server::exchange::body_sink`) and pulls those of the response
//   (`server::exchange::body_source`). Jobs, messages and applications name an exchange by its
//   `ExchangeId`.
// - `site::Route` is found once for each request, and every response passes
//   `Site::finish`.
// - Headers are names and values (`Headers`). What a file says of itself is rendered once as the lines that
//   HTTP/1 writes (`http::h1::field_lines`), which can be told apart into names and values again.
//
// # Three requests
//
// **GET of a file, in six files.**
// 1. `server::worker`: epoll reports an edge; its token names the connection.
// 2. `server::connection::http1`: reads into a buffer lent by the worker (`server::wire::plain` knows when a
//    read is worth a call); the parser, `http::h1::head`, goes on where it stopped, until the head is complete.
// 3. `server::exchange`: asks the site for a route, and then for the response.
// 4. `site`: finds the location and admits the method. The handler is …
// 5. `site::static_files`: the file from the worker's cache (`files`), then preconditions, then ranges: a
//    `Response`, a value that goes down the other side.
// 6. `server/connection/http1/sending.rs`: the head and a short body leave in one write, together with the
//    responses to the requests that were pipelined behind; a large file leaves by sendfile, a bounded piece per
//    turn.
//
// **PUT of a file.** As above to the complete head. Then `site::store` says what becomes of the body (`BodyPolicy`)
// before a byte of it is read; `http1/body.rs` reads and unframes it, `server::exchange::body_sink` keeps it, and beyond
// a bound `server::jobs` writes it to a file without a name in the directory where it shall stand. The handler's answer
// is a job, which gives the file its name under a lock (`files::WritableRoot`); its message, by way of `server::mailbox`,
// makes the exchange answer.
//
// **A request of an application.** The body is collected as above. `site::wsgi` makes the environ;
// `server::application::gateway` sends it to a process and reads what that answers, in the worker's turn; a completion
// makes the exchange answer, and the body of the response is pulled out of a pipe as it comes.
//
// It runs one way: nothing upstream holds a reference to anything further on.
//
// # Decisions worth knowing
//
// **An answer from memory is never older than the request.** A worker's turn begins with the file changes, before any
// connection: whatever was changed before a request was sent, inotify had queued before epoll could report the request.
// Where a request may have come after that (the second of a pipelined batch, a connection accepted within the turn, a
// second read), the cache is asked to look again first. The buffer that requests are read into knows up to where its
// bytes had been reported before that look; a keep-alive request costs no call.
//
// **Requests for missing paths cost no memory each.** All paths beneath a missing directory share one answer in the
// cache, kept under the key of the first name that is missing; paths that no file can have are not kept at all. Keys are
// ordered by their bytes, so that everything beneath a directory is one range. A change of that directory invalidates the
// range at once and removes it in portions with the next lookups. The cache's bound of bytes counts keys, tables, and the
// notes of which names each answer depends on.
//
// **A second server on a taken port is refused** although every worker has a listener of its own: the first bind of an
// address goes without `SO_REUSEPORT` (`sys::socket::bind_tcp`). The listeners belong to the whole server and outlive the
// workers; a worker that stops empties its queue first.
//
// **Processes share listeners and nothing else.** What an operator starts is a supervisor, also with one process: it has
// little to do, and stays when a process that serves crashes, is confined or is replaced. It binds every listener once,
// one per worker of each process, and starts `/proc/self/exe` again for each process (there is no fork without unsafe
// code, and what runs can be started when its file is gone); the process finds its listeners and the text of the
// configuration on a socket that is its standard input (`sys::channel`). A listener lives as long as any process has it:
// the supervisor always does, so that a process that dies leaves its queues to the one that replaces it. For the same
// reason one that stops alone must not end them (`server::Handle::retire`), for `shutdown` on a listener ends it for
// everyone; when all stop, each ends its own. The socket tells either side of the other's end, however it came: a process
// whose supervisor is gone lets open requests end and ends itself. A process that is stopped (SIGSTOP, a debugger) gets a
// substitute on the same listeners after two seconds, because nothing else can empty its queues; it keeps its own
// requests, and ends once it goes on. With `supervisor = false` the program is one process, for debuggers. The supervisor
// checks the whole configuration and then drops the site, which each process has for itself. A library has no processes
// at all, but `server::Server::start_on` serves listeners from anywhere.
//
// **A socket that systemd passes stays systemd's.** Its descriptors are numbers, which only unsafe code could own; they
// are sent through a pair of sockets of the same process, arrive as descriptors, and are closed by their numbers
// (`sys/passed.rs`; no crate is needed for it). systemd listens on the same socket when the program has ended. So it is
// never shut down and its queue is never emptied: clients that wait there are served by the next start. All workers share
// it, as they share a Unix socket, and `Listeners` says which are such.
//
// **An upgrade is tried before it is made.** On SIGUSR2, the supervisor starts a process of the program that is now at
// its path (`program/supervisor/upgrading.rs`). That process must say hello, load the configuration and serve; only then
// does the supervisor become the new program by exec, in its own process. Its listeners, and the channels of its
// processes, wait for the new program in a socket that is its standard input, with a text that says what they are
// (`supervisor/inheritance.rs`): to make descriptors out of numbers would be unsafe code. Signals wait in the kernel
// meanwhile. The new program does not load the site again: nothing that may fail is done after the exec. A process that
// is replaced does not close idle connections, because a request may be on its way on each
// (`WorkerContext::is_draining`).
//
// **A reload is a message with a new setup.** Everything that can fail is done first (`server/reload.rs`): addresses are
// bound but do not listen, applications serve, logs are open, threads of new workers wait. Then each worker swaps the
// `Rc<Setup>` that its next exchanges get (`server/worker/reloading.rs`); an exchange keeps the one that it began with,
// and the applications of a setup end with its last exchange. No connection is touched. The listeners of before and after
// share the sockets of addresses that stay, and no socket is closed while its address is listened on: with fewer workers,
// one has two of them. Equal roots are one root in the whole process (`files/root.rs`), so that what workers know of its
// files stays known. The start is the reload of nothing. A supervisor hands over once more what it handed over at the
// start, to one process first; the others follow when that one serves. Commands (`httpd reload` and others) come by a
// Unix socket with an abstract name that is made of the configuration's path (`program/control.rs`), and the kernel says
// who sends them. A command that waits is its connection, so that an upgrade hands on those that wait, with the socket
// where others arrive.
//
// **A serving process gives up what serving does not take**, before its first thread starts, for rights belong to threads
// (`program/rights.rs`): the user, capabilities, new privileges, files outside of the roots and TCP connections
// (Landlock), calls that are not on a list (seccomp, `sys/confine`). What it still needs from beyond (a log that is
// opened again, a password file, a Python process) it asks of its *broker*, a process that keeps the rights and grants
// exactly what the configuration names (`program/broker.rs`, `sys/broker.rs`): a call that fails for want of rights is
// tried there, so that callers know nothing of it. The broker is a process of its own, and not the supervisor, so that no
// slow disk holds the supervisor up, and so that what it has started outlives a supervisor that is replaced. A call that
// is not on the list fails with ENOSYS: the C library falls back to an older one, as on an older kernel, and a call that
// the list forgot costs one request and not the process. Rules are about directories: where a root is reached through a
// link, the directories beside its target may be read as well, so that a deployment may change the link.
//
// **A reload needs the rights that a process has left** (`program::rights::cover`). What the broker opens and starts
// grows with the file of the configuration, which it reads again itself, so that its client cannot tell it what stands
// there. Where that is not enough (another root, another user), the process says so, and the supervisor has a new one
// serve by the new configuration before it replaces the others (`program/supervisor/reloading.rs`).
//
// **An application's rights are taken by a thread** (`server/application/launch.rs`): it becomes the user, confines
// itself and starts the interpreter, which inherits all of it. Nothing runs between fork and exec.
//
// **A redirect to HTTPS changes the name at once, except with HSTS.** `redirect_https` and `canonical_host` make one
// response (`site::redirect::OriginChange`), so that no second request leaves in the clear. A browser takes HSTS for the
// name that it has asked over HTTPS, and the preload lists demand `http://name` → `https://name`; so with `hsts` the
// scheme is changed first. The port is that of the `https://` address only if the client has asked for the port of the
// listener that it came by; otherwise something in front maps ports, and 443 is the likeliest
// (`site::rules::https::HttpsRedirect`).
//
// **The status is for names that no stranger can have** (`site/status/names.rs`): a page on the web can have its own name
// resolve to any address, and then reads in its visitor's browser what is there (DNS rebinding).
//
// **What a busy connection needs is lent to it.** An idle one owns its socket and about a hundred bytes; buffers, parser
// and outbox come from the worker's store with the first byte and go back when it falls idle
// (`server::connection::FreeList`).
//
// **Timers are hints.** A deadline is a field that moves with every request; the wheel only knows when to look at it
// (`server::timers`).
//
// **A file in the middle of being sent may change.** Size and time of modification are compared before each further
// piece; a response that cannot be completed truthfully is broken off with a reset: never padded, and never completed
// with another version's bytes. (sendfile queues pages by reference, so that what was queued when somebody wrote in place
// may leave changed; that response is the one that is broken off.) A file that only grows, as a log does, is sent up to
// the length that was promised: it counts as unchanged when it is longer and its first and last pages are what they were
// when it was found (`files::CachedFile::still_holds`). A file that grows and is rewritten in its middle is not noticed:
// replace such a file by renaming.
//
// **An entity tag is strong as soon as that is true**, not before and not long after: no other contents of that file can
// come to have the same time of modification (`files::FileVersion` says when that is). What is stored through a
// `files::WritableRoot` is given such a time, so that clients can name a version in `If-Match` as soon as they have
// stored or read it.
//
// **A tag of contents belongs to the file in the cache.** With `etag = "content"` what is read into memory anyway is
// summed at once, so that its tag is true whatever the clock does. The sum of a larger file is made by a thread, in steps
// of some milliseconds between its other jobs, and put into the `CachedFile` itself, which every worker drops when the
// file changes. Until then responses have no validators at all, and `If-Match` is answered with 503: nobody can say yet
// whether it holds. A root remembers the sums of versions that have been left alone for two seconds (`files/sum.rs`), so
// that each is computed once for all workers.
//
// **Changes are made under a lock of their directory**, from judging the preconditions until the file has its name: the
// kernel's lock (flock), because the workers may be processes.
//
// **A change is one step.** What comes is written to a file without a name in the directory where it shall stand, and
// gets its name when it is complete: nobody sees a part of it, an upload that breaks off or a process that dies leaves
// nothing, and nothing is copied. Where a file is replaced, or the file system has no files without a name, names that
// begin with `.httpd-upload` are used for a moment; they are neither served nor stored, whatever is said of dotfiles
// (`files::is_reserved`).
//
// **A start removes what a killed server left.** Content for an application that needs a path is a file with such a name
// in the directory for temporary files, locked while it is used. Each start removes those that nobody has locked. In a
// directory that files are stored in, making the next one removes those that are older than a minute.
//
// **A change that cannot be is refused before its content is read**, as far as its head and what the kernel has at hand
// tell (`files::WritableRoot::precheck`), where the client asks first or has much to send; otherwise the refusal would
// cost more than it saves, for the connection ends with it. What holds is judged in the moment of the change all the
// same.
//
// **A form from a page of another origin is refused** (`http::origin`): browsers send those without asking, PUT and
// DELETE they do not. Forms overwrite nothing unless they may (`OnConflict`): nothing in a form can say which version its
// sender has seen.
//
// **No reactor waits for a disk.** `openat2` with `RESOLVE_CACHED` and `preadv2` with `RWF_NOWAIT` say without waiting
// whether it would have to be waited for; then a thread of `server::pool` reads what is cold, the connection waits for
// its message, and the request is answered again. Where the kernel does not say (overlayfs, FUSE, network file systems),
// every piece of a large file goes that way. The kernel reads nothing ahead for the reactor, which would do it in the
// reactor's time; the pool asks for what comes next. Not covered: the first use of a root (to watch a directory of which
// the kernel has very many names in memory takes milliseconds), a file system that has to be asked again each time that a
// file is opened, and the end of a large file that was deleted or replaced while a worker kept it open: closing it frees
// its blocks.
//
// **A file is compressed once, and its bytes never go stale.** A thread encodes the file that was found
// (`files::Encoding`), and the worker keeps the result under the same key, for exactly that version
// (`files/encoded_cache.rs`): the file itself is always looked up first, and what belongs to another version of it is
// dropped. A file whose entity tag is not strong yet is not encoded. The first request waits for the thread, about as
// long as for a cold disk; requests that come meanwhile get the file as it is. What is sent often is encoded once more
// with much effort, by a thread of the lowest priority. A strong tag has to tell all these apart, so it has a hash of the
// encoded bytes in it. A client that holds any encoding of this version gets 304 all the same (`site/file_response.rs`),
// after a restart and from every worker, which each have their own.
//
// **A listing is read for each request**, by a thread of the pool: a cache could not tell when an entry has changed,
// because a file that grows changes nothing in its directory. What is listed passes the same look-up as what is served
// (`files::Root::list`), and the tag is made of what is shown (`site/listing`).
//
// **Downloads wait for everybody else.** Downloads in progress share the bytes of a turn and are served last in it. While
// others want something, a piece is 128 KiB at most, so that a small answer waits for one such piece
// (`server/worker/turns.rs`).
//
// **A turn is shared by work, not by reads.** One read may bring hundreds of small requests or thousands of tiny chunks.
// In a turn each connection does a share: sixteen small requests, a thousand chunks, 128 KiB or eight reads
// (`server::share`). A connection with more to do is driven again in the next turn, after those that have just become
// ready, and all of these together do a bounded amount of work in it.
//
// **Each log has a thread of its own.** A worker renders lines into its buffer and hands the buffer over when it is full
// or half a second old, through a bounded queue (`server::background`): nothing that a log goes to can stop a worker.
// Lines that find no room, or cannot be written, are dropped and counted. That thread also looks, once a second while
// lines come, whether the path still leads to the file that is open, so that rotation needs no signal; with one, all logs
// are opened again at once (`server::destination`).
//
// **Limits fit the process.** At start, `connections_max` and `descriptors_max` are lowered to what `RLIMIT_NOFILE`
// allows (`server/descriptors.rs`). When descriptors run out all the same, those of cached files are closed before a
// client is kept waiting. Applications get the limit that the server was started with. Memory that has a bound is looked
// at while it serves (`server/memory_watch.rs`).
//
// **What becomes of content is decided before it is read**, by the handler that the request will go to (`BodyPolicy`): so
// 413, 417 and `100 Continue` come before a byte of it, and a handler that wants nothing costs nothing. Content that is
// collected occupies no thread however slowly it comes; beyond a bound it goes to a file without a name, in pieces that
// threads write (`server::exchange::body_sink`, `server::jobs`).
//
// **Who may is asked before anything else happens.** A request whose password has to be compared waits with its body
// unread: 100 is sent, and the body begins, when a thread has let it pass (`Answered::Begins`). What a request reads or
// writes at other paths than its own is asked for as if it had named it (`site/gate.rs`): what it is served in place of a
// missing file, the files of a form. Comparisons wait in a queue of their own, fair between clients, and hold no thread
// meanwhile (`site/auth/turns.rs`).
//
// **A handler that takes its time has a thread**, and hands back an `Response`. Worker and thread meet in two places
// only: the mailbox, to which each job sends exactly one message for a connection (found by its name and generation, so
// that an answer for a client that has gone finds nobody), and a bounded pipe (`site::pipe`) for content that is read
// while it arrives or sent while it is produced. A worker that finds the pipe full or empty is woken when that has
// changed, a thread waits: no memory grows, whichever side is slow. While content is still read by a handler that answers
// already, the connection does both, and ends after the answer.
//
// **A response that waits for its sender has no thread.** A program may send a body from anywhere (`site::stream`): the
// worker takes what was sent when it is woken, one mailbox call for all the streams of a message. While nothing is sent,
// buffers, parser and exchange serve others, and the connection keeps what it needs to go on, about four hundred bytes
// with everything (`server/connection/http1/resting.rs`). A stream of HTTP/2 takes as much, and its connection, if
// nothing else is open on it, 1.5 KB more (`server/connection/http2/resting.rs`). It may be quiet for ever: events get a
// comment now and then, by the timer that every connection has, so that a client that has gone is noticed. One message to
// ten thousand clients is sent in portions, so that the next file does not wait for all of it (`server/worker/turns.rs`).
//
// **What keeps a thread or a worker busy is named.** Threads enter the handler that they run in a table
// (`server::handler_runs`), and each worker looks at it once a second while it has handlers: one that runs long is named
// in the log once, and requests that find no thread are counted there with the bound that they met. On a worker, the
// clock is read once after each function of a program.
//
// **A time limit ends the wait, not the work** (`site::Next::within`, `Limits::answer_timeout`). No thread can be stopped
// from outside: at its time the client gets 503 and the log names the request; the handler keeps its thread until it
// returns, and sees by its `Cancellation` that nobody waits. A process of an application keeps running, too: it is
// replaced only when it exceeds its own timeout.
//
// **Every exchange leaves a record** (`server::record`): plain values, which the access log and counters read when the
// response has ended. Its times are those of turns, so that no request costs a clock call. What a line of the access log
// says of the request is rendered when the response is queued, because the request is forgotten soon after; the rest is
// put in between when it has ended. Formats are compiled when a log is opened (`server::access_log`).
//
// **Connections may come from elsewhere** (`server::Handle::serve`): a bounded number of them waits in each worker's
// mailbox, as others wait in the kernel's queue. A worker that stops closes its mailbox to them, so that none is taken
// that nobody serves.
//
// **Handlers and applications do not wait for slow clients.** What a client does not take of the pipe is written to a
// file without a name, by a thread, and read from there when the client wants it (`server/exchange/overflow.rs`): so the
// handler's thread, or the application's, is soon free for others. It is bounded for a response and for all of a
// worker's; beyond that, or where the disk refuses it, the maker waits as it would have without it.
//
// **A Python application runs in processes of its own**, so that its crash is never the server's, and the server needs no
// Python to be built. Each process is reached over Unix sockets that keep messages apart: one for requests, which all
// workers write and all of its threads read (whichever is free takes the next, so that a busy process never waits for a
// request), and for each worker one for answers, which is one more event source of its reactor. There is no thread in
// between: `server::application`. What a process does next waits in its socket already, and its threads take no CPU from
// a worker in the middle of a turn (`SCHED_BATCH`), so that on a shared CPU work changes hands in batches. A request is
// one message, in the format of Python's own `marshal`, so that one call of it makes the environ; a small answer is one
// message, too (`wsgi`). Content is taken in before a thread of the application is occupied, and content of an answer is
// bounded by credit: no process makes a worker hold more than a window of it in memory. A file goes over as a descriptor,
// and is sent as the server's own.
//
// Each thread of a process writes the request that it begins to the *scoreboard*, memory that the process
// shares with the workers (`server::application::scoreboard`); that costs no system call. When the
// process dies, only those requests are lost and answered with 502; all others go to the next process,
// also those that a dying thread had still taken from the socket. A new process serves before the one
// that it replaces stops taking requests.
//
// **HTTP/2 is the same exchange in other frames.** A request is decoded to names and values in a buffer of its stream,
// which the view of a request refers to as it refers to HTTP/1's inbox; so handlers see no difference. Responses are
// pulled out of the same bodies, in the order that the client asks for, a frame at a time for those that share
// (`server/connection/http2/sending.rs`). The window of the connection is always given back at once: the windows of the
// streams bound what is kept, and a stream that nobody reads stops no other. A stream's window grows while its body is
// taken in as fast as it comes. Frames that get nothing done, such as resets of either side, are charged to an account of
// the connection; useful work earns credit (`server/connection/http2/account.rs`).
//
// **A frame is put together when it is written.** What is known of a file's headers without the connection is encoded
// once per file (`http/hpack/prepared.rs`), so that a head is a copy and a few looks into the table of the connection.
// Bytes of files in memory are sent from where they are, between the heads of their frames; other files are read into a
// buffer that all connections use, because one that stays in the CPU's cache costs less than the calls that sendfile
// would take for frames of 16 KiB (`server/connection/http2/data.rs`). Over TLS they are gathered first, as records need
// them in one piece.
//
// **Waiting is not hanging.** The scoreboard tells a request that waits from one that a thread has begun. A request that
// no thread begins within the timeout is answered with 503, and no process is replaced. A process is replaced when a
// request that it has begun says nothing within the timeout (504), or when it leaves requests in its socket while one of
// its threads is idle. An answer that has begun may be silent for `stream_timeout`
// (`server/application/gateway/upstream.rs`). What waits behind a hang is taken back when another process serves
// (`server/application/slot.rs`).
//
// **A client that has gone gives up its place.** epoll reports a reset TCP connection and a closed Unix socket: the
// connection closes, and its request is taken out of the queue, skipped by the process that holds it, or cancelled
// (`Cancellation`). A TCP client that has closed everything looks like one that has closed only its sending half and
// still reads, until something is written to it, and HTTP has nothing harmless to write. So requests of half-closed
// clients are served after those of all others, and only a bounded number of them waits.
//
// **Connections take turns at the threads for handlers.** Each request that waits has a turn, in which its connection has
// no other (`server::pool`), so that a hundred requests of one HTTP/2 connection do not keep the others waiting. Turns
// belong to connections and not to addresses, because many clients may share an address.
//
// **No thread of a pool sleeps for a lock.** When another process has locked a directory, a change of it gives its thread
// back and is tried again after a pause; at most 128 changes wait for one directory (`server::pool`, `files::LockWait`).
//
// **Over TLS, a write counts as taken when the kernel has its records.** Records that still wait are kept; when the
// connection offers the same bytes again, they are skipped (`server::wire::tls`). So nothing above needs to know that
// there is TLS: a response that is all sent has left, a slow client is measured by what it takes, and a response that
// cannot be completed is broken off without close_notify. A large file is read out of the page cache into a buffer that
// the worker lends; if a page is not there, a thread reads it, as without TLS. rustls has no buffers of its own, and an
// idle connection has none. Handshakes get half a millisecond of a turn, and one signature may exceed it; the others go
// on in the next turn.
//
// **One thread keeps TLS fresh** (`server/tls/keeper.rs`): it looks at the files of certificates, makes new keys for
// session tickets every six hours, and warns of certificates that end. It looks again and again instead of waiting for
// the kernel to report a change, because symlinks, renamed directories and network file systems would each need care of
// their own, and two calls every two seconds cost nothing. What it finds replaces what handshakes use
// (`server/tls/current.rs`): each worker keeps what it has, and one number says whether there is something newer, so that
// no handshake waits for a lock.
//
// **A request is answered only under a certificate that covers its host.** Browsers use a connection for every name that
// its certificate covers (RFC 9113 §9.1.1), so all of these are served. For other names, 421 makes the browser open
// another connection, and no site is served under the name of another.
//
// **A panic costs its request**: it is answered with 500. (One while the head is parsed or an answer is sent would be a
// fault of this library, and costs its connection.)
//
// **Who the client is** is decided where a head becomes a request (`server/connection/http1`), and everything behind that
// asks the request: log, access rules, rates, redirects, handlers, environ. A list of addresses is read from its right
// end as far as trusted proxies reach (`http::forwarded`), and only one header is believed, because a proxy that writes
// the other passes this one on as its client sent it. A PROXY header belongs to the stream: it is looked at where it
// waits in the kernel and taken off to its last byte (`server/wire/preface.rs`), so that TLS can follow it, and a
// listener without it costs one comparison.
//
// **Rates are shared by workers.** A client's connections come to any of them, so that a rate divided among them would
// refuse one who keeps to it, and one for each would let pass several times as much. Here *nothing shared* yields to
// *correct*: the accounts of clients (`site/rules/request_rate.rs`) and the counts of requests under way
// (`site/rules/connections.rs`) are behind the locks of small parts of a table, held for about a hundred nanoseconds. An
// account is one number, the time until which the client has used up the rate; once it has passed, the account says as
// much as none, so a full table forgets those that have asked least. Processes share no memory, and count each for
// themselves. A request is counted once, after redirects and before a password is looked at. A pace (`limit_rate`)
// belongs to the body of a response (`server/exchange/pace.rs`); between two pieces the exchange waits for a timer as it
// waits for a disk.
//
// **A TCP connection is accepted with its first bytes** (`sys::deferred`), so that it is served before epoll knows it:
// one that is answered and closed at once is never registered. Who connects and says nothing is let in after about a
// second, and the time for a head runs from then. A server that stops resets connections that have not sent anything yet.
//
// **Tests decide what happens, and in which order.** A seed plays a worker's whole life (`server/worker/simulation`), and
// where threads meet, loom tries every order of them on the code itself (`sys/sync.rs`).
//
// **Looking is done by what serves.** `httpd check` and `httpd explain` ask the site as a worker does (`server::asker`),
// so that no second opinion of what is served can be wrong. Rules carry the byte of the configuration at which they were
// written; line numbers are made of it only when somebody asks. `-T` prints the text of the file again, and as defaults
// what `conf/httpd.toml` shows, which a test compares with the code.
//
// # Why it is fast
//
// What can be checked against the code, in the order of what it is worth:
//
// - A warm small answer takes one `recv` and one `send`, and the `epoll_wait` is shared by the turn:
//   no `stat`, no `epoll_ctl` after accept, no read that only finds out that there is nothing
//   (`server::wire::plain`), nothing allocated (`tests/steady_state.rs`).
// - The answers to pipelined requests are gathered into one write (`server/connection/outbox.rs`).
// - Whatever depends on the file alone was rendered when it was found (its headers, its entity
//   tag), whatever depends on the second once a second (`Server` and `Date`): an answer is a few
//   copies (`http::h1::write`).
// - A head is looked at once: searched for line ends by vector instructions, each line parsed when
//   it is complete (`http::h1::head`).
// - Small files, and larger ones that are asked for often, are sent from memory; the others by
//   sendfile from a descriptor that stays open, with little of it unsent at a time, so that it is
//   still in the CPU's cache when it leaves (`sys::socket`, `files`).
// - epoll is asked for room in a send buffer only after one was full: most never are.
#![forbid(unsafe_code)]
#![warn(unreachable_pub, missing_docs)]
// What only the program uses is compiled for an embedder too, and not linked.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

#[macro_use]
mod settings;

mod sys;

mod http;

mod wsgi;

mod files;

mod site;

mod server;

#[cfg(feature = "cli")]
mod config;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod program;

#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod parts;

pub use files::{
    CacheLimits, Durability, ETags, MissingDirectories, Root, Symlinks, Types, WritableRoot,
    WriteRules,
};
pub use http::{
    Cancellation, ForwardedHeader, HeaderError, Headers, Method, Scheme, Status, TlsFacts,
    TlsVersion, Version,
};
#[cfg(feature = "compression")]
pub use http::{Coding, Compression};
pub use http::{Cookie, CookieError, Pairs, RequestError, SameSite};
pub use server::in_process::RequestBuilder;
pub use server::listener::Listeners;
pub use server::{
    AccessLog, Address, AddressError, Escape, Facility, Format, FormatError, Handle, Limits,
    NoFacility, Running, ServeError, ServeErrorKind, Server, SocketAccess, StartError, Syslog,
    Workers, log_to_stderr,
};
#[cfg(feature = "tls")]
pub use server::{Certificate, CertificateError, Tls};
#[doc(hidden)]
pub use site::StatusSocket;
pub use site::{
    Answer, Backend, Blocking, BodyPolicy, BodyWriter, Broadcast, Context, Dotfiles, ErrorBodies,
    Event, Events, Failure, FormUpload, Gone, Handler, HostName, HostNameError, Inline,
    IntoResponse, Location, Mapping, Methods, Metrics, NetworkError, Next, OnConflict, Outcome,
    Request, RequestBody, Response, Sender, Site, SlowListener, StaticFiles, StatusPages, Store,
    TrySendError, UnknownHost, Wsgi, blocking, inline,
};
#[cfg(feature = "passwords")]
pub use site::{BasicAuth, PasswordLineError};
pub use site::{Form, FormFile, FormLimits, FormPart, FormParts};

/// Tasks of small services, each solved.
#[cfg(any(doc, doctest))]
pub mod cookbook {
    #![doc = include_str!("cookbook.md")]
    #[allow(unused_imports, reason = "the text links to them")]
    use super::*;
}

/// The examples of the README are compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
