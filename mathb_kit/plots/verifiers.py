"""Figures of the comparison of verifiers."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mathb_kit.plots.cells import draw_cells
from mathb_kit.plots.style import FAULT, INK, WIDTH, figure_style, name_rows, round_ticks, title_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler


def plot_frameworks(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Verifiers against failure modes: each cell the cases on which the verifier agrees with a careful reader.

    Args:
        table: columns verifier, mode, agrees, of (0: not run), cell (the text shown), in the order of the figure.
            Verifiers without a single verdict are named below the figure.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    tried = table.groupby("verifier", sort=False)["of"].sum()
    missing = ", ".join(tried.index[tried == 0])
    table = table[table["verifier"].map(tried) > 0] if tried.any() else table
    cells = table.assign(share=table["agrees"] / table["of"].where(table["of"] > 0)).pivot(
        index="verifier", columns="mode", values=["share", "cell"]
    )
    verifiers, modes = table["verifier"].unique(), table["mode"].unique()
    values, texts = (cells[each].reindex(index=verifiers, columns=modes) for each in ("share", "cell"))
    with figure_style():
        figure, axis = plt.subplots(figsize=(WIDTH, 0.4 * len(values) + 1.2), layout="constrained")
        draw_cells(axis, values, texts, low=0.0, high=1.0)
        if missing and tried.any():
            axis.set_xlabel(textwrap.fill(f"Not run here: {missing}", 110), loc="left", fontsize=9, color="0.35")
        title_of(figure, title)
    return figure


def plot_agreement(table: pd.DataFrame, *, title: str = "") -> Figure:
    """False equals and false differences of each verifier, one panel per source, in percent of the labelled rows.

    Args:
        table: columns source, verifier, labelled, false_equals, false_differences.
        title: title of the figure.
    """
    import matplotlib.pyplot as plt

    table = table[table["labelled"] > 0]
    sources, verifiers = list(dict.fromkeys(table["source"])), list(dict.fromkeys(table["verifier"]))
    faults = {  # column: label, side, colour, hatch
        "false_equals": ("called right, though wrong", -1, FAULT, "////"),
        "false_differences": ("called wrong, though right", 1, INK, ""),
    }
    columns = min(2, len(sources))
    rows_of_panels = -(-len(sources) // columns)
    with figure_style():
        figure, grid = plt.subplots(
            rows_of_panels, columns, figsize=(WIDTH, (0.3 * len(verifiers) + 0.9) * rows_of_panels + 0.8), sharey=True,
            squeeze=False, layout="constrained",
        )  # fmt: skip
        for axis in grid.flat[len(sources) :]:
            axis.set_visible(False)
        for axis, source in zip(grid.flat, sources):
            rows = table[table["source"] == source].set_index("verifier").reindex(verifiers)
            for column, (label, side, colour, hatch) in faults.items():
                share = 100 * rows[column] / rows["labelled"]
                axis.barh(range(len(verifiers)), side * share, color=colour, height=0.68, label=label, hatch=hatch,
                          edgecolor="white", linewidth=0)  # fmt: skip
                for place, (end, count) in enumerate(zip(share, rows[column])):
                    if count == count:
                        axis.annotate(f"{count:.0f}", (side * end, place), xytext=(4 * side, 0), va="center",
                                      textcoords="offset points", ha="left" if side > 0 else "right",
                                      fontsize=9)  # fmt: skip
            axis.axvline(0, color="0.3", linewidth=0.9)
            most = [100 * (rows[column] / rows["labelled"]).max() for column in faults]
            room = 0.12 * sum(most) or 1.2
            axis.set_xlim(-most[0] - room, most[1] + room)
            axis.set_title(f"{source} ({rows['labelled'].max():,.0f} rows)")
            axis.xaxis.set_major_locator(round_ticks(4))
            axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g} %")
            name_rows(axis, verifiers)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        title_of(figure, title)
    return figure


def style_failures(table: pd.DataFrame) -> Styler:
    """What verifiers said of each failure case, coloured where that is not what a careful reader says.

    Args:
        table: a column reader (``right``, ``wrong``), then one per verifier (`mathb_kit.verifiers.failure_table`).
    """
    names = table.columns[table.columns.get_loc("reader") + 1 :]

    def colours(row: pd.Series) -> list[str]:
        agreeing = {"right": "correct", "wrong": "wrong"}[row["reader"]]
        fine = {agreeing, "not run"}
        return ["color: #b03a2e" if name in names and row[name] not in fine else "" for name in row.index]

    return table.style.hide(axis="index").format(escape="html").apply(colours, axis=1)
