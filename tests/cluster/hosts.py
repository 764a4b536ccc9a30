"""Hosts: each has a network of its own, at a switch, and can be frozen, lose its network, or crash."""

import os
import signal
import subprocess
from pathlib import Path

from processes import wait_until

# Where the programs run that no fault concerns.
HERE = "10.87.0.1"
SWITCH = "switch"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def network_of(pid):
    return os.readlink(f"/proc/{pid}/ns/net")


def start_network():
    ip("link", "set", "lo", "up")
    ip("link", "add", SWITCH, "type", "bridge")
    ip("address", "add", f"{HERE}/24", "dev", SWITCH)
    ip("link", "set", SWITCH, "up")


class Host:
    def __init__(self, number):
        self.name = f"node{number}"
        self.address = f"10.87.0.{10 + number}"
        self.port = f"port{number}"
        # The network lasts as long as this process.
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        wait_until(lambda: network_of(self.holder.pid) != network_of("self"), f"a network for {self.name}", 5)
        self.network = network_of(self.holder.pid)
        ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        ip("link", "set", self.port, "master", SWITCH, "up")
        for command in ["link set lo up", f"address add {self.address}/24 dev eth0", "link set eth0 up"]:
            subprocess.run(self.inside(["ip", *command.split()]), check=True)

    def inside(self, command):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command]

    def processes(self):
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.holder.pid:
                continue
            try:
                if network_of(entry.name) == self.network:
                    found.append(int(entry.name))
            except OSError:
                pass  # It has ended.
        return found

    def signal(self, number, pids=None):
        for pid in self.processes() if pids is None else pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def signal_all(self, number, done):
        """Until it has reached those, too, that are started meanwhile."""
        def is_done():
            pids = [pid for pid in self.processes() if not done(pid)]
            self.signal(number, pids)
            return not pids

        wait_until(is_done, f"signal {number} to all of {self.name}", 10, interval=0.01)

    def freeze(self):
        self.signal_all(signal.SIGSTOP, lambda pid: state(pid) in "TZX")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def crash(self):
        self.signal_all(signal.SIGKILL, lambda pid: state(pid) in "ZX")

    def disconnect(self):
        ip("link", "set", self.port, "down")

    def reconnect(self):
        ip("link", "set", self.port, "up")


def state(pid):
    """As `ps` shows it; X for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
