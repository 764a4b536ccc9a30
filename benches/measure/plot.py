"""The plot of all ratios and goals."""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

COLOURS = {True: "#2f8f5b", False: "#d0542a", None: "#6b7280"}
MARK = "#111827"
FAINT = "#d1d5db"


def draw(verdicts, file):
    """Ratios at the top, figures with an absolute bound below."""
    ratios = [verdict for verdict in verdicts if verdict.reference is not None]
    limits = [verdict for verdict in verdicts if verdict.reference is None and verdict.goal.limit is not None]
    panels = [panel for panel in ((ratios, _ratios), (limits, _limits)) if panel[0]]
    if not panels:
        return
    heights = [len(rows) + 2 for rows, _ in panels]
    # Text as text elements, and reproducible output.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "addressbook", "font.size": 9.5})
    size = (11, 0.3 * sum(heights) + 0.6)
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    for (rows, draw_panel), axis in zip(panels, axes[:, 0], strict=True):
        draw_panel(axis, rows)
    figure.suptitle(
        "addressbook: green is reached, red is not, grey has no goal, the black mark is the goal", x=0.01, ha="left"
    )
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _ratios(axis, verdicts):
    values = [verdict.value for verdict in verdicts]
    bounds = [
        "" if verdict.reached is None else f"  ({verdict.goal.sense} {verdict.goal.limit:g})" for verdict in verdicts
    ]
    labels = [f"{value:.2f}×{bound}" for value, bound in zip(values, bounds, strict=True)]
    _bars(axis, verdicts, values, [verdict.goal.limit for verdict in verdicts], labels)
    axis.set_title("times the figure of what it is measured beside", loc="left", fontsize=9.5)


def _limits(axis, verdicts):
    values = [verdict.value / verdict.goal.limit for verdict in verdicts]
    labels = [
        f"{verdict.value:.3g}{verdict.goal.unit}  ({verdict.goal.sense} {verdict.goal.limit:g})" for verdict in verdicts
    ]
    _bars(axis, verdicts, values, [1] * len(verdicts), labels)
    axis.set_title("times the limit", loc="left", fontsize=9.5)


def _bars(axis, verdicts, values, marks, labels):
    """Bars start at 1, the middle of the logarithmic axis."""
    rows = range(len(verdicts))
    colours = [COLOURS[verdict.reached] for verdict in verdicts]
    axis.barh(rows, [value - 1 for value in values], left=1, height=0.5, color=colours)
    axis.scatter(values, rows, s=30, color=colours, zorder=2)
    marked = [(mark, row) for row, mark in enumerate(marks) if mark is not None]
    marks = [mark for mark, _ in marked]
    axis.scatter(marks, [row for _, row in marked], marker="|", s=200, linewidths=2.4, color=MARK, zorder=3)
    axis.set_yticks(rows, [verdict.goal.label for verdict in verdicts])
    for row, label in enumerate(labels):
        axis.annotate(label, (1.01, row), xycoords=("axes fraction", "data"), va="center")
    axis.set_xscale("log")
    axis.set_xlim(min(*values, *marks, 0.5) / 1.3, max(*values, *marks, 2) * 1.3)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_ylim(len(verdicts) - 0.4, -0.6)
    axis.axvline(1, color=MARK, linewidth=0.8)
    axis.grid(axis="x", which="both", color=FAINT, linewidth=0.5)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
