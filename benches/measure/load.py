"""The load: wrk, on the machine that it measures."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .http import Failure

# As many as there are processors: with one of two the load, and not the server, would be what is measured.
THREADS = min(os.cpu_count(), 8)
SCRIPT = Path(__file__).resolve().parent.parent / "load.lua"


@dataclass
class Outcome:
    """What wrk saw."""

    rate: float
    """Requests a second."""
    p99: float
    """Milliseconds within which 99 of 100 were answered."""


def get(system, connections, seconds, addresses, folder):
    """Gets these addresses at random. One with a tab and a body behind it is posted to."""
    listed = folder / "addresses"
    listed.write_text("\n".join(addresses) + "\n")
    return finish(system, _wrk(system, connections, seconds, listed))


def create(system, connections, seconds, order):
    """Creates contacts whose names and numbers are in `order` or at `random`."""
    return finish(system, start_create(system, connections, seconds, order))


def start_create(system, connections, seconds, order):
    """The same, for who has something to watch meanwhile: hand it to `finish`."""
    address, body = system.create
    return _wrk(system, connections, seconds, address, json.dumps(body), order)


def _wrk(system, connections, seconds, *what):
    command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT]
    return subprocess.Popen([*command, system.base, "--", system.token, *what], stdout=subprocess.PIPE, text=True)


def finish(system, process):
    """What a load that was started has seen."""
    output, _ = process.communicate()
    result = next((line for line in output.splitlines() if line.startswith("RESULT")), "RESULT 0 0 0 0")
    requests, micros, errors, p99 = map(float, result.split()[1:])
    # A system that refuses requests does so faster than it answers them.
    if errors or not requests:
        raise Failure(f"{system.name}: {errors:.0f} errors in {requests:.0f} requests\n{output}")
    return Outcome(requests / (micros / 1e6), p99)
