"""Exports: all contacts as one file."""

import http.client
import subprocess
import time
from urllib.parse import urlsplit

from .audiences import LOOP, MEMBERS, person
from .goals import EXPORT, EXPORT_MEMORY, OURS
from .http import Failure, fill
from .systems import Addressbook


def measure(run):
    """The file against that of a plain loop over the same rows; and the memory that it takes."""
    with Addressbook(run.place("export")) as system:
        fill(system, [person(number) for number in range(MEMBERS)])
        for _ in range(run.rounds):
            # Sequentially: each has the machine to itself.
            rows, bytes_written, seconds = plain_loop(system.database)
            run.note("plain loop", EXPORT, rows / seconds)
            system.forget_peak()
            before = system.resident()
            received, seconds = file(system)
            run.note(OURS, EXPORT, MEMBERS / seconds)
            run.note(OURS, EXPORT_MEMORY, system.memory() - before)
            if (rows, bytes_written) != (MEMBERS, received):
                raise Failure(f"the plain loop wrote {rows} rows ({bytes_written} bytes), the service {received} bytes")


def plain_loop(database):
    """Number of rows, their bytes, and elapsed seconds."""
    rows, bytes_written, seconds = subprocess.check_output([LOOP, "export", database], text=True).split()
    return int(rows), int(bytes_written), float(seconds)


def file(system):
    """The size of the exported file, and the duration of the response in seconds."""
    connection = http.client.HTTPConnection(urlsplit(system.base).netloc, timeout=60)
    begun = time.monotonic()
    connection.request("GET", "/v1/contacts/export?format=csv", headers={"Authorization": system.token})
    response = connection.getresponse()
    received = 0
    while piece := response.read(1 << 20):
        received += len(piece)
    return received, time.monotonic() - begun
