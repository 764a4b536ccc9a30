"""The plot: how far each figure is from its goal."""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

REACHED, MISSED, GOAL = "#1f7a4d", "#c2410c", "#111827"


def draw(verdicts, file):
    """Ratios above, figures with a limit of their own below."""
    ratios = [verdict for verdict in verdicts if verdict.reference is not None]
    limits = [verdict for verdict in verdicts if verdict.reference is None]
    panels = [panel for panel in ((ratios, _ratio), (limits, _share)) if panel[0]]
    if not panels:
        return
    heights = [len(rows) + 1.5 for rows, _ in panels]
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "addressbook", "font.size": 10})
    figure, axes = pyplot.subplots(
        len(panels),
        1,
        figsize=(10, 0.34 * sum(heights) + 0.8),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for (rows, draw_panel), axis in zip(panels, axes[:, 0], strict=True):
        draw_panel(axis, rows)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _ratio(axis, verdicts):
    _bars(axis, verdicts, [verdict.value for verdict in verdicts], [verdict.goal.limit for verdict in verdicts])
    axis.set_title("addressbook, in multiples of what it is measured beside (| is the goal)", loc="left")
    for row, verdict in enumerate(verdicts):
        axis.annotate(f" {verdict.value:.2f}×", (max(verdict.value, verdict.goal.limit), row), va="center")


def _share(axis, verdicts):
    _bars(axis, verdicts, [verdict.value / verdict.goal.limit for verdict in verdicts], [1] * len(verdicts))
    axis.set_title("as a part of the limit (|)", loc="left")
    for row, verdict in enumerate(verdicts):
        share = max(verdict.value / verdict.goal.limit, 1)
        text = f" {verdict.value:.3g} of {verdict.goal.limit:g}{verdict.goal.unit}"
        axis.annotate(text, (share, row), va="center")


def _bars(axis, verdicts, values, marks):
    """Bars from 1, where a log axis has its middle, with a mark at each goal."""
    rows = range(len(verdicts))
    colours = [REACHED if verdict.reached else MISSED for verdict in verdicts]
    axis.barh(rows, [value - 1 for value in values], left=1, height=0.55, color=colours, alpha=0.85)
    axis.scatter(marks, rows, marker="|", s=220, linewidths=2.2, color=GOAL, zorder=3)
    goals = [verdict.goal for verdict in verdicts]
    axis.set_yticks(rows, [f"{goal.label} ({goal.sense} {goal.limit:g})" for goal in goals])
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlim(min([*values, *marks, 1]) / 1.4, max([*values, *marks, 1]) * 2.2)
    axis.invert_yaxis()
    axis.axvline(1, color="#9ca3af", linewidth=0.8)
    axis.grid(axis="x", which="major", color="#e5e7eb", linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)
