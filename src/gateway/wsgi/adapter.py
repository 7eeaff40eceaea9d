"""The Python side of httpd's WSGI support: one process that serves one application on its threads.

httpd sends this text over the control socket to a bare `python -c`, then the set-up. Requests come
from one socket that all threads share, an answer leaves on the socket of the reactor that asked.
It must never know HTTP's framing, connections or clients. Standard library only, Python 3.8 and up.
"""

import atexit
import io
import itertools
import marshal
import os
import re
import signal
import socket
import stat
import struct
import sys
import threading
import time
import traceback
from _thread import get_ident

NAME = "httpd-wsgi"  # what this text was compiled as
MESSAGE = 128 * 1024  # the longest message, in bytes
COPIED = 8 * 1024  # content up to here is copied behind its head: cheaper than a message of parts
HEAD_LIMIT = 64 * 1024  # the longest head
LINE_LIMIT = 16 * 1024  # the longest line kept until its end comes
STOP_LIMIT = 30  # seconds to finish once httpd is gone
SCAN_PERIOD = 0.5  # seconds between looks at the sources
SCAN_LIMIT = 5000  # sources looked at

ANSWER = struct.Struct("<16sBBHI")  # token, kind, flags, thread, length of the head
CREDIT = struct.Struct("<16sq")
EXTENT = struct.Struct("<QQ")
HEAD, PIECE, FILE, FAILED, BROKEN = 1, 2, 3, 4, 5
LAST = 1
TO_THE_END = 2**64 - 1


class Unwanted(ConnectionError):
    """Nobody takes more content of this answer: the application should stop making it."""


class Gone(BaseException):
    """The socket for answers is broken, so that serving has no sense. Not an application's to catch."""


# --- What the log shows -------------------------------------------------------------------------


class Lines(io.BufferedIOBase):
    """Descriptor 1 or 2, written in whole lines, each with the request that its thread serves."""

    serving = {}  # the environ of each thread that serves, by the thread's identity
    partial = {}  # lines without their end yet, by descriptor and thread
    turn = threading.RLock()  # a pipe keeps only short writes whole

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def fileno(self):
        return self.descriptor

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        key = self.descriptor, get_ident()
        lines, end, rest = (self.partial.pop(key, b"") + data).rpartition(b"\n")
        if len(rest) > LINE_LIMIT:
            lines, end, rest = lines + end + rest, b"\n", b""
        if rest:
            self.partial[key] = rest
        if end:
            mark = prefix(self.serving.get(key[1]))
            emit(self.descriptor, mark + lines.replace(b"\n", b"\n" + mark) + end)
        return len(data)

    @classmethod
    def end_lines(cls, thread):
        """Writes what the thread left without an end of line."""
        for key in [key for key in list(cls.partial) if key[1] == thread]:
            mark = prefix(cls.serving.get(thread))
            emit(key[0], mark + cls.partial.pop(key, b"") + b"\n")

    def as_text(self):
        # Nothing may wait in the text layer, which knows no threads: hence write_through.
        return io.TextIOWrapper(
            self, "utf-8", "backslashreplace", newline="\n", line_buffering=True, write_through=True
        )


def emit(descriptor, data):
    try:
        with Lines.turn:
            while data:
                data = data[os.write(descriptor, data) :]
    except OSError:
        pass  # a log that is gone is no reason to fail a request


def prefix(environ):
    if environ is None:
        return b""
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    path = path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    text = "[%s %s] " % (environ.get("REQUEST_METHOD", "-"), path)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text.encode("utf-8", "backslashreplace")


