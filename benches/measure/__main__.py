"""Measures in a folder, with what is installed: `python -m measure FOLDER [what benches/run can be told]`."""

import signal
import sys
from pathlib import Path

from . import audiences, options, report, works
from .http import Failure
from .run import Run

KINDS = (
    ({"create", "get", "list", "memory"}, works.beside_peers),
    ({"million", "pages"}, works.large_account),
    ({"audience"}, audiences.measure),
    ({"postgres"}, works.on_postgres),
    ({"wal"}, works.write_ahead_log),
)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, *arguments = sys.argv[1:]
    run = Run(options.read(arguments), Path(folder))
    problem = None
    try:
        for names, work in KINDS:
            if names & run.only:
                work(run)
    except Failure as failure:
        # What was measured before is not lost for that.
        problem = f"ended early: {failure}"
        run.facts.append(problem.splitlines()[0])
    print("\n" + report.write(run, Path(__file__).resolve().parent.parent))
    sys.exit(problem)


main()
