"""``mathb reproduce released``: the paper's tables and figures from its released table; nothing is sampled."""

from __future__ import annotations

import time
from pathlib import Path

from mathb_kit.places import run_root
from mathb_kit.problems.registry import registry
from mathb_kit.published import compare_with_published
from mathb_kit.released import as_published
from mathb_kit.released.table import SET, ReleasedTable, local_copy, read_released_table
from mathb_kit.report.folders import released_figures_folder
from mathb_kit.report.html import PageTable
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import every_caption_says, write_pictures

NOTEBOOK = "09_the_released_table"


def redraw_released() -> Path:
    """Read and check the table, run the notebook, and say where everything is.

    Returns:
        The executed notebook.

    Raises:
        MathbError: no table to be had, a table that is not whole, a notebook that failed, or a figure of anything but
            the table as released whose caption does not say so.
    """
    started = time.monotonic()
    table = read_released_table()  # before a kernel starts: a fault in the table is one sentence
    folder = released_figures_folder(table)
    print(f"released: {table.note}, read from {table.source}", flush=True)
    executed = run_notebook(NOTEBOOK, {"profile": "released"}, run_root("released") / "notebooks")
    if table.identity != "released":
        every_caption_says(folder, table.note, "it was drawn from another table; put table.note into it")
    page = _write_page(table, folder, executed)
    print(f"Done in {time.monotonic() - started:.0f} s. Executed notebook: {executed.with_suffix('.html')}")
    print(f"Figures and their tables: {folder}\nAll of it on one page: {page}")
    return executed


def price_of_released() -> str:
    """What the call costs, in words."""
    hub = registry()[SET].hub
    where = local_copy() or f"the hub: {hub.path} at revision {hub.revision[:7]}, about a megabyte"
    return f"released: no attempts, no tokens, under a minute on one core\n  reads {where}"


def _write_page(table: ReleasedTable, folder: Path, executed: Path) -> Path:
    rows = compare_with_published(as_published(table)).query("paper == 'MATH-Beyond'").drop(columns="paper")
    caption = f"As published, beside ours from the released table ({table.note})"
    return write_pictures(
        "MATH-Beyond's released table, redrawn", folder, [executed], run_root("released") / "index.html",
        note=f"{table.note}; nothing was sampled", beside=PageTable.of(rows, caption, sortable=True),
    )  # fmt: skip
