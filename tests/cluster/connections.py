"""Many instances share the connections that PostgreSQL has."""

import re
import time

from load import Load, Target
from processes import Failed
from service import Instance

INSTANCES = 20
# With the one for `/readyz`, 80 of the 97 that PostgreSQL leaves to others than its administrators.
CONNECTIONS = 3
DURATION = 15
# What PostgreSQL says when it has no connection left, to superusers and to others.
REFUSED = re.compile("FATAL:  (sorry, too many clients already|remaining connection slots are reserved)")


def run(cluster, folder, binary, database, key):
    instances = [
        Instance(binary, folder, 10 + number, database, "--database-connections", str(CONNECTIONS))
        for number in range(INSTANCES)
    ]
    targets = [Target(instance.name, instance.address) for instance in instances]
    peak = 0
    with Load(targets, key, writers=1, readers=1) as load:
        ends = time.monotonic() + DURATION
        while time.monotonic() < ends:
            [[used]] = cluster.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'addressbook'")
            peak = max(peak, int(used))
            time.sleep(0.5)
    for instance in instances:
        instance.stop()
    outcomes = load.outcomes()
    print(f"{INSTANCES} instances with {CONNECTIONS} connections: at most {peak} in use;", outcomes)
    silent = [target.name for target in targets if not target.acknowledged]
    # Writers of one account wait for each other, and on a small machine too long: 503 is no matter of connections.
    expected = {("create", 201), ("read", 200), ("create", 503), ("read", 503)}
    refused = sum(len(REFUSED.findall((node.folder / "log").read_text())) for node in cluster.nodes)
    if silent or refused or not set(outcomes) <= expected:
        raise Failed(f"{INSTANCES} instances do not work: {refused} refused, {silent} {outcomes} {load.violations[:3]}")
