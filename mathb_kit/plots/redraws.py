"""Tuned minus re-drawn with intervals, and beside it what such a comparison could have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.style import NEUTRAL, PALETTE, WIDTH, figure_style, look_of, percent_axis, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_beside_redrawn(table: pd.DataFrame, power: pd.DataFrame, *, title: str = "") -> Figure:
    """A row per tuned model with the difference of its reach and the frozen base's; right, the power against the gain.

    Args:
        table: tuned, difference, low, high, seeds_low, seeds_high (NaN for one model), as shares of D.
        power: ``power_of``: who, expansion, power.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    with figure_style():
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, max(3.7, 0.42 * len(table) + 1.8)), width_ratios=(1.25, 1), layout="constrained"
        )
        _rows(left, table)
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
    axis.set_yticks(places, list(table["tuned"]))
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(round_ticks(5))
    percent_axis(axis)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.set_xlabel("reached, tuned minus re-drawn")
