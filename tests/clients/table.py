"""Compares the table of clients in openapi/README.md with what was seen, or brings it up to date.

table.py ROWS README [yes]
"""

import pathlib
import sys

HEAD = """\
| language | generator | steps passed | what it cannot |
|---|---|---|---|
"""
BEGIN, END = "<!-- clients -->\n", "<!-- /clients -->\n"

rows = sorted(pathlib.Path(sys.argv[1]).read_text().splitlines(keepends=True), key=str.casefold)
readme = pathlib.Path(sys.argv[2])
text = readme.read_text()
before, rest = text.split(BEGIN)
_, after = rest.split(END)
current = before + BEGIN + HEAD + "".join(rows) + END + after
if current != text:
    if sys.argv[3:] != ["yes"]:
        sys.exit(f"The table in {readme.name} is not what was seen; tests/clients/run --write brings it up to date.")
    readme.write_text(current)
