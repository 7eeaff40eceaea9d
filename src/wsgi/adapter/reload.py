"""With `--reload`: notices when a source changes, and shows the developer why nothing can be loaded."""

import importlib.machinery
import os
import re
import sys
import time

SCAN_PERIOD = 0.5  # seconds between looks at the sources, …
SCAN_LIMIT = 5000  # … and how many are looked at


def changed_sources():
    """One changed source per look, however many there are."""
    known = LOADED
    while True:
        changed = None
        for path in {*sources(), *list(known)}:
            now = version_of(path)
            if now is None:
                continue  # being replaced, perhaps
            if known.setdefault(path, now) != now:
                known[path] = now
                changed = path
        if changed:
            yield changed
        time.sleep(SCAN_PERIOD)


def sources():
    """The files of the imported modules, except those that are installed and nobody works on."""
    paths = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = [path for path in paths if isinstance(path, str) and not is_installed(path)]
    return paths[:SCAN_LIMIT]


LOADED = {}  # the version of each loaded source, taken before it was read


def version_of(path):
    try:
        status = os.stat(path)
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
    except OSError:
        return None


def load_from_sources():
    """Has modules that somebody works on compiled from what is in the file now.

    The bytecode in __pycache__ may be of another source with the same size and second.
    """
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def get_code_of_source(self, name):
        path = self.get_filename(name)
        if is_installed(path):
            return get_code(self, name)
        LOADED[path] = version_of(path)
        return self.source_to_code(self.get_data(path), path)

    loader.get_code = get_code_of_source


def page_of(text):
    """An application that shows the developer why the real one cannot be loaded."""
    page = PAGE % text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    content = page.encode("utf-8", "backslashreplace")
    kind, fresh = ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")

    def show_why(environ, start_response):
        start_response("500 Internal Server Error", [kind, fresh])
        return [content]

    return show_why


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>The application cannot be loaded</title>
<style>body{font:1.1rem system-ui,sans-serif;margin:2rem}pre{overflow:auto}</style>
<h1>The application cannot be loaded</h1>
<pre>%s</pre>
<p>httpd tries again as soon as a source file changes. Only <code>--reload</code> shows this page.</p>
</html>
"""


is_installed = re.compile(
    re.escape(os.path.dirname(os.__file__)) + "/|.*/(site|dist)-packages/"
).match
