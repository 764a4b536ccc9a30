"""Audiences: everybody in a large group gets a text, and 1,000 are named one by one."""

import http.client
import json
import random
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from . import load
from .goals import ALIASES, AUDIENCE, AUDIENCE_MEMORY, OURS
from .http import Connection, Failure, fill
from .run import BROWSERS
from .systems import Addressbook

LOOP = Path(__file__).resolve().parents[2] / "target/release/examples/plain_loop"
MEMBERS = 100_000
NAMED = 1_000
GROUP = "everybody"
TEMPLATE = "Hi {{ NAME }}, your parcel {{ PARCEL | default('from us') }} is on its way to {{ CITY }}."


def measure(run):
    """Lines of a group beside a plain loop over the same file, what they take in memory, and aliases."""
    folder = run.place("audience")
    with Addressbook(folder) as system:
        people = prepare(system)
        for _ in range(run.rounds):
            # One after the other: each has the machine to itself.
            texts, bytes_made, seconds = plain_loop(system.database)
            run.note("plain loop", AUDIENCE, texts / seconds)
            system.forget_peak()
            before = system.resident()
            seconds, made = lines(system)
            run.note(OURS, AUDIENCE, made / seconds)
            run.note(OURS, AUDIENCE_MEMORY, system.memory() - before)
            if made != texts:
                raise Failure(f"the plain loop made {texts} texts ({bytes_made} bytes), the service {made}")
            run.note(OURS, ALIASES, aliases(run, system, people, folder))


def prepare(system):
    """Contacts, all in one group; answers their names."""
    names = [f"person{number:06d}" for number in range(MEMBERS)]
    bodies = [
        {
            "username": name,
            "phone_number": f"+44790{number:07d}",
            "meta": {"NAME": f"Person {number}", "CITY": "London", "SEGMENT": number % 7},
        }
        for number, name in enumerate(names)
    ]
    ids = fill(system, bodies)
    connection = Connection(system.base, system.token)
    group = connection.ask("POST", "/v1/groups", {"name": GROUP})["id"]
    for begin in range(0, MEMBERS, NAMED):
        connection.ask("POST", f"/v1/groups/{group}/members", {"add": ids[begin : begin + NAMED]})
    return names


def plain_loop(database):
    """How many texts, their bytes, and the seconds."""
    texts, bytes_made, seconds = subprocess.check_output([LOOP, database, GROUP, TEMPLATE], text=True).split()
    return int(texts), int(bytes_made), float(seconds)


def lines(system):
    """The seconds that the lines take, and how many have a text."""
    connection = http.client.HTTPConnection(urlsplit(system.base).netloc, timeout=60)
    body = json.dumps({"recipients": [{"group": GROUP}], "template": {"text": TEMPLATE}})
    headers = {
        "Authorization": system.token,
        "Content-Type": "application/json",
        "Accept": "application/x-ndjson",
    }
    begun = time.monotonic()
    connection.request("POST", "/v1/audiences", body, headers)
    response = connection.getresponse()
    received = []
    while piece := response.read(1 << 20):
        received.append(piece)
    seconds = time.monotonic() - begun
    last = b"".join(received[-2:]).splitlines()[-1]
    return seconds, json.loads(last)["summary"]["counts"]["recipients"]


def aliases(run, system, people, folder):
    """Milliseconds within which 99 of 100 calls with 1,000 names are answered."""
    bodies = (
        json.dumps({"aliases": random.sample(people, NAMED), "template": TEMPLATE}) for _ in range(100)
    )
    posts = [f"/addressbook/resolve\t{body}" for body in bodies]
    return load.get(system, BROWSERS, run.seconds, posts, folder).p99