def story(error):
    """The traceback of an error, without the frames that are the adapter's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == NAME:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


# --- The head ---------------------------------------------------------------------------------------

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer"
    " trailers transfer-encoding upgrade".split()
)
is_status = re.compile("[2-5][0-9][0-9] [ -~\x80-\xff]*").fullmatch
is_name = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
is_value = re.compile("[ -~\x80-\xff]*").fullmatch


class Rendered(dict):
    """Parts of heads that were checked and rendered, for most return. Emptied when it is full."""

    def __init__(self, render):
        self.render = render

    def __missing__(self, part):
        line = self.render(part)
        if len(self) >= 1024:
            self.clear()
        if len(line) <= 256:
            self[part] = line
        return line


def render_status(status):
    if not isinstance(status, str):
        raise TypeError("the status must be a str, not %s" % type(status).__name__)
    if not is_status(status):
        raise ValueError("the status must be like '200 OK', not %.80r" % status)
    return status.encode("latin-1") + b"\n"


def render_field(pair):
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(x, str) for x in pair)):
        raise TypeError("a header must be a tuple of two str, not %.80r" % (pair,))
    name, value = pair
    if not is_name(name):
        raise ValueError("%.80r cannot be the name of a header" % name)
    if not is_value(value):
        raise ValueError("the value of %s has a character that no header may have" % name)
    lower = name.lower()
    if lower in HOP_BY_HOP:
        raise ValueError("%s is about a connection, which is the server's" % name)
    if lower == "content-length":
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise ValueError("Content-Length must be a number, not %.80r" % value)
        return LENGTH + value.encode() + b"\n"
    return ("%s\0%s\n" % pair).encode("latin-1")


LENGTH = b"Content-Length\0"  # always spelled so, to be found again
status_line = Rendered(render_status).__getitem__
field_line = Rendered(render_field).__getitem__


class FileWrapper:
    """wsgi.file_wrapper: the file in blocks, unless httpd can have its descriptor."""

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

    def whereabouts(self):
        """Descriptor, position and size of a plain file; None where only read() tells what it holds."""
        file = self.filelike
        raw = getattr(file, "raw", file) if isinstance(file, PLAIN) else file
        # A gzip.GzipFile has the descriptor of what is compressed, a text file gives no bytes.
        if isinstance(raw, io.IOBase) and not isinstance(raw, io.FileIO):
            return None
        try:
            descriptor = file.fileno()
            status = os.fstat(descriptor)
            # What is buffered was read ahead of where the application is.
            position = file.tell() if hasattr(file, "tell") else os.lseek(descriptor, 0, 1)
        except (AttributeError, OSError, TypeError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode) or not 0 <= position <= status.st_size:
            return None
        return descriptor, position, status.st_size


PLAIN = io.BufferedReader, io.BufferedRandom


# --- One answer -------------------------------------------------------------------------------------


class Exchange:
    """One request that is answered: what the application said of it, and what was sent."""

    __slots__ = ("thread", "token", "out", "bare", "head", "left", "began", "ended", "unpaid")

    def __init__(self, thread, token, out, bare):
        self.thread = thread
        self.token = token
        self.out = out
        self.bare = bare  # no content follows the head, whatever the application gives
        self.head = None
        self.left = None  # how much of Content-Length is to come
        self.began = False
        self.ended = False
        self.unpaid = 0  # content sent that httpd has not credited

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.began:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a frame that is in its own traceback is a cycle
        elif self.head is not None:
            raise RuntimeError("start_response was called again, and without exc_info")
        if not isinstance(headers, list):
            raise TypeError("the headers must be a list, not %s" % type(headers).__name__)
        head = status_line(status) + b"".join(map(field_line, headers))
        if len(head) > HEAD_LIMIT:
            raise ValueError("the headers have %d bytes, more than %d" % (len(head), HEAD_LIMIT))
        lengths = head.count(LENGTH)
        self.left = None
        if lengths:
            if lengths > 1:
                raise ValueError("there are two Content-Length headers")
            start = head.index(LENGTH) + len(LENGTH)
            self.left = int(head[start : head.index(b"\n", start)])
        self.head = head
        return self.write

    def write(self, content):
        if not isinstance(content, bytes):
            raise TypeError("content must be bytes, not %s" % type(content).__name__)
        if content and not self.is_bare():
            self.send(content)

    def is_bare(self):
        if self.head is None:
            raise RuntimeError("the application gave content, but did not call start_response")
        return self.bare or self.head.startswith((b"204", b"304"))

    def send_all(self, blocks):
        """A list or a tuple: all that will come is here."""
        size = len(blocks[0]) if len(blocks) == 1 else sum(map(len, blocks))
        if self.began or self.head is None:
            return self.stream(blocks)
        head = self.head
        if self.is_bare():
            # What a GET would have had; but an empty list for HEAD tells nothing about that.
            if self.left is None and size and self.bare and not head.startswith((b"204", b"304")):
                self.head += b"%b%d\n" % (LENGTH, size)
            return self.stream(blocks)
        if self.left is None:
            if size > MESSAGE - ANSWER.size - len(head):
                self.head += b"%b%d\n" % (LENGTH, size)
                self.left = size
                return self.stream(blocks)
        elif self.left != size or size > MESSAGE - ANSWER.size - len(head):
            return self.stream(blocks)
        header = ANSWER.pack(self.token, HEAD, LAST, self.thread.index, len(head))
        self.began = self.ended = True
        try:
            if size <= COPIED:
                self.out.send(b"".join((header, head, *blocks)))
            else:
                self.out.sendmsg((header, head, *blocks))
        except OSError as error:
            raise_gone(error)

    def stream(self, blocks):
        """Sends each block before the next one is asked for."""
        for block in blocks:
            if block:
                if self.is_bare():
                    break
                self.send(block)
        self.finish()

    def finish(self):
        if self.ended:
            return
        if self.left and not self.is_bare():
            raise RuntimeError("the content is %d bytes short of its Content-Length" % self.left)
        if self.head is None:
            raise RuntimeError("the application did not call start_response")
        self.message(PIECE if self.began else HEAD, LAST)

    def send(self, content):
        """Sends content, behind the head if nothing was sent before, as httpd can take it."""
        rest = memoryview(content)
        excess = len(rest) if self.ended else 0
        if self.left is not None and len(rest) > self.left:
            excess = len(rest) - self.left
            rest = rest[: self.left]
        while rest:
            room = MESSAGE - ANSWER.size - (0 if self.began else len(self.head))
            piece = rest[: min(room, self.thread.window)]
            if self.began:
                self.await_credit(len(piece))
            rest = rest[len(piece) :]
            if self.left is not None:
                self.left -= len(piece)
            self.message(PIECE if self.began else HEAD, LAST if self.left == 0 else 0, piece)
        if excess:
            self.thread.log.write("httpd: the content is longer than its Content-Length\n")
            raise Unwanted("the content is longer than its Content-Length")

    def send_file(self, wrapper):
        place = wrapper.whereabouts() if wrapper.untouched and not self.began else None
        if place is None or self.head is None or self.head.startswith((b"204", b"304")):
            return self.stream(wrapper)
        descriptor, position, size = place
        length = TO_THE_END if self.left is None else self.left
        if self.left is not None and self.left > size - position:
            return self.stream(wrapper)
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))]
        self.message(FILE, LAST, EXTENT.pack(position, length), attached)

    def message(self, kind, flags, content=b"", attached=()):
        head = self.head if kind in (HEAD, FILE) else b""
        header = ANSWER.pack(self.token, kind, flags, self.thread.index, len(head))
        try:
            self.out.sendmsg((header, head, content), attached)
        except OSError as error:
            raise_gone(error)
        self.began = True
        self.ended = flags == LAST
        self.unpaid += len(content)

    def await_credit(self, size):
        """Reads what httpd says of this answer, and waits until that much more may be sent."""
        thread = self.thread
        while True:
            waits = self.unpaid + size > thread.window
            try:
                message = thread.credits.recv(CREDIT.size, 0 if waits else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not message:
                raise Unwanted("httpd is gone")
            token, amount = CREDIT.unpack(message)
            if token == self.token:
                if amount < 0:
                    raise Unwanted("nobody wants the rest")
                self.unpaid -= amount

    def give_up(self):
        if not self.ended:
            self.message(BROKEN if self.began else FAILED, LAST)


def raise_gone(error):
    """Told from what is the matter with one message only, such as too many descriptors in flight."""
    if isinstance(error, (BrokenPipeError, ConnectionError)) or error.errno in (9, 107):
        raise Gone from error  # 9: EBADF, in a process that the application forked; 107: ENOTCONN
    raise error


# --- The threads ------------------------------------------------------------------------------------


class Server(threading.Thread):
    """A thread that serves. Not a daemon, so that those which an application starts are none either."""

    def __init__(self, index, worker):
        super().__init__(name="httpd-%d" % index, daemon=False)
        self.index = index
        self.worker = worker
        self.application = worker.application
        self.responses = worker.responses
        self.credits = worker.credits[index]
        self.window = worker.window
        self.log = sys.stderr

    def run(self):
        buffer = bytearray(MESSAGE)
        receive = self.worker.requests.recv_into
        try:
            while receive(buffer):
                try:
                    request = marshal.loads(buffer)
                    self.answer(*request)
                except Exception as error:
                    self.log.write("httpd: a request was dropped: %r\n" % error)
                request = None  # nothing of a request may live until the next one comes
                self.worker.served()
        except OSError:
            pass  # httpd is gone with requests unread
        except Gone:
            if os.getpid() != self.worker.process:
                os._exit(1)  # the application forked and came back: only one of the two may serve
            self.worker.stop()
        finally:
            self.worker.thread_ended()

    def answer(self, token, reactor, environ, content):
        exchange = Exchange(self, token, self.responses[reactor], environ["REQUEST_METHOD"] == "HEAD")
        thread = get_ident()
        Lines.serving[thread] = environ
        spooled = None
        try:
            if type(content) is bytes:
                environ["wsgi.input"] = io.BytesIO(content)
            else:
                environ["wsgi.input"] = spooled = open(content, "rb")
                os.unlink(content)
            environ["wsgi.errors"] = self.log
            environ["wsgi.file_wrapper"] = FileWrapper
            result = self.application(environ, exchange.start_response)
            try:
                kind = type(result)
                if kind is list or kind is tuple:
                    exchange.send_all(result)
                elif kind is FileWrapper:
                    exchange.send_file(result)
                else:
                    exchange.stream(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except Gone:
            raise
        except Unwanted:
            if not exchange.ended:
                exchange.message(PIECE, LAST)
        except BaseException as error:
            # SystemExit as well: an application that ends itself ends one request, not a thread.
            self.log.write(story(error))
            exchange.give_up()
        finally:
            if spooled is not None:
                spooled.close()
            if Lines.partial:
                Lines.end_lines(thread)
            del Lines.serving[thread]


class Worker:
    """The process: what httpd set up, and when it ends."""

    def __init__(self, control):
        self.control = control
        self.process = os.getpid()
        text, descriptors = receive_with_descriptors(control)
        setup = marshal.loads(text)
        self.target = setup["target"]
        self.threads = setup["threads"]
        self.window = setup["window"]
        self.reload = setup["reload"]
        self.lifetime = setup["lifetime"]
        self.requests_max = spread(setup["requests_max"])
        while len(descriptors) < 1 + setup["reactors"] + self.threads:
            descriptors += receive_with_descriptors(control)[1]
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        self.requests = sockets[0]
        self.responses = sockets[1 : 1 + setup["reactors"]]
        self.credits = sockets[1 + setup["reactors"] :]
        self.count = itertools.count(1)
        self.ended = itertools.count(1)
        self.replacement = threading.Lock()  # taken by the first to ask for one

    def tell(self, kind, text):
        try:
            self.control.send((kind + text).encode("utf-8", "backslashreplace")[: MESSAGE - 1])
        except OSError:
            pass  # the main thread will learn of it

    def serve(self, application, told):
        self.application = application
        os.register_at_fork(after_in_child=self.leave)
        signal.signal(signal.SIGTERM, self.stop)
        for index in range(self.threads):
            Server(index, self).start()
        if self.lifetime:
            start_daemon(self.end_life)
        if self.reload:
            start_daemon(self.watch)
        self.tell("R", told)
        while True:
            try:
                if not self.control.recv(MESSAGE):
                    break
            except OSError:
                break
        # Whatever hangs now, be it a request, a thread of the application or its last words.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(STOP_LIMIT)
        self.stop()

    def stop(self, *_):
        """Takes no more requests than are queued. Also the handler of SIGTERM."""
        shut(self.requests)

    def thread_ended(self):
        if next(self.ended) == self.threads:
            shut(self.control)  # wakes the main thread

    def leave(self):
        """In a process that the application forked: nothing of httpd's is its own."""
        Lines.turn = threading.RLock()
        for sock in [self.control, self.requests, *self.responses, *self.credits]:
            sock.close()
        if signal.getsignal(signal.SIGTERM) == self.stop:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def served(self):
        if self.requests_max and next(self.count) == self.requests_max:
            self.ask_replacement("served %d requests" % self.requests_max)

    def end_life(self):
        seconds = spread(self.lifetime)
        time.sleep(seconds)
        self.ask_replacement("lived %d s" % seconds)

    def ask_replacement(self, why):
        if self.replacement.acquire(False):
            self.tell("E", why)

    def watch(self):
        """Tells of changed sources, once per look however many there are."""
        known = {}
        while True:
            changed = None
            for path in sources():
                try:
                    now = os.stat(path).st_mtime_ns
                except OSError:
                    continue  # being replaced, perhaps
                if known.setdefault(path, now) != now:
                    known[path] = now
                    changed = changed or path
            if changed:
                self.tell("C", changed)
            time.sleep(SCAN_PERIOD)


