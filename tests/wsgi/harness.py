"""Plays httpd: starts the adapter as httpd does, and talks with it over the same sockets."""

import array
import marshal
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOOT = (
    "import socket as s;c=s.socket(fileno=0);" 'exec(compile(c.recv(131072),"httpd-wsgi","exec"))'
)
MESSAGE = 128 * 1024
ANSWER = struct.Struct("<16sBBHI")
WITHDRAWN = struct.Struct("<64Q")
CREDIT = struct.Struct("<16sq")
HEAD, PIECE, FILE, FAILED, BROKEN = 1, 2, 3, 4, 5
SOURCES = os.path.join(HERE, "../../src/wsgi/adapter")
PATIENCE = 20.0  # seconds until a test gives up


def adapter():
    """What httpd sends, made of the files as httpd makes it."""
    parts = []
    for name in ("log.py", "answer.py", "load.py", "reload.py", "worker.py"):
        with open(os.path.join(SOURCES, name), "rb") as file:
            parts.append(file.read())
    return b"".join(parts)


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(PATIENCE)
    return ours, theirs


def environ(method="GET", path="/", **more):
    """What httpd sends of a request."""
    found = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REQUEST_URI": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
    }
    found.update(more)
    return found


class Message:
    """One message of an answer."""

    def __init__(self, data, descriptors):
        self.token, self.kind, self.flags, self.thread, length = ANSWER.unpack_from(data)
        end = len(data) - length
        self.content = data[ANSWER.size : end]
        self.head = data[end:].decode("latin-1")
        self.descriptors = descriptors
        self.last = bool(self.flags & 1)


class Answer:
    """The messages of an answer, taken together."""

    def __init__(self, messages):
        self.messages = messages
        self.kinds = [message.kind for message in messages]
        self.content = b"".join(message.content for message in messages)
        lines = messages[0].head.split("\n")[:-1]
        self.status = lines[0] if lines else None
        self.headers = [tuple(line.split("\0")) for line in lines[1:]]
        self.descriptors = messages[0].descriptors


