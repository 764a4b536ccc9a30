"""What the machine can do, and what others do with it meanwhile."""

import os
import resource
import time
from pathlib import Path


class Others:
    """How much of the processors went to processes that are none of the run, since it was made."""

    def __init__(self):
        self.began, self.busy, self.own = time.monotonic(), busy(), own()

    def share(self):
        """From 0 to 1. Counts what the kernel does for the network, too, which is nobody's."""
        taken = (busy() - self.busy) - (own() - self.own)
        return max(taken, 0) / ((time.monotonic() - self.began) * os.cpu_count())


def busy():
    """Seconds that the processors have worked, all together; what a host took from them included."""
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def own():
    """Seconds that this process has worked, and those that it started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def syncs(folder):
    """Syncs a second of one small write each."""
    count, started = 0, time.monotonic()
    with open(folder / "sync", "wb") as file:
        while (seconds := time.monotonic() - started) < 2:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return round(count / seconds)
