"""The load generator: wrk, on the same machine as the system."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .http import Failure

# One thread per processor: with fewer, the load generator would be the bottleneck.
THREADS = min(os.cpu_count(), 8)
SCRIPT = Path(__file__).resolve().parent.parent / "load.lua"


@dataclass
class Outcome:
    """The measurements of wrk."""

    rate: float
    """Requests per second."""
    p99: float
    """The p99 latency in milliseconds."""


def get(system, connections, seconds, addresses, folder):
    """Requests random URLs from a list: GET, or POST for one that is followed by a tab and a body."""
    listed = folder / "addresses"
    listed.write_text("\n".join(addresses) + "\n")
    return finish(system, _wrk(system, connections, seconds, listed))


def create(system, connections, seconds, order):
    """Creates contacts with names and numbers in `order` or at `random`."""
    return finish(system, start_create(system, connections, seconds, order))


def start_create(system, connections, seconds, order):
    """The same in the background, to be passed to `finish`."""
    address, body = system.create
    return _wrk(system, connections, seconds, address, json.dumps(body), order)


def _wrk(system, connections, seconds, *what):
    command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT]
    return subprocess.Popen([*command, system.base, "--", system.token, *what], stdout=subprocess.PIPE, text=True)


def finish(system, process):
    """Waits for a load from `start`; returns its measurements."""
    output, _ = process.communicate()
    result = next((line for line in output.splitlines() if line.startswith("RESULT")), "RESULT 0 0 0 0")
    requests, micros, errors, p99 = map(float, result.split()[1:])
    # A run with errors is invalid: rejecting a request is faster than serving it.
    if errors or not requests:
        raise Failure(f"{system.name}: {errors:.0f} errors in {requests:.0f} requests\n{output}")
    return Outcome(requests / (micros / 1e6), p99)
