"""Problem sets by name or by file: a local mirror first, then the hub, then what ships with the package."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.miniature import problem_rows
from mathb_kit.plan import Plan
from mathb_kit.problems.files import SUFFIXES, Rows, data_folder, find_copy, read_rows, record_beside
from mathb_kit.problems.hub import HubRows
from mathb_kit.problems.problem import Problem, ProblemSet, unsolved_column
from mathb_kit.problems.quirks import QUIRKS
from mathb_kit.problems.registry import Fields, SetEntry, entry_of, registry

if TYPE_CHECKING:
    import pandas as pd

# A user's own file may call its fields by any of these; the first one that a row has counts.
_STATEMENT_NAMES = ("problem", "statement", "question")
_GOLD_NAMES = ("answer", "gold")


def load_problems(
    name: str | os.PathLike[str], *, allow_empty_gold: bool = False, ask_hub: bool = True
) -> ProblemSet:
    """A problem set by its registered name, or from a file of your own.

    A registered set is read from ``$MATHB_DATA_DIR`` where a copy lies there, else from the Hugging Face hub, else
    from the package (the miniature). A path to a ``.jsonl``, ``.jsonl.zst`` or ``.parquet`` file is a set, too: each
    row has ``problem`` (or ``statement``, ``question``), ``answer`` (or ``gold``) and, if it likes, ``id``.

    Args:
        name: e.g. ``math-500``, ``mini-math``, or a path.
        allow_empty_gold: rows of a file may lack a gold, as posts do that are yet to be rewritten.
        ask_hub: whether rows that are not here may be fetched; else those count that the hub's client has kept.

    Returns:
        The problems in the source's order. ``note`` says what is missing, "11,658 of 40,315", and what a quirk of the
        source left out, "1,791,700 rows, 17,917 prompts".

    Raises:
        MathbError: unknown name, unreachable source, or a row without statement or gold.
    """
    text = os.fspath(name)
    if text.endswith(SUFFIXES):
        return _load_file(Path(text), allow_empty_gold)
    return _load_registered(text, entry_of(text), ask_hub)


def problem_sets() -> pd.DataFrame:
    """What can be loaded: one row per registered set with name, rows, where and about.

    ``where`` is ``built in``, ``local`` (a copy in ``$MATHB_DATA_DIR``), ``hub``, or ``elsewhere``: a copy is needed.
    """
    import pandas as pd

    folder = data_folder()

    def where(entry: SetEntry) -> str:
        if folder and find_copy(folder, entry.files):
            return "local"
        if entry.builtin:
            return "built in"
        return "hub" if entry.hub else "elsewhere"

    rows = [
        {
            "name": name,
            "rows": len(load_problems(name)) if entry.builtin else entry.rows,
            "where": where(entry),
            "about": entry.about,
        }
        for name, entry in registry().items()
    ]
    return pd.DataFrame(rows)


def write_problems(problems: Sequence[Problem], path: Path) -> Path:
    """Problems as a file that training reads; left alone where it already says the same."""
    named = ({"id": p.id, "problem": p.statement, "answer": p.gold} for p in problems)
    text = "".join(json.dumps(own | problem.meta | own) + "\n" for own, problem in zip(named, problems))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def _load_registered(name: str, entry: SetEntry, ask_hub: bool) -> ProblemSet:
    folder, remarks = data_folder(), []
    if entry.builtin:
        rows, fields, source = problem_rows(name), Fields(id="id", statement="statement", gold="gold"), "built in"
        located = ((f"{name}, row {number}", row) for number, row in enumerate(rows, 1))
    elif folder and (path := find_copy(folder, entry.files)):
        located, fields, source = read_rows(path), entry.fields, str(path)
    elif entry.hub:
        located, fields, source = HubRows(name, entry, ask=ask_hub), entry.fields, f"hub:{entry.hub.path}"
    else:
        raise MathbError(
            f"{name} is on no hub that is known here; put {entry.files[0]}.jsonl (from {entry.origin}) into a folder "
            "and let MATHB_DATA_DIR name it."
        )
    if entry.quirk:
        located = QUIRKS[entry.quirk](located, fields, remarks)
    if entry.where:
        located = _part(located, entry.where)
    if entry.unsolved_by is not None:
        located = _as_sieved(located, entry.unsolved_by)
    problems = _to_problems(name, located, fields, entry.allow_empty_gold)
    notes = []
    if entry.rows is not None and len(problems) != entry.rows:
        notes.append(f"{len(problems):,} of {entry.rows:,}")
    if empty := sum(not problem.gold for problem in problems):
        notes.append(f"{empty:,} without a gold")
    return ProblemSet(name, problems, "; ".join(notes + remarks), source, entry.selected_in)


def _part(located: Rows, where: dict[str, int | str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows whose columns have these values; levels come as 5, "5" or "Level 5"."""
    for place, row in located:
        if missing := [column for column in where if column not in row]:
            raise MathbError(f"{place} has no column {missing[0]!r}, by which this set is a part of a larger one.")
        if all(str(row[column]).removeprefix("Level ") == str(value) for column, value in where.items()):
            yield place, row


