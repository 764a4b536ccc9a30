"""Runs every sample of the document that a service serves: samples.py BINARY FOLDER.

Each is run twice. Once with an account of its own, that has the contact which the sample is about: it
has to end well, say what the service answered, and do to the contact what its operation is for. And
once with an address at which there is nothing: it has to fail.
"""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from languages import LANGUAGES
from service import Service

METHODS = ["get", "post", "put", "patch", "delete"]
PATIENCE = 120


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield item[method]["operationId"], item[method]


def example(document):
    """The example contact, as the document creates it."""
    for name, operation in operations(document):
        if name == "createContact":
            return next(iter(operation["requestBody"]["content"]["application/json"]["examples"].values()))["value"]
    raise SystemExit("there is no createContact")


def run(command, environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ADDRESSBOOK_")}
    return subprocess.run(
        command, env={**kept, **environment}, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )


def fault(service, operation, label, command, contact):
    """What is wrong with a sample; `None` where nothing is."""
    key = service.account(f"{operation}-{label}")
    creates = operation.startswith("create")
    before = None if creates else service.create(key, contact)
    environment = {"ADDRESSBOOK_URL": service.url, "ADDRESSBOOK_KEY": key}
    if before:
        environment["CONTACT_ID"] = before["id"]

    done = run(command, environment)
    if done.returncode != 0:
        return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    after = service.contacts(key)
    if operation.startswith("delete"):
        if after:
            return "the contact is still there"
    elif len(after) != 1:
        return f"there are {len(after)} contacts"
    elif operation.startswith("update") and after[0]["updated_at"] == before["updated_at"]:
        return "the contact is the same as before"
    elif (operation.startswith("get") or operation.startswith("list")) and after[0] != before:
        return "the contact has changed"
    # What is told of the answer: the contact, a sign of life, or that it is gone.
    about_contacts = "Contact" in operation and not operation.startswith("delete")
    expected = [after[0]["id"]] if about_contacts else ["ok", "204", "success"]
    # curl has nothing to say where the answer has no body.
    silent = label == "Shell" and operation == "deleteContact"
    if not silent and not any(word in done.stdout for word in expected):
        return f"it says nothing of the answer:\n{done.stdout}"

    lost = run(command, {**environment, "ADDRESSBOOK_URL": f"{service.url}/nowhere"})
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
        for operation, described in operations(document):
            samples = described.get("x-codeSamples", [])
            missing = languages.keys() - {sample["lang"] for sample in samples}
            if missing or len(samples) != len(languages):
                raise SystemExit(f"{operation} has no sample in {missing}")
            for sample in samples:
                languages[sample["lang"]].write(operation, sample["source"])
                found.append((operation, sample["lang"]))
        for language in languages.values():
            language.prepare()
        contact = example(document)
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            faults = list(
                pool.map(lambda it: fault(service, it[0], it[1], languages[it[1]].command(it[0]), contact), found)
            )
    finally:
        service.stop()
    report(found, faults, list(languages))


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
