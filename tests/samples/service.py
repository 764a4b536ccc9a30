"""A service on a database of its own, and what is asked of it beside the samples."""

import re
import subprocess
import time

import requests


class Service:
    def __init__(self, binary, folder):
        self.binary = binary
        self.database = f"sqlite://{folder}/addressbook.db"
        self.log = folder / "service.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [binary, "--bind", "127.0.0.1:0", "--log", "warn", "--database-url", self.database], stderr=log
            )
        self.url = self._address()

    def _address(self):
        for _ in range(300):
            found = re.search(r"Swagger UI +(http://[^/]+)/[^$]*shown once, never again", self.log.read_text())
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise SystemExit(f"the service does not start:\n{self.log.read_text()}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def document(self):
        return requests.get(f"{self.url}/openapi.json", timeout=10).json()

    def account(self, name):
        """A new account; answers with its key."""
        made = subprocess.run(
            [self.binary, "keys", "create", "--account", name, "--database-url", self.database],
            check=True,
            capture_output=True,
            text=True,
        )
        return made.stdout.strip()

    def create(self, key, path, thing):
        answer = requests.post(f"{self.url}{path}", headers=bearer(key), json=thing, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def send_file(self, key, path, text):
        headers = {**bearer(key), "Content-Type": "text/csv"}
        requests.put(f"{self.url}{path}", headers=headers, data=text.encode(), timeout=10).raise_for_status()

    def wait(self, key, path, state):
        """Waits for a state of an import or a field; answers with it."""
        for _ in range(600):
            answer = requests.get(f"{self.url}{path}", headers=bearer(key), timeout=10)
            answer.raise_for_status()
            if answer.json()["state"] == state:
                return answer.json()
            time.sleep(0.1)
        raise SystemExit(f"{path} does not get {state}: {answer.text}")

    def things(self, key, path):
        answer = requests.get(f"{self.url}{path}", headers=bearer(key), timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}
