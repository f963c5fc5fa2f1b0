"""Figures of models compared by their outcomes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.pass_at_k import plot_pass_at_k
from mathb_kit.plots.style import NEUTRAL, PALETTE, WIDTH, figure_style, look_of, percent_axis, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def plot_beside_null(expansion: pd.DataFrame, *, base: str, tuned: str, title: str = "") -> Figure:
    """Expansion of a tuned model against k, beside its frozen base's own.

    Args:
        expansion: `mathb_kit.statistics.expansion_by_half_draws`.
        base, tuned: how the lines are called.
        title: title of the figure.
    """
    import pandas as pd

    lines = []
    for who, name in (("tuned", tuned), ("null", f"{base}, frozen")):
        line = expansion[["k", who, f"{who}_low", f"{who}_high"]].set_axis(["k", "estimate", "low", "high"], axis=1)
        lines.append(line.assign(who=name))
    label = "reached, of what k attempts of the base miss"
    return plot_pass_at_k(pd.concat(lines, ignore_index=True), by="who", y_label=label, title=title)


def plot_ranking(ranking: pd.DataFrame, *, null_label: str, title: str = "") -> Figure:
    """A row per model: pass@1 with its interval, and beside it what the frozen model reaches of what it misses.

    Args:
        ranking: name, estimate, low, high, null, null_low, null_high, best first.
        null_label: what the right panel's axis says.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    panels = (("estimate", "low", "high", "pass@1", PALETTE[0]), ("null", "null_low", "null_high", null_label, NEUTRAL))
    with figure_style():
        size = (WIDTH, 0.23 * len(ranking) + 1.4)
        figure, axes = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
        places = range(len(ranking))
        for axis, (value, low, high, label, colour) in zip(axes, panels):
            axis.hlines(places, ranking[low], ranking[high], color=colour, linewidth=2.2)
            axis.plot(ranking[value], places, linestyle="none", marker="o", color=colour, markersize=5.5)
            axis.set_xlabel(label)
            axis.grid(axis="x")
            percent_axis(axis)
            axis.set_xlim(left=-0.01)
        axes[0].set_yticks(list(places), list(ranking["name"]), fontsize=9)
        axes[0].set_ylim(len(ranking) - 0.4, -0.6)
        axes[0].tick_params(axis="y", length=0)
        title_of(figure, title)
    return figure


def plot_forecasts(forecasts: pd.DataFrame, *, title: str = "") -> Figure:
    """Forecasts against what came true: a panel per number of first attempts, a mark with its interval per replay.

    Args:
        forecasts: name, first, forecast, low, high, truth, seen.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    firsts, looks = list(dict.fromkeys(forecasts["first"])), look_of(list(dict.fromkeys(forecasts["name"])))
    with figure_style():
        figure, axes = plt.subplots(
            1, len(firsts), figsize=(WIDTH, 4.6), sharex=True, sharey=True, squeeze=False, layout="constrained"
        )
        for axis, first in zip(axes[0], firsts):
            axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, zorder=0)
            for name, rows in forecasts[forecasts["first"] == first].groupby("name", sort=False):
                look = looks[name]
                x = rows["truth"] + 0.008 * (rows["replay"] - rows["replay"].mean())
                axis.vlines(x, rows["low"], rows["high"], color=look["color"], linewidth=1.3, alpha=0.6)
                axis.plot(x, rows["forecast"], linestyle="none", color=look["color"], marker=look["marker"],
                          markersize=5.5, markeredgecolor="white", markeredgewidth=0.5, label=name)  # fmt: skip
                seen = rows["seen"].mean()
                axis.hlines(seen, x.min() - 0.01, x.max() + 0.01, color="0.35", linewidth=1.6)
            axis.set_title(f"from the first {first:,} attempts")
            axis.set(xlim=(0.15, 1), ylim=(0, 1.03), xlabel="solved in 10,000 attempts")
            for which in ("x", "y"):
                percent_axis(axis, which)
        axes[0][0].set_ylabel("forecast of that share")
        axes[0][0].plot([], [], color="0.35", linewidth=1.6, label="solved in the first attempts")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        title_of(figure, title)
    return figure
