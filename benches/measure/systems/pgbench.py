"""PostgreSQL alone: its own load generator inserts the same row."""

import json
import re
import subprocess

from ..http import Failure
from .system import CONTACT

# Names of 16 characters as in `load.lua`; ascending ids have the index locality of version 7 UUIDs.
INSERT = r"""
\set n :n + 1
\set number :n * 1000 + :client_id
\set phone random(0, 9999999)
INSERT INTO contacts (account_id, id, handle, phone, meta, created_at, updated_at, version)
VALUES (1, lpad(to_hex(:number::bigint), 32, '0')::uuid, lpad(to_hex({name}), 16, '0'),
        '+44790' || lpad(:phone::text, 7, '0'), '{meta}',
        1800000000000 + :number::bigint, 1800000000000 + :number::bigint, 1);
"""
NAMES = {"order": ":number::bigint", "random": "hashint8extended(:number::bigint, 0)"}
# Offsets of the numbers: both runs fill one table.
FIRST = {"order": 0, "random": 1_000_000_000}


class Pgbench:
    name = "pgbench"

    def __init__(self, cluster, database, folder):
        self.cluster, self.database, self.script = cluster, database, folder / "insert.sql"

    def create(self, connections, seconds, order):
        """Inserts per second, each in its own transaction."""
        self.script.write_text(INSERT.format(name=NAMES[order], meta=json.dumps(CONTACT["meta"])))
        command = [self.cluster.programs / "pgbench", "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={connections}", "--jobs=2", f"--time={seconds}"]
        command += [f"--define=n={FIRST[order]}", f"--file={self.script}"]
        output = subprocess.run([*command, self.database], check=True, capture_output=True, text=True).stdout
        if not re.search(r"failed transactions: 0 ", output):
            raise Failure(f"pgbench: {output}")
        return float(re.search(r"tps = ([\d.]+)", output)[1])
