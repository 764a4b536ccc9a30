"""What takes the primary away. Each returns what is to be done once another host has its place."""

from processes import Failed


def switchover(cluster, primary):
    """An operator makes a standby the primary."""
    status, text = cluster.switch_over(primary)
    if status != 200:
        raise Failed(f"Patroni does not switch over: {status} {text}")
    return lambda: None


def kill(cluster, primary):
    """PostgreSQL is killed; Patroni starts it again, or promotes a standby."""
    primary.kill_postgres()
    return lambda: None


def crash(cluster, primary):
    """All processes of the host are killed, and the host answers that nothing listens there."""
    primary.crash()
    return primary.start


def freeze(cluster, primary):
    """The host stops in the middle of whatever it does, and goes on later as if nothing had happened."""
    primary.freeze()
    return primary.thaw


def partition(cluster, primary):
    """The host goes on, and nobody can reach it."""
    primary.disconnect()
    return primary.reconnect


def standby(cluster, primary):
    """The host of the synchronous standby, for which each commit waits, cannot be reached any more."""
    [name] = [name for name, member in cluster.members().items() if member["role"] == "sync_standby"]
    [node] = [node for node in cluster.nodes if node.name == name]
    node.disconnect()
    return node.reconnect


# The primary may stay the primary.
MAY_STAY = {kill, standby}
SHORT = [switchover, kill, freeze]
ALL = [switchover, kill, crash, freeze, partition, standby]
