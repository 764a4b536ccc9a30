"""PostgreSQL alone: its own load generator writes the same rows."""

import json
import re
import subprocess

from ..http import Failure
from .system import CONTACT

# Contacts, numbered. Names of 16 characters as in `load.lua`; ascending ids have the index locality of version 7 UUIDs.
ID = "lpad(to_hex({number}::bigint), 32, '0')::uuid"
INSERT = """
INSERT INTO contacts (account_id, id, handle, phone, meta, created_at, updated_at, version)
"""
ROW = """
    1, {id}, lpad(to_hex({name}), 16, '0'), '+44790' || lpad(({phone})::text, 7, '0'), '{meta}',
    1800000000000 + ({number}::bigint), 1800000000000 + ({number}::bigint), 1
"""
# Numbers of rows: each client has its own.
NEXT = r"""
\set n :n + 1
\set number :n * 1000 + :client_id
"""
PHONE = r"\set phone random(0, 9999999)"
NAMES = {"order": ":number::bigint", "random": "hashint8extended(:number::bigint, 0)"}
# The columns that the service writes, changed or not. A new `updated_at` moves the row in an index.
UPDATE = r"""
\set one {first} + random(0, {count} - 1)
UPDATE contacts
SET display_name = lpad(to_hex(:number::bigint), 16, '0'), avatar_url = avatar_url, meta = meta,
    updated_at = 1900000000000 + :number::bigint, version = version + 1
WHERE account_id = 1 AND id = {id};
"""
# In random order, each once.
DELETE = r"""
\set n :n + 1
\set one {first} + permute(:n * {clients} + :client_id, {count})
DELETE FROM contacts WHERE account_id = 1 AND id = {id};
"""
# The first numbers: all works fill one table.
FIRST = {"order": 0, "random": 1_000_000_000}
FILLED = {"update": 2_000_000_000_000, "delete": 3_000_000_000_000}


class Pgbench:
    name = "pgbench"

    def __init__(self, cluster, database, folder):
        self.cluster, self.database, self.script = cluster, database, folder / "script.sql"

    def create(self, connections, seconds, order):
        """Inserts per second, each in its own transaction."""
        row = self._row(":number", NAMES[order], ":phone")
        script = f"{NEXT}{PHONE}{INSERT} VALUES ({row});"
        rate, _ = self._run(connections, seconds, script, FIRST[order])
        return rate

    def update(self, connections, seconds, count):
        """Updates of random ones of so many rows per second, each in its own transaction."""
        first = FILLED["update"]
        self._fill(first, count)
        script = NEXT + UPDATE.format(first=first, count=count, id=ID.format(number=":one"))
        rate, updated = self._run(connections, seconds, script, 0)
        changes = self._ask(f"SELECT sum(version - 1) FROM contacts WHERE {self._filled(first, count)}")
        return self._checked(rate, updated, changes)

    def delete(self, connections, seconds, count):
        """Deletes per second, each in its own transaction; `count` rows must suffice."""
        first = FILLED["delete"]
        self._fill(first, count)
        delete = DELETE.format(first=first, count=count, clients=connections, id=ID.format(number=":one"))
        rate, deleted = self._run(connections, seconds, delete, -1)
        left = self._ask(f"SELECT count(*) FROM contacts WHERE {self._filled(first, count)}")
        return self._checked(rate, deleted, count - left)

    def _row(self, number, name, phone):
        values = {"number": number, "name": name, "phone": phone, "meta": json.dumps(CONTACT["meta"])}
        return ROW.format(id=ID.format(number=number), **values)

    def _fill(self, first, count):
        row = self._row("number", "number", "(random() * 9999999)::int")
        self._ask(f"{INSERT} SELECT {row} FROM generate_series({first}, {first + count - 1}) AS number")
        # The statistics that autovacuum would collect later; and writing the new pages is not part of the load.
        self._ask("ANALYZE contacts")
        self.cluster.checkpoint()

    def _filled(self, first, count):
        low, high = (ID.format(number=number) for number in (first, first + count - 1))
        return f"id BETWEEN {low} AND {high}"

    def _ask(self, statement):
        """The number that a statement returns, if any."""
        return int(self.cluster.ask(self.database, statement) or 0)

    def _checked(self, rate, transactions, changes):
        # A statement that finds no row is no error to pgbench.
        if changes != transactions:
            raise Failure(f"pgbench: {transactions} transactions changed {changes} rows")
        return rate

    def _run(self, connections, seconds, script, first):
        """Transactions per second, and their number."""
        self.script.write_text(script)
        command = [self.cluster.programs / "pgbench", "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={connections}", "--jobs=2", f"--time={seconds}"]
        command += [f"--define=n={first}", f"--file={self.script}"]
        output = subprocess.run([*command, self.database], check=True, capture_output=True, text=True).stdout
        if not re.search(r"failed transactions: 0 ", output):
            raise Failure(f"pgbench: {output}")
        return float(re.search(r"tps = ([\d.]+)", output)[1]), int(re.search(r"processed: (\d+)", output)[1])
