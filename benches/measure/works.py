"""The workloads: one function per workload, each of which adds figures to a run."""

import os
import random
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import load
from .goals import (
    CONNECTIONS,
    CREATES,
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
    POSTGRES_DELETES,
    POSTGRES_KEYED,
    POSTGRES_MEMBERS,
    POSTGRES_MIXED,
    POSTGRES_OPT_OUTS,
    POSTGRES_UPDATES,
    SMALL,
    UPDATES,
    WAL,
)
from .http import Connection, fill
from .postgres import Cluster
from .run import BROWSERS, CREATORS, ORDERS, READERS
from .systems import Addressbook, Bare, FastApi, Pgbench, PocketBase, pgbench
from .systems.addressbook import migrate
from .systems.system import contact

FEW = 10_000
# More than a system deletes in one measurement.
FILLED = 300_000
# Each may have all of the few contacts; together they have more members than are added in one measurement.
GROUPS = 40
# How many contacts there are to delete, as a multiple of those that the system creates in the same time.
TO_DELETE = 2
# More than mixed requests delete in a second.
EXPENDABLE = 2_000
# More than a system opts out in a second.
OPTED_OUT = 100_000
# More than the service caches.
SAMPLE = 300_000


@dataclass(frozen=True)
class Account:
    """A folder with the data of a system, its key, and the ids of the contacts in it."""

    folder: Path
    token: str
    ids: list[str]


def beside_peers(run):
    """All works on an account with few contacts and on one with many, against PocketBase and the bare web framework.
    Interleaved in each round, so that a temporary slowdown of the machine affects all systems."""
    program = next(run.venv.rglob("bin/pocketbase*"))
    stores = {"PocketBase": partial(PocketBase, program=program), OURS: Addressbook}
    filled = {}
    if run.only & {"create", "keyed", "delete"}:
        for name, make in stores.items():
            filled[name] = prepare(run, f"{name}, filled", make, lambda system: fill_to(system, FILLED))
    for _ in range(run.rounds):
        if run.only & {"get", "create"}:
            with Bare(run.place("peers")) as system:
                _bare(run, system)
        for name, make in stores.items():
            memory = [_few(run, make)]
            memory += [_filled(run, make, filled[name], *work) for work in _filled_works(run)]
            if "memory" in run.only:
                run.note(name, MEMORY, max(memory))


def _bare(run, system):
    warm_up(system, ["none"])
    if "get" in run.only:
        run.get(system, system.name, GETS, ([system.one("none")],) * 2)
    if "create" in run.only:
        run.create(system, system.name)


def _few(run, make):
    """The works that do not depend on the number of contacts that a system creates or deletes; returns the memory that
    it used. Reads and updates come before the works that add contacts."""
    if not run.only & {"get", "list", "update", "members", "opt-outs", "mixed"}:
        return 0
    with make(run.place("peers")) as system:
        ids = fill(system, [contact(number) for number in range(FEW)])
        warm_up(system, ids)
        if "get" in run.only:
            run.get(system, system.name, GETS, ([system.one(ids[0])], [system.one(one) for one in ids]))
        if "list" in run.only:
            run.get(system, system.name, LISTS, ([system.newest()], system.anywhere(ids)))
        if "update" in run.only:
            updates(run, system, ids, UPDATES)
        if "members" in run.only:
            members(run, system, ids, MEMBERS)
        if "opt-outs" in run.only:
            opt_outs(run, system, OPT_OUTS)
        if "mixed" in run.only:
            mixed(run, system, ids, MIXED)
        return system.memory()


def _filled_works(run):
    """The works that change how many contacts there are, each with its number of connections and its request."""
    if "create" in run.only:
        for work, order in zip(CREATES, ORDERS, strict=True):
            yield work, CREATORS, lambda system, _ids, order=order: system.create_request(order)
    if "keyed" in run.only:
        for work, connections in zip(KEYED, CONNECTIONS, strict=True):
            yield work, connections, lambda system, _ids: system.keyed_request()
    if "delete" in run.only:
        for work, connections in zip(DELETES, CONNECTIONS, strict=True):
            yield work, connections, lambda system, ids: system.delete_request(ids)


