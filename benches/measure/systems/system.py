"""The base class of all measured servers."""

import atexit
import signal
import subprocess
from pathlib import Path

from ..http import Failure
from ..load import Request

CONTACT = {"username": "", "phone_number": "", "meta": {"NAME": "John", "CITY": "London"}}
# Names and numbers in the order of an import, and as in production; `load.lua` describes the placeholders.
CREATED = {
    "order": {**CONTACT, "username": "<next name>", "phone_number": "+44790<next number>"},
    "random": {**CONTACT, "username": "<any name>", "phone_number": "+44790<any number>"},
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
    contacts: str
    """The URL that contacts are created at."""
    groups: str
    """The URL that groups are created at."""
    opt_outs: str
    """The URL that opt-outs are created at."""
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

    def count(self):
        """The number of contacts."""
        raise NotImplementedError

    def ids(self):
        """The ids of all contacts."""
        raise NotImplementedError

    def create_request(self, order, **how):
        """Creates contacts with names and numbers in `order` or at `random`."""
        return Request("POST", self.contacts, CREATED[order], **how)

    def keyed_request(self):
        """Creates contacts at random, with an idempotency key if the system has them."""
        return self.create_request("random")

    def update_request(self, ids, **how):
        """Sets another name of random ones of these contacts, one that they never had."""
        return Request("PATCH", self.one("<item>"), {"display_name": "<next name>"}, items=ids, **how)

    def delete_request(self, ids, **how):
        """Deletes these contacts."""
        return Request("DELETE", self.one("<item>"), items=ids, once=True, **how)

    def member_request(self, group, ids):
        """Adds these contacts to a group, one per request."""
        raise NotImplementedError

    def opt_out_request(self, numbers):
        """Opts out these numbers of seven digits."""
        return Request("POST", self.opt_outs, {"phone_number": "+44790<item>"}, items=numbers, once=True)

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
