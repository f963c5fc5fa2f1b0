"""A table of numbers as a figure: dark where a value is high, each cell with its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.style import INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_cells(axis: Axes, values: pd.DataFrame, texts: pd.DataFrame, *, low: float, high: float) -> None:
    """Shade a table and write into it; NaN is a grey cell with a faint text.

    Args:
        axis: an empty one.
        values: named rows and columns.
        texts: what to write, of the same shape.
        low: value of the lightest shade,
        high: that of one halfway to the darkest, so that black text can be read on every cell in grey, too.
    """
    import numpy as np
    import seaborn

    palette = seaborn.light_palette(INK, as_cmap=True).with_extremes(bad="0.95")
    shown = np.ma.masked_invalid(values.to_numpy(dtype=float))
    axis.imshow(shown, cmap=palette, vmin=low, vmax=low + 1.5 * (high - low), aspect="auto")
    for row, column in np.ndindex(values.shape):
        faint = bool(np.ma.getmaskarray(shown)[row, column])
        axis.text(
            column, row, texts.iloc[row, column], ha="center", va="center", fontsize=9 if faint else 10.5,
            color="0.4" if faint else "black", style="italic" if faint else "normal",
        )  # fmt: skip
    for ticks, names in ((axis.set_xticks, values.columns), (axis.set_yticks, values.index)):
        ticks(np.arange(len(names) + 1) - 0.5, minor=True)
        ticks(range(len(names)), names)
    axis.grid(False)
    axis.grid(which="minor", color="white", linewidth=2)
    axis.tick_params(which="both", length=0)
    axis.xaxis.tick_top()
    axis.spines[:].set_visible(False)
