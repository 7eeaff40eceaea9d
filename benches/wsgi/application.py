"""What the benchmark asks for: `/hello` (13 bytes), `/page` (100 KB), `/file` (by wsgi.file_wrapper)."""

import os

PAGE = b"0123456789abcdefghijklmnopqrstuvwxyz.\n" * 2632
HELLO = [("Content-Type", "text/plain"), ("Content-Length", "13")]
PAGE_HEADERS = [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))]
FILE = os.environ["BENCH_FILE"]
FILE_HEADERS = [("Content-Type", "application/octet-stream"), ("Content-Length", str(os.path.getsize(FILE)))]


def iterated(opened, size):
    """For a server without a wrapper of its own."""
    with opened:
        while piece := opened.read(size):
            yield piece


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hello":
        start_response("200 OK", HELLO)
        return [b"hello, world\n"]
    if path == "/page":
        start_response("200 OK", PAGE_HEADERS)
        return [PAGE]
    start_response("200 OK", FILE_HEADERS)
    return environ.get("wsgi.file_wrapper", iterated)(open(FILE, "rb"), 64 * 1024)
