"""Prints the table of clients; compares that in openapi/README.md with it, or brings it up to date.

table.py ROWS [README [yes]]

A row is: language, generator, steps passed, a note, and each step that is impossible with the reason.
"""

import pathlib
import sys

HEAD = """\
| language | generator | steps passed | limitations and remarks |
|---|---|---|---|
"""
BEGIN, END = "<!-- clients -->\n", "<!-- /clients -->\n"


def remarks(note, impossible):
    """One remark a reason."""
    steps = {}
    for line in impossible:
        step, reason = line.split(": ", 1)
        steps.setdefault(reason, []).append(step)
    return "; ".join([note] * bool(note) + [f"{', '.join(names)} ({reason})" for reason, names in steps.items()])


def row(line):
    language, generator, passed, note, *impossible = line.rstrip("\n").split("\t")
    return f"| {language} | {generator} | {passed} | {remarks(note, impossible)} |\n"


rows, *rest = sys.argv[1:]
with open(rows) as lines:
    table = HEAD + "".join(sorted(map(row, lines), key=str.casefold))
print(table)
if rest:
    readme = pathlib.Path(rest[0])
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    current = before + BEGIN + table + END + after
    if current != text:
        if rest[1:] != ["yes"]:
            sys.exit(f"{readme} has another table; tests/clients/run --write brings it up to date")
        readme.write_text(current)
