"""The service itself, as it comes: no setting is turned but the address and the database."""

import subprocess
from pathlib import Path

from ..http import Failure
from .system import CONTACT, System

PROGRAM = Path(__file__).resolve().parents[3] / "target/release/addressbook"


class Addressbook(System):
    name = "addressbook"
    create = ("/v1/contacts", CONTACT)

    def __init__(self, folder, database="sqlite://contacts.db", token=None, flags=()):
        """`token` is that of a database that has its first key already."""
        self.token = token
        command = [PROGRAM, "--bind", "127.0.0.1:0", "--log", "warn", "--database-url", database, *flags]
        self.start(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self._read_announcement()
        self.database = folder / "contacts.db"

    def _read_announcement(self):
        said = ""
        for line in self.process.stderr:
            said += line
            word = line.split()
            if line.startswith("  API  "):
                self.base = word[1].rsplit("/v1", 1)[0]
            if line.startswith("  API key  "):
                self.token = f"Bearer {word[-1]}"
            # The last line before the key; a new database has one.
            if (line.startswith("  Database") and self.token) or line.startswith("  API key  "):
                return
        raise Failure(f"addressbook did not start: {said}")

    def one(self, contact_id):
        return f"/v1/contacts/{contact_id}"

    def newest(self):
        return "/v1/contacts?limit=50"

    def anywhere(self, ids):
        # Ids are in the order of creation; behind the oldest there would be no whole page.
        return [f"/v1/contacts?limit=50&starting_after={contact_id}" for contact_id in sorted(ids)[50:]]

    def write_ahead_log(self):
        """The size of the log that SQLite writes ahead, in MiB."""
        log = self.database.with_name(self.database.name + "-wal")
        return log.stat().st_size / 2**20 if log.exists() else 0


def migrate(database):
    """Makes the tables of a database."""
    subprocess.run([PROGRAM, "migrate", "--database-url", database], check=True, capture_output=True)
