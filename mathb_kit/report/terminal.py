"""Tables for a terminal of 80 columns, without colours, so that a pipe gets the same."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 80
_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?(e[+-]\d+)?( ?%)?( of [\d,]+)?( \([^()]*\))?|")


def text_table(frame: pd.DataFrame, *, digits: int = 3, width: int = WIDTH) -> str:
    """A frame without its index: numbers right, names left, long texts wrapped, columns without any value left out.

    Args:
        frame: columns with fractions get ``digits`` decimals.
        digits: decimals.
        width: columns of the terminal.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="", padding=(0, 2, 0, 0), collapse_padding=True)
    cells = []
    for name in frame.columns[frame.notna().any().to_numpy()] if len(frame) else frame.columns:
        shown = [_shown(value, digits) for value in frame[name]]
        right = all(map(_NUMBER.fullmatch, shown))
        table.add_column(Text(str(name).replace("_", " ")), justify="right" if right else "left", overflow="fold")
        cells.append(shown)
    for row in zip(*cells):
        table.add_row(*map(Text, row))
    page = io.StringIO()
    Console(file=page, width=width, color_system=None, highlight=False, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().split("\n"))


def _shown(value: object, digits: int) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
