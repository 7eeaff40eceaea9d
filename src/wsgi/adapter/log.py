"""What the log shows of a Python application: whole lines, each named after its request.

The adapter is these texts one behind the other: log.py, answer.py, load.py, worker.py. This one
must never know answers or sockets. Standard library only, Python 3.8 and later, as in all of them.
"""

import io
import os
import threading
import traceback
from _thread import get_ident

NAME = "httpd-wsgi"  # what the adapter was compiled as
LINE_LIMIT = 16 * 1024  # how many bytes of a line may wait for its end


class Lines(io.BufferedIOBase):
    """Descriptor 1 or 2, written in whole lines, each named after the request its thread serves."""

    serving = {}  # the environ of each thread that serves, by the thread's identity
    begun = {}  # lines whose end did not come yet, by descriptor and thread
    turn = threading.RLock()  # for a pipe keeps only short writes whole

    def __init__(self, descriptor, name):
        self.descriptor = descriptor
        self.name = name

    def fileno(self):
        return self.descriptor

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        key = self.descriptor, get_ident()
        lines, end, rest = (Lines.begun.pop(key, b"") + data).rpartition(b"\n")
        if len(rest) > LINE_LIMIT:
            lines, end, rest = lines + end + rest, b"\n", b""
        if rest:
            Lines.begun[key] = rest
        if end:
            Lines.emit(key, lines)
        return len(data)

    @staticmethod
    def emit(key, lines):
        descriptor, thread = key
        mark = mark_of(Lines.serving.get(thread))
        data = mark + lines.replace(b"\n", b"\n" + mark) + b"\n"
        try:
            with Lines.turn:
                while data:
                    data = data[os.write(descriptor, data) :]
        except OSError:
            pass  # a log that is gone is no reason to fail a request

    @staticmethod
    def end(thread=None):
        """Writes what a thread, or any, left without an end of line."""
        for key in [key for key in list(Lines.begun) if thread in (None, key[1])]:
            Lines.emit(key, Lines.begun.pop(key, b""))

    def as_text(self):
        # Nothing may wait in the text layer, which mixes the threads: hence write_through.
        return io.TextIOWrapper(self, "utf-8", "backslashreplace", "\n", True, write_through=True)


def mark_of(environ):
    if environ is None:
        return b""
    path = "%s%s" % (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
    path = path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    text = "[%s %s] " % (environ.get("REQUEST_METHOD"), path)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text).encode()


def complain(text):
    ERRORS.write(text.encode("utf-8", "backslashreplace"))


def warn(text):
    complain("httpd: %s\n" % text)


def trace_of(error):
    """Where it was raised, seen from the application: without the adapter's own frames."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == NAME:
        trace = trace.tb_next
    return trace


def story(error):
    return "".join(traceback.format_exception(type(error), error, trace_of(error)))


ERRORS = Lines(2, "<stderr>")
WSGI_ERRORS = ERRORS.as_text()  # and sys.stderr, unless the application replaces that
