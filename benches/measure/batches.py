"""Batches of creates, against a plain loop over the same table."""

import subprocess
from pathlib import Path

from . import load
from .goals import BATCH, OURS
from .http import Failure
from .systems import Addressbook
from .systems.addressbook import BATCH_SIZE, migrate

LOOP = Path(__file__).resolve().parents[2] / "target/release/examples/plain_loop"
# Enough to parse a batch while another one is written.
CONNECTIONS = 4


def measure(run):
    """In each round both, each with the machine to itself and with a new database."""
    for _ in range(run.rounds):
        created, seconds = service(run)
        run.note(OURS, BATCH, created / seconds)
        rows, seconds = plain_loop(run, created)
        run.note("plain loop", BATCH, rows / seconds)


def service(run):
    """The number of contacts that were created, and the elapsed seconds."""
    with Addressbook(run.place("batches")) as system:
        outcome = load.send(system, CONNECTIONS, run.seconds, system.batch_request())
        created = round(outcome.rate * run.seconds) * BATCH_SIZE
        # A batch is answered with 200 even if all its items failed.
        if system.count() < created:
            raise Failure(f"{created} contacts were to be created, and there are {system.count()}")
        return created, run.seconds


def plain_loop(run, rows):
    """The number of rows, and the elapsed seconds."""
    database = run.place("loop") / "contacts.db"
    migrate(f"sqlite://{database}")
    count, _, seconds = subprocess.check_output([LOOP, "insert", database, str(rows)], text=True).split()
    return int(count), float(seconds)
