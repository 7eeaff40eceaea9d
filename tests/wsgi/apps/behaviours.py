"""Every way in which an application may behave, each a plain WSGI application (PEP 3333).

`application` finds them by the first segment of the path; `checked` is the same between
wsgiref.validate's validator and the server. Standard library only.
"""

import ctypes
import hashlib
import json
import logging
import os
import sys
import threading
import time
from urllib.parse import parse_qs
from wsgiref.util import shift_path_info
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain")]


def parameter(environ, name, default):
    """One parameter of the query, in the type of its default."""
    values = parse_qs(environ.get("QUERY_STRING", "")).get(name)
    return type(default)(values[0]) if values else default


def hello(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "13")])
    return [b"hello, world\n"]


def dump(environ, start_response):
    """The environ as JSON, one name to a line; a value that is no JSON is told by its repr."""
    content = json.dumps(environ, indent=0, sort_keys=True, default=repr).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def process(environ, start_response):
    """Who serves this, and with what Python."""
    start_response("200 OK", TEXT)
    return [f"{os.getpid()} {sys.prefix} {os.getcwd()}\n".encode()]


def echo(environ, start_response):
    """The content of the request, and what it hashes to."""
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response(
        "200 OK",
        [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(len(content))),
            ("X-SHA256", hashlib.sha256(content).hexdigest()),
        ],
    )
    return [content]


def digest(environ, start_response):
    """The hash and length of the content, read in pieces to the end of wsgi.input."""
    hashed, length = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(64 * 1024):
        hashed.update(piece)
        length += len(piece)
    start_response("200 OK", TEXT)
    return [f"{length} {hashed.hexdigest()}\n".encode()]


def lines(environ, start_response):
    """The content by readline, readlines and iteration."""
    stream = environ["wsgi.input"]
    first = stream.readline()
    second = next(iter(stream), b"")
    rest = stream.readlines()
    start_response("200 OK", TEXT)
    return [repr((first, second, rest)).encode()]


