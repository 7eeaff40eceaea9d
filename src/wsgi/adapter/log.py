"""What the log shows of a Python application: whole lines, each named after its request.

The adapter is these texts in this order: log.py, answer.py, load.py, worker.py. This one must never
know responses or sockets. Standard library only, Python 3.8 and later, as in all of them.
"""

import io
import os
import re
import threading
import traceback
from _thread import get_ident

NAME = "httpd-wsgi"  # the file name that the adapter is compiled under
PATH_LIMIT = 100  # how many characters of a path precede each line
LINE_LIMIT = 16 * 1024  # how many bytes of a line may wait for its end


class Lines(io.BufferedIOBase):
    """Descriptor 1 or 2, written in whole lines, each named after the request its thread serves."""

    serving = {}  # the environ of each thread that serves, by the thread's identity
    tracing = set()  # threads that are writing a traceback, with the descriptor
    begun = {}  # lines whose end has not come yet, by descriptor and thread
    turn = threading.RLock()  # because a pipe keeps only short writes whole

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
        found = find_level(lines)
        level = LEVELS[found.group(1) or found.group(2)] if found else b""
        data = b""
        for line in lines.split(b"\n"):
            # A traceback is one message: its first and last line name the request.
            if line == TRACEBACK:
                Lines.tracing.add(key)
            elif not line.startswith(b" "):
                Lines.tracing.discard(key)
            inside = key in Lines.tracing and line != TRACEBACK
            data += level + (b"| " if inside and mark else mark) + line + b"\n"
        try:
            with Lines.turn:
                while data:
                    data = data[os.write(descriptor, data) :]
        except OSError:
            pass  # a broken log must not fail a request

    @staticmethod
    def end(thread=None):
        """Writes what a thread, or every thread, left without an end of line."""
        for key in [key for key in list(Lines.begun) if thread in (None, key[1])]:
            Lines.emit(key, Lines.begun.pop(key, b""))

    def as_text(self):
        # The text layer mixes the threads, so nothing may wait there: hence write_through.
        return io.TextIOWrapper(self, "utf-8", "backslashreplace", "\n", True, write_through=True)


# The level that logging writes in a line, commonly first or after a time and a name. It is passed on as
# in syslog, before the line, so that httpd need not guess.
LEVELS = {b"DEBUG": b"<7>", b"INFO": b"<6>", b"WARNING": b"<4>", b"ERROR": b"<3>", b"CRITICAL": b"<2>"}
find_level = re.compile(
    rb"\W{0,3}(%s)\b|\W?\d[-\d:., TZ+/]*\W{0,3}(?:[\w.]+[\s:-]{1,3}){0,2}\W?(%s)\b"
    % ((b"|".join(LEVELS),) * 2)
).match
TRACEBACK = b"Traceback (most recent call last):"


def mark_of(environ):
    if environ is None:
        return b""
    path = "%s%s" % (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
    path = path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    if len(path) > PATH_LIMIT:
        path = path[:PATH_LIMIT] + "\u2026"
    text = "[%s %s] " % (environ.get("REQUEST_METHOD"), path)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text).encode()


def complain(text):
    ERRORS.write(text.encode("utf-8", "backslashreplace"))


def warn(text):
    complain("WARNING: httpd: %s\n" % text)


def trace_of(error):
    """The traceback of an error without the adapter's own frames."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == NAME:
        trace = trace.tb_next
    return trace


def story(error):
    return "".join(traceback.format_exception(type(error), error, trace_of(error)))


ERRORS = Lines(2, "<stderr>")
WSGI_ERRORS = ERRORS.as_text()  # and sys.stderr, unless the application replaces that
