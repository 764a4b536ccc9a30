"""The base class of all measured servers."""

import atexit
import signal
import subprocess
from pathlib import Path

from ..http import Failure

# Placeholders for `load.lua`, with a fixed width so that all bodies have one length.
CONTACT = {
    "username": "%s",
    "phone_number": "+44790%07d",
    "meta": {"NAME": "John", "CITY": "London"},
}


def contact(number):
    """A contact that is created before the load."""
    return {**CONTACT, "username": f"contact-{number:08}", "phone_number": f"+44790{number:07}"}


class System:
    """A measured server. Stops at the end of its `with` block."""

    name: str
    base: str
    """Scheme, host and port."""
    token: str
    """The value of the `Authorization` header."""
    create: tuple
    """The URL of create, and a request body."""
    process: subprocess.Popen

    def start(self, command, **how):
        """Starts the process, which is terminated with this one at the latest."""
        self.process = subprocess.Popen(command, **how)
        atexit.register(self.process.kill)

    def id_of(self, answer):
        """The id in the response to a create."""
        return answer["id"]

    def one(self, contact_id):
        """The URL of a contact."""
        raise NotImplementedError

    def newest(self):
        """The URL of the 50 newest contacts."""
        raise NotImplementedError

    def anywhere(self, ids):
        """URLs of pages of 50, from positions throughout a store of these contacts."""
        raise NotImplementedError

    def memory(self):
        """Peak resident memory in MiB."""
        return self._memory("VmHWM:")

    def resident(self):
        """Current resident memory in MiB."""
        return self._memory("VmRSS:")

    def forget_peak(self):
        """Resets the peak of `memory`."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _memory(self, figure):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(figure):
                return int(line.split()[1]) / 1024
        raise Failure(f"{self.name} has ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
