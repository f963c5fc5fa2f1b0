"""pass@k and other shares against k."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mathb_kit.plots.labels import label_ends
from mathb_kit.plots.style import WIDTH, figure_style, look_of, power_of_two_axis, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Markers with little ink are drawn larger than the rest (6 points).
_SIZES = {"*": 10, "X": 7.5, "P": 7.5, "d": 7}


def plot_pass_at_k(
    curves: pd.DataFrame,
    *,
    by: str = "model",
    panel: str | None = None,
    title: str = "",
    y_label: str = "pass@k (share of problems)",
    ax: Axes | None = None,
) -> Figure:
    """Mean pass@k, or another share against k, with its interval: a line per value of ``by``, a panel per ``panel``.

    Args:
        curves: rows of `mathb_kit.statistics.pass_at_k_curve`: columns k, estimate, low, high, and ``by``. Exact values
            have no low and high, or empty ones, and get no band.
        by: column that names the lines.
        panel: column that names the panels, if any.
        title: title of the whole figure.
        y_label: what the share is of.
        ax: axes to draw a single panel into instead of a new figure.
    """
    with figure_style():
        if ax is None:
            figure, axes = draw_panels(curves, by=by, panel=panel, y_label=y_label)
            title_of(figure, title)
        else:
            figure, axes = ax.figure, {ax: _draw_lines(ax, curves, by, look_of(list(dict.fromkeys(curves[by]))))}
            ax.set(ylabel=y_label, title=title, ylim=_limits(curves))
        label_ends(axes)
    return figure


def draw_panels(
    curves: pd.DataFrame, *, by: str, panel: str | None, y_label: str, columns: int = 2, a_scale_per_row: bool = False
) -> tuple[Figure, dict[Axes, dict[str, tuple[float, float, Any]]]]:
    """A figure with one panel per value of ``panel``, and for each of its axes the ends of the lines in it.

    Args:
        curves, by, panel, y_label: of `plot_pass_at_k`.
        columns: panels side by side, at most.
        a_scale_per_row: whether panels share a y axis with their row only, not with all others.
    """
    import matplotlib.pyplot as plt

    panels = list(dict.fromkeys(curves[panel])) if panel else [None]
    looks = look_of(list(dict.fromkeys(curves[by])))
    parts = [curves if name is None else curves[curves[panel] == name] for name in panels]
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    most = max(part[by].nunique() for part in parts)
    height = max(3.7 if rows == 1 else 3.1, 0.24 * most + 1.2)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, height * rows + 0.2), sharey="row", squeeze=False, layout="constrained"
    )
    ends = {}
    for axis, name, part in zip(grid.flat, panels, parts):
        ends[axis] = _draw_lines(axis, part, by, looks)
        axis.set_title("" if name is None else str(name))
    for axis in grid.flat[len(panels) :]:
        axis.set_visible(False)
    for number, row in enumerate(grid):
        row[0].set_ylabel(textwrap.fill(y_label, 38))
        here = parts[number * columns : (number + 1) * columns]
        row[0].set_ylim(_limits(*(here if a_scale_per_row else parts)))
    return figure, ends


def _draw_lines(
    axis: Axes, curves: pd.DataFrame, by: str, looks: dict[str, dict[str, Any]]
) -> dict[str, tuple[float, float, Any]]:
    """The lines and bands of one panel; x and y of each line's end, and its colour."""
    groups = list(curves.dropna(subset="estimate").groupby(by, sort=False))
    alpha = 0.16 if len(groups) <= 3 else 0.1
    ends = {}
    for name, line in groups:
        look = looks[name]
        if "low" in line:
            low, high = line["low"].astype(float), line["high"].astype(float)
            axis.fill_between(line["k"], low, high, color=look["color"], alpha=alpha, linewidth=0)
        powers = [int(k) & (int(k) - 1) == 0 for k in line["k"]]  # marks where the ticks are, however dense the ks
        axis.plot(
            line["k"], line["estimate"], label=str(name), linewidth=1.7, markersize=_SIZES.get(look["marker"], 6),
            markeredgecolor="white", markeredgewidth=0.6, markevery=powers if any(powers) else None, **look,
        )  # fmt: skip
        ends[str(name)] = (line["k"].iloc[-1], line["estimate"].iloc[-1], look["color"])
    alone = axis.get_gridspec() is None or axis.get_gridspec().ncols == 1
    power_of_two_axis(axis, curves["k"].unique(), most=11 if alone else 8)
    axis.yaxis.set_major_locator(round_ticks(6))
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    return ends


def _limits(*parts: pd.DataFrame) -> tuple[float, float]:
    """From 0 to 1 where a share gets far, else to a round number; with room for marks that lie on the border."""
    highest = max(float(part.reindex(columns=["estimate", "high"]).max().max()) for part in parts)
    top = next((top for top in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6) if highest <= top), 1.0)
    return -0.02 * top, 1.02 * top
