"""Audiences: a large group with a template, and 1,000 individually named recipients."""

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
    """A streamed group against a plain loop over the same file; its memory; and aliases."""
    folder = run.place("audience")
    with Addressbook(folder) as system:
        people = prepare(system)
        for _ in range(run.rounds):
            # Sequentially: each has the machine to itself.
            texts, bytes_made, seconds = plain_loop(system.database)
            run.note("plain loop", AUDIENCE, texts / seconds)
            system.forget_peak()
            before = system.resident()
            seconds, messages = lines(system)
            run.note(OURS, AUDIENCE, messages / seconds)
            run.note(OURS, AUDIENCE_MEMORY, system.memory() - before)
            if messages != texts:
                raise Failure(f"the plain loop made {texts} texts ({bytes_made} bytes), the service {messages}")
            run.note(OURS, ALIASES, aliases(run, system, people))


def prepare(system):
    """Creates contacts that are all in one group; returns their names."""
    bodies = [person(number) for number in range(MEMBERS)]
    ids = fill(system, bodies)
    connection = Connection(system.base, system.token)
    group = connection.ask("POST", "/v1/groups", {"name": GROUP})["id"]
    for begin in range(0, MEMBERS, NAMED):
        connection.ask("POST", f"/v1/groups/{group}/members", {"add": ids[begin : begin + NAMED]})
    return [body["username"] for body in bodies]


def person(number):
    """A contact as it is created."""
    return {
        "username": f"person{number:06d}",
        "phone_number": f"+44790{number:07d}",
        "meta": {"NAME": f"Person {number}", "CITY": "London", "SEGMENT": number % 7},
    }


def plain_loop(database):
    """Number of texts, their bytes, and elapsed seconds."""
    texts, bytes_made, seconds = subprocess.check_output([LOOP, "audience", database, GROUP, TEMPLATE], text=True).split()
    return int(texts), int(bytes_made), float(seconds)


def lines(system):
    """Duration of the streamed response in seconds, and number of messages in it."""
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


def aliases(run, system, people):
    """The p99 latency of requests with 1,000 names, in milliseconds."""
    lists = [json.dumps(random.sample(people, NAMED)) for _ in range(100)]
    body = json.dumps({"aliases": "<item>", "template": TEMPLATE}).replace('"<item>"', "<item>")
    request = load.Request("POST", "/addressbook/resolve", body, items=lists)
    return load.send(system, BROWSERS, run.seconds, request).p99
