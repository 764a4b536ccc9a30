"""Clients that create and read contacts, and remember what was acknowledged."""

import collections
import http.client
import json
import random
import threading
import time
import uuid

# A client gives up after that.
PATIENCE = 20
PAUSE_AFTER_SUCCESS = 0.01
PAUSE_AFTER_FAILURE = 0.1


class Client:
    def __init__(self, address, key):
        self.address, self.key = address, key
        self.connection = None

    def request(self, method, path, body=None, **headers):
        """Status and body of the response; 0 if the connection ended without one."""
        headers["Authorization"] = f"Bearer {self.key}"
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
            self.connection.request(method, path, data, headers)
            response = self.connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, repr(error)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Target:
    """An address, and what its clients have seen there."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        # The times of acknowledgements.
        self.acknowledged = []
        self.outcomes = {}
        self.lock = threading.Lock()

    def count(self, kind, status):
        with self.lock:
            self.outcomes[kind, status] = self.outcomes.get((kind, status), 0) + 1

    def gap(self, begin, end):
        """The longest time between two acknowledgements in a row, of those in a span of time and around it."""
        times = list(self.acknowledged)
        inside = [at for at in times if begin <= at <= end]
        before = [at for at in times if at < begin][-1:]
        after = [at for at in times if at > end][:1]
        spans = before + inside + after
        return max((later - earlier for earlier, later in zip(spans, spans[1:])), default=end - begin)


class Load:
    """Half of the creates have an idempotency key, and are repeated until they are acknowledged; the others are sent once."""

    def __init__(self, targets, key, writers=2, readers=1):
        self.targets, self.key = targets, key
        self.lock = threading.Lock()
        # Ids by username.
        self.acknowledged = {}
        # The ids that are read.
        self.latest = collections.deque(maxlen=1000)
        # Usernames of creates whose outcome is open.
        self.open = set()
        # What must not happen.
        self.violations = []
        # Acknowledged contacts that were not found.
        self.stale_reads = 0
        self.stopped = threading.Event()
        self.threads = []
        for target in targets:
            for number in range(writers):
                self.threads.append(threading.Thread(target=self.write, args=(target, number), daemon=True))
            for _ in range(readers):
                self.threads.append(threading.Thread(target=self.read, args=(target,), daemon=True))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def violation(self, what):
        with self.lock:
            self.violations.append(what)

    def write(self, target, writer):
        client = Client(target.address, self.key)
        number = 0
        while not self.stopped.is_set():
            number += 1
            username = f"{target.name}-{writer}-{number}"
            headers = {"Idempotency-Key": str(uuid.uuid4())} if number % 2 else {}
            contact = {"username": username, "phone_number": f"+4479{number % 10**8:08}"}
            while not self.stopped.is_set():
                status, text = client.request("POST", "/v1/contacts", contact, **headers)
                target.count("create", status)
                if status == 201:
                    with self.lock:
                        self.acknowledged[username] = json.loads(text)["id"]
                        self.latest.append(self.acknowledged[username])
                        self.open.discard(username)
                    target.acknowledged.append(time.monotonic())
                    time.sleep(PAUSE_AFTER_SUCCESS)
                    break
                is_in_progress = status == 409 and headers and "idempotency_key_in_use" in text
                if status not in (0, 503) and not is_in_progress:
                    self.violation(f"a create at {target.name}: {status} {text}")
                    break
                with self.lock:
                    self.open.add(username)
                time.sleep(PAUSE_AFTER_FAILURE)
                if not headers:
                    break
        client.close()

    def read(self, target):
        client = Client(target.address, self.key)
        while not self.stopped.is_set():
            with self.lock:
                chosen = random.choice(self.latest) if self.latest else None
            if chosen is None:
                time.sleep(PAUSE_AFTER_FAILURE)
                continue
            status, text = client.request("GET", f"/v1/contacts/{chosen}")
            target.count("read", status)
            if status == 404:
                with self.lock:
                    self.stale_reads += 1
            elif status not in (0, 200, 503):
                self.violation(f"a read at {target.name}: {status} {text}")
            time.sleep(PAUSE_AFTER_SUCCESS if status == 200 else PAUSE_AFTER_FAILURE)
        client.close()

    def snapshot(self):
        with self.lock:
            return dict(self.acknowledged)

    def outcomes(self):
        total = {}
        for target in self.targets:
            with target.lock:
                for what, count in target.outcomes.items():
                    total[what] = total.get(what, 0) + count
        return total
