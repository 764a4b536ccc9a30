"""A comparable product: one binary, SQLite, tokens. Same fields, same unique index."""

import subprocess
from urllib.parse import quote, unquote

from ..http import Connection, free_port, wait_for
from ..load import Request
from .system import System

RECORDS = "/api/collections/{}/records"
ADMINISTRATOR, USER, PASSWORD = "admin@example.com", "user@example.com", "a-long-password"


class PocketBase(System):
    name = "PocketBase"
    contacts, groups, opt_outs = map(RECORDS.format, ("contacts", "groups", "opt_outs"))

    def __init__(self, folder, program, token=None):
        """`token` is that of the user if the folder already has one."""
        data = ["--dir", str(folder / "pb_data")]
        if not token:
            administrator = [program, "superuser", "upsert", ADMINISTRATOR, PASSWORD, *data]
            subprocess.run(administrator, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.start(
            [program, "serve", f"--http=127.0.0.1:{port}", *data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.base, self.process)
        self.token = token or self._set_up()

    def _set_up(self):
        """Creates collections and a user; returns the token of the user."""
        administrator = Connection(self.base, self._log_in("_superusers", ADMINISTRATOR))
        groups = administrator.ask("POST", "/api/collections", named())
        contacts = administrator.ask("POST", "/api/collections", people())
        administrator.ask("POST", "/api/collections", members(contacts["id"], groups["id"]))
        administrator.ask("POST", "/api/collections", opted_out())
        # An ordinary user, whose token is checked as in production, unlike the administrator's.
        account = {"email": USER, "password": PASSWORD, "passwordConfirm": PASSWORD}
        administrator.ask("POST", "/api/collections/users/records", account)
        return self._log_in("users", USER)

    def add_people(self, keys):
        """A collection of contacts that have these keys of `meta` as fields of their own, too, each with an index."""
        kept = people()
        fields = [{"name": key.lower(), "type": kind} for key, kind in keys.items()]
        indexes = [index.replace(" contacts", " people") for index in kept["indexes"]]
        indexes += [f"CREATE INDEX people_{field['name']} ON people ({field['name']})" for field in fields]
        collection = {**kept, "name": "people", "fields": [*kept["fields"], *fields], "indexes": indexes}
        administrator = Connection(self.base, self._log_in("_superusers", ADMINISTRATOR))
        administrator.ask("POST", "/api/collections", collection)
        self.contacts = RECORDS.format("people")

    def _log_in(self, users, email):
        login = {"identity": email, "password": PASSWORD}
        address = f"/api/collections/{users}/auth-with-password"
        return Connection(self.base).ask("POST", address, login)["token"]

    def one(self, contact_id):
        return f"{self.contacts}/{contact_id}"

    def newest(self):
        return f"{self.contacts}?perPage=50&skipTotal=1&sort=-created"

    def anywhere(self, ids):
        return [f"{self.newest()}&page={page}" for page in range(1, len(ids) // 50 + 1)]

    def search(self, term):
        """All words in any of the fields, as its interface searches; newest first."""
        fields = ("username", "display_name", "meta", "phone_number")
        words = ["||".join(f"{field}~'{word}'" for field in fields) for word in unquote(term).split()]
        where = quote("&&".join(f"({word})" for word in words))
        return f"{self.contacts}?perPage=20&skipTotal=1&sort=-created&filter={where}"

    def filtered(self, conditions, order=None):
        """The first of those that meet all conditions: keys, operators and values."""
        where = quote("&&".join(f"{key.lower()}{operator}{value!r}" for key, operator, value in conditions))
        sort = f"-{order.lower()}" if order else "-created"
        return f"{self.contacts}?perPage=20&skipTotal=1&sort={sort}&filter={where}"

    def counted(self, conditions):
        return self.filtered(conditions).replace("perPage=20&skipTotal=1", "perPage=1&fields=id")

    def count(self):
        return Connection(self.base, self.token).ask("GET", f"{self.contacts}?perPage=1&fields=id")["totalItems"]

    def ids(self):
        connection = Connection(self.base, self.token)
        ids, last = [], ""
        while True:
            where = f"&filter=(id%3E'{last}')" if last else ""
            page = connection.ask("GET", f"{self.contacts}?perPage=1000&skipTotal=1&fields=id&sort=id{where}")
            if not page["items"]:
                return ids
            ids += [one["id"] for one in page["items"]]
            last = ids[-1]

    def member_request(self, group, ids):
        body = {"contact": "<item>", "group": group}
        return Request("POST", RECORDS.format("members"), body, items=ids, once=True)


def collection(name, fields, *indexes):
    """A collection that is accessible to every authenticated user."""
    moments = [
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]
    rules = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "@request.auth.id != ''")
    return {"name": name, "type": "base", "fields": [*fields, *moments], "indexes": indexes, **rules}


def texts(*names):
    return [{"name": name, "type": "text"} for name in names]


def people():
    return collection(
        "contacts",
        [*texts("username", "phone_number", "display_name", "avatar_url"), {"name": "meta", "type": "json"}],
        "CREATE UNIQUE INDEX contacts_username ON contacts (username)",
        "CREATE INDEX contacts_phone ON contacts (phone_number)",
        "CREATE INDEX contacts_created ON contacts (created)",
    )


def named():
    return collection("groups", texts("name", "description"), "CREATE UNIQUE INDEX groups_name ON groups (name)")


def members(contacts, groups):
    """The join of these collections. A deleted contact or group takes its memberships with it, as in addressbook."""
    relations = [
        {
            "name": name,
            "type": "relation",
            "collectionId": target,
            "maxSelect": 1,
            "required": True,
            "cascadeDelete": True,
        }
        for name, target in (("contact", contacts), ("group", groups))
    ]
    return collection(
        "members",
        relations,
        "CREATE UNIQUE INDEX members_pair ON members (`group`, contact)",
        "CREATE INDEX members_contact ON members (contact)",
    )


def opted_out():
    return collection(
        "opt_outs",
        texts("phone_number", "source", "note"),
        "CREATE UNIQUE INDEX opt_outs_phone ON opt_outs (phone_number)",
        "CREATE INDEX opt_outs_created ON opt_outs (created)",
    )