def sources():
    """The files of the imported modules that are not installed ones."""
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and not path.startswith(INSTALLED):
            if "/site-packages/" not in path and "/dist-packages/" not in path:
                found.append(path)
    return found[:SCAN_LIMIT]


INSTALLED = os.path.dirname(os.__file__) + "/"


def spread(number):
    """Up to a tenth more, so that processes of one age do not end together."""
    return number + int.from_bytes(os.urandom(4), "little") % (number // 10 + 1)


def start_daemon(work):
    threading.Thread(target=work, daemon=True).start()


def shut(sock):
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass


def receive_with_descriptors(sock):
    space = socket.CMSG_SPACE(253 * 4)
    text, ancillary, _, _ = sock.recvmsg(MESSAGE, space, socket.MSG_CMSG_CLOEXEC)
    if not text:
        sys.exit(0)  # httpd is gone already
    descriptors = []
    for _, _, data in ancillary:
        descriptors += struct.unpack("%di" % (len(data) // 4), data[: len(data) // 4 * 4])
    return text, descriptors


# --- The application --------------------------------------------------------------------------------


class Unusable(Exception):
    """Why there is no application, for the operator."""


def load(target):
    """The application that the target names, and where it comes from."""
    module_name, _, name = target.partition(":")
    module = load_module(module_name.strip())
    name = name.strip() or ("application" if hasattr(module, "application") else "app")
    path, call, arguments = name.partition("(")
    found = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Unusable(no_name(module, path)) from None
    if call:
        found = called(found, path, arguments)
    if not callable(found):
        raise Unusable("%s:%s is %s, not callable" % (module_name, name, a(found)))
    code = getattr(found, "__code__", None) or getattr(type(found).__call__, "__code__", None)
    if code and code.co_flags & 0x80:  # CO_COROUTINE
        raise Unusable("%s:%s is async: an ASGI application, not a WSGI one" % (module_name, name))
    return found, "%s:%s from %s" % (module_name, name, getattr(module, "__file__", "?"))


def load_module(name):
    try:
        __import__(name)  # unlike importlib.import_module it leaves no frames of its own
    except ModuleNotFoundError as error:
        own = error.__traceback__.tb_next.tb_next if error.__traceback__.tb_next else None
        if own is None and error.name and (name + ".").startswith(error.name + "."):
            raise Unusable(no_module(error.name, str(error))) from None
        raise
    except ValueError:
        raise Unusable("%r cannot be the name of a module" % name) from None
    return sys.modules[name]


def no_module(name, message):
    import difflib
    import pkgutil

    parent, _, last = name.rpartition(".")
    places = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else [os.getcwd()]
    near = difflib.get_close_matches(last, [m.name for m in pkgutil.iter_modules(places)], 1)
    text = "no module named %r in %s" % (name, ", ".join(places) or message)
    if near:
        text += "; there is %r" % ".".join(filter(None, [parent, near[0]]))
    return text


def no_name(module, name):
    names = [key for key, value in vars(module).items() if not key.startswith("_") and is_own(module, value)]
    text = "module %r has no attribute %r" % (module.__name__, name)
    return text + ("; it has: " + ", ".join(names[:20]) if names else "; it has nothing to call")


def is_own(module, value):
    """Whether it can be called, and is not just a function or class that was imported."""
    if isinstance(value, type) or hasattr(value, "__code__"):
        return value.__module__ == module.__name__
    return callable(value)


def called(function, path, arguments):
    import ast

    if not callable(function):
        raise Unusable("%s is %s, not callable" % (path, a(function)))
    try:
        call = ast.parse("f(" + arguments, mode="eval").body
        values = [ast.literal_eval(value) for value in call.args]
        named = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, AttributeError):
        raise Unusable("%s(%s cannot be understood: only plain values" % (path, arguments)) from None
    return function(*values, **named)


def a(value):
    name = type(value).__name__
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def main(control):
    # The programs that the application starts must find an empty input there, not this socket.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = Lines(1).as_text()
    sys.stderr = Lines(2).as_text()
    # Ctrl-C reaches the whole process group, and httpd decides. Not SIG_IGN, which programs inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    worker = Worker(control)
    if sys.path[:1] == [""]:
        del sys.path[0]  # means whatever folder the application changes to
    if sys.path[:1] != [os.getcwd()]:
        sys.path.insert(0, os.getcwd())
    sys.argv[:] = ["httpd"]
    try:
        application, told = load(worker.target)
    except BaseException as error:
        worker.tell("F", str(error) if isinstance(error, Unusable) else story(error)[-60000:])
        sys.exit(3)
    worker.serve(application, "Python %s, %s, WSGI" % (sys.version.split()[0], told))


control = c.dup()  # noqa: F821 -- what httpd made of descriptor 0
c.detach()  # noqa: F821
main(control)
