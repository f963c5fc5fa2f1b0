"""What tuned models reach of what their base left unsolved, beside the base drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathb_kit.plots.looks import NULLS
from mathb_kit.plots.style import (
    NEUTRAL,
    WIDTH,
    figure_style,
    look_of,
    name_rows,
    percent_axis,
    power_of_two_axis,
    round_ticks,
    title_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_expansion(curves: pd.DataFrame, *, title: str = "") -> Figure:
    """Per base: at the largest k a row per model with its interval and its count; right, small, the way there by k.

    The re-drawn base is a grey band with a line through all rows: what "expansion" is without any training.

    Args:
        curves: `mathb_kit.judging.expansion_beside_redrawn`: base, who, k, estimate, low, high, count, of.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    bases, last = list(dict.fromkeys(curves["base"])), curves["k"].max()
    looks = look_of(list(dict.fromkeys(curves["who"])))
    parts = [curves[curves["base"] == base] for base in bases]
    rows = [part["who"].nunique() for part in parts]
    with figure_style():
        figure, grid = plt.subplots(
            len(bases), 2, figsize=(WIDTH, 0.42 * sum(rows) + 0.75 * len(bases) + 1.2), width_ratios=(1.7, 1),
            height_ratios=[count + 0.6 for count in rows], squeeze=False, layout="constrained", sharex="col",
        )  # fmt: skip
        for (left, right), base, part in zip(grid, bases, parts):
            _rows(left, part[part["k"] == last], looks)
            left.set_title(str(base))
            _curves(right, part, looks)
        for axis in grid[:, 0]:
            axis.set_xlim(-0.02, 1.02)
        grid[-1][0].set_xlabel(f"reached with {last:,} attempts")
        percent_axis(grid[-1][0])
        power_of_two_axis(grid[-1][1], sorted(curves["k"].unique()), label="k (attempts per problem)", most=6)
        title_of(figure, title)
    return figure


def _rows(axis: Axes, ends: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """A row per model, the null last, and its band through all of them."""
    null = ends["who"].str.endswith(NULLS)
    ends = ends.loc[[*ends.index[~null], *ends.index[null]]]
    for row in ends[ends["who"].str.endswith(NULLS)].itertuples():
        axis.axvspan(row.low, row.high, color=NEUTRAL, alpha=0.13, linewidth=0, zorder=0)
        axis.axvline(row.estimate, color=NEUTRAL, linewidth=1.3, linestyle=(0, (4, 2)), zorder=0.9)
    for place, row in enumerate(ends.itertuples()):
        look = looks[row.who]
        axis.plot([row.low, row.high], [place, place], color=look["color"], linewidth=2.4, solid_capstyle="butt")
        mark = {"color": look["color"], "marker": look["marker"], "markeredgecolor": "white"}
        axis.plot(row.estimate, place, markersize=8, **mark)
        axis.text(1.015, place, f"{row.count:g} of {row.of}", va="center", transform=axis.get_yaxis_transform())
    name_rows(axis, ends["who"])
    axis.grid(axis="x")


def _curves(axis: Axes, part: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """The same shares against k, in the colours of the rows."""
    for who, line in part.groupby("who", sort=False):
        look = looks[str(who)]
        axis.plot(line["k"], line["estimate"], color=look["color"], linestyle=look["linestyle"], linewidth=1.7)
    axis.set_ylim(-0.02, 1.02)
    axis.yaxis.set_major_locator(round_ticks(4))
    percent_axis(axis, "y")
    axis.grid(axis="y")
    axis.yaxis.tick_right()
    axis.spines["right"].set_visible(True)
    axis.spines["left"].set_visible(False)
