"""One response of a Python application: what PEP 3333 asks of a server, and the messages to httpd.

It must never know HTTP's framing, connections, or what an application writes to the log.
"""

import io
import os
import re
import socket
import stat
import struct

MESSAGE = 128 * 1024  # the longest message, in bytes
COPIED = 8 * 1024  # a body up to this length is copied before its head: cheaper than a gathering send
HEAD_LIMIT = 64 * 1024  # the longest head
NAME_LIMIT = 255  # the longest name of a header
KNOWN_LIMIT = 512  # how many heads and header lines are remembered, …
KNOWN_SIZE = 1024  # … and how long each may be

ANSWER = struct.Struct("<16sBBHI")  # token, kind, flags, thread, length of the head
CREDIT = struct.Struct("<16sq")  # token, bytes
EXTENT = struct.Struct("<QQ")  # offset, length
HEAD, PIECE, FILE, FAILED, BROKEN = 1, 2, 3, 4, 5
LAST, UNKNOWN = 1, 2  # flags: the response is complete; the length of the body of a GET is unknown
TO_THE_END = 2**64 - 1


class Unwanted(ConnectionError):
    """Nobody takes more of this response's body: the application should stop making it."""


class Gone(BaseException):
    """The socket for responses is broken. No application may catch this."""


HOP_BY_HOP = set(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer"
    " trailers transfer-encoding upgrade".split()
)
LEFT_OUT = set()  # those that a warning has named
LENGTH = "Content-Length"  # the one spelling in a head, so that it can be found again
is_status = re.compile("[2-5][0-9][0-9] [ -~\x80-\xff]*").fullmatch
is_name = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
is_value = re.compile("[ -~\x80-\xff]*").fullmatch
is_length = re.compile("[0-9]{1,18}").fullmatch
find_lengths = re.compile(b"\nContent-Length\0([0-9]+)").findall
HEADS = {}  # checked and rendered heads with their Content-Length, because most come again
FIELDS = {}  # checked and rendered lines of heads


def remember(known, key, value, size):
    if len(known) >= KNOWN_LIMIT:
        known.clear()
    if size <= KNOWN_SIZE:
        known[key] = value
    return value


def render_head(status, headers):
    if not isinstance(status, str):
        raise TypeError("the status is a str, not %.80r" % (status,))
    if not is_status(status):
        raise ValueError("a status is like '200 OK', not %.80r" % status)
    lines = [FIELDS.get(pair) or render_field(pair) for pair in map(tuple_of_two, headers)]
    head = b"".join([status.encode("latin-1"), b"\n", *lines])
    lengths = find_lengths(head)
    if len(head) > HEAD_LIMIT or len(lengths) > 1:
        raise ValueError("a head of %d bytes, %d Content-Length" % (len(head), len(lengths)))
    length = int(lengths[0]) if lengths else None
    return remember(HEADS, (status, *headers), (head, length), len(head))


def tuple_of_two(pair):
    if isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair):
        return pair
    raise TypeError("a header is a tuple of two str, not %.80r" % (pair,))


def render_field(pair):
    name, value = pair
    if not is_name(name):
        raise ValueError("%.80r cannot be the name of a header" % name)
    if len(name) > NAME_LIMIT:
        told = (name, len(name), NAME_LIMIT)
        raise ValueError("the name of the header %.40s… has %d characters; %d are the most" % told)
    if not is_value(value):
        raise ValueError("the value of %s has a character that no header may have" % name)
    if name.lower() in HOP_BY_HOP:
        if name.lower() not in LEFT_OUT:
            LEFT_OUT.add(name.lower())
            warn("the header %s describes the connection, which is the server's; left out" % name)
        return b""
    if name.lower() == "content-length":
        if not is_length(value):
            raise ValueError("Content-Length is a number, not %.80r" % value)
        name = LENGTH
    line = ("%s\0%s\n" % (name, value)).encode("latin-1")
    return remember(FIELDS, pair, line, len(line))


class FileWrapper:
    """wsgi.file_wrapper: a file in blocks, unless httpd can have its descriptor."""

    def __init__(self, filelike, blksize=64 * 1024):
        self.filelike = filelike
        self.blksize = blksize
        self.untouched = True
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        self.untouched = False
        block = self.filelike.read(self.blksize)
        if not block:
            raise StopIteration
        return block

    def seekable(self):
        try:
            return self.filelike.seekable()
        except AttributeError:
            return hasattr(self.filelike, "seek")

    def seek(self, *args):
        return self.filelike.seek(*args)

    def tell(self):
        return self.filelike.tell()

    def place(self):
        """Descriptor, position and size of a plain file that nothing was read from; else None."""
        try:
            file = file_behind(self.filelike)
            if file is None or not self.untouched:
                return None
            descriptor = file.fileno()
            status = os.fstat(descriptor)
            # The descriptor of a buffered file is further on than the application has read.
            position = file.tell()
            if stat.S_ISREG(status.st_mode) and 0 <= position <= status.st_size:
                return descriptor, position, status.st_size
        except (AttributeError, OSError, TypeError, ValueError):
            pass
        return None


def file_behind(filelike):
    """The file of the operating system, if `filelike.read` reads it and does nothing else.

    An object with its own `read` (which decrypts, counts, or unpacks as gzip.GzipFile does) may
    have the descriptor of a file with other content.
    """
    read = filelike.read
    if type(filelike).__module__ == "tempfile":
        read = getattr(read, "__wrapped__", read)  # made by the wrapper that deletes the file
    file = getattr(read, "__self__", None)
    if type(read) is not type(len) or not isinstance(file, FILES):
        return None
    return file if type(getattr(file, "raw", file)) is io.FileIO else None


