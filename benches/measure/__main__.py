"""Measures in a folder, with what is installed: `python -m measure FOLDER [what benches/run can be told]`."""

import signal
import sys
from pathlib import Path

from . import options, report, works
from .run import Run

KINDS = (
    ({"create", "get", "list", "memory"}, works.beside_peers),
    ({"million", "pages"}, works.large_account),
    ({"postgres"}, works.on_postgres),
    ({"wal"}, works.write_ahead_log),
)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, *arguments = sys.argv[1:]
    run = Run(options.read(arguments), Path(folder))
    for names, work in KINDS:
        if names & run.only:
            work(run)
    print("\n" + report.write(run, Path(__file__).resolve().parent.parent))


main()
