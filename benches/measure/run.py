"""One run: its options, its folder, and its figures."""

import shutil
from collections import defaultdict

from . import load
from .goals import CREATES
from .machine import Others, syncs

# Numbers of connections.
CREATORS, READERS, BROWSERS = 128, 64, 8
ORDERS = ("order", "random")


class Run:
    """Figures by system and work, and facts for the report."""

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
        """Adds and prints a figure."""
        self.figures[system, work].append(figure)
        print(f"{system:>20}  {work:<36} {figure:>12,.2f}", flush=True)

    def place(self, name):
        """A new folder; deletes an existing one with that name."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def create(self, system, name, works=CREATES):
        """Measures creates, in each order of names."""
        for work, order in zip(works, ORDERS, strict=True):
            self.note(name, work, load.create(system, CREATORS, self.seconds, order).rate)

    def get(self, system, name, works, addresses):
        """Measures gets: each work has a list of URLs, of which each request picks one at random."""
        for work, some in zip(works, addresses, strict=True):
            self.note(name, work, load.get(system, READERS, self.seconds, some).rate)

    def send(self, system, name, work, connections, *requests):
        """Measures a mix of requests; returns how many of the items that are used once are used up."""
        outcome = load.send(system, connections, self.seconds, *requests)
        self.note(name, work, outcome.rate)
        return outcome.used
