"""The goals: the rows of the result table, in order."""

import statistics
from dataclasses import dataclass
from typing import Literal

# The number of contacts in them depends on the run.
LARGE = "large account"
SMALL = "small account"


@dataclass(frozen=True)
class Goal:
    """A bound on a figure, absolute or relative to another figure of the same run."""

    work: str
    subject: str
    reference: str | None
    """`None` if the bound is absolute, or there is nothing to compare the figure with."""
    sense: Literal["≥", "≤"]
    limit: float | None
    """`None` if the figures are only shown."""
    unit: str = "/s"

    @property
    def label(self):
        """The work and its baseline."""
        at = f", {self.subject}" if self.subject in (LARGE, SMALL) else ""
        beside = f" · {self.reference}" if self.reference else ""
        return f"{self.work}{at}{beside}"


OURS = "addressbook"
CREATES = ("create, names in order", "create, names at random")
GETS = ("get, the same contact", "get, any contact")
LISTS = ("list of 50, the newest", "list of 50, any place")
# Numbers of connections: one client that waits for each response, a few, and many.
CONNECTIONS = (1, 32, 128)


def at_each(work):
    """The work at each number of connections."""
    return tuple(f"{work}, {number} connection{'s' * (number > 1)}" for number in CONNECTIONS)


UPDATES = at_each("update")
DELETES = at_each("delete")
MEMBERS = at_each("member of a group")
OPT_OUTS = at_each("opt-out")
KEYED = at_each("keyed create")
MIXED = at_each("mixed")


def on_postgres(works):
    """The works as they are called on PostgreSQL."""
    return tuple(f"{work}, PostgreSQL" for work in works)


POSTGRES_CREATES = on_postgres(CREATES)
POSTGRES_UPDATES = on_postgres(UPDATES)
POSTGRES_DELETES = on_postgres(DELETES)
POSTGRES_MEMBERS = on_postgres(MEMBERS)
POSTGRES_OPT_OUTS = on_postgres(OPT_OUTS)
POSTGRES_KEYED = on_postgres(KEYED)
POSTGRES_MIXED = on_postgres(MIXED)
SEARCHES = (
    "search, a part of one contact",
    "search, three letters of many",
    "search, two words",
    "search, the end of a number",
)
FILTERS = (
    "filter, a unique text",
    "filter, a text and a range of numbers",
    "filter, sorted by a number",
    "count of two conditions",
)
ANY_PLACE = "list sorted by a number, any place"
CHANGES = "changes read, 100 a page"
PAGES = ("page of 10 with total", "page of 100 with total", "page of 100 with total, any order")
AUDIENCE = "audience of 100,000 as lines"
AUDIENCE_MEMORY = "memory that such an audience takes"
ALIASES = "1,000 aliases, p99"
EXPORT = "export of 100,000 contacts as CSV"
EXPORT_MEMORY = "memory that such an export takes"
MEMORY = "memory after all of this"
BATCH = "contacts created in batches of 1,000"
IMPORT = "import of 1,000,000 rows of CSV, planned and committed"
IMPORT_MEMORY = "memory that such an import takes"
IMPORT_OTHERS = "p99 of creates during such an import"
IMPORT_POSTGRES = "the same import on PostgreSQL"
WAL = "largest WAL file"
# Without a flood.
ALONE = "alone"
FLOODED = "beside the flood of another account"
FLOODED_POSTGRES = on_postgres([FLOODED])[0]


def slowest(works):
    """The p99 latencies of the works."""
    return tuple(f"{work}, p99" for work in works)


def beside(reference, works, *limits):
    """A goal for each number of connections."""
    return tuple(Goal(work, OURS, reference, "≥", limit) for work, limit in zip(works, limits, strict=True))


