"""Differences with their intervals, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.style import WIDTH, figure_style, look_of, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def plot_differences(
    table: pd.DataFrame, *, by: str, panel: str | None = None, x_label: str = "difference of pass@k", title: str = ""
) -> Figure:
    """A row per value of ``by``, in it a mark with its interval for every k, and a line at no difference.

    Args:
        table: columns ``by``, k, difference, low, high.
        by: column that names the rows.
        panel: column that names the panels, if any.
        x_label: what the difference is of.
        title: title of the whole figure.
    """
    import matplotlib.pyplot as plt

    panels = list(dict.fromkeys(table[panel])) if panel else [None]
    names, ks = list(dict.fromkeys(table[by])), sorted(set(table["k"]))
    looks = look_of([f"k = {k:,}" for k in ks])
    with figure_style():
        figure, grid = plt.subplots(
            1, len(panels), figsize=(WIDTH, 0.5 * len(names) + 1.7), sharey=True, squeeze=False, layout="constrained"
        )
        for axis, value in zip(grid[0], panels):
            rows = table if panel is None else table[table[panel] == value]
            axis.axvline(0, color="0.5", linewidth=1, zorder=0)
            for number, (k, (label, look)) in enumerate(zip(ks, looks.items())):
                part = rows[rows["k"] == k].set_index(by).reindex(names)
                shift = 0.3 * (number - (len(ks) - 1) / 2) / max(1, len(ks) - 1)
                places = [place + shift for place in range(len(names))]
                axis.hlines(places, part["low"], part["high"], color=look["color"], linewidth=2.2)
                axis.plot(
                    part["difference"], places, linestyle="none", marker=look["marker"], color=look["color"],
                    markersize=7.5, markeredgecolor="white", label=label,
                )  # fmt: skip
            axis.set_yticks(range(len(names)), names)
            axis.xaxis.set_major_locator(round_ticks(5))
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:+.3g}".replace("-", "\u2212") if value else "0")
            axis.grid(axis="x")
            axis.set_axisbelow(True)
            axis.set_xlabel(x_label)
            if value is not None:
                axis.set_title(str(value))
        grid[0][0].set_ylim(len(names) - 0.5, -0.5)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(ks))
        title_of(figure, title)
    return figure
