"""The Python side of httpd's WSGI support: a process that serves one application on its threads.

httpd starts a bare `python -c` and sends it this text over the control socket, after those of log.py,
answer.py, load.py and reload.py, and then the set-up. Requests come on one socket that all threads share; a
response leaves on the socket of the reactor that sent the request.
"""

import atexit
import faulthandler
import io
import itertools
import logging
import marshal
import mmap
import os
import signal
import socket
import struct
import sys
import threading
import time
from _thread import get_ident
from time import monotonic_ns

IDLE = bytes(16)  # on the scoreboard, in place of the token of a request
WITHDRAWN = struct.Struct("<64Q")  # how many requests a reactor withdraws, and their numbers
TEXT_LIMIT = 64 * 1024  # bytes of a text for httpd
STOP_LIMIT = 30  # seconds to finish once httpd is gone
LOAD_PATIENCE = 10  # seconds until a warning that importing takes long
LOAD_ENDED = threading.Event()


class Server(threading.Thread):
    """A thread that serves. It is no daemon, because threads that an application starts inherit that."""

    def __init__(self, index, worker):
        super().__init__(name="httpd-%d" % index, daemon=False)
        self.index = index
        self.worker = worker
        self.application = worker.application
        self.responses = worker.responses
        self.credits = worker.credits[index]
        self.window = worker.window
        self.constants = worker.constants
        self.scoreboard = worker.scoreboard
        self.times = worker.times
        self.place = slice(index * len(IDLE), (index + 1) * len(IDLE))
        self.withdrawn_at = worker.withdrawn_at

    def run(self):
        stand_back()
        buffer = bytearray(MESSAGE)
        receive = self.worker.requests.recv_into
        loads = marshal.loads
        try:
            while receive(buffer):
                try:
                    # No part of a request has a name here: it would live until the next request.
                    self.answer(*loads(buffer))
                except Exception as error:
                    complain("httpd: a request was dropped: %r\n" % error)
                if self.worker.requests_max:
                    self.worker.count_request()
        except OSError:
            pass  # httpd is gone, with requests unread
        except Gone:
            self.worker.stop()
        finally:
            self.worker.end_thread()

    def answer(self, token, reactor, environ, content):
        self.times[self.index] = monotonic_ns()  # before the token, by which httpd knows that it counts
        self.scoreboard[self.place] = token  # from here on it has begun
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        exchange = Exchange(self, token, self.responses[reactor], is_head)
        thread = get_ident()
        Lines.serving[thread] = environ
        spooled = None
        environ.update(self.constants)
        environ["RAW_URI"] = environ["REQUEST_URI"]  # as gunicorn calls it
        try:
            if self.scoreboard[self.withdrawn_at[reactor]] and self.is_withdrawn(token, reactor):
                return exchange.skip()
            if type(content) is bytes:
                environ["wsgi.input"] = io.BytesIO(content)
            else:
                content = content.encode("latin-1")  # a path is bytes, of whatever encoding
                environ["wsgi.input"] = spooled = open(content, "rb")
                os.unlink(content)
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
            exchange.give_up()
        except BaseException as error:
            # SystemExit too: sys.exit() in an application ends a request and not, silently, a thread.
            try:
                complain(story(error))
            finally:
                exchange.give_up()
        finally:
            if spooled is not None:
                spooled.close()
            if Lines.begun:
                Lines.end(thread)
            del Lines.serving[thread]
            self.scoreboard[self.place] = IDLE

    def is_withdrawn(self, token, reactor):
        """Whether nobody waits for this request any more, although it was sent."""
        count, *numbers = WITHDRAWN.unpack_from(self.scoreboard, self.withdrawn_at[reactor])
        return int.from_bytes(token[8:], "little") in numbers[:count]


