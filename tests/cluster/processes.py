"""Programs that the test starts. They end with the namespace that they run in."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

# PostgreSQL and what belongs to it do not run as root.
USER = "postgres"


class Failed(Exception):
    """A guarantee does not hold."""


def wait_until(condition, what, patience, interval=0.1):
    """Returns the first result of the condition that is true."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {patience} s: {what}")
        time.sleep(interval)
    return result


def as_user(command):
    return ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", *command]


class Process:
    """A program that runs in the foreground; its output is appended to a file."""

    def __init__(self, command, log, **options):
        self.log = log
        with log.open("a") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
            )

    def is_running(self):
        return self.process.poll() is None

    def stop(self, patience=30):
        """As an operator does; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def request(url, method="GET", body=None, timeout=5):
    """Status and text of a response; `None` instead of a status if there is none."""
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return None, str(error)
