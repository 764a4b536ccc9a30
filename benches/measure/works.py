"""The workloads: one function per workload, each of which adds figures to a run."""

import random
import shutil
import time

from . import load
from .goals import (
    CONNECTIONS,
    DELETES,
    GETS,
    KEYED,
    LARGE,
    LISTS,
    MEMBERS,
    MEMORY,
    MIXED,
    OPT_OUTS,
    OURS,
    PAGES,
    POSTGRES_CREATES,
    POSTGRES_DELETE,
    POSTGRES_UPDATE,
    SMALL,
    UPDATES,
    WAL,
)
from .http import Connection, fill
from .postgres import Cluster
from .run import BROWSERS, CREATORS, ORDERS, READERS
from .systems import Addressbook, Bare, FastApi, Pgbench, PocketBase
from .systems.addressbook import migrate
from .systems.system import contact

FEW = 10_000
# Each may have all of the few contacts; together they have more members than are added in one measurement.
GROUPS = 40
# How many contacts there are to delete, as a multiple of those that the system creates in the same time.
TO_DELETE = 2
# More than a system opts out in a second.
OPTED_OUT = 100_000
# More than the service caches.
SAMPLE = 300_000


def beside_peers(run):
    """All works on an account with few contacts, against PocketBase and the bare web framework. Interleaved in each
    round, so that a temporary slowdown of the machine affects all systems."""
    program = next(run.venv.rglob("bin/pocketbase*"))
    systems = [lambda folder: PocketBase(folder, program), Addressbook]
    if run.only & {"get", "create"}:
        systems.insert(0, Bare)
    for _ in range(run.rounds):
        for make in systems:
            with make(run.place("peers")) as system:
                if isinstance(system, Bare):
                    _bare(run, system)
                else:
                    _store(run, system)


def _bare(run, system):
    warm_up(system, ["none"])
    if "get" in run.only:
        run.get(system, system.name, GETS, ([system.one("none")],) * 2)
    if "create" in run.only:
        run.create(system, system.name)


def _store(run, system):
    """Reads and updates come before the works that add contacts, and deletes come last."""
    ids = fill(system, [contact(number) for number in range(FEW)])
    warm_up(system, ids)
    if "get" in run.only:
        run.get(system, system.name, GETS, ([system.one(ids[0])], [system.one(one) for one in ids]))
    if "list" in run.only:
        run.get(system, system.name, LISTS, ([system.newest()], system.anywhere(ids)))
    if "update" in run.only:
        for work, connections in zip(UPDATES, CONNECTIONS, strict=True):
            run.send(system, system.name, work, connections, system.update_request(ids))
    if "members" in run.only:
        members(run, system, ids)
    if "opt-outs" in run.only:
        opt_outs(run, system)
    if "mixed" in run.only:
        mixed(run, system, ids)
    if "create" in run.only:
        run.create(system, system.name)
    if "keyed" in run.only:
        for work, connections in zip(KEYED, CONNECTIONS, strict=True):
            run.send(system, system.name, work, connections, system.keyed_request())
    if "delete" in run.only:
        deletes(run, system)
    if "memory" in run.only:
        run.note(system.name, MEMORY, system.memory())


def members(run, system, ids):
    """Adds each contact to each of several groups, one at a time, and to new groups for each number of connections."""
    connection = Connection(system.base, system.token)
    for work, connections in zip(MEMBERS, CONNECTIONS, strict=True):
        names = [f"group {number}, {connections}" for number in range(GROUPS)]
        groups = [connection.ask("POST", system.groups, {"name": name})["id"] for name in names]
        some = random.sample(ids, len(ids))
        run.send(system, system.name, work, connections, *(system.member_request(group, some) for group in groups))


def opt_outs(run, system):
    """Opts out numbers, none of them twice."""
    count = OPTED_OUT * run.seconds
    numbers = [f"{number:07}" for number in random.sample(range(10**7), count * len(CONNECTIONS))]
    for first, (work, connections) in enumerate(zip(OPT_OUTS, CONNECTIONS, strict=True)):
        request = system.opt_out_request(numbers[first * count : (first + 1) * count])
        run.send(system, system.name, work, connections, request)


def mixed(run, system, ids):
    """Mostly reads, of contacts that are not deleted meanwhile."""
    doomed = expendable(system, 0.3 * run.seconds, ids)
    for work, connections in zip(MIXED, CONNECTIONS, strict=True):
        mix = (
            load.Request("GET", "<item>", items=[system.one(one) for one in ids], weight=60),
            load.Request("GET", "<item>", items=system.anywhere(ids), weight=20),
            system.create_request("random", weight=10),
            system.update_request(ids, weight=8),
            system.delete_request(doomed, weight=2),
        )
        doomed = doomed[run.send(system, system.name, work, connections, *mix) :]


def deletes(run, system):
    """Deletes contacts, in random order."""
    # One connection needs only a few.
    doomed = expendable(system, 2 * TO_DELETE * run.seconds)
    for work, connections in zip(DELETES, CONNECTIONS, strict=True):
        doomed = doomed[run.send(system, system.name, work, connections, system.delete_request(doomed)) :]


def expendable(system, seconds, kept=()):
    """At least as many contacts as the system creates in this time, beside those to keep, in random order. They are
    created if there are fewer: how many deletes need depends on the system."""
    kept = set(kept)
    rate = load.create(system, CREATORS, 1, "random").rate
    while (missing := rate * seconds + len(kept) - system.count()) > 0:
        load.create(system, CREATORS, max(1, round(missing / rate)), "random")
    ids = [one for one in system.ids() if one not in kept]
    random.shuffle(ids)
    return ids


