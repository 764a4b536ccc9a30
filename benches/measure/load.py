"""The load generator: wrk, on the same machine as the system."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .http import Failure

# One thread per processor: with fewer, the load generator would be the bottleneck.
THREADS = min(os.cpu_count(), 8)
SCRIPT = Path(__file__).resolve().parent.parent / "load.lua"
# The length of the values that `load.lua` puts in place of these.
LENGTHS = {"<next name>": 16, "<any name>": 16, "<next number>": 7, "<any number>": 7}


@dataclass(frozen=True)
class Request:
    """A kind of request. `<item>` in it stands for one of the items; `load.lua` describes the other placeholders."""

    method: str
    url: str
    body: dict | str | None = None
    items: Sequence[str] = ()
    once: bool = False
    """Each item is used once, or random ones are."""
    headers: dict = field(default_factory=dict)
    weight: int = 1
    """Relative to the other requests of a load."""

    def text(self, system):
        """The complete request."""
        body = self.body if isinstance(self.body, str) else "" if self.body is None else json.dumps(self.body)
        headers = {
            "Host": urlsplit(system.base).netloc,
            "Authorization": system.token,
            "Content-Type": "application/json",
            **self.headers,
        }
        if body:
            headers["Content-Length"] = self._length(body)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.url} HTTP/1.1\r\n{head}\r\n{body}"

    def _length(self, body):
        lengths = dict(LENGTHS)
        if "<item>" in body:
            (lengths["<item>"],) = {len(item) for item in self.items}
        return len(re.sub("<[a-z ]+>", lambda found: "x" * lengths[found[0]], body))


@dataclass
class Outcome:
    """The measurements of wrk."""

    rate: float
    """Requests per second."""
    p99: float
    """The p99 latency in milliseconds."""
    used: int
    """So many items, from the first one, are used up at most, if each is used once."""


class Load:
    """A running load of one or more kinds of requests."""

    def __init__(self, system, connections, seconds, requests):
        self.system, self.folder = system, tempfile.TemporaryDirectory()
        self.threads = min(THREADS, connections)
        files, arguments = {}, [str(self.threads), f"{self.folder.name}/ready"]
        for request in requests:
            # Kinds of requests may have the same items.
            file = files.get(id(request.items)) or self._write(request.items, len(files))
            files[id(request.items)] = file
            choice = "once" if request.once else "any"
            arguments += [str(request.weight), request.text(system), choice, file]
        command = ["wrk", f"-t{self.threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT]
        self.process = subprocess.Popen([*command, system.base, "--", *arguments], stdout=subprocess.PIPE, text=True)

    def _write(self, items, number):
        """Writes a file for each thread; returns their common name."""
        if not items:
            return "-"
        name = f"{self.folder.name}/{number}"
        for thread in range(self.threads):
            # A thread that would have none has all, which are then used at random.
            some = items[thread :: self.threads] or items
            Path(f"{name}.{thread + 1}").write_text("\n".join(some) + "\n")
        return name

    def running(self):
        return self.process.poll() is None

    def finish(self):
        """Waits for its end; returns its measurements."""
        output, _ = self.process.communicate()
        self.folder.cleanup()
        result = next((line for line in output.splitlines() if line.startswith("RESULT")), "RESULT 0 0 0 0 0")
        requests, micros, errors, p99, used = map(float, result.split()[1:])
        # A run with errors is invalid: rejecting a request is faster than serving it.
        if errors or not requests:
            raise Failure(f"{self.system.name}: {errors:.0f} errors in {requests:.0f} requests\n{output}")
        return Outcome(requests / (micros / 1e6), p99, round(used))


def send(system, connections, seconds, *requests):
    """Sends a mix of requests; returns the measurements."""
    return Load(system, connections, seconds, requests).finish()


def get(system, connections, seconds, addresses):
    """Gets random ones of these URLs."""
    return send(system, connections, seconds, Request("GET", "<item>", items=addresses))


def create(system, connections, seconds, order):
    """Creates contacts with names and numbers in `order` or at `random`."""
    return send(system, connections, seconds, system.create_request(order))