def _as_sieved(located: Rows, models: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a sieved set: ``<model>_unsolved`` columns under our names of models (hyphens for the underscores of the
    released table), and only what all of ``models`` left unsolved.
    """
    for where, row in located:
        suffix = unsolved_column("")
        stems = {key: key.removesuffix(suffix).replace("_", "-") for key in row if key.endswith(suffix)}
        row = {unsolved_column(stems[key]) if key in stems else key: row[key] for key in row}
        columns = [unsolved_column(model) for model in models]
        if missing := [column for column in columns if column not in row]:
            raise MathbError(f"{where} has no column {missing[0]!r}; fetch the released table again.")
        if all(row[column] for column in columns):
            yield where, row


def _load_file(path: Path, allow_empty_gold: bool) -> ProblemSet:
    if not path.is_file():
        raise MathbError(f"There is no file {path}; correct the path (mathb problems lists the sets that have names).")
    located = list(read_rows(path))
    if not located:
        raise MathbError(f"{path} is empty; write one JSON object with problem and answer on each line.")
    where, first = located[0]
    fields = Fields(
        id="id" if "id" in first else None,
        statement=_present(first, _STATEMENT_NAMES, where),
        gold=_present(first, _GOLD_NAMES, where),
    )
    name = next(path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix))
    problems = _to_problems(name, located, fields, allow_empty_gold=allow_empty_gold)
    return ProblemSet(name, problems, source=str(path), selected_in=_selected_in(path, first))


def _selected_in(path: Path, row: dict[str, Any]) -> int | None:
    """Attempts behind ``<model>_unsolved``: by a release's record, a column selected_in, or ``<model>_pass@k``."""
    if (record := record_beside(path)) is not None:
        try:
            return Plan.parse(record["plan"]).n_max
        except (ValueError, KeyError, TypeError) as error:
            raise MathbError(
                f"The .provenance.json beside {path} is not the record of a released set ({error}); restore it."
            ) from error
    if isinstance(attempts := row.get("selected_in"), int):
        return attempts
    ks = [re.fullmatch(r"(.+)_pass@(\d+)", key) for key in row]
    return max((int(match[2]) for match in ks if match and unsolved_column(match[1]) in row), default=None)


def _present(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    for name in names:
        if name in row:
            return name
    raise MathbError(f"{where} has none of the fields {', '.join(names)}; rename one or add it.")


def _to_problems(name: str, located: Rows, fields: Fields, allow_empty_gold: bool) -> tuple[Problem, ...]:
    """Problems from (where, row) pairs; where goes into error messages."""
    taken = {fields.id, fields.statement, fields.gold}
    rows_of: dict[str, str] = {}
    problems = []
    for number, (where, row) in enumerate(located, 1):
        id = str(number) if fields.id is None else _text(row, fields.id, where)
        if id in rows_of:
            raise MathbError(f"{where} has the {fields.id} {id!r} of {rows_of[id]}; ids must be unique.")
        rows_of[id] = where
        gold = _text(row, fields.gold, where, may_be_empty=allow_empty_gold)
        meta = {key: value for key, value in row.items() if key not in taken}
        problems.append(Problem(name, id, _text(row, fields.statement, where), gold, meta))
    return tuple(problems)


def _text(row: dict[str, Any], field: str, where: str, may_be_empty: bool = False) -> str:
    value = row.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # parquet turns a column of integers with a hole into floats
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        if may_be_empty:
            return ""
        raise MathbError(f"{where} has no {field!r}; fill it in or drop the row.")
    if isinstance(value, float) and not math.isfinite(value):  # JSON's 1e999, Parquet's NaN and infinity
        raise MathbError(f"{where}: {field!r} is {value}, no number; fill it in or drop the row.")
    if not isinstance(value, str | float):
        raise MathbError(f"{where}: {field!r} must be text or a number, not {type(value).__name__}.")
    return str(value)
