"""A disposable PostgreSQL cluster on loopback with default settings, fsync included."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .http import Failure, free_port


class Cluster:
    """Runs for the duration of its `with` block."""

    def __init__(self, folder):
        self.programs = programs()
        # PostgreSQL refuses to run as root.
        self.user = {} if os.getuid() else unprivileged_user()
        self.home = Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
        self.port = free_port()

    def __enter__(self):
        if self.user:
            os.chown(self.home, self.user["user"], self.user["group"])
        initdb = [self.programs / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--pgdata=data"]
        subprocess.run(initdb, cwd=self.home, check=True, stdout=subprocess.DEVNULL, **self.user)
        server = [self.programs / "postgres", "-D", "data", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        server += ["-c", "unix_socket_directories=", "-c", "max_connections=300"]
        with open(self.home / "log", "w") as log:
            self.process = subprocess.Popen(server, cwd=self.home, stderr=log, **self.user)
        atexit.register(self.process.kill)
        for _ in range(300):
            if self._run("pg_isready", "-q").returncode == 0:
                return self
            time.sleep(0.1)
        raise Failure(f"PostgreSQL did not start: {(self.home / 'log').read_text()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.home)

    def new_database(self, name, template="template1"):
        """Creates a database as a copy of another one, to which nothing is connected; returns its URL."""
        self._run("createdb", f"--template={template}", name).check_returncode()
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def checkpoint(self):
        """Flushes dirty pages of the previous load, so that the next one does not pay for them."""
        self._run("psql", "-c", "CHECKPOINT", "postgres").check_returncode()

    def ask(self, database, statement):
        """The text that a statement returns."""
        command = [self.programs / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        command += ["--command", statement, database]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def version(self):
        """For example `15.18`."""
        result = subprocess.run([self.programs / "postgres", "--version"], check=True, capture_output=True, text=True)
        return result.stdout.split()[2]

    def _run(self, program, *arguments):
        server = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        command = [self.programs / program, *server, *arguments]
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def programs():
    """The directory of PostgreSQL's programs; on Debian, server programs are not on the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    for folder in [*debian, *map(Path, os.environ.get("PATH", "").split(":"))]:
        if all((folder / name).exists() for name in ("initdb", "postgres", "pgbench")):
            return folder
    raise SystemExit("PostgreSQL's initdb and pgbench are needed (Debian: apt-get install postgresql)")


def unprivileged_user():
    """The unprivileged user to run as instead of root, as arguments of `subprocess`."""
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise SystemExit("a user other than root is needed")
