"""The options of `benches/run`."""

import argparse
from pathlib import Path

ABOUT = """Measures addressbook and the systems that it is compared with, one after the other, on loopback.

    benches/run                                  everything, in about 50 minutes
    benches/run --only create,get --rounds 1     some of the rows

Prints a Markdown table, and writes it to benches/results.md, and a plot to benches/results.svg. Needs
cargo, Python with venv, wrk and PostgreSQL's programs; everything else is installed from PyPI into a
temporary folder. benches/README.md describes the rows and why the comparison is fair.
"""

# In this order, `memory` after the others.
MEASURED = ("get", "list", "update", "members", "opt-outs", "mixed", "create", "keyed", "delete")
BESIDE_PEERS = {*MEASURED, "memory"}
WORKS = (*MEASURED, "memory", "million", "pages", "search", "audience", "export", "batch", "import", "postgres", "flood", "wal")


def read(arguments=None):
    """The options; exits with a message if they are invalid."""
    parser = argparse.ArgumentParser(
        "benches/run", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", metavar="WORKS", type=works, default=set(WORKS), help=f"some of {','.join(WORKS)} (all)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="duration of each measurement (%(default)s)")
    parser.add_argument("--minutes", type=float, default=1, help="how long the WAL is watched (%(default)s)")
    parser.add_argument(
        "--contacts",
        type=int,
        default=1_000_000,
        help="contacts in the large account (%(default)s, which the goals assume)",
    )
    parser.add_argument("--folder", type=Path, help="folder for the databases (that of temporary files)")
    parser.add_argument("--no-build", action="store_true", help="use target/release as it is")
    return parser.parse_args(arguments)


def works(text):
    """Parses a list of works; `memory` is that after all works beside peers."""
    chosen = set(text.split(","))
    if unknown := chosen - set(WORKS):
        raise argparse.ArgumentTypeError(f"no such work: {', '.join(sorted(unknown))}")
    return chosen | (BESIDE_PEERS if "memory" in chosen else set())
