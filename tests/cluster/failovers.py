"""Under load, the primary is lost again and again: nothing acknowledged is lost, and every instance comes back by itself."""

import time
from dataclasses import dataclass, field

import faults
from load import Load, Target
from processes import Failed, wait_until

# How long the gap may be, of 19 in 20 failovers.
MAX_GAP = 30
# How long an instance may take to acknowledge again once there is a primary; longer than that is stuck.
MAX_RECOVERY = 60
# How long a frozen or separated host that comes back has to do harm.
AFTERMATH = 10


@dataclass
class Failover:
    kind: str
    # By target, in seconds.
    gaps: dict = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0

    def worst(self):
        return max(self.gaps.values())


def quantile(values, part):
    """The smallest value that this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * part // 100) - 1)]


def lost(cluster, load):
    """The usernames of acknowledged contacts that are not there, or have another id."""
    acknowledged = load.snapshot()
    stored = dict(cluster.query("SELECT handle, id FROM contacts"))
    return [username for username, contact in acknowledged.items() if stored.get(username) != contact]


def wait_until_acknowledging(targets, since):
    for target in targets:
        def is_acknowledging(target=target):
            return target.acknowledged and target.acknowledged[-1] > since

        wait_until(is_acknowledging, f"{target.name} acknowledges creates", MAX_RECOVERY)


def fail_over(cluster, load, instances, fault):
    cluster.wait_until_whole()
    wait_until_acknowledging(load.targets, time.monotonic())
    primary = cluster.primary()
    began = time.monotonic()
    undo = fault(cluster, primary)
    cluster.primary(other_than=None if fault in faults.MAY_STAY else primary)
    wait_until_acknowledging(load.targets, time.monotonic())
    undo()
    time.sleep(AFTERMATH)
    cluster.wait_until_whole()
    wait_until_acknowledging(load.targets, time.monotonic())
    for instance in instances:
        wait_until(instance.is_ready, f"{instance.name} is ready", MAX_RECOVERY)
    ended = time.monotonic()
    missing = lost(cluster, load)
    gaps = {target.name: target.gap(began, ended) for target in load.targets}
    done = Failover(fault.__name__, gaps, len(load.snapshot()), len(missing))
    shown = ", ".join(f"{name} {gap:.1f} s" for name, gap in gaps.items())
    print(f"{done.kind}: no create for {shown}; {done.lost} of {done.acknowledged} lost {missing[:3]}", flush=True)
    return done


def check_log(cluster):
    """Each contact that is stored was created once, and the change log has no gap."""
    [[number, last]] = cluster.query("SELECT count(*), max(sequence) FROM changes")
    if number != last:
        raise Failed(f"the change log has {number} entries, and the last one is {last}")
    differing = cluster.query(
        "SELECT id, created FROM contacts FULL JOIN (SELECT resource_id AS id, count(*) AS created FROM changes"
        " WHERE event = 'contact.created' GROUP BY resource_id) AS log USING (id)"
        " WHERE created IS DISTINCT FROM 1 OR handle IS NULL LIMIT 3"
    )
    if differing:
        raise Failed(f"contacts and change log differ: {differing}")


def table(failovers, names):
    heads = ["fault", "times", *(f"{name}: median, worst" for name in names), "lost"]
    lines = [heads, ["---"] * len(heads)]
    for kind in dict.fromkeys(done.kind for done in failovers):
        of_kind = [done for done in failovers if done.kind == kind]
        gaps = [[done.gaps[name] for done in of_kind] for name in names]
        shown = [f"{quantile(each, 50):.1f} s, {max(each):.1f} s" for each in gaps]
        lines.append([kind, str(len(of_kind)), *shown, str(sum(done.lost for done in of_kind))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def run(cluster, front, instances, key, kinds):
    targets = [Target(instance.name, instance.address) for instance in instances]
    targets.append(Target("all", front))
    failovers = []
    with Load(targets, key) as load:
        for fault in kinds:
            failovers.append(fail_over(cluster, load, instances, fault))
    missing = lost(cluster, load)
    check_log(cluster)
    stored = {username for username, _ in cluster.query("SELECT handle, id FROM contacts")}
    never_acknowledged = load.open - load.acknowledged.keys()
    print(table(failovers, [target.name for target in targets]))
    worst = [done.worst() for done in failovers]
    print(f"\np95 of the longest gap: {quantile(worst, 95):.1f} s; acknowledged: {len(load.acknowledged)}; lost: {len(missing)};")
    print(f"creates without a key whose outcome stayed open: {len(never_acknowledged)}, of which are stored:", end=" ")
    print(f"{len(never_acknowledged & stored)}; reads that missed what was acknowledged: {load.stale_reads}")
    print("outcomes:", ", ".join(f"{kind} {status or 'none'}: {n}" for (kind, status), n in sorted(load.outcomes().items())))
    errors = [line for instance in instances for line in instance.errors()]
    for what, found in [
        ("acknowledged and lost", missing or [done.kind for done in failovers if done.lost]),
        ("responses that must not be", load.violations),
        ("errors in the log", errors),
        ("acknowledged and not found by a read", [load.stale_reads] if load.stale_reads else []),
        (f"gaps: p95 is more than {MAX_GAP} s", worst if quantile(worst, 95) > MAX_GAP else []),
        ("instances that have ended", [each.name for each in instances if not each.process.is_running()]),
    ]:
        if found:
            raise Failed(f"{what}: {len(found)}, such as {found[:5]}")
