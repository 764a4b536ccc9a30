"""One run: what it was asked to do, where it does it, and what it saw."""

import os
import shutil
import time
from collections import defaultdict

from . import load
from .goals import CREATES

# Connections of the load.
CREATORS, READERS, BROWSERS = 128, 64, 8
ORDERS = ("order", "random")


class Run:
    """Figures by system and work, and facts that they depend on."""

    def __init__(self, options, folder):
        self.only, self.contacts, self.minutes = options.only, options.contacts, options.minutes
        self.rounds, self.seconds = options.rounds, options.seconds
        self.folder = folder
        self.venv = folder / "venv"
        self.figures = defaultdict(list)
        self.facts = []
        self.syncs = syncs(folder)

    def note(self, system, work, figure):
        """Adds a figure, and says so: a run takes a while."""
        self.figures[system, work].append(figure)
        print(f"{system:>20}  {work:<36} {figure:>12,.2f}", flush=True)

    def place(self, name):
        """A new folder; one of that name from before goes."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def create(self, system, name, works=CREATES):
        """Creates under load, in each of the orders."""
        for work, order in zip(works, ORDERS, strict=True):
            self.note(name, work, load.create(system, CREATORS, self.seconds, order).rate)

    def get(self, system, name, works, addresses, folder):
        """Gets under load: for each of the works some addresses, of which one at random each time."""
        for work, some in zip(works, addresses, strict=True):
            self.note(name, work, load.get(system, READERS, self.seconds, some, folder).rate)


def syncs(folder):
    """Syncs a second of one small write each."""
    count, started = 0, time.monotonic()
    with open(folder / "sync", "wb") as file:
        while (seconds := time.monotonic() - started) < 2:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return round(count / seconds)