GOALS = (
    *(Goal(work, OURS, "PocketBase", "≥", 8) for work in CREATES),
    Goal(CREATES[0], OURS, "bare actix-web", "≥", 0.3),
    *(Goal(work, OURS, "PocketBase", "≥", 10) for work in GETS),
    *(Goal(work, OURS, "bare actix-web", "≥", 0.5) for work in GETS),
    *(Goal(work, OURS, "PocketBase", "≥", 8) for work in LISTS),
    *beside("PocketBase", UPDATES, 1.2, 6, 8),
    *beside("PocketBase", DELETES, 1.2, 6, 8),
    *beside("PocketBase", MEMBERS, None, None, 6),
    *beside("PocketBase", OPT_OUTS, None, None, 6),
    *beside("PocketBase", KEYED, None, None, 6),
    *beside("PocketBase", MIXED, 1.2, 6, 6),
    *(Goal(work, OURS, "PocketBase", "≥", 10) for work in SEARCHES),
    *(Goal(work, OURS, "PocketBase", "≥", 10) for work in FILTERS),
    *(Goal(work, LARGE, None, "≤", 25, " ms") for work in slowest((*SEARCHES, *FILTERS[:-1], ANY_PLACE))),
    *(Goal(work, LARGE, None, "≤", 100, " ms") for work in slowest(FILTERS[-1:])),
    Goal(CHANGES, LARGE, None, "≥", None),
    Goal(MEMORY, OURS, "PocketBase", "≤", 0.5, " MiB"),
    *(Goal(work, LARGE, SMALL, "≥", 0.8) for work in (*CREATES, *GETS, *LISTS, UPDATES[-1], DELETES[-1])),
    *(Goal(work, LARGE, None, "≤", 20, " ms") for work in PAGES),
    Goal(AUDIENCE, OURS, "plain loop", "≥", 0.5),
    Goal(AUDIENCE_MEMORY, OURS, None, "≤", 32, " MiB"),
    Goal(ALIASES, OURS, None, "≤", 25, " ms"),
    Goal(EXPORT, OURS, "plain loop", "≥", 0.5),
    Goal(EXPORT_MEMORY, OURS, None, "≤", 32, " MiB"),
    Goal(BATCH, OURS, "plain loop", "≥", 0.5),
    Goal(IMPORT, OURS, "plain loop", "≥", 0.4),
    Goal(IMPORT_MEMORY, OURS, None, "≤", 64, " MiB"),
    Goal(IMPORT_OTHERS, OURS, None, "≤", 50, " ms"),
    Goal(IMPORT_POSTGRES, OURS, "COPY", "≥", 0.3),
    *(Goal(work, OURS, "FastAPI", "≥", 8) for work in POSTGRES_CREATES),
    *(Goal(work, OURS, "pgbench", "≥", 0.5) for work in POSTGRES_CREATES),
    *beside("pgbench", POSTGRES_UPDATES, None, None, 0.5),
    *beside("pgbench", POSTGRES_DELETES, None, None, 0.5),
    *beside("pgbench", POSTGRES_MEMBERS, None, None, None),
    *beside("pgbench", POSTGRES_OPT_OUTS, None, None, None),
    *beside(None, POSTGRES_KEYED, None, None, None),
    *beside(None, POSTGRES_MIXED, None, None, None),
    *(Goal(work, OURS, ALONE, "≤", 3, " ms") for work in (FLOODED, FLOODED_POSTGRES)),
    *(Goal(work, OURS, None, "≤", 50, " ms") for work in slowest((FLOODED, FLOODED_POSTGRES))),
    Goal(WAL, OURS, None, "≤", 128, " MiB"),
)


@dataclass(frozen=True)
class Verdict:
    """A goal with the figures of a run."""

    goal: Goal
    figure: float
    reference: float | None

    @property
    def value(self):
        """The value that is compared with the bound: the ratio, or the figure itself."""
        return self.figure if self.reference is None else self.figure / self.reference

    @property
    def reached(self):
        """`None` without a bound."""
        if self.goal.limit is None:
            return None
        return self.value >= self.goal.limit if self.goal.sense == "≥" else self.value <= self.goal.limit


def judge(figures):
    """A verdict on each goal for which the run has figures, from medians of `figures[system, work]`."""
    verdicts = []
    for goal in GOALS:
        ours = figures.get((goal.subject, goal.work))
        theirs = figures.get((goal.reference, goal.work))
        if not ours or (goal.reference and not theirs):
            continue
        verdicts.append(Verdict(goal, statistics.median(ours), statistics.median(theirs) if theirs else None))
    return verdicts
