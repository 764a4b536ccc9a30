"""PostgreSQL on three hosts, managed by Patroni; etcd, which knows who the primary is, on another one."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

from hosts import HERE, Host
from processes import USER, Process, as_user, request, wait_until

PORT, REST_PORT, ETCD_PORT = 5432, 8008, 2379
# What the guide recommends.
DYNAMIC = {
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "postgresql": {
        "use_pg_rewind": True,
        "parameters": {
            "max_connections": 100,
            "wal_keep_size": "256MB",
            "max_wal_size": "512MB",
            "shared_buffers": "64MB",
        },
    },
}
# How long a host may take to be a standby again.
REPAIR = 120


def programs():
    """The folder of PostgreSQL's programs, of the newest version."""
    return max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])).parent


class Node(Host):
    def __init__(self, number, folder):
        super().__init__(number)
        self.folder = folder / self.name
        self.folder.mkdir()
        shutil.chown(self.folder, USER, USER)
        rest, postgres = f"{self.address}:{REST_PORT}", f"{self.address}:{PORT}"
        access = ["local all all trust", "host all all 10.87.0.0/24 trust", "host replication all 10.87.0.0/24 trust"]
        config = {
            "scope": "addressbook",
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest},
            "etcd3": {"host": f"{HERE}:{ETCD_PORT}"},
            "bootstrap": {"dcs": DYNAMIC, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"]},
            "postgresql": {
                "listen": postgres,
                "connect_address": postgres,
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(programs()),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}},
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": access,
            },
            "watchdog": {"mode": "off"},
        }
        self.config = self.folder / "patroni.yml"
        self.config.write_text(json.dumps(config))  # JSON is YAML.
        self.start()

    def start(self):
        command = self.inside(as_user(["patroni", str(self.config)]))
        self.patroni = Process(command, self.folder / "log", cwd=self.folder)

    def kill_postgres(self):
        """Only the database server crashes, all of its processes at once."""
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        self.signal(signal.SIGKILL, [postmaster, *children(postmaster)])


def children(parent):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


class Cluster:
    def __init__(self, folder):
        etcd = folder / "etcd"
        etcd.mkdir()
        shutil.chown(etcd, USER, USER)
        client, peer = f"http://{HERE}:{ETCD_PORT}", "http://127.0.0.1:2380"
        command = ["etcd", "--data-dir", str(etcd / "data"), "--logger", "zap", "--log-level", "warn"]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", f"default={peer}"]
        self.etcd = Process(as_user(command), etcd / "log", cwd=etcd)
        wait_until(lambda: request(f"{client}/health")[0] == 200, "etcd responds", 30)
        self.nodes = [Node(number, folder) for number in (1, 2, 3)]
        self.wait_until_whole()

    def members(self):
        """What Patroni says of them, by name; empty while it says nothing."""
        for node in self.nodes:
            status, text = request(f"http://{node.address}:{REST_PORT}/cluster", timeout=2)
            if status == 200:
                return {member["name"]: member for member in json.loads(text)["members"]}
        return {}

    def is_primary(self, node):
        return request(f"http://{node.address}:{REST_PORT}/primary", timeout=1)[0] == 200

    def primary(self, patience=REPAIR, other_than=None):
        def find():
            nodes = [node for node in self.nodes if node is not other_than]
            return next((node for node in nodes if self.is_primary(node)), None)

        return wait_until(find, "there is a primary", patience)

    def wait_until_whole(self):
        """One primary, two standbys that follow it, and one of them synchronous."""
        def is_whole():
            members = self.members()
            roles = sorted(member["role"] for member in members.values())
            lags = [member.get("lag", 0) for member in members.values() if member["role"] != "leader"]
            running = all(member["state"] in ("running", "streaming") for member in members.values())
            timelines = {member.get("timeline") for member in members.values()}
            whole = roles == ["leader", "replica", "sync_standby"] and running and len(timelines) == 1
            return whole and all(isinstance(lag, int) and lag < 1 << 20 for lag in lags)

        try:
            wait_until(is_whole, "the cluster is whole", REPAIR, interval=0.5)
        except Exception as failure:
            raise type(failure)(f"{failure}: {self.members()}") from failure

    def switch_over(self, leader):
        return request(f"http://{leader.address}:{REST_PORT}/switchover", "POST", {"leader": leader.name}, timeout=60)

    def query(self, sql, node=None):
        """The rows of the primary, as lists of texts."""
        node = node or self.primary()
        command = [str(programs() / "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--field-separator=\t"]
        command += ["--host", node.address, "--username", "postgres", "--command", sql, "postgres"]
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        return [line.split("\t") for line in output.splitlines()]

    def url(self):
        """All servers."""
        hosts = ",".join(f"{node.address}:{PORT}" for node in self.nodes)
        return f"postgres://postgres@{hosts}/postgres?target_session_attrs=read-write"