def warm_up(system, ids):
    load.get(system, READERS, 1, [system.one(one) for one in ids])


def large_account(run):
    """The service with many contacts in one account, against itself with few; and pages with a total."""
    small = prepare(run, SMALL, lambda system: fill(system, [contact(number) for number in range(FEW)]))
    large = prepare(run, LARGE, lambda system: fill_to(system, run.contacts))
    for _ in range(run.rounds):
        for name, (database, token, ids) in ((SMALL, small), (LARGE, large)):
            folder = run.place("account")
            shutil.copy(database, folder)
            with Addressbook(folder, token=token) as system:
                warm_up(system, ids)
                if "pages" in run.only and name == LARGE:
                    pages(run, system)
                if "million" in run.only:
                    some = random.sample(ids, min(SAMPLE, len(ids)))
                    one, any_one = [system.one(ids[0])], [system.one(one) for one in some]
                    run.get(system, name, GETS, (one, any_one))
                    run.get(system, name, LISTS, ([system.newest()], system.anywhere(some)))
                    run.send(system, name, UPDATES[-1], CREATORS, system.update_request(some))
                    run.create(system, name)
                    # The small account has too few to delete at first.
                    doomed = some if name == LARGE else expendable(system, TO_DELETE * run.seconds)
                    run.send(system, name, DELETES[-1], CREATORS, system.delete_request(doomed))


def pages(run, system):
    """Random pages among the first 1,000 of the address book's list."""
    newest_first = ["created_on&sortDir=DESC"]
    any_order = [f"{by}&sortDir={way}" for by in ("created_on", "alias", "msisdn") for way in ("ASC", "DESC")]
    for work, size, orders in zip(PAGES, (10, 100, 100), (newest_first, newest_first, any_order), strict=True):
        addresses = [
            f"/addressbook/contacts?limit={size}&offset={page * size}&sortField={order}"
            for page in range(1_000)
            for order in orders
        ]
        run.note(LARGE, work, load.get(system, BROWSERS, run.seconds, addresses).p99)


def prepare(run, name, fill_it):
    """A database with contacts, created once per run: its file, key and ids."""
    folder = run.place(name.replace(" ", "-"))
    # Long pages to read the ids; the measured service runs without this setting.
    with Addressbook(folder, flags=["--page-max", "10000"]) as system:
        fill_it(system)
        ids = system.ids(10_000)
    size = system.database.stat().st_size / 2**20
    run.facts.append(f"{name}: {len(ids):,} contacts, {size:,.0f} MiB")
    return system.database, system.token, ids


def fill_to(system, count):
    """Creates at least this many contacts under load, with random names as in production."""
    while (there := system.count()) < count:
        seconds = 1 if count - there < 100_000 else 4
        load.create(system, CREATORS, seconds, "random")


def on_postgres(run):
    """Creates, updates and deletes on PostgreSQL: all systems on one server, with a new database per round."""
    python = run.venv / "bin/python"
    with Cluster(run.folder) as cluster:
        run.facts.append(f"PostgreSQL {cluster.version()} as it comes: fsync, synchronous_commit on")
        for number in range(run.rounds):
            for make in (_pgbench, _fastapi, _addressbook):
                name = make.__name__.strip("_")
                database = cluster.new_database(f"{name}_{number}")
                migrate(database)
                make(run, cluster, python, database)
                cluster.checkpoint()


def _pgbench(run, cluster, _python, database):
    pgbench = Pgbench(cluster, database, run.place("pgbench"))
    for work, order in zip(POSTGRES_CREATES, ORDERS, strict=True):
        rate = pgbench.create(CREATORS, run.seconds, order)
        run.note(pgbench.name, work, rate)
    run.note(pgbench.name, POSTGRES_UPDATE, pgbench.update(CREATORS, run.seconds, FEW))
    # It deletes more than twice as fast as it creates.
    doomed = round(2 * TO_DELETE * run.seconds * rate)
    run.note(pgbench.name, POSTGRES_DELETE, pgbench.delete(CREATORS, run.seconds, doomed))


def _fastapi(run, _cluster, python, database):
    with FastApi(run.place("fastapi"), python, database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, system.name, POSTGRES_CREATES)


def _addressbook(run, cluster, _python, database):
    with Addressbook(run.place("addressbook"), database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, OURS, POSTGRES_CREATES)
        ids = fill(system, [contact(number) for number in range(FEW)])
        cluster.checkpoint()
        run.send(system, OURS, POSTGRES_UPDATE, CREATORS, system.update_request(ids))
        doomed = expendable(system, TO_DELETE * run.seconds)
        cluster.checkpoint()
        run.send(system, OURS, POSTGRES_DELETE, CREATORS, system.delete_request(doomed))


def write_ahead_log(run):
    """Maximum size of SQLite's WAL while contacts are created, without other load."""
    folder = run.place("wal")
    with Addressbook(folder) as system:
        creating = load.Load(system, CREATORS, round(run.minutes * 60), [system.create_request("random")])
        largest = 0
        while creating.running():
            largest = max(largest, system.write_ahead_log())
            time.sleep(0.05)
        creating.finish()
        created = system.count()
    run.note(OURS, WAL, largest)
    run.facts.append(f"the WAL was watched for {run.minutes:g} minutes, while {created:,} contacts were created")
