"""Searches: contacts by parts of what they say, against PocketBase with `~` on the same fields."""

import random
from functools import partial
from urllib.parse import quote

from .goals import OURS, SEARCHES
from .http import fill
from .load import Request
from .run import BROWSERS
from .systems import Addressbook, PocketBase

SEARCHED = 100_000

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
            "LANGUAGE": draw.choice(("english", "spanish", "polish")),
            "PLAN": draw.choice(("trial", "basic", "premium")),
            "NOTE": "customer",
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


def measure(run):
    """All systems with the same contacts and the same terms."""
    program = next(run.venv.rglob("bin/pocketbase*"))
    for name, make in {"PocketBase": partial(PocketBase, program=program), OURS: Addressbook}.items():
        with make(run.place("search")) as system:
            fill(system, [person(number) for number in range(SEARCHED)])
            random.seed(SEARCHED)
            for _ in range(run.rounds):
                for work, searched in zip(SEARCHES, terms(SEARCHED), strict=True):
                    addresses = [system.search(quote(term)) for term in searched]
                    run.send(system, name, work, BROWSERS, Request("GET", "<item>", items=addresses))
