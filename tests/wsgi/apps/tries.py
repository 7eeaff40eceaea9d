"""Tries what a confined application may not do, and says how each try ends."""

import json
import os
import socket
import subprocess


def outcome(attempt):
    try:
        attempt()
        return "done"
    except OSError as error:
        return type(error).__name__


def write(path):
    with open(path, "w") as file:
        file.write("x")


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    port = int(environ.get("QUERY_STRING") or 1)
    tries = {
        "passwd": lambda: read("/etc/passwd"),
        "beside": lambda: read("../www/index.html"),
        "own": lambda: read("tries.py"),
        "write_own": lambda: write("made"),
        "write_data": lambda: write("../data/made"),
        "write_beside": lambda: write("../www/made"),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close(),
        "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        "local": lambda: socket.socketpair()[0].close(),
        "run": lambda: subprocess.run(["true"], check=True),
        "chroot": lambda: os.chroot("."),
    }
    with open("/proc/self/status") as status:
        facts = dict(line.rstrip("\n").split(":\t") for line in status)
    answer = {name: outcome(attempt) for name, attempt in tries.items()}
    answer["user"] = os.getuid()
    answer["groups"] = os.getgroups()
    answer["home"] = os.environ.get("HOME")
    answer["capabilities"] = facts["CapPrm"]
    answer["no_new_privileges"] = facts["NoNewPrivs"]
    answer["seccomp"] = facts["Seccomp"]
    answer["body"] = len(body)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
