//! A client that sends the bytes it is told and believes nothing that it reads.

use super::Reply;
#[cfg(feature = "tls")]
use super::secured::TlsStream;
use super::wait::PATIENCE;
use httpd::Address;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

/// One connection.
pub struct Client {
    stream: Stream,
    /// What has arrived and was not read yet.
    waiting: Vec<u8>,
    /// The response in whose content the end came, and how long it was to be.
    cut: Option<(Reply, usize)>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server said that it sends nothing more.
    Fin,
    /// The server broke it off.
    Reset,
    /// The server closed it, without saying by TLS that all was sent.
    Cut,
}

impl Client {
    /// Connects. Nothing waits longer than [`PATIENCE`], and no byte waits for another (RFC 896).
    pub fn connect(address: &Address) -> Client {
        Client::try_connect(address)
            .unwrap_or_else(|error| panic!("connecting to {address}: {error}"))
    }

    pub fn try_connect(address: &Address) -> io::Result<Client> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Stream::Unix(stream)
            }
            other => panic!("nobody connects to {other}"),
        };
        Ok(Client { stream, waiting: Vec::new(), cut: None })
    }

    /// The client's end of a connection.
    pub fn over_tcp(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
        Client { stream: Stream::Tcp(stream), waiting: Vec::new(), cut: None }
    }

    /// The client's end of a socket pair.
    pub fn over(stream: UnixStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
        Client { stream: Stream::Unix(stream), waiting: Vec::new(), cut: None }
    }

    /// A client on a connection with TLS.
    #[cfg(feature = "tls")]
    pub fn over_tls(stream: TlsStream) -> Client {
        Client { stream: Stream::Tls(Box::new(stream)), waiting: Vec::new(), cut: None }
    }

    /// What TLS has agreed on.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> &rustls::ClientConnection {
        match &self.stream {
            Stream::Tls(stream) => &stream.conn,
            Stream::Tcp(_) | Stream::Unix(_) => panic!("it has no TLS"),
        }
    }

    /// The port on this side.
    pub fn local_port(&self) -> u16 {
        let address = match &self.stream {
            Stream::Tcp(stream) => stream.local_addr(),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.sock.local_addr(),
            Stream::Unix(_) => panic!("only TCP clients have ports"),
        };
        address.expect("a socket").port()
    }

    /// Sends bytes, all of them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        self.try_send(bytes.as_ref()).unwrap_or_else(|error| panic!("sending: {error}"));
        self
    }

    /// Sends bytes to a server that may have closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Client {
        let _ = match &mut self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                let sent = stream.flush();
                sent.and_then(|()| stream.sock.shutdown(Shutdown::Write))
            }
        };
        self
    }

    /// A second handle, to send from one thread and read in another.
    pub fn sender(&self) -> impl Write + Send + use<> {
        match &self.stream {
            Stream::Tcp(stream) => stream.try_clone().expect("a socket can be duplicated"),
            _ => panic!("only TCP clients have senders"),
        }
    }

    /// Reads one response to GET or the like, content and all.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.reply_to("GET")
    }

    /// Reads one response to this method.
    #[track_caller]
    pub fn reply_to(&mut self, method: &str) -> Reply {
        self.try_reply_to(method).unwrap_or_else(|end| panic!("{end:?} {}", self.left()))
    }

    /// The same from a server that may end the connection before the response is complete.
    #[track_caller]
    pub fn try_reply_to(&mut self, method: &str) -> Result<Reply, End> {
        let mut reply = self.try_reply_head(method)?;
        if reply.is_chunked() && method != "HEAD" {
            reply.body = self.try_chunks()?;
            return Ok(reply);
        }
        let length = usize::try_from(reply.content_length(method)).expect("it fits in memory");
        while self.waiting.len() < length {
            if let Some(end) = self.fill() {
                self.cut = Some((reply, length));
                return Err(end);
            }
        }
        reply.body = self.waiting.drain(..length).collect();
        Ok(reply)
    }

    /// Reads chunks up to and with the last one (RFC 9112 §7.1).
    fn try_chunks(&mut self) -> Result<Vec<u8>, End> {
        let mut content = Vec::new();
        loop {
            let chunk = self.try_chunk()?;
            if chunk.is_empty() {
                return Ok(content);
            }
            content.extend_from_slice(&chunk);
        }
    }

    /// Reads one chunk; the last one is empty.
    pub fn try_chunk(&mut self) -> Result<Vec<u8>, End> {
        let line = loop {
            match find(&self.waiting, b"\r\n") {
                Some(end) => break self.waiting.drain(..end + 2).collect::<Vec<u8>>(),
                None => self.fill().map_or(Ok(()), Err)?,
            }
        };
        let digits = std::str::from_utf8(&line[..line.len() - 2]).expect("a chunk size is ASCII");
        let length = usize::from_str_radix(digits, 16)
            .unwrap_or_else(|_| panic!("no chunk size: {}", line.escape_ascii()));
        while self.waiting.len() < length + 2 {
            self.fill().map_or(Ok(()), Err)?;
        }
        let mut chunk: Vec<u8> = self.waiting.drain(..length + 2).collect();
        assert!(chunk.ends_with(b"\r\n"), "no line end after a chunk");
        chunk.truncate(length);
        Ok(chunk)
    }

    /// Reads an interim response, which has no content (RFC 9110 §15.2).
    #[track_caller]
    pub fn interim(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.waiting, b"\r\n\r\n") {
                let head: Vec<u8> = self.waiting.drain(..end + 4).collect();
                return String::from_utf8(head).expect("a head is ASCII");
            }
            if let Some(end) = self.fill() {
                panic!("{end:?} {}", self.left());
            }
        }
    }

    /// Reads the head of one response and leaves its content on the wire.
    #[track_caller]
    pub fn reply_head(&mut self, method: &str) -> Reply {
        self.try_reply_head(method).unwrap_or_else(|end| panic!("{end:?} {}", self.left()))
    }

    #[track_caller]
    fn try_reply_head(&mut self, method: &str) -> Result<Reply, End> {
        loop {
            if let Some(end) = find(&self.waiting, b"\r\n\r\n") {
                let head: Vec<u8> = self.waiting.drain(..end + 4).collect();
                return Ok(Reply::read_head(&head[..end], method));
            }
            if let Some(end) = self.fill() {
                return Err(end);
            }
        }
    }

    /// What there was when the end came.
    fn left(&self) -> String {
        match &self.cut {
            Some((reply, length)) => {
                format!("after {} of {length} bytes of content: {reply:?}", self.waiting.len())
            }
            None => format!(
                "where a response was expected; on the wire: {}",
                self.waiting.escape_ascii()
            ),
        }
    }

    /// Reads up to `length_max` bytes; an end when there are none.
    pub fn read(&mut self, length_max: usize) -> Result<Vec<u8>, End> {
        if self.waiting.is_empty()
            && let Some(end) = self.fill()
        {
            return Err(end);
        }
        let length = self.waiting.len().min(length_max);
        Ok(self.waiting.drain(..length).collect())
    }

    /// Reads everything until the server ends the connection.
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            if let Some(end) = self.fill() {
                break end;
            }
        };
        (std::mem::take(&mut self.waiting), end)
    }

    /// Demands that the server has nothing more to say and closes in good order.
    #[track_caller]
    pub fn ends(&mut self) {
        let (rest, end) = self.rest();
        assert!(rest.is_empty(), "after the last response came: {}", rest.escape_ascii());
        assert_eq!(end, End::Fin, "the connection was broken off");
    }

    /// Demands one last response, which says that it is the last, and the end of the connection.
    #[track_caller]
    pub fn last_reply(&mut self) -> Reply {
        let reply = self.reply();
        assert!(!reply.keeps_alive(), "it is not the last: {reply:?}");
        self.ends();
        reply
    }

    /// The same from a server that goes on to read what was announced and never sent: says first
    /// that nothing more comes.
    #[track_caller]
    pub fn last_reply_after_finish(&mut self) -> Reply {
        let reply = self.reply();
        assert!(!reply.keeps_alive(), "it is not the last: {reply:?}");
        self.finish().ends();
        reply
    }

    /// Whether bytes or an end are there already.
    pub fn has_news(&mut self) -> bool {
        if !self.waiting.is_empty() {
            return true;
        }
        let Stream::Tcp(stream) = &self.stream else {
            panic!("only TCP clients peek");
        };
        stream.set_nonblocking(true).expect("a socket");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("a socket");
        !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    fn fill(&mut self) -> Option<End> {
        let mut buffer = [0; 64 * 1024];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut buffer),
            Stream::Unix(stream) => stream.read(&mut buffer),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => Some(End::Fin),
            Ok(count) => {
                self.waiting.extend_from_slice(&buffer[..count]);
                None
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(End::Cut),
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) =>
            {
                Some(End::Reset)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "nothing came for {PATIENCE:?}; on the wire before that: {}",
                    self.waiting[..self.waiting.len().min(500)].escape_ascii()
                )
            }
            Err(error) => panic!("reading: {error}"),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A request to be put together and sent over a connection of its own.
