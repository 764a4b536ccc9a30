"""The instances are restarted one after another under load: no request fails."""

import time

from load import Load, Target
from processes import Failed

# How long the load is to run on all of them before and after a restart.
PAUSE = 2


def run(proxy, front, instances, key):
    target = Target("restarts", front)
    with Load([target], key, writers=6, readers=4) as load:
        for instance in instances:
            time.sleep(PAUSE)
            status = instance.stop()
            if status != 0:
                raise Failed(f"{instance.name} ends with {status}")
            instance.start()
            proxy.wait_until_up("addressbook", instance.name)
        time.sleep(PAUSE)
    outcomes = load.outcomes()
    print("rolling restart:", ", ".join(f"{kind} {status or 'none'}: {n}" for (kind, status), n in sorted(outcomes.items())))
    if set(outcomes) != {("create", 201), ("read", 200)} or load.violations or load.stale_reads:
        raise Failed(f"requests failed during a rolling restart: {outcomes} {load.violations[:3]}")
