"""One run: what it was asked to do, where it does it, and what it saw."""

import shutil
from collections import defaultdict

from . import load
from .goals import CREATES
from .machine import Others, syncs

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
        self.others = Others()

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
