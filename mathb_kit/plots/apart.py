"""Rows that lie far from all others, such as a positive control: set apart, so that they do not squeeze the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mathb_kit.plots.style import name_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FAR = 3.0


def far_rows(table: pd.DataFrame, by: str, value: str, groups: str | None = None) -> list[str]:
    """Names of rows whose value lies three times as far from 0 as the middle row's interval reaches, in any group.

    Args:
        table: columns ``by``, ``value``, low, high.
        by: column that names the rows.
        value: column with the value.
        groups: column of the panels, each of which has its own scale, if any.
    """
    far = set()
    for _, rows in table.groupby(groups or (lambda _: 0), sort=False):
        if rows[by].nunique() < 3:
            continue
        reach = rows[["low", "high"]].abs().max(axis=1)
        far |= set(rows.loc[rows[value].abs() > _FAR * reach.median(), by])
    names = list(dict.fromkeys(table[by]))
    return [name for name in names if name in far] if len(far) < len(names) / 2 else []


def row_axes(names: Sequence[str], apart: Sequence[str], axes: Sequence[Axes]) -> None:
    """Names and limits of rows: the near ones in the first axes, those apart in the second."""
    near = [name for name in names if name not in apart]
    for axis, here in zip(axes, (near, apart)):
        name_rows(axis, here)