class Log:
    """What comes out of a pipe, as long as it is open."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.data = b""
        self.grown = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            data = os.read(self.pipe.fileno(), 65536)
            with self.grown:
                self.data += data
                self.grown.notify_all()
            if not data:
                return

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def text(self):
        return self.data.decode("utf-8", "backslashreplace")

    def await_text(self, text):
        with self.grown:
            if not self.grown.wait_for(lambda: text in self.text, PATIENCE):
                raise AssertionError("%r does not come; there is: %s" % (text, self.text))
        return self.text


class Worker:
    """One process of the adapter, with httpd's ends of its sockets."""

    def __init__(
        self, folder, target, threads=1, reactors=1, window=262144, requests_max=0, reload=0,
        lifetime=0, descriptors_at_once=200, source=None, stderr=subprocess.PIPE
    ):  # fmt: skip
        self.window = window
        self.control, control = pair()
        self.requests, requests = pair()
        responses = [pair() for _ in range(reactors)]
        credits = [pair() for _ in range(threads)]
        self.responses = [ours for ours, _ in responses]
        self.credits = [ours for ours, _ in credits]
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOOT],
            stdin=control,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=str(folder),
            bufsize=0,
            env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
        )
        self.out = Log(self.process.stdout)
        self.err = Log(self.process.stderr or open(os.devnull, "rb"))
        self.control.send(source or adapter())
        setup = {
            "target": target,
            "processes": 2,
            "threads": threads,
            "reactors": reactors,
            "window": window,
            "requests_max": requests_max,
            "reload": reload,
            "lifetime": lifetime,
        }
        theirs = [requests] + [end for _, end in responses] + [end for _, end in credits]
        scoreboard = tempfile.TemporaryFile()
        scoreboard.truncate(threads * 24 + reactors * WITHDRAWN.size)
        self.scoreboard = mmap.mmap(scoreboard.fileno(), 0)
        self.withdrawn_at = threads * 24
        theirs.append(scoreboard)
        data = marshal.dumps(setup)
        numbers = [end.fileno() for end in theirs]
        for start in range(0, len(numbers), descriptors_at_once):
            some = array.array("i", numbers[start : start + descriptors_at_once])
            self.control.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, some)])
            data = b"."
        for end in theirs + [control]:
            end.close()
        self.tokens = 0

    def begun(self, thread=0):
        """The token of the request that a thread has begun and not ended; zeros when it is idle."""
        return self.scoreboard[thread * 16 : (thread + 1) * 16]

    def began_at(self, threads, thread=0):
        """When a thread, of so many, began its last request, in nanoseconds."""
        times = self.scoreboard[threads * 16 : threads * 24]
        return int.from_bytes(times[thread * 8 : (thread + 1) * 8], "little")

    def withdraw(self, *tokens, reactor=0):
        """Has these skipped, if they have not begun."""
        numbers = [int.from_bytes(token[8:], "little") for token in tokens]
        area = WITHDRAWN.pack(len(numbers), *numbers, *[0] * (63 - len(numbers)))
        start = self.withdrawn_at + reactor * WITHDRAWN.size
        self.scoreboard[start : start + WITHDRAWN.size] = area

    def told(self, kind):
        """The text of the next message on the control socket."""
        data = self.control.recv(MESSAGE)
        if data[:1] != kind:
            raise AssertionError("%r was told: %s\n%s" % (data, self.err.text, self.out.text))
        return data[1:].decode()

    def send(self, environ, content=b"", reactor=0):
        self.tokens += 1
        token = b"%016d" % self.tokens
        self.requests.send(marshal.dumps((token, reactor, environ, content)))
        return token

    def message(self, reactor=0):
        descriptors = array.array("i")
        data, ancillary, _, _ = self.responses[reactor].recvmsg(MESSAGE, socket.CMSG_SPACE(4))
        for _, _, some in ancillary:
            descriptors.frombytes(some)
        if not data:
            raise AssertionError("no answer comes: " + self.err.text)
        return Message(data, list(descriptors))

    def answer(self, token, reactor=0):
        """The whole answer; it is credited as httpd does it, in quarters of the window."""
        messages = []
        owed = 0
        while not messages or not messages[-1].last:
            message = self.message(reactor)
            if message.token != token:
                raise AssertionError("an answer for %r" % message.token)
            messages.append(message)
            owed += len(message.content)
            if owed >= self.window // 4 and not message.last:
                self.credit(message, owed)
                owed = 0
        return Answer(messages)

    def credit(self, message, amount):
        self.credits[message.thread].send(CREDIT.pack(message.token, amount))

    def ask(self, path="/", method="GET", content=b"", reactor=0, **more):
        return self.answer(self.send(environ(method, path, **more), content, reactor), reactor)

    def silent(self, seconds=0.05, reactor=0):
        """Whether no message comes for a while."""
        return not select.select([self.responses[reactor]], [], [], seconds)[0]

    def end_requests(self):
        self.requests.shutdown(socket.SHUT_WR)

    def exit_code(self):
        code = self.process.wait(PATIENCE)
        self.out.thread.join(PATIENCE)
        self.err.thread.join(PATIENCE)
        return code

    def close(self):
        """Lets it end as httpd does, and makes sure of it."""
        try:
            self.end_requests()
        except OSError:
            pass
        for end in [self.control, self.requests, *self.responses, *self.credits]:
            end.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.out.thread.join(PATIENCE)
        self.err.thread.join(PATIENCE)
        self.out.pipe.close()
        self.err.pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Folder(tempfile.TemporaryDirectory):
    """A folder of an application; its modules are given as text."""

    def __init__(self, **modules):
        super().__init__(prefix="application-")
        self.name = os.path.realpath(self.name)
        for name, text in modules.items():
            self.write(name + ".py", text)

    def __enter__(self):
        return self

    def __str__(self):
        return self.name

    def path(self, name):
        return os.path.join(self.name, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


def eventually(condition, what):
    """Polls, never longer than the patience lasts."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not in time: " + what)
        time.sleep(0.01)