def _filled(run, make, account, work, connections, request):
    """Measures a work on a copy of an account; returns the memory that the system used. A system that creates or
    deletes faster than another one would otherwise begin the next measurement with more or fewer contacts."""
    with opened(run, make, account) as system:
        ids = random.sample(account.ids, len(account.ids))
        warm_up(system, ids[:FEW])
        run.send(system, system.name, work, connections, request(system, ids))
        return system.memory()


def updates(run, system, ids, works):
    """Updates of random ones of these contacts."""
    for work, connections in zip(works, CONNECTIONS, strict=True):
        run.send(system, system.name, work, connections, system.update_request(ids))


def members(run, system, ids, works):
    """Adds each contact to each of several groups, one at a time, and to new groups for each number of connections."""
    connection = Connection(system.base, system.token)
    for work, connections in zip(works, CONNECTIONS, strict=True):
        names = [f"group {number}, {connections}" for number in range(GROUPS)]
        groups = [connection.ask("POST", system.groups, {"name": name})["id"] for name in names]
        some = random.sample(ids, len(ids))
        run.send(system, system.name, work, connections, *(system.member_request(group, some) for group in groups))


def opt_outs(run, system, works):
    """Opts out numbers, none of them twice."""
    count = OPTED_OUT * run.seconds
    numbers = [f"{number:07}" for number in random.sample(range(10**7), count * len(CONNECTIONS))]
    for first, (work, connections) in enumerate(zip(works, CONNECTIONS, strict=True)):
        request = system.opt_out_request(numbers[first * count : (first + 1) * count])
        run.send(system, system.name, work, connections, request)


def mixed(run, system, ids, works):
    """Mostly reads, of contacts that are not deleted meanwhile."""
    doomed = fill(system, [contact(FEW + number) for number in range(EXPENDABLE * run.seconds)])
    for work, connections in zip(works, CONNECTIONS, strict=True):
        mix = (
            load.Request("GET", "<item>", items=[system.one(one) for one in ids], weight=60),
            load.Request("GET", "<item>", items=system.anywhere(ids), weight=20),
            system.create_request("random", weight=10),
            system.update_request(ids, weight=8),
            system.delete_request(doomed, weight=2),
        )
        doomed = doomed[run.send(system, system.name, work, connections, *mix) :]


def expendable(system, seconds):
    """At least as many contacts as the system creates in this time, in random order. They are created if there are
    fewer: how many deletes need depends on the system."""
    rate = load.create(system, CREATORS, 1, "random").rate
    while (missing := rate * seconds - system.count()) > 0:
        load.create(system, CREATORS, max(1, round(missing / rate)), "random")
    ids = system.ids()
    random.shuffle(ids)
    return ids


def warm_up(system, ids):
    load.get(system, READERS, 1, [system.one(one) for one in ids])


def large_account(run):
    """The service with many contacts in one account, against itself with few; and pages with a total."""
    few = [contact(number) for number in range(FEW)]
    small = prepare(run, SMALL, Addressbook, lambda system: fill(system, few))
    large = prepare(run, LARGE, Addressbook, lambda system: fill_to(system, run.contacts))
    for _ in range(run.rounds):
        for name, account in ((SMALL, small), (LARGE, large)):
            ids = account.ids
            with opened(run, Addressbook, account) as system:
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


def prepare(run, name, make, fill_it):
    """An account with contacts, created once per run."""
    folder = run.place(name.replace(" ", "-"))
    with make(folder) as system:
        fill_it(system)
        account = Account(folder, system.token, system.ids())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20
    run.facts.append(f"{name}: {len(account.ids):,} contacts, {size:,.0f} MiB")
    return account


