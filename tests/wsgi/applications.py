"""What the tests ask for: each application plain, and beneath /checked in wsgiref's validator.

The validator hands on an iterator of its own, so that plain lists need the plain one.
"""

import io
import gzip
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from wsgiref.validate import validator

HANDLER = logging.StreamHandler()  # holds what sys.stderr is now
logging.getLogger().addHandler(HANDLER)
TEXT = [("Content-Type", "text/plain")]
APPLICATIONS = {}
KEPT = []
CLOSED = []


def at(path):
    def register(function):
        APPLICATIONS[path] = function
        APPLICATIONS["/checked" + path] = validator(function)
        return function

    return register


def application(environ, start_response):
    return APPLICATIONS[environ.get("test.application") or environ["PATH_INFO"]](
        environ, start_response
    )


def await_file(path):
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        time.sleep(0.005)


class Closing:
    """An iterable that tells when it is closed."""

    def __init__(self, blocks, name):
        self.blocks = iter(blocks)
        self.name = name

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        print("closed", self.name)


@at("/hello")
def hello(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "13")])
    return [b"Hello, world!"]


@at("/nothing")
def nothing(environ, start_response):
    start_response("200 OK", TEXT[:])
    return []


@at("/tuple")
def several(environ, start_response):
    start_response("200 OK", TEXT[:])
    return (b"one ", b"", b"two ", b"three")


