"""Runs the benchmarks in a folder with the installed programs: `python -m measure FOLDER [options of benches/run]`."""

import signal
import sys
from pathlib import Path

from . import audiences, batches, exports, flood, imports, options, report, searches, works
from .http import Failure
from .run import Run

KINDS = (
    (options.BESIDE_PEERS, works.beside_peers),
    ({"million", "pages"}, works.large_account),
    ({"search"}, searches.measure),
    ({"audience"}, audiences.measure),
    ({"export"}, exports.measure),
    ({"batch"}, batches.measure),
    ({"import"}, imports.measure),
    ({"postgres"}, works.on_postgres),
    ({"flood"}, flood.measure),
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
        # Keep the measurements taken before the failure.
        problem = f"ended early: {failure}"
        run.facts.append(problem.splitlines()[0])
    print("\n" + report.write(run, Path(__file__).resolve().parent.parent))
    sys.exit(problem)


main()
