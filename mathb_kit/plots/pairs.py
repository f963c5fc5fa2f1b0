"""Figures of models compared by their outcomes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.plots.pass_at_k import plot_pass_at_k

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