class Worker:
    """The process: what httpd set up, and when it ends."""

    def __init__(self, control):
        self.control = control
        self.process = os.getpid()
        text, descriptors = receive_with_descriptors(control)
        setup = marshal.loads(text)
        reactors = setup["reactors"]
        self.target = setup["target"]
        self.threads = setup["threads"]
        self.window = setup["window"]
        self.reload = setup["reload"]
        self.constants = {  # what is the same in every environ
            "SERVER_SOFTWARE": "httpd",
            "wsgi.version": (1, 0),
            "wsgi.multithread": self.threads > 1,
            "wsgi.multiprocess": setup["processes"] > 1,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.errors": WSGI_ERRORS,
            "wsgi.file_wrapper": FileWrapper,
        }
        self.lifetime = spread(setup["lifetime"])
        self.requests_max = spread(setup["requests_max"])
        while len(descriptors) < 2 + reactors + self.threads:
            descriptors += receive_with_descriptors(control)[1]
        scoreboard = descriptors.pop()
        self.scoreboard = mmap.mmap(scoreboard, 0)
        os.close(scoreboard)
        times = self.threads * len(IDLE)
        first = times + self.threads * 8
        self.times = memoryview(self.scoreboard)[times:first].cast("Q")  # when each thread began, in nanoseconds
        self.withdrawn_at = [first + number * WITHDRAWN.size for number in range(reactors)]
        self.sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for each in self.sockets:
            each.setblocking(True)
        self.requests = self.sockets[0]
        self.responses = self.sockets[1 : 1 + reactors]
        self.credits = self.sockets[1 + reactors :]
        self.requests_counted = itertools.count(1)
        self.lock = threading.Lock()  # for what happens seldom: …
        self.alive = self.threads  # … the end of a thread, …
        self.asked = False  # … and the wish for a replacement

    def tell(self, kind, text):
        try:
            text = text.encode("utf-8", "backslashreplace")
            self.control.send(kind + text[-TEXT_LIMIT:])  # the end of a traceback says the most
        except OSError:
            pass  # the main thread learns of it

    def serve(self, application, told):
        self.application = application
        signal.signal(signal.SIGTERM, self.stop)
        # A process that gets SIGTERM just after its fork must not miss it.
        os.register_at_fork(before=hold, after_in_parent=release, after_in_child=self.leave)
        self.servers = [Server(index, self) for index in range(self.threads)]
        for each in self.servers:
            each.start()
        self.tell(b"R", told)
        # httpd acts on what these report once the process serves.
        for wanted, work in ((self.lifetime, self.watch_age), (self.reload, self.watch_sources)):
            if wanted:
                threading.Thread(target=work, daemon=True).start()
        try:
            while self.control.recv(MESSAGE):
                pass
        except OSError:
            pass
        # Ends the process even if a request, a thread of the application or its atexit hangs.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(STOP_LIMIT)
        self.stop()

    def stop(self, *_):
        """Takes no more requests than are queued. Also the handler of SIGTERM."""
        if os.getpid() != self.process:
            os._exit(1)  # the application forked and both processes returned: only one may serve
        shut(self.requests)

    def end_thread(self):
        with self.lock:
            self.alive -= 1
            if not self.alive:
                shut(self.control)  # wakes the main thread

    def leave(self):
        """Leaves httpd, in a process that the application forked."""
        Lines.turn = threading.RLock()
        for each in [self.control, *self.sockets]:
            each.close()
        # A forked process that returns here must not tell httpd that its parent has ended the request.
        for each in self.servers:
            each.scoreboard = bytearray(len(self.scoreboard))
            each.times = [0] * self.threads
        if signal.getsignal(signal.SIGTERM) == self.stop:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        release()

    def count_request(self):
        if next(self.requests_counted) == self.requests_max:
            self.ask_replacement("served %d requests" % self.requests_max)

    def watch_age(self):
        time.sleep(self.lifetime)
        self.ask_replacement("lived %d s" % self.lifetime)

    def ask_replacement(self, why):
        with self.lock:
            if not self.asked:
                self.asked = True
                self.tell(b"E", why)

    def watch_sources(self):
        for path in changed_sources():
            self.tell(b"C", path)


def tell_late_load(worker, main):
    """Reports where the application is if importing it takes long."""
    if LOAD_ENDED.wait(LOAD_PATIENCE):
        return
    frame = sys._current_frames().get(main)
    place = ""
    while frame:
        path = frame.f_code.co_filename
        if not (path == NAME or path.startswith("<frozen") or is_installed(path)):
            place = ", it is at line %d of %s" % (frame.f_lineno, path)
            break
        frame = frame.f_back
    text = "has not been imported after %d s%s; if it serves by itself there (app.run() and the like), "
    text += 'move that under: if __name__ == "__main__":'
    worker.tell(b"L", text % (LOAD_PATIENCE, place))


def stand_back():
    """Lets httpd send all requests that it has before this thread takes its CPU for the first.

    The share of a CPU stays the same (SCHED_BATCH is no lower priority), but the thread preempts
    no other. Threads and processes that the application starts inherit this.
    """
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except (AttributeError, OSError):
        pass  # musl has no such call, and a sandbox may forbid it: that only costs switches


def spread(number):
    """Adds up to a tenth, so that processes that began together do not end together."""
    return number + int.from_bytes(os.urandom(4), "little") % (number // 10 + 1)


def hold():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def release():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def shut(sock):
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass


def receive_with_descriptors(sock):
    room = socket.CMSG_SPACE(253 * 4)  # SCM_MAX_FD of the kernel
    text, ancillary, _, _ = sock.recvmsg(MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    if not text:
        sys.exit(0)  # httpd is gone already
    return text, [number for _, _, data in ancillary for (number,) in struct.iter_unpack("i", data)]


def main(control):
    # Programs that the application starts must not find the control socket as their input.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = Lines(1, "<stdout>").as_text()
    sys.stderr = WSGI_ERRORS
    atexit.register(Lines.end)
    faulthandler.enable()
    # Ctrl-C goes to the whole process group, and httpd decides. (SIG_IGN would be inherited.)
    signal.signal(signal.SIGINT, lambda *_: None)
    worker = Worker(control)
    sys.argv[:] = ["httpd"]
    if sys.path[:1] == [""]:
        del sys.path[0]  # "" is wherever the application changes to
    if sys.path[:1] != [os.getcwd()]:
        sys.path.insert(0, os.getcwd())
    # An application that did not set up logging prints messages without their level.
    logging.lastResort.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    if worker.reload:
        load_from_sources()
        LOADED[os.getcwd()] = version_of(os.getcwd())  # where a missing module would appear
    late = threading.Thread(target=tell_late_load, args=(worker, get_ident()), daemon=True)
    late.start()
    try:
        application, told = load(worker.target)
        LOADED.pop(os.getcwd(), None)
    except BaseException as error:
        text = str(error) if isinstance(error, Unusable) else story(error)
        is_missing = isinstance(error, (ModuleNotFoundError, Unusable))
        if isinstance(error, ModuleNotFoundError):
            text += which_python()
        if not worker.reload:
            worker.tell(b"F", text)
            Lines.end()
            os._exit(3)  # threads that the application started would keep the process
        if not is_missing:
            LOADED.pop(os.getcwd(), None)
        worker.tell(b"B", text)
        application, told = page_of(text), "%s cannot be loaded" % worker.target
    LOAD_ENDED.set()
    worker.serve(application, "Python %s, %s, WSGI" % (sys.version.split()[0], told))


control = c.dup()  # noqa: F821 - c is what descriptor 0 was to the one line before this text
c.detach()  # noqa: F821
main(control)
