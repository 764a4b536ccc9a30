"""Runs every sample of the document that a service serves: samples.py BINARY FOLDER.

Each is run twice. Once with an account of its own, that has one thing of each kind, as the document makes
them: it has to end well, say what the service answered, and do to the thing that it is about what its
operation is for. And once with an address at which there is nothing: it has to fail.
"""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from languages import LANGUAGES
from service import Service

# The kinds, each after those that it needs.
ORDER = ["contacts", "optouts", "groups", "templates", "fields", "segments", "audiences", "imports", "erasures"]
METHODS = ["get", "post", "put", "patch", "delete"]
PATIENCE = 120


class Operation:
    """An operation of the document."""

    def __init__(self, path, method, described):
        self.id = described["operationId"]
        self.path = path
        self.samples = described.get("x-codeSamples", [])
        self.is_silent = "204" in described["responses"]
        content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = [example["value"] for example in content.get("examples", {}).values()]
        # Samples send the first. An audience is a thing only where it is kept.
        self.sent = next(iter(examples), None)
        self.example = next((it for it in examples if isinstance(it, dict) and it.get("keep")), self.sent)
        if self.id == "createImport":
            # Its columns are those of the file in the document.
            self.example = {}
        # `/v1/opt_outs` and `/addressbook/optouts` are of one kind.
        self.kind = path.split("/")[2].replace("_", "") if path.count("/") > 1 else None

    @property
    def creates(self):
        return self.does("create", "declare", "erase") and "{" not in self.path

    @property
    def deletes(self):
        names_one = self.path.count("{") == 1 and self.path.endswith("}")
        return self.id.startswith("delete") and (names_one or self.path.endswith("/batch/delete"))

    def does(self, *verbs):
        return any(self.id.startswith(verb) for verb in verbs)


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(path, method, item[method])


class Kinds:
    """The kinds of things: whatever an operation under `/v1` creates. Those that others need come first."""

    def __init__(self, document):
        made = [it for it in operations(document) if it.creates and it.path.startswith("/v1/")]
        self.create = {it.kind: it for it in sorted(made, key=lambda it: ORDER.index(it.kind))}
        put = document["paths"]["/v1/imports/{id}/file"]["put"]
        self.file = put["requestBody"]["content"]["application/octet-stream"]["examples"]["file"]["value"]

    def make(self, service, key, but, operation):
        """One thing of each kind but one, the contact in the group, the import planned; answers with them."""
        things = {
            kind: service.create(key, create.path, create.example)
            for kind, create in self.create.items()
            if kind != but
        }
        if {"contacts", "groups"} <= things.keys():
            members = f"{self.create['groups'].path}/{things['groups']['id']}/members"
            service.create(key, members, {"add": [things["contacts"]["id"]]})
        if "fields" in things:
            # Or it would change while a sample only reads it.
            service.wait(key, f"{self.create['fields'].path}/{things['fields']['id']}", "ready")
        if "imports" in things:
            path = f"{self.create['imports'].path}/{things['imports']['id']}"
            service.send_file(key, f"{path}/file", self.file)
            planned = service.wait(key, path, "planned")
            if operation.id == "undoImport":
                service.create(key, f"{path}/commit", {"digest": planned["digest"]})
                service.wait(key, path, "committed")
        return things

    def there(self, service, key, kind):
        return service.things(key, self.create[kind].path)

    def variables(self, things):
        """The ids, in the variables in which samples look for them."""
        return {f"{self.create[kind].path.split('/')[2][:-1].upper()}_ID": it["id"] for kind, it in things.items()}


def run(command, environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADDRESSBOOK_")}
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )


def fault(service, kinds, operation, label, command):
    """What is wrong with a sample; `None` where nothing is."""
    key = service.account(f"{operation.id}-{label}")
    things = kinds.make(service, key, operation.kind if operation.creates else None, operation)
    environment = {"BASE_URL": service.url, "KEY": key, **kinds.variables(things)}
    before = kinds.there(service, key, operation.kind) if operation.kind in things else []

    done = run(command, environment)
    if done.returncode != 0:
        return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    # What is told of the answer: what it is about, a sign of life, a page, counts, what there is not, or that it is gone.
    expected = ["ok", "204", "success", "has_more", "counts", "missing", "count", "code,column,message"]
    if operation.kind in kinds.create:
        after = kinds.there(service, key, operation.kind)
        if operation.deletes:
            if after:
                return "it is still there"
        elif len(after) != (0 if operation.creates and operation.kind == "audiences" else 1):
            return f"there are {len(after)} {operation.kind}"
        elif operation.does("update") and after == before:
            return "it is the same as before"
        elif operation.does("get", "list") and after != before:
            return "it has changed"
        # (What belongs to a thing, its members say, is shown without it.)
        if after and operation.path.count("/") <= 3 and not operation.path.endswith("/count"):
            expected = [after[0]["id"]]
    # curl has nothing to say where the answer has no body.
    silent = label == "Shell" and operation.is_silent
    if not silent and not any(word in done.stdout for word in expected):
        return f"it says nothing of the answer:\n{done.stdout}"

    lost = run(command, {**environment, "BASE_URL": f"{service.url}/nowhere"})
    if lost.returncode == 0:
        return f"it takes an error for an answer:\n{lost.stdout}"
    return None


def main():
    binary, folder = sys.argv[1], Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    service = Service(binary, folder)
    try:
        document = service.document()
        languages = {name: language(folder / name) for name, language in LANGUAGES.items()}
        found = []
        for operation in operations(document):
            missing = languages.keys() - {sample["lang"] for sample in operation.samples}
            if missing or len(operation.samples) != len(languages):
                raise SystemExit(f"{operation.id} has no sample in {missing}")
            for sample in operation.samples:
                languages[sample["lang"]].write(operation.id, sample["source"])
                found.append((operation, sample["lang"]))
        for language in languages.values():
            language.prepare()
        kinds = Kinds(document)
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            faults = list(
                pool.map(lambda it: fault(service, kinds, it[0], it[1], languages[it[1]].command(it[0].id)), found)
            )
    finally:
        service.stop()
    report([(operation.id, language) for operation, language in found], faults, list(languages))


def report(found, faults, languages):
    outcomes = dict(zip(found, faults))
    names = list(dict.fromkeys(operation for operation, _ in found))
    width = max(map(len, names))
    print(" " * width, *languages)
    for name in names:
        cells = [("FAILED" if outcomes[name, lang] else "ok").ljust(len(lang)) for lang in languages]
        print(name.ljust(width), *cells)
    for (operation, language), wrong in outcomes.items():
        if wrong:
            print(f"\n{operation} in {language}: {wrong}", file=sys.stderr)
    failed = sum(1 for wrong in faults if wrong)
    print(f"{len(found) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not found else 0)


main()
