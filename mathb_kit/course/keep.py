"""One call for what every notebook does with a result: keep it as files, and say what it shows."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.csv_files import write_csv
from mathb_kit.plots.style import save_figure
from mathb_kit.widgets import show_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler


def keep(figure: Figure, data: pd.DataFrame, folder: Path, name: str, caption: str) -> None:
    """Write a figure (PNG, PDF), the data behind it (CSV) and its caption, and show the caption."""
    from IPython.display import display

    save_figure(figure, data, folder, name, caption)
    display(_Caption(caption))


def keep_table(
    table: pd.DataFrame, folder: Path, name: str, *, digits: int = 3, float_format: str | None = "%.6g"
) -> Styler:
    """Write a table without a figure as ``name.csv``, and return it to be shown.

    Args:
        table: any.
        folder: made if absent.
        name: of the file, without its ending.
        digits: decimals that are shown.
        float_format: of fractions in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / f"{name}.csv", float_format=float_format)
    return show_table(table, digits)


class _Caption:
    """Small print in a notebook, plain text elsewhere."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<p class="caption"><small>{html.escape(self.text)}</small></p>'
