"""Tuned minus re-drawn with intervals, and beside it what such a comparison could have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.apart import far_rows, row_axes
from mathb_kit.plots.style import NEUTRAL, PALETTE, WIDTH, figure_style, look_of, percent_axis, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_beside_redrawn(table: pd.DataFrame, power: pd.DataFrame, *, title: str = "") -> Figure:
    """A row per tuned model with the difference of its reach and the frozen base's; right, the power against the gain.

    Rows far from all others have a scale of their own below.

    Args:
        table: tuned, difference, low, high, seeds_low, seeds_high (NaN for one model), as shares of D.
        power: ``power_of``: who, expansion, power.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    apart = far_rows(table, "tuned", "difference")
    near = len(table) - len(apart)
    with figure_style():
        figure = plt.figure(figsize=(WIDTH, max(3.9, 0.4 * len(table) + 2.2 + 0.5 * bool(apart))), layout="constrained")
        grid = figure.add_gridspec(
            1 + bool(apart), 2, width_ratios=(1.25, 1), height_ratios=(near, max(1.2, len(apart)))[: 1 + bool(apart)]
        )
        left = [figure.add_subplot(grid[place, 0]) for place in range(1 + bool(apart))]
        for axis, here in zip(left, (False, True)):
            _rows(axis, table[table["tuned"].isin(apart) == here])
        row_axes(list(table["tuned"]), apart, left)
        left[-1].set_xlabel("reached, tuned minus re-drawn")
        right = figure.add_subplot(grid[:, 1])
        plot_power(power, ax=right)
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2 if len(table) > 3 else 1)
        title_of(figure, title)
    return figure


def plot_power(power: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Figure:
    """The chance that a gain in Expansion shows, against the gain: a line per value of ``who``.

    Args:
        power: who, expansion, power (NaN where D has no room for the gain).
        title: title of the figure.
        ax: axes to draw into instead of a new figure.
    """
    import matplotlib.pyplot as plt

    with figure_style():
        alone = ax is None
        if alone:
            figure, ax = plt.subplots(figsize=(0.7 * WIDTH, 3.6), layout="constrained")
            title_of(figure, title)
        ax.axhline(0.8, color="0.5", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        for who, look in look_of(list(dict.fromkeys(power["who"]))).items():
            line = power[power["who"] == who].dropna(subset="power")
            ax.plot(line["expansion"], line["power"], label=str(who), linewidth=1.7, markersize=5, **look)
        for which in ("x", "y"):
            percent_axis(ax, which)
        ax.set(xlabel="gain in Expansion, were it there", ylabel="chance that it shows", ylim=(-0.02, 1.02))
        ax.grid(axis="y")
        ax.set_axisbelow(True)
        if alone:
            ax.legend(loc="lower right")
    return ax.figure


def _rows(axis: Axes, table: pd.DataFrame) -> None:
    places = list(range(len(table)))
    axis.axvline(0, color="0.5", linewidth=1, zorder=0)
    axis.hlines(places, table["seeds_low"], table["seeds_high"], color=NEUTRAL, linewidth=1.2)
    axis.hlines(places, table["low"], table["high"], color=PALETTE[0], linewidth=2.4)
    axis.plot(
        table["difference"], places, linestyle="none", marker="o", color=PALETTE[0], markersize=7,
        markeredgecolor="white",
    )  # fmt: skip
    axis.xaxis.set_major_locator(round_ticks(5))
    percent_axis(axis)
    axis.grid(axis="x")