def sized(environ, start_response):
    """Reads the content, and answers with so many bytes at once."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", TEXT)
    return [b"x" * parameter(environ, "size", 1000)]


def unread(environ, start_response):
    """Looks at no content at all."""
    start_response("200 OK", TEXT)
    return [b"not looked at\n"]


def stream(environ, start_response):
    """A generator of equal pieces, without a length."""
    count, size = parameter(environ, "pieces", 10), parameter(environ, "size", 1000)
    start_response("200 OK", TEXT)
    for number in range(count):
        yield bytes([ord("a") + number % 26]) * size


def sparse_stream(environ, start_response):
    """A generator with empty pieces, which mean nothing."""
    start_response("200 OK", TEXT)
    for piece in (b"", b"one ", b"", b"", b"two", b""):
        yield piece


def patient(environ, start_response):
    """A generator whose second piece waits for a file: it shows what is sent before that."""
    start_response("200 OK", TEXT)
    yield b"first\n"
    path = parameter(environ, "until", "")
    while not os.path.exists(path):
        time.sleep(0.005)
    yield b"second\n"


def slow(environ, start_response):
    """A generator that takes its time for each piece."""
    count, seconds = parameter(environ, "pieces", 3), parameter(environ, "seconds", 0.05)
    start_response("200 OK", TEXT)
    for number in range(count):
        time.sleep(seconds)
        yield b"%d\n" % number


def write(environ, start_response):
    """The callable of old, and an iterable after it."""
    send = start_response("200 OK", TEXT)
    send(b"written, ")
    send(b"and ")
    return [b"returned\n"]


def file(environ, start_response):
    """A real file by wsgi.file_wrapper, from an offset; its length is told unless `length=0`."""
    opened = open(os.environ["FILE"], "rb")
    opened.seek(parameter(environ, "offset", 0))
    headers = [("Content-Type", "application/octet-stream")]
    if parameter(environ, "length", 1):
        headers.append(("Content-Length", str(os.fstat(opened.fileno()).st_size - opened.tell())))
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](opened, 64 * 1024)


def file_like(environ, start_response):
    """An object with no more than read(), which is no file."""

    class Reader:
        def __init__(self, pieces):
            self.pieces = pieces

        def read(self, size=-1):
            return self.pieces.pop(0) if self.pieces else b""

    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](Reader([b"not a file, ", b"but read\n"]))


def generated(environ, start_response):
    """So many MiB, never more than 64 KiB of them at a time."""
    count = parameter(environ, "mib", 1024) * 16
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(count << 16))])
    piece = bytes(64 * 1024)
    for _ in range(count):
        yield piece


class Closing:
    """An iterable that tells in a file that it was closed, and after how many pieces."""

    def __init__(self, path, count, size):
        self.path, self.left, self.size, self.given = path, count, size, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        self.given += 1
        return b"x" * self.size

    def close(self):
        with open(self.path, "a") as told:
            told.write(f"closed after {self.given}\n")


def closing(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing(parameter(environ, "tell", ""), parameter(environ, "pieces", 3), parameter(environ, "size", 10))


def raises_first(environ, start_response):
    raise RuntimeError("raised before the head: secret-of-the-application")


def raises_started(environ, start_response):
    """After start_response, which has sent nothing yet."""
    start_response("200 OK", TEXT)
    raise RuntimeError("raised after start_response: secret-of-the-application")


def raises_later(environ, start_response):
    """After the head and a piece are on their way."""
    start_response("200 OK", TEXT)
    yield b"x" * 300_000
    raise RuntimeError("raised in the middle: secret-of-the-application")


def recovers(environ, start_response):
    """Takes back what it began to answer, as PEP 3333 allows before anything is sent."""
    start_response("200 OK", TEXT + [("X-First", "1")])
    try:
        raise ValueError("something went wrong on the way")
    except ValueError:
        start_response("503 Sorry", TEXT + [("X-Second", "2")], sys.exc_info())
    return [b"sorry\n"]


def recovers_late(environ, start_response):
    """The same when the head is gone: start_response has to raise what it is given."""
    start_response("200 OK", TEXT)
    yield b"x" * 300_000
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    yield b"never sent"


def hangs(environ, start_response):
    threading.Event().wait()


def hangs_later(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"so far, so good\n"
    threading.Event().wait()


def exits(environ, start_response):
    os._exit(7)


def crashes(environ, start_response):
    ctypes.string_at(0)


LEAKED = []


def leaks(environ, start_response):
    """Keeps some memory for good, and tells how much in all."""
    LEAKED.append(os.urandom(parameter(environ, "kib", 1024) << 10))
    start_response("200 OK", TEXT)
    return [b"%d\n" % sum(map(len, LEAKED))]


def prints(environ, start_response):
    """To everything that can be printed to."""
    print("on stdout")
    print("on stderr", file=sys.stderr)
    environ["wsgi.errors"].write("on wsgi.errors\n")
    environ["wsgi.errors"].writelines(["in two ", "pieces\n"])
    environ["wsgi.errors"].flush()
    print("two\nlines")
    print("caf\u00e9")
    start_response("200 OK", TEXT)
    return [b"printed\n"]


def sleeps(environ, start_response):
    time.sleep(parameter(environ, "seconds", 0.01))
    start_response("200 OK", TEXT)
    return [b"slept\n"]


def repeated(environ, start_response):
    """Headers that come more than once."""
    cookies = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")]
    start_response("200 OK", TEXT + cookies + [("Link", "</a>; rel=next"), ("Link", "</b>; rel=prev")])
    return [b"repeated\n"]


def latin(environ, start_response):
    """A header value beyond ASCII: PEP 3333 has each character stand for a byte."""
    start_response("200 OK", TEXT + [("X-Bytes", "caf\u00c3\u00a9")])
    return [b"latin\n"]


def status(environ, start_response):
    """Any status, with content where it may have some."""
    code = parameter(environ, "code", "204 No Content")
    if code[:3] in ("204", "304"):
        start_response(code, [("X-Seen", "yes")])
        return []
    start_response(code, TEXT)
    return [b"content\n"]


def silent(environ, start_response):
    """An answer with no content and no length."""
    start_response("200 OK", TEXT)
    return []


def short(environ, start_response):
    """Less content than was announced."""
    start_response("200 OK", TEXT + [("Content-Length", "100")])
    return [b"only this\n"]


def long(environ, start_response):
    """More content than was announced."""
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return [b"12345", b"HTTP/1.1 200 OK\r\n\r\nforged"]


def sets(name, value):
    def application(environ, start_response):
        start_response("200 OK", TEXT + [(name, value)])
        return [b"content\n"]

    return application


def answers(status, headers, content):
    def application(environ, start_response):
        start_response(status, headers)
        return content

    return application


def starts_never(environ, start_response):
    return [b"no head\n"]


def starts_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"twice\n"]


# What start_response must refuse, or the server: the answer to each is a 500.
MISUSES = {
    "never": starts_never,
    "twice": starts_twice,
    "none": answers("200 OK", TEXT, None),
    "str": answers("200 OK", TEXT, ["text"]),
    "status-bytes": answers(b"200 OK", TEXT, [b"x"]),
    "status-number": answers(200, TEXT, [b"x"]),
    "status-words": answers("fine", TEXT, [b"x"]),
    "status-newline": answers("200 OK\r\nX-Forged: 1", TEXT, [b"x"]),
    "status-interim": answers("100 Continue", TEXT, [b"x"]),
    "name-number": answers("200 OK", [(1, "x")], [b"x"]),
    "value-number": answers("200 OK", TEXT + [("X-Number", 1)], [b"x"]),
    "value-newline": sets("X-Bad", "a\r\nX-Forged: 1"),
    "value-bare-newline": sets("X-Bad", "a\nX-Forged: 1"),
    "value-bare-return": sets("X-Bad", "a\rX-Forged: 1"),
    "value-nul": sets("X-Bad", "a\0b"),
    "value-beyond-latin": sets("X-Bad", "\u20ac"),
    "name-newline": sets("X-Bad\r\nX-Forged", "1"),
    "name-space": sets("X Bad", "1"),
    "name-colon": sets("X-Bad:", "1"),
    "name-empty": sets("", "1"),
    "name-long": sets("X-" + 254 * "n", "1"),
    "name-longest": sets("X-" + 253 * "n", "1"),
    "hop-by-hop": sets("Connection", "close"),
    "transfer-encoding": sets("Transfer-Encoding", "chunked"),
    "empty": answers("200 OK", TEXT, []),
    "reason": answers("299 Nearly \xe4", TEXT, [b"x"]),
    "length-words": sets("Content-Length", "many"),
    "length-negative": sets("Content-Length", "-1"),
    "length-twice": answers("200 OK", TEXT + [("Content-Length", "1"), ("Content-Length", "2")], [b"x"]),
}


def misuse(environ, start_response):
    return MISUSES[shift_path_info(environ)](environ, start_response)


def logs(environ, start_response):
    logging.getLogger("bare").warning("without any set-up")
    for line in (
        "WARNING:shop:basic",
        "[2024-01-02 03:04:05,678] INFO in shop: as Flask writes it",
        "2024-01-02 03:04:05,678 - shop.cart - ERROR - with name and time",
        "ValueError: WARNING is only a word",
    ):
        print(line, file=sys.stderr)
    start_response("200 OK", TEXT)
    return [b""]


def steers(environ, start_response):
    print("red \x1b[31m, back \r, nothing \0, clear \x9b")
    start_response("200 OK", TEXT)
    return [b""]


NAMES = (
    hello, dump, process, echo, digest, lines, sized, unread, stream, sparse_stream, patient, slow, write, file, file_like,
    generated, closing, raises_first, raises_started, raises_later, recovers, recovers_late, hangs, hangs_later,
    exits, crashes, leaks, prints, sleeps, repeated, latin, status, silent, short, long, misuse, logs, steers,
)  # fmt: skip
BY_NAME = {found.__name__: found for found in NAMES}


def missing(environ, start_response):
    start_response("404 Not Found", TEXT)
    return [b"no such behaviour\n"]


def application(environ, start_response):
    found = BY_NAME.get(shift_path_info(environ), missing)
    return found(environ, start_response)


checked = validator(application)
checked_dump = validator(dump)


def create_app(greeting="made"):
    """For servers that are told to call something."""

    def made(environ, start_response):
        start_response("200 OK", TEXT)
        return [greeting.encode() + b"\n"]

    return made


not_callable = "a string"
