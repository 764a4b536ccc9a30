"""PostgreSQL alone: its own load generator writes the same rows."""

import json
import re
import subprocess
import uuid

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
\set one random(0, {count} - 1)
UPDATE contacts
SET display_name = lpad(to_hex(:number::bigint), 16, '0'), avatar_url = avatar_url, meta = meta,
    updated_at = 1900000000000 + :number::bigint, version = version + 1
WHERE account_id = 1 AND id = {id};
"""
# Numbers in random order, each once.
EACH = r"""
\set n :n + 1
\set one {first} + permute(:n * {clients} + :client_id, {count})
"""
DELETE = "DELETE FROM contacts WHERE account_id = 1 AND id = {id};"
ADD_GROUPS = """
INSERT INTO groups (account_id, id, name, created_at, updated_at, version)
SELECT 1, {id}, 'group ' || number, 1800000000000, 1800000000000, 1 FROM generate_series({first}, {last}) AS number
"""
ADD_MEMBER = "INSERT INTO members (account_id, group_id, contact_id) VALUES (1, {group}, {id});"
OPT_OUT = """
INSERT INTO opt_outs (account_id, phone, id, created_at)
VALUES (1, '+44790' || lpad((:one)::text, 7, '0'), {id}, 1800000000000 + :one::bigint);
"""
# The first numbers of new contacts, above those that are there before.
FIRST = {"order": 1_000_000_000, "random": 2_000_000_000}


def id_of(number):
    """The id of a contact that `fill` inserts."""
    return str(uuid.UUID(int=number))


def fill(cluster, database, count):
    """Inserts contacts with the numbers from 0, and counts them as the service does."""
    row = _row("number", "hashint8extended(number, 0)", "(random() * 9999999)::int")
    cluster.ask(database, f"{INSERT} SELECT {row} FROM generate_series(0, {count - 1}) AS number")
    counter = ID.format(number=2)
    cluster.ask(database, f"INSERT INTO counters (account_id, counted, amount) VALUES (1, {counter}, {count})")
    # The statistics that autovacuum would collect later.
    cluster.ask(database, "VACUUM ANALYZE")


def _row(number, name, phone):
    values = {"number": number, "name": name, "phone": phone, "meta": json.dumps(CONTACT["meta"])}
    return ROW.format(id=ID.format(number=number), **values)


class Pgbench:
    name = "pgbench"

    def __init__(self, cluster, database, folder):
        self.cluster, self.database, self.script = cluster, database, folder / "script.sql"

    def create(self, connections, seconds, order):
        """Inserts per second, each in its own transaction."""
        script = f"{NEXT}{PHONE}{INSERT} VALUES ({_row(':number', NAMES[order], ':phone')});"
        rate, _ = self._run(connections, seconds, script, FIRST[order])
        return rate

    def update(self, connections, seconds, count):
        """Updates of random ones of the first rows per second, each in its own transaction."""
        script = NEXT + UPDATE.format(count=count, id=ID.format(number=":one"))
        return self._checked(connections, seconds, script, "SELECT sum(version) FROM contacts")

    def delete(self, connections, seconds, numbers):
        """Deletes per second, each in its own transaction, of contacts with these numbers, which must suffice."""
        script = self._each(connections, numbers) + DELETE.format(id=ID.format(number=":one"))
        return self._checked(connections, seconds, script, "SELECT -count(*) FROM contacts")

    def add_members(self, connections, seconds, contacts, groups):
        """New memberships per second, each in its own transaction, of the first contacts in these groups, which are
        created."""
        new = ADD_GROUPS.format(id=ID.format(number="number"), first=groups.start, last=groups.stop - 1)
        self.cluster.ask(self.database, new)
        contact, group = (ID.format(number=number) for number in (f"(:one % {contacts})", f"(:one / {contacts})"))
        numbers = range(groups.start * contacts, groups.stop * contacts)
        script = self._each(connections, numbers) + ADD_MEMBER.format(group=group, id=contact)
        return self._checked(connections, seconds, script, "SELECT count(*) FROM members")

    def opt_out(self, connections, seconds, numbers):
        """New opt-outs per second, each in its own transaction, of these numbers."""
        script = self._each(connections, numbers) + OPT_OUT.format(id=ID.format(number=":one"))
        return self._checked(connections, seconds, script, "SELECT count(*) FROM opt_outs")

    def _each(self, connections, numbers):
        return EACH.format(first=numbers.start, clients=connections, count=len(numbers))

    def _checked(self, connections, seconds, script, total):
        """Transactions per second, each of which adds one to a total."""
        before = self._ask(total)
        rate, transactions = self._run(connections, seconds, script, -1)
        # A statement that finds no row is no error to pgbench.
        if (changes := self._ask(total) - before) != transactions:
            raise Failure(f"pgbench: {transactions} transactions changed {changes} rows")
        return rate

    def _ask(self, statement):
        return int(self.cluster.ask(self.database, statement))

    def _run(self, connections, seconds, script, first):
        """Transactions per second, and their number."""
        self.script.write_text(script)
        command = [self.cluster.programs / "pgbench", "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={connections}", "--jobs=2", f"--time={seconds}"]
        command += [f"--define=n={first}", f"--file={self.script}"]
        result = subprocess.run([*command, self.database], check=False, capture_output=True, text=True)
        output = result.stdout + result.stderr
        if result.returncode or not re.search(r"failed transactions: 0 ", output):
            raise Failure(f"pgbench: {output}")
        return float(re.search(r"tps = ([\d.]+)", output)[1]), int(re.search(r"processed: (\d+)", output)[1])
