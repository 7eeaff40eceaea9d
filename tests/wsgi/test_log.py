"""What an application writes, line by line."""

import socket
import unittest

import harness
from harness import FAILED, Folder, Worker, environ


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.cleanup)
        self.worker = Worker(harness.HERE, "applications", threads=2)
        self.addCleanup(self.worker.close)
        self.worker.told(b"R")

    def end(self):
        self.worker.end_requests()
        self.assertEqual(self.worker.exit_code(), 0)

    def test_every_way_to_write_names_the_request(self):
        for path in ("/print", "/checked/print"):
            self.worker.ask(path, "POST")
        self.end()
        expected = ["to stdout", "a", "b", "bytes\\xff", "without an end"]
        for path in ("/print", "/checked/print"):
            self.assertEqual(self.lines(self.worker.out, "[POST %s] " % path), expected)
        expected = ["to stderr \\udcff", "to wsgi.errors", "a line", "logged"]
        for path in ("/print", "/checked/print"):
            self.assertEqual(self.lines(self.worker.err, "[POST %s] " % path), expected)
        self.assertEqual(len(self.worker.out.lines + self.worker.err.lines), 18)

    @staticmethod
    def lines(log, mark):
        return [line[len(mark) :] for line in log.lines if line.startswith(mark)]

    def test_lines_of_two_threads_are_not_mixed(self):
        gates = self.folder.path("first"), self.folder.path("second")
        for path, (mine, other) in (("/a", gates), ("/b", gates[::-1])):
            more = {"test.application": "/print_apart", "test.mine": mine, "test.other": other}
            self.worker.send(environ(path=path, **more))
        for _ in range(2):
            self.worker.message()
        self.end()
        expected = ["[GET /a] first half, second half", "[GET /b] first half, second half"]
        self.assertEqual(sorted(self.worker.out.lines), expected)

    def test_control_characters_of_a_path_are_escaped(self):
        path = "/caf\xc3\xa9\x1b[31m\r\n\xe2\x80\xae\xff"
        self.worker.ask(path, **{"test.application": "/print"})
        line = self.worker.out.await_text("to stdout\n").splitlines()[0]
        self.assertEqual(line, "[GET /caf\xe9\\x1b[31m\\r\\n\\u202e\\xff] to stdout")

    def test_a_line_without_end_is_cut_at_its_limit(self):
        self.worker.ask("/print_long")
        self.end()
        mark = "[GET /print_long] "
        self.assertEqual("".join(line[len(mark) :] for line in self.worker.out.lines), "y" * 100000)

    def test_an_application_may_close_stderr(self):
        self.assertEqual(self.worker.ask("/close_stderr").kinds, [FAILED])
        self.worker.err.await_text("LookupError: after stderr was closed\n")
        self.assertEqual(self.worker.ask("/hello").status, "200 OK")

    def test_what_is_written_outside_of_requests_has_no_mark(self):
        with Folder(
            quiet="import atexit, sys\n"
            "print('at import')\n"
            "atexit.register(print, 'at exit')\n"
            "sys.stdout.write('unended, ')\n"
            "app = print\n"
        ) as folder:
            with Worker(folder, "quiet") as worker:
                worker.told(b"R")
                worker.end_requests()
                self.assertEqual(worker.exit_code(), 0)
                self.assertEqual(worker.out.lines, ["at import", "unended, at exit"])


class Writes(unittest.TestCase):
    def test_a_traceback_is_one_write(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.settimeout(harness.PATIENCE)
            with Worker(harness.HERE, "applications", stderr=theirs) as worker:
                worker.told(b"R")
                self.assertEqual(worker.ask("/raising").kinds, [FAILED])
                lines = ours.recv(65536).decode().splitlines()
                self.assertEqual(lines[0], "[GET /raising] Traceback (most recent call last):")
                self.assertEqual(lines[-1], "[GET /raising] LookupError: on purpose")


if __name__ == "__main__":
    unittest.main()
