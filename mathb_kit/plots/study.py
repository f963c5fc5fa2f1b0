"""Figures of construction and of what tuning changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.style import figure_style, look_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def plot_funnel(funnels: pd.DataFrame, *, panel: str = "pool", title: str = "") -> Figure:
    """Problems left after each stage of construction, one panel per pool, as bars with their counts.

    Args:
        funnels: columns ``panel``, stage, kept (problems left after it) and dropped, in order.
        panel: column that names the panels.
        title: title of the whole figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    pools = list(dict.fromkeys(funnels[panel]))
    height = 0.42 * funnels.groupby(panel).size().max() + 1.1
    with figure_style():
        figure, grid = plt.subplots(
            1, len(pools), figsize=(4.4 * len(pools) + 1.2, height), squeeze=False, layout="constrained"
        )
        for axis, pool in zip(grid[0], pools):
            rows = funnels[funnels[panel] == pool]
            places = range(len(rows))[::-1]
            axis.barh(places, rows["kept"], color=look_of(["kept"])["kept"]["color"], height=0.65)
            for place, kept, dropped in zip(places, rows["kept"], rows["dropped"]):
                note = f" {kept:,}" + (f"  (-{dropped:,})" if dropped else "")
                axis.text(kept, place, note, va="center", fontsize=8.5)
            axis.set_yticks(list(places), rows["stage"])
            axis.set_xlim(0, rows["kept"].max() * 1.35)
            axis.xaxis.set_major_locator(MaxNLocator(4))
            axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.set_xlabel("problems left")
            axis.set_title(str(pool))
        if title:
            figure.suptitle(title)
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

    styles = {
        "kept": ("o", "0.55", 18),
        "gained": ("^", "C2", 46),
        "lost": ("v", "C3", 46),
        "neither": ("x", "0.3", 26),
    }
    names = list(dict.fromkeys(problems[panel]))
    with figure_style():
        columns = min(3, len(names))
        rows_of_panels = -(-len(names) // columns)
        figure, grid = plt.subplots(
            rows_of_panels, columns, figsize=(3.1 * columns + 1.2, 3.2 * rows_of_panels), sharex=True, sharey=True,
            squeeze=False, layout="constrained",
        )  # fmt: skip
        for axis in grid.flat[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(grid.flat, names):
            rows = problems[problems[panel] == name]
            axis.plot([0, 1], [0, 1], color="0.8", linewidth=1, zorder=0)
            for change, (marker, colour, size) in styles.items():
                part = rows[rows["change"] == change]
                axis.scatter(
                    part["base_pass_1"], part["tuned_pass_1"], marker=marker, color=colour, s=size, alpha=0.85,
                    label=change,
                )  # fmt: skip
            counts = ", ".join(f"{(rows['change'] == change).sum()} {change}" for change in styles)
            axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
            axis.set_title(f"{name}\n{counts}", fontsize=9)
            axis.tick_params(labelbottom=True)
        figure.supxlabel("pass@1 of the base", fontsize=10)
        figure.supylabel("pass@1 of the tuned model", fontsize=10)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside right upper", title="reach", fontsize=9)
        if title:
            figure.suptitle(title)
    return figure


def plot_modes(shares: pd.DataFrame, *, title: str = "") -> Figure:
    """Share of attempts in each solution mode, one stacked bar per model; the correct part of each mode is hatched.

    Args:
        shares: columns name, mode, share, correct_share (both of all attempts of that model).
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    names, modes = list(dict.fromkeys(shares["name"])), list(dict.fromkeys(shares["mode"]))
    looks = look_of(modes)
    with figure_style():
        figure, axis = plt.subplots(figsize=(1.05 * len(names) + 2.6, 3.9), layout="constrained")
        bottoms = dict.fromkeys(names, 0.0)
        for mode in modes:
            for place, name in enumerate(names):
                row = shares[(shares["name"] == name) & (shares["mode"] == mode)]
                if row.empty:
                    continue
                share, correct = float(row["share"].iloc[0]), float(row["correct_share"].iloc[0])
                label = mode if name == names[0] or mode not in axis.get_legend_handles_labels()[1] else None
                axis.bar(place, share, bottom=bottoms[name], color=looks[mode]["color"], width=0.7, label=label)
                axis.bar(place, correct, bottom=bottoms[name], color="none", edgecolor="black", hatch="///", width=0.7,
                         linewidth=0.6)  # fmt: skip
                bottoms[name] += share
        axis.bar(0, 0, color="none", edgecolor="black", hatch="///", label="of these correct")
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
        axis.set_ylabel("share of attempts")
        axis.set_ylim(0, 1)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
        if title:
            axis.set_title(title)
    return figure
