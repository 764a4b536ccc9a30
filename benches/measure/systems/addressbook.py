"""The service with default settings, except for address and database."""

import json
import sqlite3
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from ..http import Connection, Failure
from ..load import Request
from .system import CONTACT, System

PROGRAM = Path(__file__).resolve().parents[3] / "target/release/addressbook"

# The most that a batch may have.
BATCH_SIZE = 1_000


class Addressbook(System):
    name = "addressbook"
    contacts, groups, opt_outs = "/v1/contacts", "/v1/groups", "/v1/opt_outs"

    def __init__(self, folder, database="sqlite://contacts.db", token=None, flags=()):
        """`token` is required if the database already has its first key."""
        self.token = token
        # One key sends what the machine can serve: the limits are counted, and not met.
        limits = ["--key-rate-limit", "1000000", "--account-rate-limit", "1000000"]
        command = [PROGRAM, "--bind", "127.0.0.1:0", "--log", "warn", "--database-url", database, *limits, *flags]
        self.start(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self._read_announcement()
        self.database = folder / "contacts.db"

    def _read_announcement(self):
        output = ""
        for line in self.process.stderr:
            output += line
            word = line.split()
            if line.startswith("  API  "):
                self.base = word[1].rsplit("/v1", 1)[0]
            if line.startswith("  API key  "):
                self.token = f"Bearer {word[-1]}"
            # `Database` is the last line, unless a new database adds a key.
            if (line.startswith("  Database") and self.token) or line.startswith("  API key  "):
                return
        raise Failure(f"addressbook did not start: {output}")

    def one(self, contact_id):
        return f"/v1/contacts/{contact_id}"

    def newest(self):
        return "/v1/contacts?limit=50"

    def anywhere(self, ids):
        # Ids are in order of creation; after the oldest ones there is no complete page.
        return [f"/v1/contacts?limit=50&starting_after={contact_id}" for contact_id in sorted(ids)[50:]]

    def search(self, term):
        return f"/v1/contacts?limit=20&search={term}"

    def filtered(self, conditions, order=None):
        """The first of those that meet all conditions: keys of `meta`, operators and values."""
        sort = f"&order_by=meta.{order}%20desc" if order else ""
        return f"/v1/contacts?limit=20&filter={self._filter(conditions)}{sort}"

    def counted(self, conditions):
        return f"/v1/contacts/count?filter={self._filter(conditions)}"

    @staticmethod
    def _filter(conditions):
        return quote(" AND ".join(f"meta.{key} {operator} {json.dumps(value, ensure_ascii=False)}" for key, operator, value in conditions))

    def declare(self, keys):
        """Declares keys of `meta`, with their types; returns when their index is built."""
        connection = Connection(self.base, self.token)
        for key, kind in keys.items():
            field = connection.ask("POST", "/v1/fields", {"key": key, "type": kind})
            while connection.ask("GET", f"/v1/fields/{field['id']}")["state"] != "ready":
                time.sleep(0.1)

    def wait_for_index(self):
        """Returns when the index of searches has what was written, but for the few changes that it leaves to the log."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            behind = "SELECT max(c.sequence - s.position) FROM change_heads c JOIN search_heads s USING (account_id)"
            while database.execute(behind).fetchone()[0] > 1_000:
                time.sleep(0.2)

    def count(self):
        return Connection(self.base, self.token).ask("GET", "/addressbook/contacts?limit=1")["total"]

    def ids(self):
        connection = Connection(self.base, self.token)
        ids, more, after = [], True, ""
        while more:
            page = connection.ask("GET", f"/v1/contacts?limit=100{after}")
            ids += [one["id"] for one in page["data"]]
            more, after = page["has_more"], f"&starting_after={ids[-1]}" if ids else ""
        return ids

    def keyed_request(self):
        # Random keys, as clients make them.
        return self.create_request("random", headers={"Idempotency-Key": "<any name><any name>"})

    def batch_request(self):
        """Creates contacts with ascending names, as in an import."""
        items = [
            {**CONTACT, "username": f"<next name>{number:04}", "phone_number": f"+4479<next number>{number:03}"}
            for number in range(BATCH_SIZE)
        ]
        return Request("POST", f"{self.contacts}/batch", {"mode": "create", "contacts": items})

    def member_request(self, group, ids):
        return Request("POST", f"{self.groups}/{group}/members", {"add": ["<item>"]}, items=ids, once=True)

    def write_ahead_log(self):
        """The size of SQLite's WAL in MiB."""
        log = self.database.with_name(self.database.name + "-wal")
        return log.stat().st_size / 2**20 if log.exists() else 0


def migrate(database):
    """Migrates a database."""
    subprocess.run([PROGRAM, "migrate", "--database-url", database], check=True, capture_output=True)
