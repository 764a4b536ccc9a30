"""Searches and filters: contacts by what they say, against PocketBase on the same fields; and in a large account."""

import random
from functools import partial
from urllib.parse import quote

from . import load
from .goals import ANY_PLACE, CHANGES, FILTERS, LARGE, OURS, SEARCHES, slowest
from .http import Connection, fill
from .load import Request
from .run import BROWSERS
from .systems import Addressbook, PocketBase
from .systems.addressbook import BATCH_SIZE

SEARCHED = 100_000
# The keys that filters are about, with their types.
KEYS = {"CITY": "text", "CODE": "text", "PLAN": "text", "SCORE": "number"}
SCORES = 10_000

FIRST = "maria josé anna john wei łukasz søren olga amina piotr müge kwame chloe ravi elena omar yuki ingrid tom zoë".split()
LAST = (
    "garcia smith müller wang nguyen kowalski jansen rossi tanaka okafor patel silva hansen novák dubois kim haddad lopez "
    "johansson fernandes obrien schmidt ivanova yılmaz costa horvat"
).split()
CITIES = "london łódź málaga lagos mumbai oslo kyoto lima turin accra".split()


def person(number):
    """A contact with names, and with what platforms keep about a contact."""
    draw = random.Random(number)
    first, last = draw.choice(FIRST), draw.choice(LAST)
    return {
        "username": f"{first}.{last}.{number:07}",
        "phone_number": f"+4479{number * 7919 % 10**8:08}",
        "display_name": f"{first} {last}".title(),
        "meta": {
            "CITY": draw.choice(CITIES),
            "CODE": f"{draw.randrange(16**8):08x}",
            "SCORE": draw.randrange(SCORES),
            "PLAN": draw.choice(("trial", "basic", "premium")),
            "LANGUAGE": draw.choice(("english", "spanish", "polish")),
        },
    }


def terms(number):
    """For each of the rows, some terms of contacts anywhere in the store."""
    some = [person(random.randrange(number)) for _ in range(200)]
    return (
        [one["meta"]["CODE"][1:] for one in some],
        [one["display_name"].split()[1][1:4] for one in some],
        [f"{one['meta']['CITY'][:3]} {one['display_name'].split()[0]}" for one in some],
        [one["phone_number"][-4:] for one in some],
    )


def filters(system, number):
    """For each of the rows, some URLs with values of contacts anywhere in the store."""
    some = [person(random.randrange(number))["meta"] for _ in range(200)]
    few = SCORES // 200
    return (
        [system.filtered([("CODE", "=", one["CODE"])]) for one in some],
        [
            system.filtered([("CITY", "=", one["CITY"]), ("SCORE", ">=", one["SCORE"]), ("SCORE", "<", one["SCORE"] + few)])
            for one in some
        ],
        [system.filtered([("CITY", "=", one["CITY"])], order="SCORE") for one in some],
        [system.counted([("CITY", "=", one["CITY"]), ("PLAN", "=", one["PLAN"])]) for one in some],
    )


def measure(run):
    beside_peer(run)
    if run.contacts > SEARCHED:
        large_account(run)


def beside_peer(run):
    """Both systems with the same contacts, terms and filters."""
    program = next(run.venv.rglob("bin/pocketbase*"))
    for name, make in {"PocketBase": partial(PocketBase, program=program), OURS: Addressbook}.items():
        with make(run.place("search")) as system:
            people = [person(number) for number in range(SEARCHED)]
            if name == OURS:
                system.declare(KEYS)
            else:
                system.add_people(KEYS)
                people = [{**one, **{key.lower(): one["meta"][key] for key in KEYS}} for one in people]
            fill(system, people)
            if name == OURS:
                system.wait_for_index()
            for _ in range(run.rounds):
                random.seed(SEARCHED)
                for work, searched in zip(SEARCHES, terms(SEARCHED), strict=True):
                    send(run, system, name, work, [system.search(quote(term)) for term in searched])
                for work, addresses in zip(FILTERS, filters(system, SEARCHED), strict=True):
                    send(run, system, name, work, addresses)


def send(run, system, name, work, addresses):
    run.send(system, name, work, BROWSERS, Request("GET", "<item>", items=addresses))


def large_account(run):
    """The slowest of a hundred responses, at a size at which PocketBase does not respond within the time limit."""
    with Addressbook(run.place("search")) as system:
        system.declare(KEYS)
        connection = Connection(system.base, system.token)
        changes = []
        for first in range(0, run.contacts, BATCH_SIZE):
            people = [person(number) for number in range(first, min(first + BATCH_SIZE, run.contacts))]
            position = connection.ask("GET", "/v1/changes")["next"]
            changes.append(f"/v1/changes?limit=100&since={quote(position)}")
            connection.ask("POST", f"{system.contacts}/batch", {"mode": "create", "contacts": people})
        system.wait_for_index()
        for _ in range(run.rounds):
            random.seed(SEARCHED)
            searches = [[system.search(quote(term)) for term in some] for some in terms(run.contacts)]
            works = zip((*SEARCHES, *FILTERS), (*searches, *filters(system, run.contacts)), strict=True)
            for work, addresses in (*works, (ANY_PLACE, places(connection, run.contacts))):
                outcome = load.get(system, BROWSERS, run.seconds, addresses)
                run.note(LARGE, slowest([work])[0], outcome.p99)
            run.note(LARGE, CHANGES, 100 * load.get(system, BROWSERS, run.seconds, changes).rate)
        run.facts.append(f"memory after searches and filters in {run.contacts:,} contacts: {system.memory():,.0f} MiB")


def places(connection, number):
    """Pages of a list that is sorted, behind contacts anywhere in it."""
    some = [person(random.randrange(number))["username"] for _ in range(200)]
    ids = [connection.ask("GET", f"/v1/contacts?username={quote(name)}")["data"][0]["id"] for name in some]
    return [f"/v1/contacts?limit=20&order_by=meta.SCORE&starting_after={contact}" for contact in ids]