pub struct Request<'a> {
    address: &'a Address,
    method: String,
    bytes: Vec<u8>,
    body: Vec<u8>,
}

impl<'a> Request<'a> {
    /// HTTP/1.1, with a `Host`.
    pub fn new(address: &'a Address, method: &str, target: impl AsRef<[u8]>) -> Request<'a> {
        let mut bytes = Vec::new();
        for piece in [method.as_bytes(), b" ", target.as_ref(), b" HTTP/1.1\r\nHost: test\r\n"] {
            bytes.extend_from_slice(piece);
        }
        Request { address, method: method.to_owned(), bytes, body: Vec::new() }
    }

    /// Names another host.
    pub fn host(mut self, host: &str) -> Request<'a> {
        let end = self.bytes.len() - "test\r\n".len();
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(host.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header line, as it is.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request<'a> {
        for piece in [name.as_bytes(), b": ", value.as_ref(), b"\r\n"] {
            self.bytes.extend_from_slice(piece);
        }
        self
    }

    /// Adds content and its length.
    pub fn content(mut self, body: impl AsRef<[u8]>) -> Request<'a> {
        let length = body.as_ref().len().to_string();
        self = self.header("Content-Length", length);
        self.body = body.as_ref().to_vec();
        self
    }

    /// Sends it and reads the response. Then says that no more requests come, and demands that no
    /// more bytes do.
    #[track_caller]
    pub fn send(self) -> Reply {
        let mut client = Client::connect(self.address);
        client.send([&self.bytes[..], b"\r\n", &self.body].concat());
        let reply = client.reply_to(&self.method);
        client.finish().ends();
        reply
    }
}
