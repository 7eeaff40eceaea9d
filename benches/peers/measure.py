#!/usr/bin/env python3
"""Measures the same small service with several libraries. What it shows, and how, is in ../LIBRARY.md.

    measure.py build                  crates, seconds of a cold build, size of the binary
    measure.py requests [options]     wrk: JSON, JSON by POST, a file
    measure.py slowest [options]      h2load --h1: the slowest request
    measure.py events [options]       messages to many clients of one event stream: ../streams measures

Each server runs on CPU 0 with one worker, what loads it on CPU 1. Rounds are interleaved: each server has
its turn in each round. The figures are medians of the rounds.
"""

import argparse
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVERS = {
    "httpd": "peer-httpd",
    "axum": "peer-axum",
    "actix": "peer-actix",
    "tiny_http": "peer-tiny-http",
}
FILE = "".join(f"line {number:04} of a plain file\n" for number in range(40))
HELLO = ("/hello", "GET", None, '{"message":"hello"}')
ADD = ("/add", "POST", '{"a":1,"b":2}', '{"sum":3}')
# What is asked for, how many requests a connection sends at a time, and what comes back.
WORKS = {
    "hello": (1, *HELLO),
    "add": (1, *ADD),
    "file": (1, "/plain.txt", "GET", None, FILE),
    "hello-16": (16, *HELLO),
    "add-16": (16, *ADD),
}


def build(name, profile="release", target=None):
    """Builds one package alone, so that no other package's features are in it."""
    command = ["nice", "-n", "19", "cargo", "build", "--quiet", "--profile", profile, "-p", name]
    directory = target or HERE / "target" / "alone" / name
    subprocess.run(command + ["--target-dir", str(directory)], cwd=HERE, check=True)
    return Path(directory) / profile / name


class Running:
    """A server on CPU 0."""

    def __init__(self, name, program, root):
        command = ["taskset", "-c", "0", str(program), "127.0.0.1:0", str(root)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise SystemExit(f"{name} does not start")
        self.host, port = self.address.rsplit(":", 1)
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """CPU time of the process and all its threads, in seconds (the kernel's clock of a process)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def share_of_user(self):
        """How much of that time is the program's own, in ticks of the kernel's clock: user, all."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return int(user), int(user) + int(system)

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=30)


def ask(client, path, method="GET", body=None):
    """One request on a connection that stays open; the body of its response."""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}" if body else "\r\n"
    client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{content}".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(client)
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        raise SystemExit(f"{path}: {head!r}")
    length = int(re.search(rb"content-length: *(\d+)", head, re.I)[1])
    while len(rest) < length:
        rest += receive(client)
    return rest.decode()


def receive(client):
    data = client.recv(65536)
    if not data:
        raise SystemExit("the server closes the connection")
    return data


def check(server):
    """All servers do the same, or the figures say nothing."""
    with server.connect() as client:
        for _, path, method, body, expected in WORKS.values():
            got = ask(client, path, method, body)
            if got != expected:
                raise SystemExit(f"{path}: {got!r}")


def on_cpu_1(*command):
    return ["taskset", "-c", "1", *map(str, command)]


def with_wrk(server, work, options):
    depth, path, method, body, _ = WORKS[work]
    url = f"http://{server.address}{path}"
    command = on_cpu_1("wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", "--timeout", "10s")
    command += ["-s", str(HERE / "wrk.lua"), url, "--", method, str(depth)] + ([body] if body else [])
    before, user_before = server.cpu(), server.share_of_user()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu() - before
    user, ticks = (after - before for after, before in zip(server.share_of_user(), user_before))
    tally = re.search(r"^TALLY (.*)", said, re.M)
    requests, duration, errors, p50, p99, slowest = map(int, tally[1].split())
    return {
        "per_second": requests / (duration / 1e6),
        "cpu_us": spent / requests * 1e6,
        "user_us": spent / requests * 1e6 * user / max(ticks, 1),
        "p50_ms": p50 / 1e3,
        "p99_ms": p99 / 1e3,
        "slowest_ms": slowest / 1e3,
        "errors": errors,
    }


def with_h2load(server, work, options):
    depth, path, method, body, _ = WORKS[work]
    with tempfile.NamedTemporaryFile("w") as data:
        command = on_cpu_1("h2load", "--h1", "-t1", f"-c{options.connections}", f"-m{depth}", f"-D{options.seconds}")
        if body:
            data.write(body)
            data.flush()
            command += ["-d", data.name, "-H", "Content-Type: application/json"]
        before = server.cpu()
        said = subprocess.run(command + [f"http://{server.address}{path}"], capture_output=True, text=True, check=True).stdout
        spent = server.cpu() - before
    done, failed = map(int, re.search(r"(\d+) succeeded, (\d+) failed", said).groups())
    slowest = re.search(r"^time for request: +\S+ +(\S+)", said, re.M)[1]
    return {
        "per_second": done / options.seconds,
        "cpu_us": spent / done * 1e6,
        "slowest_ms": milliseconds(slowest),
        "errors": failed,
    }


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def requests(options, programs, root, how=with_wrk):
    seen = {}
    for _ in range(options.rounds):
        for work in options.works:
            for name, program in programs.items():
                with Running(name, program, root) as server:
                    check(server)
                    seen.setdefault((work, name), []).append(how(server, work, options))
    rows = [{"work": work, "server": name, **medians(runs)} for (work, name), runs in seen.items()]
    table(rows, ["work", "server", "per_second", "cpu_us", "user_us", "p50_ms", "p99_ms", "slowest_ms", "errors"])
    return rows


