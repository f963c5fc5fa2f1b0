"""Figures of construction and of what tuning changed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mathb_kit.plots.style import INK, PALETTE, WIDTH, figure_style, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Marker, colour, size, filled. Gained and lost differ in shape, in colour and in grey.
_CHANGES = {
    "kept": ("o", "0.55", 22, True),
    "gained": ("^", PALETTE[2], 60, True),
    "lost": ("v", PALETTE[3], 60, True),
    "neither": ("x", "0.2", 30, True),
}
# Solution modes are no models: pale tones that no line has.
_FILLS = {"careful": "#9dc3e6", "direct": "#f2c48d", "sloppy": "#d9d9d9", "column": "#c3a6d8"}


def plot_funnel(funnels: pd.DataFrame, *, panel: str = "pool", title: str = "") -> Figure:
    """Problems left after each stage of construction, one panel per pool, as bars with their counts.

    Args:
        funnels: columns ``panel``, stage, kept (problems left after it) and dropped, in order; ``reasons`` for what was
            dropped are shown where there is a single panel.
        panel: column that names the panels.
        title: title of the whole figure.
    """
    import matplotlib.pyplot as plt

    pools = list(dict.fromkeys(funnels[panel]))
    with_reasons = len(pools) == 1 and "reasons" in funnels
    with figure_style():
        figure, grid = plt.subplots(
            1, len(pools), figsize=(WIDTH, 0.42 * funnels.groupby(panel).size().max() + 1.3), squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for axis, pool in zip(grid[0], pools):
            rows = funnels[funnels[panel] == pool]
            heights = range(len(rows))[::-1]
            axis.barh(heights, rows["kept"] + rows["dropped"], color="0.9", height=0.68)
            axis.barh(heights, rows["kept"], color=INK, height=0.68)
            for y, row in zip(heights, rows.to_dict("records")):
                note = f" {row['kept']:,}" + (f"  (\u2212{row['dropped']:,})" if row["dropped"] else "")
                axis.text(row["kept"] + row["dropped"], y, note, va="center", fontsize=9.5)
                if with_reasons and row["dropped"]:
                    reasons = textwrap.shorten(str(row["reasons"]), 62, placeholder=" …")
                    axis.text(1.6 * rows["kept"].max(), y, reasons, va="center", fontsize=8.5, color="0.35")
            axis.set_yticks(list(heights), rows["stage"])
            axis.set_xlim(0, rows["kept"].max() * (2.6 if with_reasons else 1.5))
            ticks = round_ticks(4 if with_reasons else 3, integer=True).tick_values(0, rows["kept"].max())
            axis.set_xticks([tick for tick in ticks if 0 <= tick <= 1.02 * rows["kept"].max()])
            axis.spines["bottom"].set_bounds(0, rows["kept"].max())
            axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.set_xlabel("problems left (grey: dropped at this stage)", loc="left")
            axis.tick_params(axis="y", length=0)
            if len(pools) > 1:
                axis.set_title(str(pool))
        title_of(figure, title)
    return figure


def plot_sharpening(problems: pd.DataFrame, *, panel: str = "name", title: str = "") -> Figure:
    """pass@1 of the base against pass@1 of the tuned model, problem by problem, with lost and gained reach marked.

    Args:
        problems: columns base_pass_1, tuned_pass_1, change (``kept``, ``gained``, ``lost`` or ``neither``: reach at
            the largest k) and ``panel``.
        panel: column that names the panels.
        title: title of the whole figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(problems[panel]))
    columns = min(3, len(names))
    rows_of_panels = -(-len(names) // columns)
    wide = (4.2, 6.6, WIDTH)[columns - 1]  # so that the panels are about square
    with figure_style():
        figure, grid = plt.subplots(
            rows_of_panels, columns, figsize=(wide, 3.3 * rows_of_panels + 0.9), sharex=True, sharey=True,
            squeeze=False, layout="constrained",
        )  # fmt: skip
        for axis in grid.flat[len(names) :]:
            axis.set_visible(False)
        for number, (axis, name) in enumerate(zip(grid.flat, names)):
            rows = problems[problems[panel] == name]
            axis.plot([0, 1], [0, 1], color="0.75", linewidth=1, zorder=0)
            for change, (marker, colour, size, _) in _CHANGES.items():
                part = rows[rows["change"] == change]
                edge = {} if marker == "x" else {"edgecolor": "white", "linewidth": 0.5}
                axis.scatter(
                    part["base_pass_1"], part["tuned_pass_1"], marker=marker, color=colour, s=size, alpha=0.9,
                    clip_on=False, zorder=3, **edge,
                )  # fmt: skip
            counts = {change: int((rows["change"] == change).sum()) for change in _CHANGES}
            summary = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
            axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axis.set_title(f"{name}\n{summary}", fontsize=10)
            axis.tick_params(labelbottom=True)
            if number % columns == 0:
                axis.set_ylabel("pass@1 of the tuned model")
            if number + columns >= len(names):
                axis.set_xlabel("pass@1 of the base")
        keys = [
            Line2D([], [], linestyle="", marker=marker, color=colour, markersize=size**0.5, label=change)
            for change, (marker, colour, size, _) in _CHANGES.items()
            if (problems["change"] == change).any()
        ]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), title="reach at the largest k")
        title_of(figure, title)
    return figure


def plot_modes(shares: pd.DataFrame, *, title: str = "") -> Figure:
    """Share of attempts in each solution mode, one stacked bar per model; the correct part of each mode is hatched.

    Args:
        shares: columns name, mode, share, correct_share (both of all attempts of that model).
        title: title of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    names, modes = list(dict.fromkeys(shares["name"])), list(dict.fromkeys(shares["mode"]))
    fills = _FILLS | {mode: PALETTE[number] for number, mode in enumerate(modes) if mode not in _FILLS}
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.44 * len(names) + 1.7), layout="constrained")
        for y, name in enumerate(names):
            left = 0.0
            for mode in modes:
                row = shares[(shares["name"] == name) & (shares["mode"] == mode)]
                if row.empty:
                    continue
                share, correct = float(row["share"].iloc[0]), float(row["correct_share"].iloc[0])
                axis.barh(y, share, left=left, color=fills[mode], height=0.74, edgecolor="white", linewidth=1)
                axis.barh(y, correct, left=left, color="none", edgecolor="0.3", hatch="////", height=0.74,
                          linewidth=0)  # fmt: skip
                if share >= 0.1:
                    box = {"boxstyle": "round,pad=0.15", "facecolor": fills[mode], "edgecolor": "none"}
                    axis.text(left + share / 2, y, f"{mode} {100 * share:.0f} %", ha="center", va="center",
                              fontsize=9, bbox=box)  # fmt: skip
                left += share
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_xlim(0, 1)
        axis.set_xlabel("share of attempts")
        axis.tick_params(axis="y", length=0)
        keys = [Patch(facecolor=fills[mode], label=mode) for mode in modes]
        keys.append(Patch(facecolor="none", edgecolor="0.3", hatch="////", linewidth=0, label="of these correct"))
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
        title_of(figure, title)
    return figure
