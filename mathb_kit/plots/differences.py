"""Differences with their intervals, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathb_kit.plots.apart import far_rows, row_axes
from mathb_kit.plots.style import WIDTH, figure_style, look_of, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_differences(
    table: pd.DataFrame, *, by: str, panel: str | None = None, x_label: str = "difference of pass@k", title: str = ""
) -> Figure:
    """A row per value of ``by``, in it a mark with its interval for every k, and a line at no difference.

    Rows far from all others have a scale of their own below.

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
    apart = far_rows(table, by, "difference", panel)
    parts = [[name for name in names if name not in apart], apart][: 1 + bool(apart)]
    with figure_style():
        figure, grid = plt.subplots(
            len(parts), len(panels), figsize=(WIDTH, 0.46 * len(names) + 1.9 + 0.4 * bool(apart)), squeeze=False,
            layout="constrained", height_ratios=[max(1.1, len(part)) for part in parts],
        )  # fmt: skip
        for column, value in enumerate(panels):
            rows = table if panel is None else table[table[panel] == value]
            for line, part in enumerate(parts):
                _draw(grid[line][column], rows[rows[by].isin(part)], by, part, looks)
            row_axes(names, apart, [axis for axis in grid[:, column]])
            if column:
                for axis in grid[:, column]:
                    axis.set_yticklabels([])
            grid[-1][column].set_xlabel(x_label)
            if value is not None:
                grid[0][column].set_title(str(value))
        if len(ks) > 1:
            figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(ks))
        title_of(figure, title)
    return figure


def _draw(axis: Axes, rows: pd.DataFrame, by: str, names: list[str], looks: dict[str, dict[str, Any]]) -> None:
    """The marks of one panel, rows in the order of ``names``."""
    ks = [int(label.removeprefix("k = ").replace(",", "")) for label in looks]
    side_by_side = 0.3 if rows.duplicated(by).any() else 0
    axis.axvline(0, color="0.5", linewidth=1.2, zorder=0.9)  # above the grid, below the marks
    for number, (k, (label, look)) in enumerate(zip(ks, looks.items())):
        part = rows[rows["k"] == k].set_index(by).reindex(names)
        shift = side_by_side * (number - (len(ks) - 1) / 2) / max(1, len(ks) - 1)
        heights = [row + shift for row in range(len(names))]
        axis.hlines(heights, part["low"], part["high"], color=look["color"], linewidth=2.2)
        axis.plot(
            part["difference"], heights, linestyle="none", marker=look["marker"], color=look["color"],
            markersize=7.5, markeredgecolor="white", label=label,
        )  # fmt: skip
    axis.xaxis.set_major_locator(round_ticks(5))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:+.3g}".replace("-", "\u2212") if value else "0")
    axis.grid(axis="x")
