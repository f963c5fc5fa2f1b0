"""Figures of construction and of what tuning changed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mathb_kit.plots.looks import lightened
from mathb_kit.plots.style import (
    BOLD,
    FAULT,
    INK,
    PALETTE,
    WIDTH,
    figure_style,
    name_rows,
    percent_axis,
    round_ticks,
    title_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Marker, colour, size. Gained and lost differ in shape, in colour and in grey.
_CHANGES = {
    "kept": ("o", INK, 24),
    "gained": ("^", PALETTE[2], 60),
    "lost": ("v", FAULT, 60),
    "neither": ("x", "0.2", 30),
}
# Solution modes are no models: tones that no line has, dark for what is right and light for what is wrong.
_FILLS = {
    "careful": ("#2b6a99", "#bcd6ea"),
    "direct": ("#a8620b", "#f6d9b0"),
    "sloppy": ("#555555", "#dcdcdc"),
    "column": ("#6b4391", "#ddcdea"),
}
_HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5}


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
    bold = [BOLD, "DejaVu Sans"]
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
                end = (row["kept"] + row["dropped"], y)
                note = axis.annotate(
                    f"{row['kept']:,}", end, xytext=(5, 0), textcoords="offset points", va="center", fontfamily=bold
                )
                if not row["dropped"]:
                    continue
                why = f": {textwrap.shorten(str(row['reasons']), 62, placeholder=' …')}" if with_reasons else ""
                axis.annotate(f"\u2212{row['dropped']:,}{why}", (1, 0.5), xycoords=note, xytext=(7, 0), va="center",
                              textcoords="offset points", fontsize=10, color="0.3")  # fmt: skip
            axis.set_yticks(list(heights), rows["stage"])
            axis.set_xlim(0, rows["kept"].max() * (1.7 if with_reasons else 1.6))
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
            for change, (marker, colour, size) in _CHANGES.items():
                part = rows[rows["change"] == change]
                alike = part.groupby(["base_pass_1", "tuned_pass_1"]).size().reset_index(name="problems")
                edge = {} if marker == "x" else {"edgecolor": "white", "linewidth": 0.6}
                axis.scatter(
                    alike["base_pass_1"], alike["tuned_pass_1"], marker=marker, color=colour,
                    s=size * alike["problems"], alpha=0.85, clip_on=False, zorder=3, **edge,
                )  # fmt: skip
            moved = rows["tuned_pass_1"] - rows["base_pass_1"]
            better, worse = (moved > 0).sum(), (moved < 0).sum()
            sides = (("better", better, 0.03, 0.66, "left"), ("worse", worse, 0.97, 0.34, "right"))
            for word, count, x, y, side in sides:
                axis.text(x, y, f"{count} {word}", ha=side, va="center", color="0.15", bbox=_HALO, zorder=4)
            counts = {change: int((rows["change"] == change).sum()) for change in _CHANGES}
            summary = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
            axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axis.set_title(f"{name}\nreach: {summary}", fontsize=11)
            axis.tick_params(labelbottom=True)
            if number % columns == 0:
                axis.set_ylabel("pass@1 of the tuned model")
            if number + columns >= len(names):
                axis.set_xlabel("pass@1 of the base")
        keys = [
            Line2D([], [], linestyle="", marker=marker, color=colour, markersize=size**0.5, label=change)
            for change, (marker, colour, size) in _CHANGES.items()
            if (problems["change"] == change).any()
        ]
        legend = "reach at the largest k (larger: several problems)"
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), title=legend)
        title_of(figure, title)
    return figure


def plot_modes(shares: pd.DataFrame, *, title: str = "") -> Figure:
    """Share of attempts in each solution mode, one stacked bar per model; dark what is right, light what is wrong.

    Args:
        shares: columns name, mode, share, correct_share (both of all attempts of that model).
        title: title of the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    names, modes = list(dict.fromkeys(shares["name"])), list(dict.fromkeys(shares["mode"]))
    spare = [(colour, lightened(colour)) for colour in PALETTE]
    fills = {mode: _FILLS.get(mode, spare[number % len(spare)]) for number, mode in enumerate(modes)}
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.44 * len(names) + 1.9), layout="constrained")
        for y, name in enumerate(names):
            left = 0.0
            for mode in modes:
                row = shares[(shares["name"] == name) & (shares["mode"] == mode)]
                if row.empty:
                    continue
                share, correct = float(row["share"].iloc[0]), float(row["correct_share"].iloc[0])
                dark, light = fills[mode]
                axis.barh(y, share, left=left, color=light, height=0.74)
                axis.barh(y, correct, left=left, color=dark, height=0.74)
                axis.barh(y, share, left=left, color="none", edgecolor="white", linewidth=1.4, height=0.74)
                if share >= 0.1:
                    _name_of_part(axis, f"{mode} {100 * share:.0f} %", y, left, correct, share)
                left += share
        name_rows(axis, names)
        axis.set_xlim(0, 1)
        percent_axis(axis)
        axis.set_xlabel("share of attempts (dark: right, light: wrong)")
        keys = [Patch(facecolor=fills[mode][0], label=mode) for mode in modes]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
        title_of(figure, title)
    return figure


def _name_of_part(axis: Axes, text: str, y: float, left: float, correct: float, share: float) -> None:
    """A mode's name in the larger of its two tones: white on the dark one, black on the light one."""
    on_dark = correct >= share / 2
    middle = left + correct / 2 if on_dark else left + correct + (share - correct) / 2
    axis.text(middle, y, text, ha="center", va="center", fontsize=10, color="white" if on_dark else "black")
