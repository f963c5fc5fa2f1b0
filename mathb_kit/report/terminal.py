"""Tables and lists for a terminal of 80 columns, without colours, so that a pipe gets the same."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 80
# Of a table only the line below its header, in characters that every terminal has; columns two spaces apart.
_RULED = "    \n    \n -  \n    \n    \n    \n    \n    \n"
# A number, a share, a count of others, each perhaps with its interval: such columns stand right, here and on pages.
NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?(e[+-]\d+)?( ?%)?( of [\d,]+)?( \([^()]*\))?|")


def titled(title: str, frame: pd.DataFrame, *notes: str, digits: int = 3) -> str:
    """A table under its title, with notes below it."""
    return "\n".join([title, text_table(frame, digits=digits), *notes])


def bullets(sentences: Iterable[str]) -> str:
    """A sentence a line, however long: what a terminal breaks can still be searched and copied."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def text_table(frame: pd.DataFrame, *, digits: int = 3, width: int = WIDTH) -> str:
    """A frame without its index: numbers right, names left, long texts wrapped, columns without any value left out.

    Numbers and the words above them are never cut: where they want more than the terminal has, it breaks the lines.

    Args:
        frame: columns with fractions get ``digits`` decimals.
        digits: decimals.
        width: columns of the terminal.
    """
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=Box(_RULED, ascii=True), pad_edge=False, show_edge=False, header_style="", padding=(0, 1, 0, 0))
    cells, least = [], 0
    for name in frame.columns[frame.notna().any().to_numpy()] if len(frame) else frame.columns:
        shown = [_shown(value, digits) for value in frame[name]]
        right = all(map(NUMBER.fullmatch, shown))
        number = right and not any("(" in cell for cell in shown)
        header = str(name).replace("_", " ")
        whole = max(map(len, [*shown, *header.split()]), default=0) if number else None
        table.add_column(Text(header), justify="right" if right else "left", overflow="fold", min_width=whole)
        least += (whole or min(8, max(map(len, shown), default=0))) + 2
        cells.append(shown)
    for row in zip(*cells):
        table.add_row(*map(Text, row))
    page = io.StringIO()
    Console(file=page, width=max(width, least), color_system=None, highlight=False, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().split("\n"))


def _shown(value: object, digits: int) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, float):
        shown = f"{value:,.{digits}f}"
        return shown if float(shown.replace(",", "")) or not value else f"{value:.1e}"  # a little is not nothing
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
