"""The service on a PostgreSQL that fails over: what is run, in which order. Started by `run`, in namespaces of its own."""

import argparse
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import connections
import failovers
import faults
import poolers
import restarts
import standbys
from hosts import start_network
from postgres import Cluster
from processes import Failed
from proxy import HTTP_PORT, POSTGRES_PORT, HAProxy
from service import Instance

FRONT = f"127.0.0.1:{HTTP_PORT}"
PARTS = ["failovers", "standbys", "restarts", "poolers", "connections"]
LONG = 30


def run(options, parts):
    start_network()
    folder = options.folder
    began = time.monotonic()
    cluster = Cluster(folder)
    addresses = [f"127.0.0.1:{HTTP_PORT + number}" for number in (1, 2, 3)]
    proxy = HAProxy(folder, addresses, cluster.nodes)
    proxied = f"postgres://postgres@127.0.0.1:{POSTGRES_PORT}/postgres"
    proxy.wait_until_alone("postgres", cluster.primary().name)
    # The third one finds the primary by itself.
    databases = [proxied, proxied, cluster.url()]
    instances = [Instance(options.binary, folder, number + 1, url) for number, url in enumerate(databases)]
    for instance in instances:
        proxy.wait_until_up("addressbook", instance.name)
    key = instances[0].key()
    print(f"cluster and instances run after {time.monotonic() - began:.0f} s", flush=True)
    if "failovers" in parts:
        kinds = list(itertools.islice(itertools.cycle(faults.ALL), LONG)) if options.long else faults.SHORT
        failovers.run(cluster, FRONT, instances, key, kinds)
    if "standbys" in parts:
        standbys.run(cluster, folder, options.binary, key)
    if "restarts" in parts:
        restarts.run(proxy, FRONT, instances, key)
    if "connections" in parts:
        for instance in instances:
            instance.stop()
        connections.run(cluster, folder, options.binary, proxied, key)
    if "poolers" in parts:
        poolers.run(cluster, folder, options.binary, key, os.environ.get("PGBOUNCER", "pgbouncer"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true")
    length.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("binary", type=Path)
    options = parser.parse_args()
    parts = [options.only] if options.only else PARTS if options.long else ["failovers", "standbys", "restarts", "poolers"]
    began = time.monotonic()
    try:
        run(options, parts)
    except (Failed, RuntimeError, OSError, subprocess.SubprocessError) as failure:
        print(f"failed: {failure}", file=sys.stderr)
        for log in sorted(options.folder.rglob("log")) + sorted(options.folder.glob("*.log")):
            print(f"== {log}", *log.read_text(errors="replace").splitlines()[-15:], sep="\n", file=sys.stderr)
        sys.exit(1)
    print(f"passed in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