def opened(run, make, account):
    """A system on a copy of an account."""
    folder = run.place("account")
    shutil.copytree(account.folder, folder, dirs_exist_ok=True)
    # Writing the new pages to the disk is not part of the load.
    os.sync()
    return make(folder, token=account.token)


def fill_to(system, count):
    """Creates contacts with random names, as in production, until there are so many: most under load, the last one by
    one."""
    rate = load.create(system, CREATORS, 1, "random").rate
    while (missing := count - system.count()) > rate:
        rate = load.create(system, CREATORS, 4 if missing > 4 * rate else 1, "random").rate
    fill(system, [contact(number) for number in random.sample(range(10**7), max(0, missing))])


def on_postgres(run):
    """Writes on PostgreSQL: all systems on one server, in each round each on a copy of a database with contacts."""
    python = run.venv / "bin/python"
    with Cluster(run.folder) as cluster:
        run.facts.append(f"PostgreSQL {cluster.version()} as it comes: fsync, synchronous_commit on")
        filled = cluster.new_database("filled")
        migrate(filled)
        pgbench.fill(cluster, filled, FILLED)
        for number in range(run.rounds):
            for make in (_pgbench, _fastapi, _addressbook):
                name = make.__name__.strip("_")
                database = cluster.new_database(f"{name}_{number}", "filled")
                # Writing the new pages is not part of the load.
                cluster.checkpoint()
                make(run, cluster, python, database)
                cluster.checkpoint()


def _slices(numbers):
    """Numbers for each number of connections: more than one connection needs for one, and most for many."""
    tenth = len(numbers) // 10
    return numbers[:tenth], numbers[tenth : 4 * tenth], numbers[4 * tenth :]


def _pgbench(run, cluster, _python, database):
    system = Pgbench(cluster, database, run.place("pgbench"))
    for work, order in zip(POSTGRES_CREATES, ORDERS, strict=True):
        run.note(system.name, work, system.create(CREATORS, run.seconds, order))
    opted_out = OPTED_OUT * run.seconds
    for index, connections in enumerate(CONNECTIONS):
        contacts = _slices(range(FEW, FILLED))[index]
        groups = range(index * GROUPS + 1, (index + 1) * GROUPS + 1)
        numbers = range(index * opted_out, (index + 1) * opted_out)
        for works, measure, *what in (
            (POSTGRES_UPDATES, system.update, FEW),
            (POSTGRES_MEMBERS, system.add_members, FEW, groups),
            (POSTGRES_OPT_OUTS, system.opt_out, numbers),
            (POSTGRES_DELETES, system.delete, contacts),
        ):
            cluster.checkpoint()
            run.note(system.name, works[index], measure(connections, run.seconds, *what))


def _fastapi(run, _cluster, python, database):
    with FastApi(run.place("fastapi"), python, database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, system.name, POSTGRES_CREATES)


def _addressbook(run, cluster, _python, database):
    with Addressbook(run.place("addressbook"), database) as system:
        load.create(system, CREATORS, 1, "random")
        run.create(system, OURS, POSTGRES_CREATES)
        ids = [pgbench.id_of(number) for number in range(FILLED)]
        few, doomed = ids[:FEW], random.sample(ids[FEW:], FILLED - FEW)
        cluster.checkpoint()
        updates(run, system, few, POSTGRES_UPDATES)
        members(run, system, few, POSTGRES_MEMBERS)
        opt_outs(run, system, POSTGRES_OPT_OUTS)
        cluster.checkpoint()
        for work, connections, some in zip(POSTGRES_DELETES, CONNECTIONS, _slices(doomed), strict=True):
            run.send(system, OURS, work, connections, system.delete_request(some))
        cluster.checkpoint()
        for work, connections in zip(POSTGRES_KEYED, CONNECTIONS, strict=True):
            run.send(system, OURS, work, connections, system.keyed_request())
        mixed(run, system, few, POSTGRES_MIXED)


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
