"""All completions of a draw on a set, searched where they lie: only what a page shows becomes a Python string."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mathb_kit.store.views import run_on_views
from mathb_kit.viewer.numbers import Cell
from mathb_kit.viewer.reading import Page, Wanted, with_texts
from mathb_kit.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

HITS_A_PAGE = 50
_BEFORE, _AFTER, _MOST = 80, 160, 400  # characters around a hit, and of a hit, that are shown

# In lower case DuckDB has one character for each, so that places there are places in the text itself.
_HAS = "contains(lower({}), lower(?))"
_PLACE = "SELECT instr(lower(?), lower(?)) AS place"


class Hits(NamedTuple):
    """Attempts in which something was found.

    Attributes:
        page: attempts and their problems as the snapshot has them, with ``snippet``.
        damaged: sentences about files that could not be searched.
    """

    page: Page
    damaged: list[str]


class Snippet(NamedTuple):
    """The first hit in a text, or in an answer, and what stands around it."""

    of: str
    before: str
    hit: str
    after: str


def search(snapshot: Snapshot, cell: Cell, wanted: Wanted, size: int = HITS_A_PAGE) -> Hits:
    """Attempts of a cell with ``wanted.text`` in their completion or their answer, in the order of the set.

    Each letter is compared in lower case, every other character as it is: nothing in the text is a pattern.
    """
    asked = cell, wanted.condition, wanted.text
    last_asked, found = snapshot.kept.get("search", (None, None))
    if asked != last_asked:  # the next page of the same is not searched for again
        found = _found(snapshot, cell, wanted)
        snapshot.kept["search"] = asked, found
    rows, damaged = found
    last = max(1, -(-len(rows) // size))
    number = min(max(1, wanted.page), last)
    shown = snapshot.rows(
        'SELECT * FROM attempts JOIN problems USING (problem, "set") WHERE attempts.rowid IN (SELECT unnest(?)) '
        'ORDER BY place, problem, "index"', rows[(number - 1) * size : number * size].tolist(),
    )  # fmt: skip
    snippets = [row | {"snippet": _snippet(snapshot, row, wanted.text)} for row in with_texts(snapshot, cell, shown)]
    return Hits(Page(snippets, len(rows), number, last), damaged)


def _found(snapshot: Snapshot, cell: Cell, wanted: Wanted) -> tuple[np.ndarray, list[str]]:
    """Rows of ``attempts``, by number, and sentences about what could not be read."""
    damaged: dict[Path, str] = {}

    def read(views: DuckDBPyConnection) -> pa.Table:
        query = f'SELECT problem, "index" FROM attempts WHERE starts_with(problem, ?) AND {_HAS.format("text")}'
        return views.sql(query, params=[f"{cell.set}/", wanted.text]).to_arrow_table()

    in_texts = run_on_views(snapshot.store, read, damaged=damaged, draw=(cell.model, cell.draw))
    where, values = wanted.condition
    rows = snapshot.ask(
        'SELECT attempts.rowid AS "row" FROM attempts JOIN problems USING (problem, "set") '
        f'WHERE model = ? AND draw = ? AND "set" = ? AND {where} AND ({_HAS.format("answer")} '
        'OR (problem, "index") IN (SELECT problem, "index" FROM in_texts)) ORDER BY place, problem, "index"',
        *cell, *values, wanted.text, in_texts=in_texts,
    )  # fmt: skip
    return rows["row"].to_numpy(), list(damaged.values())


def _snippet(snapshot: Snapshot, row: dict[str, Any], text: str) -> Snippet | None:
    """None where the text was damaged or dropped since."""
    for name in ("text", "answer"):
        whole = row[name] or ""
        if at := snapshot.rows(_PLACE, whole, text)[0]["place"]:
            start, end = at - 1, at - 1 + len(text)
            before = ("…" if start > _BEFORE else "") + whole[max(0, start - _BEFORE) : start]
            after = whole[end : end + _AFTER] + ("…" if len(whole) > end + _AFTER else "")
            return Snippet(name, before, whole[start:end][:_MOST], after)
    return None
