"""A minimal HTTP client for set-up and checks around the load."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit


class Failure(Exception):
    """A system does not respond, or responds with an error."""


class Connection:
    """Sequential requests over one connection."""

    def __init__(self, base, token=None):
        self.http = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = token

    def ask(self, method, address, body=None):
        """The JSON of a successful response."""
        self.http.request(method, address, None if body is None else json.dumps(body), self.headers)
        response = self.http.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise Failure(f"{method} {address}: {response.status} {answer.decode(errors='replace')}")
        return json.loads(answer or b"null")


def free_port():
    """A free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(base, process):
    """Waits until the port accepts connections or `process` ends."""
    netloc = urlsplit(base)
    for _ in range(600):
        if process.poll() is not None:
            raise Failure(f"{process.args[0]} ended with {process.returncode}")
        try:
            socket.create_connection((netloc.hostname, netloc.port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failure(f"{base} does not answer")


def fill(system, bodies, at_once=16):
    """Creates contacts through the API; returns their ids in no particular order."""
    def create(some):
        connection = Connection(system.base, system.token)
        return [system.id_of(connection.ask("POST", system.contacts, body)) for body in some]

    with ThreadPoolExecutor(at_once) as pool:
        batches = pool.map(create, (bodies[n::at_once] for n in range(at_once)))
        return [created for batch in batches for created in batch]
