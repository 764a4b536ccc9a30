"""The workloads: one function per workload, each of which adds figures to a run."""

import random
import shutil
import time

from . import load
from .goals import GETS, LARGE, LISTS, MEMORY, OURS, PAGES, POSTGRES_CREATES, SMALL, WAL
from .http import Connection, fill
from .postgres import Cluster
from .run import BROWSERS, CREATORS, ORDERS, READERS
from .systems import Addressbook, Bare, FastApi, Pgbench, PocketBase
from .systems.addressbook import migrate
from .systems.system import contact

FEW = 10_000
# More than the service caches.
SAMPLE = 300_000


def beside_peers(run):
    """Create, get and list, against PocketBase and the bare web framework. Interleaved in each round, so that a
    temporary slowdown of the machine affects all systems."""
    program = next(run.venv.rglob("bin/pocketbase*"))
    systems = (Bare, lambda folder: PocketBase(folder, program), Addressbook)
    for _ in range(run.rounds):
        for make in systems:
            folder = run.place("peers")
            with make(folder) as system:
                _beside_peers(run, system, folder)


def _beside_peers(run, system, folder):
    is_store = not isinstance(system, Bare)
    ids = fill(system, [contact(number) for number in range(FEW)]) if is_store else ["none"]
    warm_up(system, ids, folder)
    if "get" in run.only:
        run.get(system, system.name, GETS, ([system.one(ids[0])], [system.one(one) for one in ids]), folder)
    if "list" in run.only and is_store:
        run.get(system, system.name, LISTS, ([system.newest()], system.anywhere(ids)), folder)
    if "create" in run.only:
        run.create(system, system.name)
    if "memory" in run.only and is_store:
        run.note(system.name, MEMORY, system.memory())


def warm_up(system, ids, folder):
    load.get(system, READERS, 1, [system.one(one) for one in ids], folder)


def large_account(run):
    """The service with many contacts in one account, against itself with few; and pages with a total."""
    small = prepare(run, SMALL, lambda system: fill(system, [contact(number) for number in range(FEW)]))
    large = prepare(run, LARGE, lambda system: fill_to(system, run.contacts))
    for _ in range(run.rounds):
        for name, (database, token, ids) in ((SMALL, small), (LARGE, large)):
            folder = run.place("account")
            shutil.copy(database, folder)
            with Addressbook(folder, token=token) as system:
                warm_up(system, ids, folder)
                if "pages" in run.only and name == LARGE:
                    pages(run, system, folder)
                if "million" in run.only:
                    some = random.sample(ids, min(SAMPLE, len(ids)))
                    one, any_one = [system.one(ids[0])], [system.one(one) for one in some]
                    run.get(system, name, GETS, (one, any_one), folder)
                    run.get(system, name, LISTS, ([system.newest()], system.anywhere(some)), folder)
                    run.create(system, name)


def pages(run, system, folder):
    """Random pages among the first 1,000 of the address book's list."""
    newest_first = ["created_on&sortDir=DESC"]
    any_order = [f"{by}&sortDir={way}" for by in ("created_on", "alias", "msisdn") for way in ("ASC", "DESC")]
    for work, size, orders in zip(PAGES, (10, 100, 100), (newest_first, newest_first, any_order), strict=True):
        addresses = [
            f"/addressbook/contacts?limit={size}&offset={page * size}&sortField={order}"
            for page in range(1_000)
            for order in orders
        ]
        run.note(LARGE, work, load.get(system, BROWSERS, run.seconds, addresses, folder).p99)


def prepare(run, name, fill_it):
    """A database with contacts, created once per run: its file, key and ids."""
    folder = run.place(name.replace(" ", "-"))
    # Long pages to read the ids; the measured service runs without this setting.
    with Addressbook(folder, flags=["--page-max", "10000"]) as system:
        fill_it(system)
        ids = all_ids(Connection(system.base, system.token))
    size = system.database.stat().st_size / 2**20
    run.facts.append(f"{name}: {len(ids):,} contacts, {size:,.0f} MiB")
    return system.database, system.token, ids


def fill_to(system, count):
    """Creates at least this many contacts under load, with random names as in production."""
    connection = Connection(system.base, system.token)
    while (there := connection.ask("GET", "/addressbook/contacts?limit=1")["total"]) < count:
        seconds = 1 if count - there < 100_000 else 4
        load.create(system, CREATORS, seconds, "random")


def all_ids(connection):
    ids, more, after = [], True, ""
    while more:
        page = connection.ask("GET", f"/v1/contacts?limit=10000{after}")
        ids += [one["id"] for one in page["data"]]
        more, after = page["has_more"], f"&starting_after={ids[-1]}"
    return ids


def on_postgres(run):
    """Creates on PostgreSQL: all systems on one server, with a new database per round."""
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
        run.note(pgbench.name, work, pgbench.create(CREATORS, run.seconds, order))


def _fastapi(run, _cluster, python, database):
    with FastApi(run.place("fastapi"), python, database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, system.name, POSTGRES_CREATES)


def _addressbook(run, _cluster, _python, database):
    with Addressbook(run.place("addressbook"), database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, OURS, POSTGRES_CREATES)


def write_ahead_log(run):
    """Maximum size of SQLite's WAL while contacts are created, without other load."""
    folder = run.place("wal")
    with Addressbook(folder) as system:
        creating = load.start_create(system, CREATORS, round(run.minutes * 60), "random")
        largest = 0
        while creating.poll() is None:
            largest = max(largest, system.write_ahead_log())
            time.sleep(0.05)
        load.finish(system, creating)
        created = Connection(system.base, system.token).ask("GET", "/addressbook/contacts?limit=1")["total"]
    run.note(OURS, WAL, largest)
    run.facts.append(f"the WAL was watched for {run.minutes:g} minutes, while {created:,} contacts were created")
