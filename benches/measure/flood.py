"""What an account notices while another one sends all that it can: reads at depth, creates, audiences, and slow readers."""

import random
import socket
import statistics
import subprocess
import time
from urllib.parse import urlsplit

from .audiences import TEMPLATE
from .goals import ALONE, FLOODED, FLOODED_POSTGRES, OURS, slowest
from .http import Connection, Failure
from .load import Load, Request
from .postgres import Cluster
from .run import READERS
from .systems import Addressbook
from .systems.addressbook import BATCH_SIZE, PROGRAM
from .systems.system import contact

# Of the account that floods; all of them are in one group.
CONTACTS = 10_000
# Of the other one.
FEW = 1_000
# Clients of exports that read a kilobyte and then no more.
SLOW_READERS = 50
# Between two requests of the other account.
PAUSE = 0.005
# Until the flood has begun, and how long it goes on at the end, in seconds.
BEGINNING, MARGIN = 1, 4


def measure(run):
    """On each database."""
    for _ in range(run.rounds):
        beside_flood(run, FLOODED, "sqlite://contacts.db")
        with Cluster(run.folder) as cluster:
            beside_flood(run, FLOODED_POSTGRES, cluster.new_database("flood"))


def beside_flood(run, work, database):
    """The latencies of one account alone, and beside the flood of another one."""
    folder = run.place("flood")
    with Addressbook(folder, database) as system:
        flood = prepare(system)
        neighbour = other_account(folder, database)
        ids = [one["id"] for one in create(system, neighbour, FEW)]
        alone = latencies(system, neighbour, ids, run.seconds)
        readers = [slow_reader(system) for _ in range(SLOW_READERS)]
        load = Load(system, READERS, BEGINNING + run.seconds + MARGIN, flood)
        time.sleep(BEGINNING)
        beside = latencies(system, neighbour, ids, run.seconds)
        if not load.running():
            raise Failure("the flood ended before the requests beside it")
        load.finish()
        for reader in readers:
            reader.close()
        run.note(ALONE, work, statistics.median(alone))
        run.note(OURS, work, statistics.median(beside))
        run.note(OURS, slowest([work])[0], statistics.quantiles(beside, n=100)[-1])


def prepare(system):
    """The requests of the flood."""
    everybody = Connection(system.base, system.token).ask("POST", system.groups, {"name": "everybody"})["id"]
    contacts = create(system, system.token, CONTACTS)
    connection = Connection(system.base, system.token)
    for first in range(0, CONTACTS, BATCH_SIZE):
        members = [one["id"] for one in contacts[first : first + BATCH_SIZE]]
        connection.ask("POST", f"{system.groups}/{everybody}/members", {"add": members})
    deep = [f"/addressbook/contacts?limit=100&offset={offset}" for offset in range(CONTACTS // 2, CONTACTS - 100, 100)]
    audience = {"recipients": [{"group": everybody}], "template": {"text": TEMPLATE}, "dry_run": True}
    return (
        Request("GET", "<item>", items=deep, weight=40),
        system.create_request("random", weight=40),
        Request("POST", "/v1/audiences", audience, weight=20),
    )


def create(system, token, count):
    """Creates contacts in batches; returns their results."""
    connection = Connection(system.base, token)
    results = []
    for first in range(0, count, BATCH_SIZE):
        body = {"mode": "create", "contacts": [contact(number) for number in range(first, first + BATCH_SIZE)]}
        results += connection.ask("POST", f"{system.contacts}/batch", body)["results"]
    return results


def other_account(folder, database):
    """The value of the `Authorization` header for another account."""
    command = [PROGRAM, "keys", "create", "--account", "neighbour", "--database-url", database]
    return f"Bearer {subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()}"


def latencies(system, token, ids, seconds):
    """Of requests one after the other, in milliseconds: gets, lists, updates and creates in turn."""
    connection = Connection(system.base, token)
    times, number, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        some = random.choice(ids)
        requests = (
            ("GET", system.one(some), None),
            ("GET", f"{system.contacts}?limit=50&starting_after={some}", None),
            ("PATCH", system.one(some), {"display_name": f"name {time.monotonic_ns()}"}),
            ("POST", system.contacts, {"username": f"other {time.monotonic_ns()}", "phone_number": "+4479000000001"}),
        )
        begun = time.monotonic()
        connection.ask(*requests[number % len(requests)])
        times.append(1_000 * (time.monotonic() - begun))
        time.sleep(PAUSE)
    return times


def slow_reader(system):
    """A connection on which an export has begun that is not read."""
    address = urlsplit(system.base)
    reader = socket.create_connection((address.hostname, address.port), 30)
    head = f"GET {system.contacts}/export HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {system.token}\r\n\r\n"
    reader.sendall(head.encode())
    if not reader.recv(1_024).startswith(b"HTTP/1.1 200 "):
        raise Failure("an export was refused")
    return reader
