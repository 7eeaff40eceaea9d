//! Many clients of one event stream, in one thread: `listeners ADDRESS COUNT SECONDS`.
//!
//! It connects them all, asks for `/events` and waits until each has the head of its response. Then it says
//! `READY`: now one can look at the server's memory. For each line on its standard input it counts the
//! messages of so many seconds and says what it saw; at the end of its input it ends.
//!
//! `MESSAGES count SILENT clients that got none ENDED streams that have ended BYTES bytes`

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

struct Client {
    stream: TcpStream,
    asked: bool,
    /// How much of the empty line after the response's head has been seen; all of it: the body.
    head_end: usize,
    /// The last byte was a line's end: another one ends a message.
    after_line: bool,
    messages: u64,
    ended: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |n| std::env::args().nth(n).ok_or("listeners ADDRESS COUNT SECONDS");
    let address: SocketAddr = argument(1)?.parse()?;
    let count: usize = argument(2)?.parse()?;
    let duration = Duration::from_secs_f64(argument(3)?.parse()?);

    let mut all = Listeners { poll: Poll::new()?, clients: Vec::new(), bytes: 0 };
    let mut events = Events::with_capacity(1024);
    let patience = Instant::now() + Duration::from_secs(120);
    while all.clients.len() < count || all.clients.iter().any(|it| it.head_end < HEAD_END.len()) {
        // A few at a time, so that no queue of connections overflows.
        for _ in 0..64.min(count - all.clients.len()) {
            all.connect(address)?;
        }
        all.turn(&mut events, Duration::from_millis(20))?;
        let ended = all.clients.iter().filter(|it| it.ended).count();
        if ended > 0 || Instant::now() > patience {
            return Err(
                format!("{ended} streams have ended before they began, or take too long").into()
            );
        }
    }
    println!("READY");
    let (asked, lines) = mpsc::channel();
    std::thread::spawn(move || {
        io::stdin().lines().try_for_each(|_| asked.send(()).map_err(io::Error::other))
    });
    let mut until = None;
    loop {
        all.turn(&mut events, Duration::from_millis(20))?;
        match until {
            Some(end) if Instant::now() >= end => {
                println!("{}", all.seen());
                until = None;
            }
            Some(_) => {}
            None => match lines.try_recv() {
                Ok(()) => {
                    all.forget();
                    until = Some(Instant::now() + duration);
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            },
        }
    }
}

struct Listeners {
    poll: Poll,
    clients: Vec<Client>,
    bytes: u64,
}

impl Listeners {
    fn connect(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        let token = Token(self.clients.len());
        self.poll.registry().register(
            &mut stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.clients.push(Client {
            stream,
            asked: false,
            head_end: 0,
            after_line: false,
            messages: 0,
            ended: false,
        });
        Ok(())
    }

    fn forget(&mut self) {
        self.bytes = 0;
        self.clients.iter_mut().for_each(|it| it.messages = 0);
    }

    fn seen(&self) -> String {
        let messages: u64 = self.clients.iter().map(|it| it.messages).sum();
        let silent = self.clients.iter().filter(|it| it.messages == 0).count();
        let ended = self.clients.iter().filter(|it| it.ended).count();
        format!("MESSAGES {messages} SILENT {silent} ENDED {ended} BYTES {}", self.bytes)
    }

    fn turn(&mut self, events: &mut Events, wait: Duration) -> io::Result<()> {
        self.poll.poll(events, Some(wait))?;
        for event in events.iter() {
            let client = &mut self.clients[event.token().0];
            if !client.asked && event.is_writable() {
                client.stream.write_all(REQUEST)?;
                client.asked = true;
            }
            if event.is_readable() && !client.ended {
                self.bytes += client.read(event.is_read_closed())?;
            }
        }
        Ok(())
    }
}

impl Client {
    /// Reads what is there, and counts the messages that end in it.
    fn read(&mut self, closed: bool) -> io::Result<u64> {
        let mut buffer = [0; 16 * 1024];
        let mut read = 0;
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(read);
                }
                Ok(count) => {
                    read += count as u64;
                    buffer[..count].iter().for_each(|byte| self.see(*byte));
                    if count < buffer.len() && !closed {
                        return Ok(read);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(read),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.ended = true;
                    return Ok(read);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A message ends with an empty line. (The lines around chunks end with CR LF, which is none.)
    fn see(&mut self, byte: u8) {
        if self.head_end < HEAD_END.len() {
            self.head_end = if byte == HEAD_END[self.head_end] {
                self.head_end + 1
            } else {
                usize::from(byte == b'\r')
            };
        } else {
            self.messages += u64::from(byte == b'\n' && self.after_line);
            self.after_line = byte == b'\n';
        }
    }
}

const HEAD_END: &[u8] = b"\r\n\r\n";
const REQUEST: &[u8] =
    b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
