"""The process: its threads, when it ends, and when it asks for another."""

import os
import signal
import time
import unittest

import harness
from harness import Folder, Worker, environ

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app"]
"""


class Gated(unittest.TestCase):
    def gate(self):
        folder = Folder()
        self.addCleanup(folder.cleanup)
        return folder.path("gate")


class Life(Gated):
    def worker(self, target="applications", folder=harness.HERE, **settings):
        worker = Worker(folder, target, **settings)
        self.addCleanup(worker.close)
        worker.told(b"R")
        return worker

    def test_requests_of_several_reactors_and_threads_find_their_way(self):
        worker = self.worker(threads=4, reactors=3)
        tokens = {worker.send(environ(path="/hello"), reactor=n % 3): n % 3 for n in range(60)}
        for reactor in range(3):
            for _ in range(20):
                self.assertEqual(tokens.pop(worker.message(reactor).token), reactor)
        self.assertFalse(tokens)

    def test_a_waiting_application_keeps_one_thread_only(self):
        worker = self.worker(threads=2)
        gate = self.gate()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}))
        self.assertEqual(worker.message().content, b"before")
        for _ in range(5):
            self.assertEqual(worker.ask("/hello").status, "200 OK")
        open(gate, "w").close()
        self.assertEqual(worker.answer(slow).content, b"after")

    def test_what_a_thread_has_begun_is_on_the_scoreboard_until_it_ends(self):
        worker = self.worker(threads=1, reactors=2)
        self.assertEqual(worker.begun(), bytes(16))
        gate = self.gate()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}), reactor=1)
        self.assertEqual(worker.message(1).content, b"before")
        self.assertEqual(worker.begun(), slow)
        open(gate, "w").close()
        worker.answer(slow, reactor=1)
        worker.end_requests()
        self.assertEqual(worker.exit_code(), 0)
        self.assertEqual(worker.begun(), bytes(16))

    def test_when_a_thread_has_begun_is_on_the_scoreboard(self):
        worker = self.worker(threads=1)
        gate = self.gate()
        before = time.monotonic_ns()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}))
        self.assertEqual(worker.message().content, b"before")
        self.assertTrue(before <= worker.began_at(threads=1) <= time.monotonic_ns())
        open(gate, "w").close()
        worker.answer(slow)

    def test_a_request_that_was_withdrawn_before_it_began_is_skipped(self):
        worker = self.worker(threads=1, reactors=2)
        gate = self.gate()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}), reactor=1)
        self.assertEqual(worker.message(1).content, b"before")
        gone = worker.send(environ(path="/gated", **{"test.gate": "/no/such/gate"}), reactor=1)
        wanted = worker.send(environ(path="/hello"), reactor=1)
        worker.withdraw(slow, gone, reactor=1)  # the first has begun: it goes on
        open(gate, "w").close()
        self.assertEqual(worker.answer(slow, reactor=1).content, b"after")
        skipped = worker.answer(gone, reactor=1)
        self.assertEqual((skipped.content, skipped.status), (b"", None))
        self.assertEqual(worker.answer(wanted, reactor=1).status, "200 OK")

    def test_where_an_import_hangs_is_told(self):
        folder = Folder(late="import time\ntime.sleep(60)\n")
        self.addCleanup(folder.cleanup)
        source = harness.adapter().replace(b"LOAD_PATIENCE = 10", b"LOAD_PATIENCE = 2")
        with Worker(folder, "late", source=source) as worker:
            text = worker.told(b"L")
            worker.process.kill()
        self.assertIn("line 2 of %s" % folder.path("late.py"), text)
        self.assertIn('if __name__ == "__main__":', text)

    def test_the_end_of_requests_ends_it_once_all_is_served(self):
        worker = self.worker(threads=2)
        gate = self.gate()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}))
        self.assertEqual(worker.message().content, b"before")
        queued = worker.send(environ(path="/hello"))
        worker.end_requests()
        self.assertEqual(worker.answer(queued).status, "200 OK")
        self.assertIsNone(worker.process.poll())
        open(gate, "w").close()
        self.assertEqual(worker.answer(slow).content, b"after")
        self.assertEqual(worker.exit_code(), 0)

    def test_the_end_is_prompt_and_runs_what_was_registered(self):
        folder = Folder(a="import atexit\natexit.register(print, 'goodbye')\n" + APP)
        self.addCleanup(folder.cleanup)
        worker = self.worker("a", folder, threads=4)
        started = time.monotonic()
        worker.end_requests()
        self.assertEqual(worker.exit_code(), 0)
        self.assertLess(time.monotonic() - started, 5)
        self.assertEqual(worker.out.lines, ["goodbye"])

    def test_the_end_waits_for_a_thread_of_the_application(self):
        worker = self.worker()
        gate = self.gate()
        self.assertEqual(worker.ask("/background", **{"test.gate": gate}).content, b"started")
        worker.end_requests()
        open(gate, "w").close()
        self.assertEqual(worker.exit_code(), 0)
        self.assertEqual(worker.out.lines, ["background work is done"])

    def test_it_ends_when_httpd_is_gone(self):
        worker = self.worker(threads=2)
        worker.control.close()
        self.assertEqual(worker.exit_code(), 0)

    def test_it_ends_when_all_sockets_break_at_once(self):
        worker = self.worker(threads=2)
        worker.send(environ(path="/forever"))
        worker.message()
        for end in [worker.control, worker.requests, *worker.responses, *worker.credits]:
            end.close()
        self.assertEqual(worker.exit_code(), 0)

    def test_it_ends_when_answers_find_nobody(self):
        worker = self.worker(threads=2)
        worker.responses[0].close()
        worker.send(environ(path="/hello"))
        self.assertEqual(worker.exit_code(), 0)

    def test_what_hangs_is_ended_once_httpd_is_gone(self):
        source = harness.adapter().replace(b"STOP_LIMIT = 30 ", b"STOP_LIMIT = 1 ")
        self.assertNotEqual(source, harness.adapter())
        worker = self.worker(source=source)
        worker.send(environ(path="/gated", **{"test.gate": self.gate()}))
        worker.message()
        worker.control.close()
        self.assertEqual(worker.exit_code(), -signal.SIGALRM)

    def test_sigterm_ends_it_once_all_is_served(self):
        worker = self.worker()
        gate = self.gate()
        slow = worker.send(environ(path="/gated", **{"test.gate": gate}))
        worker.message()
        queued = worker.send(environ(path="/hello"))
        worker.process.send_signal(signal.SIGTERM)
        open(gate, "w").close()
        self.assertEqual(worker.answer(slow).content, b"after")
        self.assertEqual(worker.answer(queued).status, "200 OK")
        self.assertEqual(worker.exit_code(), 0)

    def test_sigint_is_for_httpd(self):
        worker = self.worker()
        worker.process.send_signal(signal.SIGINT)
        self.assertEqual(worker.ask("/hello").status, "200 OK")
        self.assertNotIn("KeyboardInterrupt", worker.err.text)

    def test_a_crash_tells_where_it_was(self):
        worker = self.worker()
        worker.send(environ(path="/crash"))
        self.assertEqual(worker.exit_code(), -signal.SIGABRT)
        self.assertIn("in crash", worker.err.text)


class Processes(Gated):
    def setUp(self):
        self.worker = Worker(harness.HERE, "applications")
        self.addCleanup(self.worker.close)
        self.worker.told(b"R")

    def test_programs_get_an_empty_input_and_no_socket(self):
        self.assertEqual(self.worker.ask("/run_program").content, b"0\n")

    def test_a_thread_takes_no_cpu_from_httpd_in_the_middle_of_its_work(self):
        self.assertEqual(self.worker.ask("/scheduling").content, b"%d" % os.SCHED_BATCH)

    def test_a_forked_process_can_be_terminated(self):
        self.assertEqual(self.worker.ask("/fork_and_end").content, b"-15")
        self.assertEqual(self.worker.ask("/hello").status, "200 OK")

    def test_a_fork_that_returns_answers_once(self):
        self.assertEqual(self.worker.ask("/fork_and_return").content, b"from the parent")
        self.assertTrue(self.worker.silent())
        self.assertEqual(self.worker.ask("/hello").status, "200 OK")

    def test_a_fork_that_returns_leaves_on_the_scoreboard_what_its_parent_has_begun(self):
        gate = self.gate()
        slow = self.worker.send(environ(path="/fork_and_leave", **{"test.gate": gate}))
        self.assertEqual(self.worker.message().content, b"the child has ended")
        self.assertEqual(self.worker.begun(), slow)
        open(gate, "w").close()
        self.worker.answer(slow)

    def test_spawned_processes_work(self):
        self.assertEqual(self.worker.ask("/spawn").content, b"[4, 9]")


class Replacement(unittest.TestCase):
    def test_it_asks_once_after_its_requests_and_serves_on(self):
        with Worker(harness.HERE, "applications", requests_max=20, threads=2) as worker:
            worker.told(b"R")
            for number in range(19):
                worker.ask("/hello")
            self.assertFalse(harness.select.select([worker.control], [], [], 0.1)[0])
            for number in range(30):
                worker.ask("/hello")
            self.assertRegex(worker.told(b"E"), "^served 2[0-2] requests$")
            self.assertFalse(harness.select.select([worker.control], [], [], 0.1)[0])
            worker.end_requests()
            self.assertEqual(worker.exit_code(), 0)

    def test_it_asks_after_its_time_and_serves_on(self):
        with Worker(harness.HERE, "applications", lifetime=1) as worker:
            worker.told(b"R")
            self.assertEqual(worker.told(b"E"), "lived 1 s")
            self.assertEqual(worker.ask("/hello").status, "200 OK")

    def test_it_tells_of_a_changed_source(self):
        with Folder(a="import other\n" + APP, other="") as folder:
            with Worker(folder, "a", reload=1) as worker:
                worker.told(b"R")
                # It may not have looked yet, so that nothing tells it what was before.
                deadline = time.monotonic() + harness.PATIENCE
                path = folder.path("other.py")
                stamp = int(time.time())
                while not harness.select.select([worker.control], [], [], 0.1)[0]:
                    self.assertLess(time.monotonic(), deadline)
                    stamp += 1
                    os.utime(path, (stamp, stamp))
                self.assertEqual(worker.told(b"C"), path)
                self.assertEqual(worker.ask().content, b"app")
                while harness.select.select([worker.control], [], [], 0.7)[0]:
                    worker.told(b"C")
                    self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    unittest.main()