@at("/many")
def many(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [b"%05d" % number for number in range(20000)]


@at("/large")
def large(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [b"0123456789" * 50000]


@at("/medium")
def medium(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [b"0123456789" * 10000]


@at("/generator")
def generator(environ, start_response):
    start_response("200 OK", TEXT[:])
    yield b""
    yield b"one "
    yield b""
    yield b"two"


@at("/late_head")
def late_head(environ, start_response):
    yield_first = environ["QUERY_STRING"]
    if yield_first:
        yield b""
    start_response("200 OK", TEXT[:])
    yield b"after"


@at("/gated")
def gated(environ, start_response):
    start_response("200 OK", TEXT[:])
    yield b"before"
    await_file(environ["test.gate"])
    yield b"after"


@at("/gated_head")
def gated_head(environ, start_response):
    start_response("200 OK", TEXT[:])
    yield b""
    await_file(environ["test.gate"])
    start_response("404 Not Found", TEXT[:], fake_exc_info())
    yield b"after"


@at("/echo")
def echo(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [environ["wsgi.input"].read(10**8)]


@at("/lines")
def lines(environ, start_response):
    start_response("200 OK", TEXT[:])
    first = environ["wsgi.input"].readline()
    return [b"|".join([first] + list(environ["wsgi.input"]))]


@at("/environ")
def show_environ(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [repr({key: value for key, value in environ.items()}).encode()]


@at("/write")
def write(environ, start_response):
    put = start_response("200 OK", TEXT[:])
    put(b"written ")
    return [b"returned"]


@at("/write_gated")
def write_gated(environ, start_response):
    put = start_response("200 OK", TEXT[:])
    put(b"written")
    await_file(environ["test.gate"])
    return []


@at("/write_forever")
def write_forever(environ, start_response):
    put = start_response("200 OK", TEXT[:])
    try:
        while True:
            put(b"x" * 1000)
    finally:
        print("stopped writing")


@at("/forever")
def forever(environ, start_response):
    start_response("200 OK", TEXT[:])
    try:
        while True:
            yield b"x" * 1000
    except GeneratorExit:
        print("generator exit")
        raise


@at("/closing")
def closing(environ, start_response):
    start_response("200 OK", TEXT[:])
    return Closing([b"one", b"two"], "closing")


@at("/closing_and_failing")
def closing_and_failing(environ, start_response):
    start_response("200 OK", TEXT[:])
    return Closing((b"x" * (1 // n) for n in [1, 0]), "closing_and_failing")


@at("/failing_close")
def failing_close(environ, start_response):
    start_response("200 OK", TEXT[:])
    found = Closing([b"fine"], "")
    found.close = lambda: 1 // 0
    return found


@at("/status")
def status(environ, start_response):
    number = environ["QUERY_STRING"]
    start_response(number + " Status", [] if number in ("204", "304") else TEXT[:])
    return [b"content"]


@at("/status_streamed")
def status_streamed(environ, start_response):
    number = environ["QUERY_STRING"]
    start_response(number + " Status", [] if number in ("204", "304") else TEXT[:])
    return Closing([b"content", b"more"], "status_streamed")


@at("/length")
def length(environ, start_response):
    start_response("200 OK", TEXT + [("content-length", "10")])
    return APPLICATIONS["/given"](environ, start_response)


@at("/length_zero")
def length_zero(environ, start_response):
    start_response("200 OK", TEXT + [("content-length", "0")])
    return APPLICATIONS["/given"](environ, start_response)


def given(environ, start_response):
    """Blocks of these sizes: as a list, or one by one."""
    sizes = [int(size) for size in environ["QUERY_STRING"].split(",")[1:]]
    blocks = [b"x" * size for size in sizes]
    return blocks if environ["QUERY_STRING"].startswith("list") else Closing(blocks, "given")


APPLICATIONS["/given"] = given


def fake_exc_info():
    try:
        raise KeyError("the reason")
    except KeyError:
        return sys.exc_info()


@at("/replaced_head")
def replaced_head(environ, start_response):
    start_response("200 OK", TEXT + [("X-First", "1")])
    start_response("500 Oh", TEXT + [("X-Second", "2")], fake_exc_info())
    return [b"an error page"]


@at("/too_late")
def too_late(environ, start_response):
    start_response("200 OK", TEXT[:])
    yield b"sent"
    start_response("500 Oh", TEXT[:], fake_exc_info())
    yield b"never"


@at("/raising")
def raising(environ, start_response):
    raise LookupError("on purpose")


@at("/raising_after_head")
def raising_after_head(environ, start_response):
    start_response("200 OK", TEXT[:])
    raise LookupError("on purpose")


@at("/raising_within")
def raising_within(environ, start_response):
    start_response("200 OK", TEXT[:])
    yield b"one"
    raise LookupError("on purpose")


@at("/exiting")
def exiting(environ, start_response):
    sys.exit(7)


@at("/interrupted")
def interrupted(environ, start_response):
    raise KeyboardInterrupt


@at("/print")
def printing(environ, start_response):
    print("to stdout")
    print("a", "b", sep="\n")
    sys.stdout.buffer.write(b"bytes\xff\n")
    print("to stderr \udcff", file=sys.stderr)
    environ["wsgi.errors"].write("to wsgi.errors\n")
    environ["wsgi.errors"].writelines(["a line\n"])
    environ["wsgi.errors"].flush()
    logging.getLogger().warning("logged")
    print("without an end", end="", flush=True)
    start_response("200 OK", TEXT[:])
    return [b"printed"]


def say(environ, start_response):
    print(environ["QUERY_STRING"], file=sys.stderr)
    start_response("200 OK", TEXT[:])
    return [b""]


def print_apart(environ, start_response):
    """Two of these at a time write halves of lines in turn."""
    print("first half", end="")
    open(environ["test.mine"], "w").close()
    await_file(environ["test.other"])
    print(", second half", flush=True)
    start_response("200 OK", TEXT[:])
    return [b""]


def print_long(environ, start_response):
    print("y" * 100000, end="")
    start_response("200 OK", TEXT[:])
    return [b""]


def close_stderr(environ, start_response):
    sys.stderr.close()
    raise LookupError("after stderr was closed")


def kept(environ, start_response):
    """Calls the start_response of the request before."""
    KEPT.append(start_response)
    if len(KEPT) > 1:
        try:
            KEPT[-2]("500 Wrong", [("X-Wrong", "yes")])(b"wrong")
        except Exception:
            traceback.print_exc()
    start_response("200 OK", TEXT[:])
    return [b"mine"]


class Given:
    """An object with a descriptor that is no file of Python's."""

    def __init__(self, path):
        self.file = open(path, "rb")

    def read(self, size):
        return self.file.read(size)

    def fileno(self):
        return self.file.fileno()

    def tell(self):
        return self.file.tell()

    @property
    def closed(self):
        return self.file.closed


class Handed(io.BytesIO):
    def fileno(self):
        raise OSError("none")


def file(environ, start_response):
    kind, path = environ["test.kind"], environ["test.path"]
    headers = TEXT + environ.get("test.headers", [])
    start_response(environ.get("test.status", "200 OK"), headers)
    if kind == "gzip":
        opened = gzip.open(path)
    elif kind == "text":
        opened = open(path)
    elif kind == "pipe":
        reading, writing = os.pipe()
        os.write(writing, b"from a pipe")
        os.close(writing)
        opened = open(reading, "rb")
    elif kind == "memory":
        opened = io.BytesIO(b"from memory")
    elif kind == "odd":
        opened = Handed(b"from memory")
    elif kind == "wrapped gzip":
        opened = Given(path)
        opened.file = gzip.open(path)
    elif kind == "own":
        opened = Given(path)
    elif kind == "temporary":
        opened = tempfile.NamedTemporaryFile()
        opened.write(b"from a temporary")
        opened.seek(5)
    elif kind == "unbuffered":
        opened = open(path, "rb", buffering=0)
        opened.read(3)
    else:
        opened = open(path, "rb")
    if kind == "read":
        opened.read(3)
    if kind == "beyond":
        opened.seek(10**6)
    wrapper = environ["wsgi.file_wrapper"](opened, 4096)
    KEPT.append(opened)
    if kind == "sought":
        # As werkzeug does for a range: so the file need not be read up to there.
        assert wrapper.seekable() and wrapper.tell() == 0
        wrapper.seek(-4, os.SEEK_END)
    if kind == "consumed":
        return wrapper if next(wrapper) else None
    if kind == "wrapped":
        return (block.upper() for block in wrapper)
    if kind == "written":
        start_response("200 OK", TEXT[:], fake_exc_info())(b"written ")
    return wrapper


def test_headers(environ, start_response):
    start_response("200 OK", environ["test.headers"])
    return [b"content"]


def last_file_closed(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [str(KEPT[-1].closed).encode()]


def no_head(environ, start_response):
    return [b"content"]


def no_head_no_content(environ, start_response):
    return []


def no_head_streamed(environ, start_response):
    yield b"content"


def no_head_file(environ, start_response):
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


def none(environ, start_response):
    start_response("200 OK", TEXT[:])


def text(environ, start_response):
    start_response("200 OK", TEXT[:])
    return ["text"]


def two_texts(environ, start_response):
    start_response("200 OK", TEXT[:])
    return ["text", "text"]


def text_streamed(environ, start_response):
    start_response("200 OK", TEXT[:])
    return iter(["text"])


def plain_text(environ, start_response):
    start_response("200 OK", TEXT[:])
    return "text"


def write_text(environ, start_response):
    start_response("200 OK", TEXT[:])("text")
    return []


def twice(environ, start_response):
    start_response("200 OK", TEXT[:])
    start_response("200 OK", TEXT[:])
    return [b""]


WRONG_HEADS = {
    "bytes status": (b"200 OK", []),
    "number": (200, []),
    "no reason": ("200", []),
    "no number": ("OK", []),
    "interim": ("100 Continue", []),
    "six hundred": ("600 Too Much", []),
    "status with a line end": ("200 OK\nX: y", []),
    "status with a null": ("200 O\0K", []),
    "status beyond latin-1": ("200 \u20ac", []),
    "tuple of headers": ("200 OK", (("A", "b"),)),
    "dict of headers": ("200 OK", {"A": "b"}),
    "header as list": ("200 OK", [["A", "b"]]),
    "triple": ("200 OK", [("A", "b", "c")]),
    "text as header": ("200 OK", ["AB"]),
    "bytes name": ("200 OK", [(b"A", "b")]),
    "bytes value": ("200 OK", [("A", b"b")]),
    "number value": ("200 OK", [("A", 1)]),
    "no name": ("200 OK", [("", "b")]),
    "name with a space": ("200 OK", [("A B", "b")]),
    "name with a colon": ("200 OK", [("A:", "b")]),
    "name with a line end": ("200 OK", [("A\r\nB", "b")]),
    "name beyond ascii": ("200 OK", [("\xc4", "b")]),
    "value with a line feed": ("200 OK", [("A", "b\nX: y")]),
    "value with a carriage return": ("200 OK", [("A", "b\r")]),
    "value with a null": ("200 OK", [("A", "b\0c")]),
    "value with a tab": ("200 OK", [("A", "b\tc")]),
    "value beyond latin-1": ("200 OK", [("A", "\u20ac")]),
    "negative length": ("200 OK", [("Content-Length", "-1")]),
    "length of digits that are none": ("200 OK", [("Content-Length", "\xb2")]),
    "empty length": ("200 OK", [("Content-Length", "")]),
    "two lengths": ("200 OK", [("Content-Length", "1"), ("content-length", "1")]),
    "endless": ("200 OK", [("A%d" % n, "x" * 1000) for n in range(100)]),
}


def wrong_head(environ, start_response):
    start_response(*WRONG_HEADS[environ["QUERY_STRING"]])
    return [b"x"]


@at("/odd_head")
def odd_head(environ, start_response):
    start_response(
        "299 \xe4",
        TEXT + [("X-Latin", "\xe4\xa0"), ("X-Empty", ""), ("x-CASE", "1"), ("X-Empty", "")],
    )
    return [b""]


def changing_head(environ, start_response):
    start_response("200 OK", TEXT + [("X-Number", environ["QUERY_STRING"])])
    return [environ["QUERY_STRING"].encode()]


def scheduling(environ, start_response):
    start_response("200 OK", TEXT[:])
    return [b"%d" % os.sched_getscheduler(0)]


def run_program(environ, start_response):
    command = ["sh", "-c", "cat; ls -l /proc/self/fd | grep -c socket:"]
    start_response("200 OK", TEXT[:])
    return [subprocess.run(command, stdout=subprocess.PIPE, close_fds=False).stdout]


def fork_and_end(environ, start_response):
    import multiprocessing

    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join(20)
    start_response("200 OK", TEXT[:])
    return [str(process.exitcode).encode()]


def fork_and_return(environ, start_response):
    start_response("200 OK", TEXT[:])
    if os.fork() == 0:
        return [b"from the child"]
    os.wait()
    return [b"from the parent"]


def fork_and_leave(environ, start_response):
    """Its child comes back as well, while the parent is still at work."""
    start_response("200 OK", TEXT[:])
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    yield b"the child has ended"
    await_file(environ["test.gate"])


def square(number):
    return number * number


def spawn(environ, start_response):
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(square, [2, 3])
    start_response("200 OK", TEXT[:])
    return [repr(found).encode()]


def crash(environ, start_response):
    os.abort()


def background(environ, start_response):
    def work():
        await_file(environ["test.gate"])
        print("background work is done")

    threading.Thread(target=work).start()
    start_response("200 OK", TEXT[:])
    return [b"started"]


for name, function in list(globals().items()):
    if getattr(function, "__module__", None) == __name__ and hasattr(function, "__code__"):
        APPLICATIONS.setdefault("/" + name, function)
