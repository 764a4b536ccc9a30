"""What all systems have in common."""

import atexit
import signal
import subprocess
from pathlib import Path

from ..http import Failure

# Both are for `load.lua` to fill in; so wide that all bodies are of one length.
CONTACT = {
    "username": "%s",
    "phone_number": "+44790%07d",
    "meta": {"NAME": "John", "CITY": "London"},
}


def contact(number):
    """A contact that is not made under load."""
    return {**CONTACT, "username": f"contact-{number:08}", "phone_number": f"+44790{number:07}"}


class System:
    """A server that is measured. Ends with its `with` block."""

    name: str
    base: str
    """Where it listens: scheme, host, port."""
    token: str
    """What its `Authorization` has to be."""
    create: tuple
    """The address that contacts are posted to, and the body of one."""
    process: subprocess.Popen

    def start(self, command, **how):
        """Starts its process, which ends at the latest when we do."""
        self.process = subprocess.Popen(command, **how)
        atexit.register(self.process.kill)

    def id_of(self, answer):
        """The id in the answer to a create."""
        return answer["id"]

    def one(self, contact_id):
        """The address of a contact."""
        raise NotImplementedError

    def newest(self):
        """The address of the 50 newest contacts."""
        raise NotImplementedError

    def anywhere(self, ids):
        """Addresses of lists of 50, of all places in a store of these contacts."""
        raise NotImplementedError

    def memory(self):
        """Most resident memory so far, in MiB."""
        return self._memory("VmHWM:")

    def resident(self):
        """Resident memory now, in MiB."""
        return self._memory("VmRSS:")

    def forget_peak(self):
        """`memory` begins anew."""
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
