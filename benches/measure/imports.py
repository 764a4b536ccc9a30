"""An import of a CSV file, against a plain loop over the same table; and what it costs the others."""

import http.client
import threading
import time
from urllib.parse import urlsplit

from .batches import plain_loop
from .goals import IMPORT, IMPORT_MEMORY, IMPORT_OTHERS, IMPORT_POSTGRES, OURS
from .http import Connection, Failure
from .postgres import Cluster
from .systems import Addressbook
from .works import migrate

ROWS = 1_000_000
POLL = 0.1


def measure(run):
    """In each round both, each with the machine to itself and with a new database."""
    file = run.place("file") / "contacts.csv"
    write(file)
    for _ in range(run.rounds):
        with Addressbook(run.place("imports")) as system:
            before = system.resident()
            begun = time.monotonic()
            imported(system, file)
            run.note(OURS, IMPORT, ROWS / (time.monotonic() - begun))
            run.note(OURS, IMPORT_MEMORY, system.memory() - before)
            if system.count() != ROWS:
                raise Failure(f"{ROWS} contacts were to be imported, and there are {system.count()}")
        rows, seconds = plain_loop(run, ROWS)
        run.note("plain loop", IMPORT, rows / seconds)
    others(run, file)
    on_postgres(run, file)


def on_postgres(run, file):
    """The import, and COPY of the rows that it has stored into another database with the same schema."""
    with Cluster(run.folder) as cluster:
        for number in range(run.rounds):
            imported_into, copied_into = (cluster.new_database(f"{name}_{number}") for name in ("imported", "copied"))
            with Addressbook(run.place("import_postgres"), imported_into) as system:
                begun = time.monotonic()
                imported(system, file)
                run.note(OURS, IMPORT_POSTGRES, ROWS / (time.monotonic() - begun))
            rows = cluster.home / f"rows_{number}"
            cluster.ask(imported_into, f"COPY (SELECT * FROM contacts ORDER BY id) TO '{rows}'")
            migrate(copied_into)
            cluster.checkpoint()
            begun = time.monotonic()
            cluster.ask(copied_into, f"COPY contacts FROM '{rows}'")
            run.note("COPY", IMPORT_POSTGRES, ROWS / (time.monotonic() - begun))
            rows.unlink()
            if (count := cluster.ask(copied_into, "SELECT count(*) FROM contacts")) != str(ROWS):
                raise Failure(f"{count} rows were copied")


def write(file):
    with file.open("w") as csv:
        csv.write("username,phone_number,display_name,meta.CITY,meta.AGE\n")
        for number in range(ROWS):
            csv.write(f"user{number:08},+4479{number:08},User {number},City {number % 100},{number % 90}\n")


def imported(system, file):
    """Plans and commits the file; returns when all of it is carried out."""
    connection = Connection(system.base, system.token)
    started = connection.ask("POST", "/v1/imports", {"commit": "automatic"})
    sending = http.client.HTTPConnection(urlsplit(system.base).netloc, timeout=600)
    with file.open("rb") as body:
        headers = {"Authorization": system.token, "Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)}
        sending.request("PUT", started["file_path"], body, headers)
        response = sending.getresponse()
        if response.status != 202:
            raise Failure(f"the file is refused: {response.status} {response.read()}")
        response.read()
    path = started["file_path"].removesuffix("/file")
    while (state := connection.ask("GET", path)["state"]) != "committed":
        if state not in ("planning", "committing"):
            raise Failure(f"the import is {state}")
        time.sleep(POLL)


def others(run, file):
    """The p99 of creates of another caller while an import is carried out."""
    with Addressbook(run.place("others")) as system:
        connection = Connection(system.base, system.token)
        done = threading.Event()

        def carry_out():
            try:
                imported(system, file)
            finally:
                done.set()

        worker = threading.Thread(target=carry_out)
        worker.start()
        times, number = [], 0
        while not done.is_set():
            begun = time.monotonic()
            contact = {"username": f"other{number}", "phone_number": "+4479000000001"}
            connection.ask("POST", "/v1/contacts", contact)
            times.append(time.monotonic() - begun)
            number += 1
            time.sleep(0.005)
        worker.join()
        times.sort()
        run.note(OURS, IMPORT_OTHERS, times[len(times) * 99 // 100] * 1_000)
