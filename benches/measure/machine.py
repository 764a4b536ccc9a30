"""The state of the machine: sync rate, and processor time used by other processes."""

import os
import resource
import time
from pathlib import Path


class Others:
    """The share of processor time used by processes outside the run since construction."""

    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), busy(), own()

    def share(self):
        """From 0 to 1. Includes kernel time for the network, which is not attributed to any process."""
        taken = (busy() - self.busy) - (own() - self.own)
        return max(taken, 0) / ((time.monotonic() - self.began) * os.cpu_count())


def busy():
    """Busy seconds of all processors, including time stolen by the host."""
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def own():
    """Processor seconds of this process and of its terminated children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def syncs(folder):
    """Syncs per second, with one small write each."""
    count, started = 0, time.monotonic()
    with open(folder / "sync", "wb") as file:
        while (seconds := time.monotonic() - started) < 2:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return round(count / seconds)