FILES = (io.BufferedReader, io.BufferedRandom, io.FileIO)


class Exchange:
    """One request and its response. Each is a new object: start_response may outlive its request."""

    __slots__ = ("thread", "token", "out", "is_head", "head", "left", "began", "ended", "unpaid")

    def __init__(self, thread, token, out, is_head):
        self.thread = thread
        self.token = token
        self.out = out
        self.is_head = is_head
        self.head = None
        self.left = None  # how much of Content-Length is still to come
        self.began = False
        self.ended = False
        self.unpaid = 0  # bytes of the body that httpd has not credited yet

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.began:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame
        elif self.head is not None:
            raise RuntimeError("start_response was called again, and without exc_info")
        if not isinstance(headers, list):
            raise TypeError("the headers are a list, not %.80r" % (headers,))
        try:
            known = HEADS.get((status, *headers))
        except TypeError:
            known = None  # not hashable, so not a valid head
        self.head, self.left = known or render_head(status, headers)
        return self.write

    def write(self, content):
        if not self.is_bare():
            self.send(content)

    def is_bare(self):
        """Whether no body may follow the head, whatever the application returns."""
        if self.head is None:
            raise RuntimeError("the application did not call start_response")
        return self.is_head or self.head.startswith((b"204", b"304"))

    def send_all(self, blocks):
        """Sends a list or tuple: the whole body is here, and usually fits one message."""
        bare = self.is_bare()
        size = sum(map(len, blocks)) if len(blocks) != 1 else len(blocks[0])
        room = MESSAGE - ANSWER.size - len(self.head)
        if self.left is None and size and (size > room or bare) and not self.began:
            self.declare(size)
        if bare or size > room or self.began:
            return self.stream(blocks)
        content = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        if type(content) is not bytes or self.left not in (None, len(content)):
            return self.stream(blocks)
        self.message(HEAD, LAST, content)

    def declare(self, size):
        """Adds Content-Length where httpd does not see the whole body: a long GET, or HEAD."""
        if not self.head.startswith((b"204", b"304")):
            self.head += b"Content-Length\0%d\n" % size
            self.left = size

    def stream(self, blocks):
        """Sends each block before it asks for the next."""
        for block in blocks:
            if block:
                if self.is_bare():
                    break
                self.send(block)
        if not self.ended:
            if not self.is_bare() and self.left:
                raise RuntimeError("the content is %d bytes short of Content-Length" % self.left)
            if self.began:
                self.await_credit(0)  # or messages about short responses would pile up
            unknown = self.is_head and self.left is None and not self.began
            flags = LAST | UNKNOWN if unknown else LAST
            self.message(PIECE if self.began else HEAD, flags)

    def send(self, content):
        """Sends content as httpd can take it, with the head if that has not been sent."""
        if not isinstance(content, bytes):
            raise TypeError("content is bytes, not %.80r" % (content,))
        if self.ended and self.left is None:
            raise Unwanted("the answer has ended")
        rest = memoryview(content)[: self.left]
        excess = len(content) - len(rest)
        while rest:
            room = MESSAGE - ANSWER.size - (0 if self.began else len(self.head))
            # Half the window: bytes that httpd has not credited yet must not stop us.
            piece = rest[: min(room, self.thread.window // 2)]
            if self.began:
                self.await_credit(len(piece))
            rest = rest[len(piece) :]
            if self.left is not None:
                self.left -= len(piece)
            self.message(PIECE if self.began else HEAD, LAST if self.left == 0 else 0, piece)
        if excess:
            if not self.ended:
                self.message(HEAD, LAST)  # Content-Length: 0
            complain("httpd: the content is longer than its Content-Length\n")
            raise Unwanted("the content is longer than its Content-Length")

    def send_file(self, wrapper):
        place = None if self.head is None or self.began else wrapper.place()
        if place is None or self.head.startswith((b"204", b"304")):
            return self.stream(wrapper)
        descriptor, position, size = place
        if self.left is not None and self.left > size - position:
            return self.stream(wrapper)
        extent = EXTENT.pack(position, TO_THE_END if self.left is None else self.left)
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))]
        self.message(FILE, LAST, extent, attached)

    def message(self, kind, flags, content=b"", attached=()):
        head = self.head if kind in (HEAD, FILE) else b""
        header = ANSWER.pack(self.token, kind, flags, self.thread.index, len(head))
        try:
            if attached or len(content) > COPIED:
                self.out.sendmsg((header, content, head), attached)
            else:
                self.out.send(b"".join((header, content, head)))
        except OSError as error:
            # The latter is after a fork. Other errors concern one message: too many files in flight, say.
            if isinstance(error, ConnectionError) or self.out.fileno() < 0:
                raise Gone from error
            raise
        self.began = True
        self.ended = bool(flags & LAST)
        self.unpaid += len(content)

    def await_credit(self, size):
        """Reads what httpd credits this response, and waits until this much may be sent."""
        thread = self.thread
        while True:
            waits = self.unpaid + size > thread.window
            try:
                message = thread.credits.recv(CREDIT.size, 0 if waits else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            token, amount = CREDIT.unpack(message or CREDIT.pack(self.token, -1))
            if token == self.token:
                if amount < 0:
                    self.left = None
                    self.message(PIECE, LAST)
                    raise Unwanted("nobody wants the rest")
                self.unpaid -= amount

    def skip(self):
        """Ends a request that nobody waits for."""
        self.message(PIECE, LAST)

    def give_up(self):
        if not self.ended:
            self.message(BROKEN if self.began else FAILED, LAST)
