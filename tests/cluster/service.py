"""Instances of the service."""

import json

from processes import Process, request, wait_until

DRAIN = "3s"


class Instance:
    def __init__(self, binary, folder, number, database, *options):
        self.name = f"instance{number}"
        self.address = f"127.0.0.1:{8080 + number}"
        self.log = folder / f"{self.name}.log"
        self.key_file = folder / "first-key"
        self.command = [str(binary), "--bind", self.address, "--database-url", database, "--trust-proxy", "--drain", DRAIN]
        self.command += ["--log-format", "json", "--log", "warn,addressbook=info", "--first-key-file", str(self.key_file)]
        self.command += options
        self.start()

    def start(self, patience=60):
        self.process = Process(self.command, self.log)
        wait_until(lambda: self.is_ready() or not self.process.is_running(), f"{self.name} is ready", patience)
        if not self.process.is_running():
            raise RuntimeError(f"{self.name} has ended: {self.log.read_text()[-2000:]}")

    def is_ready(self):
        return request(f"http://{self.address}/readyz")[0] == 200

    def stop(self):
        return self.process.stop()

    def key(self):
        return self.key_file.read_text().strip()

    def errors(self):
        """The lines of the log that say that something is wrong with the service itself."""
        found = []
        for line in self.log.read_text().splitlines():
            try:
                level = json.loads(line)["level"]
            except (ValueError, KeyError, TypeError):
                level = "ERROR" if "panicked" in line else None
            if level == "ERROR":
                found.append(line)
        return found
