"""Answers: what PEP 3333 asks of a server, and the messages that httpd gets."""

import gzip
import os
import unittest

import applications

import harness
from harness import BROKEN, FAILED, FILE, HEAD, PIECE, Folder, Worker, environ

TEXT = ("Content-Type", "text/plain")


class Answers(unittest.TestCase):
    """One worker with one thread answers all; a test that breaks it breaks those that follow."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(harness.HERE, "applications", **cls.settings)
        cls.addClassCleanup(cls.worker.close)
        cls.worker.told(b"R")
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.gates = 0

    def gate(self):
        """The path of a file on which an application waits."""
        type(self).gates += 1
        return self.folder.path("gate%d" % self.gates)

    @staticmethod
    def open(gate):
        open(gate, "w").close()

    def ask(self, path, method="GET", content=b"", **more):
        return self.worker.ask(path, method, content, **more)

    def each(self, path, method="GET", content=b"", **more):
        """The answers of an application plain, and in the validator."""
        for prefix in ("", "/checked"):
            with self.subTest(prefix + path):
                yield self.ask(prefix + path, method, content, **more)

    def fails(self, path, kind=FAILED, **more):
        """What stands in the log once an application has failed."""
        before = len(self.worker.err.text)
        answer = self.ask(path, **more)
        self.assertEqual(answer.kinds[-1], kind, answer.status)
        return self.log_since(before)

    def log_since(self, start):
        """All that was written to stderr meanwhile, for lines keep their order."""
        type(self).gates += 1
        mark = "mark-%d." % self.gates
        self.ask("/say", QUERY_STRING=mark)
        text = self.worker.err.await_text(mark)
        return text[start : text.index("[GET /say] " + mark)]


class Lists(Answers):
    def test_a_small_list_leaves_in_one_message(self):
        answer = self.ask("/hello")
        self.assertEqual(answer.kinds, [HEAD])
        self.assertEqual(answer.status, "200 OK")
        self.assertEqual(answer.headers, [TEXT, ("Content-Length", "13")])
        self.assertEqual(answer.content, b"Hello, world!")

    def test_a_list_is_answered_alike_in_the_validator(self):
        for answer in self.each("/hello"):
            self.assertEqual(answer.content, b"Hello, world!")
            self.assertEqual(answer.headers, [TEXT, ("Content-Length", "13")])

    def test_an_empty_list_is_an_empty_content(self):
        for answer in self.each("/nothing"):
            self.assertEqual(answer.kinds, [HEAD])
            self.assertEqual(answer.content, b"")

    def test_blocks_of_a_tuple_leave_together(self):
        answer = self.ask("/tuple")
        self.assertEqual(answer.kinds, [HEAD])
        self.assertEqual(answer.content, b"one two three")

    def test_a_list_of_very_many_blocks_is_answered(self):
        for answer in self.each("/many"):
            self.assertEqual(answer.content, b"".join(b"%05d" % n for n in range(20000)))

    def test_content_of_a_hundred_kilobytes_leaves_in_one_message(self):
        answer = self.ask("/medium")
        self.assertEqual(answer.kinds, [HEAD])
        self.assertEqual(answer.content, b"0123456789" * 10000)

    def test_a_large_list_leaves_in_several_messages_with_its_length(self):
        answer = self.ask("/large")
        self.assertEqual(answer.kinds, [HEAD, PIECE, PIECE, PIECE])
        self.assertEqual(answer.headers, [TEXT, ("Content-Length", "500000")])
        self.assertEqual(answer.content, b"0123456789" * 50000)
        for message in answer.messages[:-1]:
            self.assertFalse(message.last)

    def test_a_large_block_of_an_iterator_leaves_in_several_messages(self):
        answer = self.ask("/checked/large")
        self.assertEqual(answer.content, b"0123456789" * 50000)
        self.assertEqual(answer.headers, [TEXT])

    def test_every_message_names_the_thread(self):
        self.assertEqual({message.thread for message in self.ask("/large").messages}, {0})


class Iterables(Answers):
    def test_each_block_leaves_before_the_next_is_asked_for(self):
        for prefix in ("", "/checked"):
            gate = self.gate()
            token = self.worker.send(environ(path=prefix + "/gated", **{"test.gate": gate}))
            first = self.worker.message()
            self.assertEqual((first.kind, first.content, first.last), (HEAD, b"before", False))
            self.open(gate)
            rest = self.worker.answer(token)
            self.assertEqual(rest.content, b"after")
            self.assertEqual(set(rest.kinds), {PIECE})

    def test_empty_blocks_do_not_send_the_head(self):
        gate = self.gate()
        token = self.worker.send(environ(path="/gated_head", **{"test.gate": gate}))
        self.assertTrue(self.worker.silent())
        self.open(gate)
        answer = self.worker.answer(token)
        self.assertEqual(answer.status, "404 Not Found")
        self.assertEqual(answer.content, b"after")

    def test_the_blocks_of_a_generator_arrive(self):
        for answer in self.each("/generator"):
            self.assertEqual(answer.content, b"one two")

    def test_start_response_may_be_called_as_late_as_the_first_content(self):
        for answer in self.each("/late_head"):
            self.assertEqual(answer.content, b"after")
        self.assertEqual(self.ask("/late_head", QUERY_STRING="empty first").content, b"after")

    def test_an_iterable_is_closed(self):
        for answer in self.each("/closing"):
            self.assertEqual(answer.content, b"onetwo")
        self.worker.out.await_text("[GET /closing] closed closing\n")
        self.worker.out.await_text("[GET /checked/closing] closed closing\n")

    def test_an_iterable_that_raises_is_closed(self):
        self.assertIn("ZeroDivisionError", self.fails("/closing_and_failing", BROKEN))
        self.worker.out.await_text("closed closing_and_failing\n")

    def test_a_close_that_raises_leaves_the_answer_as_it_was(self):
        before = len(self.worker.err.text)
        answer = self.ask("/failing_close")
        self.assertEqual((answer.kinds, answer.content), ([HEAD, PIECE], b"fine"))
        self.assertIn("ZeroDivisionError", self.log_since(before))

    def test_what_is_written_comes_before_what_is_returned(self):
        for answer in self.each("/write"):
            self.assertEqual(answer.content, b"written returned")

    def test_what_is_written_leaves_at_once(self):
        gate = self.gate()
        token = self.worker.send(environ(path="/write_gated", **{"test.gate": gate}))
        self.assertEqual(self.worker.message().content, b"written")
        self.open(gate)
        self.assertEqual(self.worker.answer(token).kinds, [PIECE])

    def test_the_validator_finds_nothing_left_open(self):
        self.ask("/checked/generator")
        self.ask("/checked/closing")
        self.assertNotIn("garbage collected", self.log_since(0))


class Requests(Answers):
    def test_content_is_read_from_memory(self):
        for answer in self.each("/echo", "POST", b"some content", CONTENT_LENGTH="12"):
            self.assertEqual(answer.content, b"some content")

    def test_content_is_read_by_lines(self):
        for answer in self.each("/lines", "POST", b"a\nb\nc", CONTENT_LENGTH="5"):
            self.assertEqual(answer.content, b"a\n|b\n|c")

    def spooled(self, content):
        path = self.gate()
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_content_is_read_from_a_file_that_is_gone_afterwards(self):
        for prefix in ("", "/checked"):
            path = self.spooled(b"x" * 300000)
            answer = self.ask(prefix + "/echo", "POST", path, CONTENT_LENGTH="300000")
            self.assertEqual(answer.content, b"x" * 300000)
            self.assertFalse(os.path.exists(path))

    def test_a_file_is_read_by_lines(self):
        answer = self.ask("/lines", "POST", self.spooled(b"a\nb\n"), CONTENT_LENGTH="4")
        self.assertEqual(answer.content, b"a\n|b\n")

    def test_a_missing_file_fails_the_request_alone(self):
        self.assertIn("FileNotFoundError", self.fails("/echo", content="/nowhere/to/be/found"))
        self.assertEqual(self.ask("/hello").status, "200 OK")

    def test_the_environ_arrives_as_it_was_sent(self):
        answer = self.ask("/environ", HTTP_X="\xe4")
        self.assertIn(b"'HTTP_X': '\xc3\xa4'", answer.content)
        self.assertIn(b"'wsgi.version': (1, 0)", answer.content)
        self.assertIn(b"'wsgi.multiprocess': True", answer.content)

    def test_what_cannot_be_decoded_ends_no_thread(self):
        for data in (b"?", b"\xff" * 100, b"i\0\0\0\0", b")\1N", b"N"):
            self.worker.requests.send(data)
        self.worker.requests.send(harness.marshal.dumps((b"0" * 16, 9, environ(), b"")))
        self.assertEqual(self.ask("/hello").status, "200 OK")
        self.worker.err.await_text("httpd: a request was dropped: IndexError")
        self.assertGreaterEqual(self.worker.err.text.count("a request was dropped"), 6)


class Heads(Answers):
    def test_wrong_heads_are_refused(self):
        for name in applications.WRONG_HEADS:
            with self.subTest(name):
                log = self.fails("/wrong_head", QUERY_STRING=name)
                self.assertRegex(log, r"(TypeError|ValueError|UnicodeEncodeError): ")
                self.assertIn("applications.py", log)
                self.assertNotIn("During handling", log)
        self.assertEqual(self.ask("/hello").status, "200 OK")

    def test_headers_about_the_connection_are_left_out_with_one_warning(self):
        for value in ("close", "keep-alive", "keep-alive"):
            lines = [("Connection", value), ("X-Kept", "1")]
            answer = self.ask("/test_headers", **{"test.headers": lines})
            self.assertEqual(answer.headers, [("X-Kept", "1")])
        self.ask("/hello")
        warning = "the header Connection describes"
        self.assertEqual(self.worker.err.await_text(warning).count(warning), 1)

    def test_latin_1_and_empty_values_arrive(self):
        for answer in self.each("/odd_head"):
            self.assertEqual(answer.status, "299 \xe4")
            self.assertEqual(
                answer.headers[1:],
                [("X-Latin", "\xe4\xa0"), ("X-Empty", ""), ("x-CASE", "1"), ("X-Empty", "")],
            )

    def test_heads_are_not_mixed_up_however_many_there_are(self):
        for number in list(range(600)) + [3, 300]:
            answer = self.ask("/changing_head", QUERY_STRING=str(number))
            self.assertEqual(answer.headers, [TEXT, ("X-Number", str(number))])
            self.assertEqual(answer.content, b"%d" % number)

    def test_exc_info_replaces_a_head_that_was_not_sent(self):
        for answer in self.each("/replaced_head"):
            self.assertEqual(answer.status, "500 Oh")
            self.assertEqual(answer.headers, [TEXT, ("X-Second", "2")])

    def test_exc_info_is_raised_once_the_head_was_sent(self):
        self.assertIn("KeyError: 'the reason'", self.fails("/too_late", BROKEN))

    def test_a_second_call_without_exc_info_fails(self):
        self.assertIn("start_response was called again", self.fails("/twice"))

    def test_an_application_that_never_calls_start_response_fails(self):
        for path in ("/no_head", "/no_head_no_content", "/no_head_streamed", "/no_head_file"):
            with self.subTest(path):
                self.assertIn("did not call start_response", self.fails(path))

    def test_content_that_is_not_bytes_fails(self):
        for path in (
            "/text",
            "/two_texts",
            "/text_streamed",
            "/plain_text",
            "/write_text",
            "/none",
        ):
            with self.subTest(path):
                self.assertIn("TypeError", self.fails(path))

    def test_a_kept_start_response_does_not_reach_the_next_request(self):
        for _ in range(3):
            answer = self.ask("/kept")
            self.assertEqual((answer.headers, answer.content), ([TEXT], b"mine"))


class Lengths(Answers):
    def length(self, *sizes):
        return ",".join(map(str, sizes))

    def test_content_as_long_as_declared_leaves_at_once(self):
        for kind in ("list", "iterator"):
            for sizes in ((10,), (4, 6), (10, 0), (0, 10)):
                query = self.length(kind, *sizes)
                for answer in self.each("/length", QUERY_STRING=query):
                    self.assertEqual(answer.content, b"x" * 10)
                    self.assertIn(("Content-Length", "10"), answer.headers)

    def test_the_block_that_completes_the_length_is_the_last_message(self):
        answer = self.ask("/length", QUERY_STRING="iterator,4,6")
        self.assertEqual(answer.kinds, [HEAD, PIECE])
        self.assertEqual([len(message.content) for message in answer.messages], [4, 6])

    def test_more_than_declared_is_never_sent(self):
        for kind in ("list", "iterator"):
            for sizes in ((11,), (4, 7), (10, 1), (5, 5, 5), (200000,)):
                with self.subTest(kind=kind, sizes=sizes):
                    before = len(self.worker.err.text)
                    answer = self.ask("/length", QUERY_STRING=self.length(kind, *sizes))
                    self.assertEqual(answer.content, b"x" * 10)
                    self.assertNotIn(BROKEN, answer.kinds)
                    self.assertIn("longer than its Content-Length", self.log_since(before))

    def test_nothing_is_sent_where_nothing_was_declared(self):
        for kind in ("list", "iterator"):
            for sizes in ((0,), (5,), (0, 5)):
                answer = self.ask("/length_zero", QUERY_STRING=self.length(kind, *sizes))
                self.assertEqual((answer.kinds, answer.content), ([HEAD], b""))

    def test_less_than_declared_breaks_the_answer(self):
        for kind in ("list", "iterator"):
            for sizes in ((9,), (4, 5)):
                with self.subTest(kind=kind, sizes=sizes):
                    log = self.fails("/length", BROKEN, QUERY_STRING=self.length(kind, *sizes))
                    self.assertIn("1 bytes short of Content-Length", log)

    def test_nothing_where_content_was_declared_fails_before_the_head(self):
        for kind in ("list", "iterator"):
            log = self.fails("/length", FAILED, QUERY_STRING=self.length(kind, 0))
            self.assertIn("10 bytes short", log)

    def test_head_is_answered_without_content(self):
        for path in ("/hello", "/generator", "/write", "/closing", "/large", "/forever"):
            for answer in self.each(path, "HEAD"):
                self.assertEqual(answer.status, "200 OK")
                self.assertEqual(answer.content, b"")
                self.assertEqual(answer.kinds, [HEAD])

    def test_head_tells_the_length_that_get_would_have(self):
        for path, length in (("/hello", "13"), ("/tuple", "13"), ("/large", "500000")):
            self.assertIn(("Content-Length", length), self.ask(path, "HEAD").headers)
        for path in ("/nothing", "/generator"):
            self.assertEqual(self.ask(path, "HEAD").headers, [TEXT])

    def test_head_says_where_nobody_knows_the_length(self):
        for path, flags in (("/hello", 1), ("/generator", 3), ("/nothing", 3)):
            self.assertEqual(self.ask(path, "HEAD").messages[0].flags, flags)
        self.assertEqual(self.ask("/nothing").messages[0].flags, 1)

    def test_head_needs_no_content_of_the_declared_length(self):
        answer = self.ask("/length", "HEAD", QUERY_STRING="list")
        self.assertEqual((answer.kinds, answer.content), ([HEAD], b""))
        self.assertIn(("Content-Length", "10"), answer.headers)

    def test_head_closes_the_iterable(self):
        self.ask("/closing", "HEAD")
        self.worker.out.await_text("[HEAD /closing] closed closing\n")

    def test_204_and_304_have_no_content(self):
        for method in ("GET", "HEAD"):
            for status in ("204", "304"):
                for path in ("/status", "/status_streamed"):
                    for answer in self.each(path, method, QUERY_STRING=status):
                        self.assertEqual(answer.status, status + " Status")
                        self.assertEqual((answer.kinds, answer.content), ([HEAD], b""))
                        self.assertEqual(answer.headers, [])


class Failures(Answers):
    def test_an_application_that_raises_before_its_head_fails(self):
        for path in ("/raising", "/raising_after_head"):
            log = self.fails(path)
            self.assertIn("LookupError: on purpose\n", log)

    def test_an_application_that_raises_after_its_head_breaks(self):
        self.assertIn("LookupError: on purpose\n", self.fails("/raising_within", BROKEN))

    def test_a_traceback_names_the_request_and_shows_no_adapter(self):
        log = self.fails("/raising")
        first, *inside, last = log.splitlines()
        self.assertEqual(first, "[GET /raising] Traceback (most recent call last):")
        self.assertEqual(last, "[GET /raising] LookupError: on purpose")
        self.assertGreater(len(inside), 1)
        for line in inside:
            self.assertTrue(line.startswith("|   "), line)
        self.assertNotIn("httpd-wsgi", log)

    def test_sys_exit_ends_a_request_and_not_the_thread(self):
        self.assertIn("SystemExit: 7", self.fails("/exiting"))
        self.assertIn("KeyboardInterrupt", self.fails("/interrupted"))
        self.assertEqual(self.ask("/hello").status, "200 OK")


class Windows(Answers):
    settings = {"window": 10000}

    def test_no_more_than_the_window_is_sent_without_credit(self):
        for path in ("/large", "/forever", "/checked/forever", "/write_forever"):
            with self.subTest(path):
                token = self.worker.send(environ(path=path))
                messages = []
                while sum(len(message.content) for message in messages) < 10000:
                    messages.append(self.worker.message())
                size = len(messages[-1].content)
                self.assertEqual(sum(len(message.content) for message in messages), 10000)
                self.assertTrue(self.worker.silent())
                self.worker.credit(messages[-1], size)
                self.assertEqual(len(self.worker.message().content), size)
                self.assertTrue(self.worker.silent())
                self.worker.credit(messages[-1], -1)
                self.assertEqual(self.worker.answer(token).kinds, [PIECE])

    def test_a_whole_large_answer_passes_a_small_window(self):
        self.assertEqual(self.ask("/large").content, b"0123456789" * 50000)

    def cancelled(self, path):
        token = self.worker.send(environ(path=path))
        first = self.worker.message()
        self.worker.credit(first, -1)
        rest = self.worker.answer(token)
        self.assertEqual(rest.kinds[-1], PIECE)
        self.assertEqual(self.ask("/hello").status, "200 OK")

    def test_a_cancelled_generator_is_closed(self):
        self.cancelled("/forever")
        self.worker.out.await_text("[GET /forever] generator exit\n")
        self.cancelled("/checked/forever")
        self.worker.out.await_text("[GET /checked/forever] generator exit\n")

    def test_a_cancelled_writer_is_stopped(self):
        self.cancelled("/write_forever")
        self.worker.out.await_text("stopped writing\n")

    def test_cancelling_is_no_error(self):
        self.cancelled("/forever")
        self.assertNotIn("Traceback", self.worker.err.text)

    def test_what_is_said_of_short_answers_does_not_pile_up(self):
        for _ in range(600):
            answer = self.ask("/late_head")
            self.assertEqual(answer.kinds, [HEAD, PIECE])
            self.worker.credit(answer.messages[0], -1)

    def test_credit_of_old_answers_is_ignored(self):
        message = self.ask("/hello").messages[0]
        for amount in (-1, 10**9, 1):
            self.worker.credit(message, amount)
        token = self.worker.send(environ(path="/forever"))
        sent = 0
        while sent < 10000:
            sent += len(self.worker.message().content)
        self.assertTrue(self.worker.silent())
        message.token = token
        self.worker.credit(message, -1)
        self.assertEqual(self.worker.answer(token).content, b"")


class Files(Answers):
    CONTENT = b"The content of a file.\n"

    def setUp(self):
        self.path = self.gate()
        with open(self.path, "wb") as file:
            file.write(self.CONTENT)

    def file(self, kind, method="GET", **more):
        more = {"test." + name: value for name, value in more.items()}
        return self.ask("/file", method, **{"test.kind": kind, "test.path": self.path}, **more)

    def whole(self, answer):
        """The bytes that the answer stands for."""
        self.assertEqual(answer.kinds, [FILE])
        offset, length = harness.struct.unpack("<QQ", answer.content)
        (descriptor,) = answer.descriptors
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, min(length, size), offset)
        os.close(descriptor)
        return data

    def test_a_file_leaves_as_its_descriptor_and_is_closed(self):
        answer = self.file("plain")
        self.assertEqual(answer.content, harness.struct.pack("<QQ", 0, 2**64 - 1))
        self.assertEqual((answer.status, answer.headers), ("200 OK", [TEXT]))
        self.assertEqual(self.whole(answer), self.CONTENT)
        self.assertEqual(self.ask("/last_file_closed").content, b"True")

    def test_a_file_leaves_from_where_the_application_is(self):
        self.assertEqual(self.whole(self.file("read")), self.CONTENT[3:])
        self.assertEqual(self.whole(self.file("unbuffered")), self.CONTENT[3:])

    def test_a_file_leaves_as_far_as_its_declared_length(self):
        answer = self.file("read", headers=[("Content-Length", "5")])
        self.assertEqual(self.whole(answer), self.CONTENT[3:8])

    def test_head_of_a_file_leaves_as_its_descriptor_too(self):
        self.assertEqual(self.whole(self.file("plain", "HEAD")), self.CONTENT)

    def test_a_temporary_file_leaves_as_its_descriptor(self):
        self.assertEqual(self.whole(self.file("temporary")), b"a temporary")

    def test_an_object_whose_read_is_its_own_is_read(self):
        answer = self.file("own")
        self.assertEqual((answer.kinds[0], answer.content), (HEAD, self.CONTENT))

    def test_a_wrapped_file_can_be_sought(self):
        self.assertEqual(self.whole(self.file("sought")), self.CONTENT[-4:])

    def test_what_is_no_plain_file_is_read_in_blocks(self):
        for kind, content in (
            ("pipe", b"from a pipe"),
            ("memory", b"from memory"),
            ("odd", b"from memory"),
            ("beyond", b""),
        ):
            with self.subTest(kind):
                answer = self.file(kind)
                self.assertEqual(answer.kinds[0], HEAD)
                self.assertEqual(answer.content, content)
                self.assertEqual(self.ask("/last_file_closed").content, b"True")

    def test_what_is_unpacked_while_it_is_read_is_read(self):
        with gzip.open(self.path, "wb") as file:
            file.write(self.CONTENT)
        for kind in ("gzip", "wrapped gzip"):
            self.assertEqual(self.file(kind).content, self.CONTENT)

    def test_a_text_file_fails_as_text_does(self):
        self.assertEqual(self.file("text").kinds, [FAILED])

    def test_a_file_that_middleware_touched_is_read(self):
        self.assertEqual(self.file("wrapped").content, self.CONTENT.upper())
        self.assertEqual(self.file("consumed").content, b"")
        self.assertEqual(self.file("written").content, b"written " + self.CONTENT)

    def test_a_file_that_is_shorter_than_declared_breaks(self):
        answer = self.file("plain", headers=[("Content-Length", "1000")])
        self.assertEqual(answer.kinds, [HEAD, BROKEN])

    def test_304_sends_no_file(self):
        for method in ("GET", "HEAD"):
            answer = self.file("plain", method, status="304 Not Modified")
            self.assertEqual((answer.kinds, answer.content), ([HEAD], b""))


if __name__ == "__main__":
    unittest.main()
