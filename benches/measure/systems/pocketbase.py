"""A comparable product: one binary, SQLite, tokens. Same fields, same unique index."""

import subprocess

from ..http import Connection, free_port, wait_for
from .system import CONTACT, System

RECORDS = "/api/collections/contacts/records"
PASSWORD = "a-long-password"


class PocketBase(System):
    name = "PocketBase"
    create = (RECORDS, CONTACT)

    def __init__(self, folder, program):
        email, data = "admin@example.com", ["--dir", str(folder / "pb_data")]
        subprocess.run([program, "superuser", "upsert", email, PASSWORD, *data], check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.start(
            [program, "serve", f"--http=127.0.0.1:{port}", *data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.base, self.process)
        admin = Connection(self.base, self._log_in("_superusers", email))
        admin.ask("POST", "/api/collections", collection())
        # An ordinary user, whose token is checked as in production, unlike the administrator's.
        user = "user@example.com"
        account = {"email": user, "password": PASSWORD, "passwordConfirm": PASSWORD}
        admin.ask("POST", "/api/collections/users/records", account)
        self.token = self._log_in("users", user)

    def _log_in(self, users, email):
        login = {"identity": email, "password": PASSWORD}
        address = f"/api/collections/{users}/auth-with-password"
        return Connection(self.base).ask("POST", address, login)["token"]

    def one(self, contact_id):
        return f"{RECORDS}/{contact_id}"

    def newest(self):
        return f"{RECORDS}?perPage=50&skipTotal=1&sort=-created"

    def anywhere(self, ids):
        return [f"{self.newest()}&page={page}" for page in range(1, len(ids) // 50 + 1)]


def collection():
    """The contacts collection, accessible to every authenticated user."""
    texts = [{"name": name, "type": "text"} for name in ("username", "phone_number", "display_name", "avatar_url")]
    moments = [
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]
    rules = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "@request.auth.id != ''")
    return {
        "name": "contacts",
        "type": "base",
        "fields": [*texts, {"name": "meta", "type": "json"}, *moments],
        "indexes": [
            "CREATE UNIQUE INDEX contacts_username ON contacts (username)",
            "CREATE INDEX contacts_phone ON contacts (phone_number)",
            "CREATE INDEX contacts_created ON contacts (created)",
        ],
        **rules,
    }
