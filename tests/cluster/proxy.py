"""HAProxy, as packaging/ configures it but for addresses and certificates."""

import csv
import re
import socket
from pathlib import Path

from processes import Process, wait_until

SAMPLE = Path(__file__).resolve().parents[2] / "packaging/haproxy/haproxy.cfg"
HTTP_PORT, POSTGRES_PORT = 8080, 6432
# What HAProxy lists beside the servers.
PARTS_OF_PROXY = {"FRONTEND", "BACKEND"}


class HAProxy:
    def __init__(self, folder, instances, nodes):
        self.socket = folder / "haproxy.sock"
        text = SAMPLE.read_text()
        for old, new in [
            (r"    log /dev/log .*\n", ""),
            (r"    (user|group) haproxy\n", ""),
            (r"stats socket \S+ mode \d+ level admin", f"stats socket {self.socket} level admin"),
            (r"bind :80\n", ""),
            (r"    http-request redirect scheme https .*\n", ""),
            (r"bind :443 ssl .*", f"bind 127.0.0.1:{HTTP_PORT}"),
            (r"bind 127\.0\.0\.1:5432", f"bind 127.0.0.1:{POSTGRES_PORT}"),
            *((rf"server instance{i + 1} \S+", f"server instance{i + 1} {address}") for i, address in enumerate(instances)),
            *((rf"server node{i + 1} \S+", f"server node{i + 1} {node.address}:5432") for i, node in enumerate(nodes)),
        ]:
            text, count = re.subn(old, new, text)
            assert count > 0, f"{SAMPLE} lacks {old}"
        config = folder / "haproxy.cfg"
        config.write_text(text)
        self.process = Process(["haproxy", "-db", "-f", str(config)], folder / "haproxy.log")
        wait_until(lambda: self.process.is_running() and self.servers(), "HAProxy runs", 10)

    def servers(self):
        """The state of each server, by backend and name."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.socket))
                control.sendall(b"show stat\n")
                text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        except OSError:
            return {}
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return {(row["pxname"], row["svname"]): row["status"] for row in rows}

    def wait_until_alone(self, backend, server, patience=60):
        """All servers of a backend count as up until they have been checked."""
        def is_alone():
            states = {name: state for (of, name), state in self.servers().items() if of == backend}
            # `UP 1/2` has failed one check, and is used.
            return [name for name, state in states.items() if state[:2] == "UP" and name not in PARTS_OF_PROXY] == [server]

        wait_until(is_alone, f"{backend}/{server} alone is up", patience)

    def wait_until_up(self, backend, server, patience=60):
        wait_until(lambda: self.servers().get((backend, server)) == "UP", f"{backend}/{server} is up", patience)
