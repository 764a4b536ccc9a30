"""The create operation in an idiomatic Python stack; see `peers/fastapi_contacts.py`."""

import os
from pathlib import Path

from ..http import free_port, wait_for
from .system import System

PEERS = Path(__file__).resolve().parents[2] / "peers"
WORKERS = 2


class FastApi(System):
    name = "FastAPI"
    contacts = "/contacts"
    token = "Bearer a-long-key-that-is-only-in-memory"

    def __init__(self, folder, python, database):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "DATABASE_URL": database.replace("postgres://", "postgresql+asyncpg://"),
            "API_KEY": self.token.split()[1],
        }
        command = [python, "-m", "uvicorn", "fastapi_contacts:app", "--app-dir", PEERS, "--port", str(port)]
        command += ["--workers", str(WORKERS), "--loop", "uvloop", "--http", "httptools"]
        with open(folder / "log", "w") as log:
            self.start([*command, "--no-access-log", "--log-level", "warning"], env=environment, stderr=log)
        wait_for(self.base, self.process)
