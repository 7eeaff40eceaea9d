"""How the process starts, and what it says when it cannot."""

import sys
import unittest

from harness import Folder, Worker

HELLO = """
def {0}(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{0}"]
"""


def hello(name):
    return HELLO.format(name)


class Start(unittest.TestCase):
    def folder(self, **modules):
        folder = Folder(**modules)
        self.addCleanup(folder.cleanup)
        return folder

    def served(self, folder, target, **settings):
        """What is told, and the content of an answer."""
        with Worker(folder, target, **settings) as worker:
            told = worker.told(b"R")
            return told, worker.ask().content

    def refused(self, folder, target):
        with Worker(folder, target) as worker:
            text = worker.told(b"F")
            self.assertEqual(worker.exit_code(), 3)
            self.assertNotIn("httpd-wsgi", text)
            return text

    def test_it_tells_what_it_serves(self):
        folder = self.folder(shop=hello("application"))
        told, content = self.served(folder, "shop:application")
        version = sys.version.split()[0]
        path = folder.path("shop.py")
        self.assertEqual(told, "Python %s, shop:application from %s, WSGI" % (version, path))
        self.assertEqual(content, b"application")

    def test_without_a_name_it_serves_application_and_then_app(self):
        self.assertEqual(self.served(self.folder(a=hello("app")), "a")[1], b"app")
        both = self.folder(a=hello("app") + hello("application"))
        self.assertEqual(self.served(both, "a")[1], b"application")

    def test_a_module_of_a_package_is_served(self):
        folder = self.folder()
        folder.write("shop/__init__.py", "")
        folder.write("shop/wsgi.py", hello("app"))
        self.assertEqual(self.served(folder, "shop.wsgi")[1], b"app")

    def test_a_call_is_called(self):
        folder = self.folder(
            a="def create_app(name='app', *, upper=False):\n"
            "    def app(environ, start_response):\n"
            "        start_response('200 OK', [])\n"
            "        return [(name.upper() if upper else name).encode()]\n"
            "    return app\n"
        )
        self.assertEqual(self.served(folder, "a:create_app()")[1], b"app")
        self.assertEqual(self.served(folder, "a:create_app('other', upper=True)")[1], b"OTHER")

    def test_an_attribute_of_an_object_is_served(self):
        folder = self.folder(a=hello("run") + "class Made:\n    inner = staticmethod(run)\n")
        self.assertEqual(self.served(folder, "a:Made.inner")[1], b"run")

    def test_a_class_is_served(self):
        folder = self.folder(
            a="class app:\n"
            "    def __init__(self, environ, start_response):\n"
            "        start_response('200 OK', [])\n"
            "    def __iter__(self):\n"
            "        yield b'a class'\n"
        )
        self.assertEqual(self.served(folder, "a")[1], b"a class")

    def test_more_descriptors_than_a_message_holds_arrive(self):
        folder = self.folder(a=hello("app"))
        settings = {"threads": 3, "reactors": 4, "descriptors_at_once": 3}
        with Worker(folder, "a", **settings) as worker:
            worker.told(b"R")
            for reactor in range(4):
                self.assertEqual(worker.ask(reactor=reactor).content, b"app")

    def test_an_import_survives_a_change_of_the_folder(self):
        text = "import os\nos.chdir('/')\n" + hello("app").replace(
            "\n    start", "\n    import later\n    start"
        )
        self.assertEqual(self.served(self.folder(a=text, later=""), "a")[1], b"app")

    def test_a_missing_module_is_told_with_its_folder_and_a_near_name(self):
        folder = self.folder(application="")
        text = self.refused(folder, "aplication:app")
        self.assertEqual(
            text, "no module named 'aplication' in %s; there is 'application'" % folder
        )
        self.assertEqual(self.refused(folder, "zzz"), "no module named 'zzz' in %s" % folder)

    def test_a_missing_module_of_a_package_is_told_with_a_near_name(self):
        folder = self.folder()
        folder.write("shop/__init__.py", "")
        folder.write("shop/wsgi.py", "")
        text = self.refused(folder, "shop.wgsi:app")
        self.assertIn("no module named 'shop.wgsi' in %s/shop; there is 'shop.wsgi'" % folder, text)

    def test_a_module_that_is_no_package_is_told(self):
        text = self.refused(self.folder(shop=""), "shop.wsgi:app")
        self.assertEqual(text, "No module named 'shop.wsgi'; 'shop' is not a package")

    def test_a_path_is_told_from_a_module(self):
        for target in ("app.py:app", "src/app:app"):
            self.assertIn("is a path", self.refused(self.folder(app=""), target))
        self.assertIn("cannot be the name", self.refused(self.folder(), ":app"))

    def test_a_module_that_the_application_misses_is_a_traceback(self):
        text = self.refused(self.folder(a="import shop.nowhere_to_be_found\n", shop=""), "a")
        self.assertIn("Traceback (most recent call last):\n", text)
        self.assertIn("a.py", text)
        self.assertIn("ModuleNotFoundError: No module named 'shop.nowhere_to_be_found'", text)

    def test_who_misses_a_module_is_told_and_of_an_environment_that_may_have_it(self):
        folder = self.folder(a="import nowhere_to_be_found\n")
        python = "Python %s, %s" % (sys.version.split()[0], sys.executable)
        self.assertIn(python, self.refused(folder, "a"))
        folder.write("venv/bin/python", "")
        if sys.prefix == sys.base_prefix:
            self.assertIn('say python = "venv/bin/python"', self.refused(folder, "a"))

    def test_a_module_that_misses_itself_is_a_traceback(self):
        text = self.refused(self.folder(a="import a.b\n"), "a")
        self.assertIn("Traceback", text)

    def test_an_error_at_import_is_a_traceback_without_frames_of_the_adapter(self):
        text = self.refused(self.folder(a="1 / 0\n"), "a")
        self.assertTrue(text.startswith("Traceback (most recent call last):\n  File "), text)
        self.assertIn('a.py", line 1', text)
        self.assertIn("ZeroDivisionError", text)
        self.assertNotIn("importlib", text)

    def test_a_syntax_error_and_an_exit_are_told(self):
        self.assertIn("SyntaxError", self.refused(self.folder(a="def (:\n"), "a"))
        self.assertIn(
            "SystemExit: 5", self.refused(self.folder(a="import sys\nsys.exit(5)\n"), "a")
        )

    def test_a_missing_name_is_told_with_those_that_are_there(self):
        text = (
            "from string import capwords\n"
            "from threading import Thread\n"
            "import os\n"
            "_hidden = print\n"
            "number = 1\n"
        )
        folder = self.folder(a=text + hello("serve") + hello("create_app"))
        for target, lacks in (
            ("a", "neither 'application' nor 'app'"),
            ("a:wsgi", "no attribute 'wsgi'"),
            ("a:make()", "no attribute 'make'"),
        ):
            text = "module 'a' has %s; it has: serve, create_app" % lacks
            self.assertEqual(self.refused(folder, target), text)
        self.assertIn("it has: no callables", self.refused(self.folder(a=""), "a"))

    def test_a_package_is_told_of_its_part_that_may_be_meant(self):
        folder = self.folder()
        folder.write("mysite/__init__.py", "")
        folder.write("mysite/wsgi.py", hello("application"))
        self.assertIn("; there is 'mysite.wsgi'", self.refused(folder, "mysite"))

    def test_a_proxy_with_nothing_behind_it_is_passed_over(self):
        proxy = (
            "class Proxy:\n"
            "    @property\n"
            "    def __class__(self):\n"
            "        raise RuntimeError('working outside of a request')\n"
            "    def __getattr__(self, name):\n"
            "        raise RuntimeError('working outside of a request')\n"
            "request = Proxy()\n"
        )
        text = self.refused(self.folder(a=proxy + hello("app")), "a:ap")
        self.assertEqual(text, "module 'a' has no attribute 'ap'; it has: Proxy, app")

    def test_a_factory_that_is_not_called_is_told(self):
        for head in ("create_app()", "create_app(config=None)"):
            folder = self.folder(a="def %s: pass\n" % head)
            self.assertIn("say a:create_app()", self.refused(folder, "a:create_app"))

    def test_what_is_not_callable_is_told(self):
        text = self.refused(self.folder(a="app = 'text'\n"), "a:app")
        self.assertEqual(text, "a:app is not callable, but of type str")

    def test_an_asgi_application_is_told(self):
        for text in (
            "async def app(scope, receive, send): pass\n",
            "class A:\n    async def __call__(self, a, b, c): pass\napp = A()\n",
        ):
            self.assertIn("a2wsgi.ASGIMiddleware(app)", self.refused(self.folder(a=text), "a:app"))

    def test_a_call_that_fails_is_a_traceback(self):
        text = self.refused(self.folder(a="def create_app(x): pass\n"), "a:create_app()")
        self.assertIn("TypeError: create_app() missing 1 required", text)
        self.assertIn("neither", self.refused(self.folder(a="app = print\n"), "a:app("))

    def test_of_a_very_long_text_the_end_is_told(self):
        text = self.refused(self.folder(a="raise ValueError('x' * 200000 + 'end')\n"), "a")
        self.assertTrue(text.endswith("xend\n"), text[-10:])

    def test_a_failed_start_ends_though_a_thread_runs(self):
        text = (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,)).start()\n"
            "1 / 0\n"
        )
        self.assertIn("ZeroDivisionError", self.refused(self.folder(a=text), "a"))


if __name__ == "__main__":
    unittest.main()