def events(options, programs, root):
    seen = {}
    for _ in range(options.rounds):
        for count in options.clients:
            for name, program in programs.items():
                command = [options.streams, "--streams", str(count), "--seconds", str(options.messages), "--", program]
                run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
                if run.returncode:
                    print(f"{name} with {count}: {run.stderr.strip()}", file=sys.stderr)
                    continue
                seen.setdefault((count, name), []).append(of_streams(run.stdout))
    rows = [{"clients": count, "server": name, **medians(runs)} for (count, name), runs in seen.items()]
    if rows:
        table(rows, list(rows[0]))
    return rows


def of_streams(said):
    def figures(pattern):
        return [float(figure.replace(",", "")) for figure in re.search(pattern, said).groups()]

    idle, busy = r"streams, no messages .*", r"a message each second .*"
    file = r"file median ([\d.]+) ms, p99 ([\d.]+) ms, longest ([\d.]+) ms"
    arrived, sent = figures(r"(\d+) of (\d+) messages arrived")
    return {
        "bytes_per_stream": figures(r"([\d.]+) bytes per stream")[0],
        "threads": figures(r"threads +(\d+)")[0],
        "cpu_us": figures(r"CPU (-?[\d.]+) us per message")[0],
        "per_cpu_second": figures(r"(-?\d+) messages per CPU second")[0],
        "missed": sent - arrived,
        "last_ms": figures(r"messages arrived: .*longest ([\d.]+) ms")[0],
        "idle_file_p99_ms": figures(idle + file)[1],
        **dict(zip(["file_median_ms", "file_p99_ms", "file_longest_ms"], figures(busy + file))),
    }


def build_streams():
    """The bench of this project that opens the streams."""
    command = ["nice", "-n", "19", "cargo", "bench", "--bench", "streams", "--no-run", "--message-format=json"]
    said = subprocess.run(command, cwd=HERE.parent.parent, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = [json.loads(line) for line in said.splitlines()]
    return next(it["executable"] for it in built if it.get("target", {}).get("name") == "streams")


def builds(options):
    rows = []
    for name in ["peer-httpd", "peer-tiny-http", "peer-axum", "peer-actix"]:
        command = ["cargo", "tree", "-p", name, "-e", "normal,build", "--prefix", "none", "--format", "{p}"]
        tree = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout
        # A crate that stands there twice is marked (*).
        crates = {line.split(" (")[0] for line in tree.splitlines() if line} - {f"{name} v0.0.0"}
        row = {"server": name, "crates": len(crates)}
        for profile in options.profiles:
            with tempfile.TemporaryDirectory(dir=options.scratch) as target:
                started, cpu = time.monotonic(), of_children()
                program = build(name, profile, target)
                row[f"{profile}_seconds"] = time.monotonic() - started
                row[f"{profile}_cpu_seconds"] = of_children() - cpu
                subprocess.run(["strip", str(program)], check=True)
                row[f"{profile}_bytes"] = program.stat().st_size
        rows.append(row)
    table(rows, list(rows[0]))
    return rows


def of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def medians(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def table(rows, columns):
    columns = [column for column in columns if rows and column in rows[0]]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(figure(row[column]) for column in columns) + " |")
    print(flush=True)


def figure(value):
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["build", "requests", "slowest", "events"])
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=["httpd", "axum", "actix", "tiny_http"])
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--clients", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--messages", type=int, default=10, help="one a second, to each client")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--profiles", nargs="+", choices=["plain", "release"], default=["plain", "release"])
    parser.add_argument("--scratch", help="where cold builds go")
    options = parser.parse_args()

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {1})
    results = {}
    if "build" in options.what:
        os.sched_setaffinity(0, range(os.cpu_count()))
        results["build"] = builds(options)
    if set(options.what) - {"build"}:
        os.sched_setaffinity(0, range(os.cpu_count()))
        programs = {name: build(SERVERS[name]) for name in options.servers}
        options.streams = build_streams() if "events" in options.what else None
        os.sched_setaffinity(0, {1})
        with tempfile.TemporaryDirectory() as root:
            (Path(root) / "plain.txt").write_text(FILE)
            # An entity tag is weak for two seconds after a change.
            time.sleep(2.1)
            if "requests" in options.what:
                results["requests"] = requests(options, programs, root)
            if "slowest" in options.what:
                results["slowest"] = requests(options, programs, root, with_h2load)
            if "events" in options.what:
                os.sched_setaffinity(0, range(os.cpu_count()))
                results["events"] = events(options, programs, root)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
