"""MATH-Beyond's released table: 181 problems, and what each of 21 models made of them in 1,024 attempts.

One row per problem, with ``problem, answer, data_source, topic, difficulty``, 21 columns ``<model>_unsolved`` and 21
columns ``<model>_pass@k`` for every k of a grid. Whatever can be wrong with a copy is said in one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.problems.files import data_folder, find_copy, read_rows
from mathb_kit.problems.hub import HubRows
from mathb_kit.problems.registry import registry
from mathb_kit.profiles import load_profile
from mathb_kit.released.identity import Identity, identify, is_fetched
from mathb_kit.settings import did_you_mean

SET = "math-b"
ATTEMPTS = 1024
"""Attempts behind every value: the largest k, at which a first-k indicator and an unbiased estimate are one."""

_PLAIN = ("problem", "answer", "data_source", "topic", "difficulty")
_COLUMN = re.compile(r"(?P<stem>.+)_(?:unsolved|pass@(?P<k>\d+))")
_AGAIN = "fetch the released table again"


@dataclass(frozen=True, eq=False)
class ReleasedTable:
    """The released table, checked.

    Attributes:
        problems: problem (``math-b/1``, ...), statement, gold, data_source, topic, difficulty (1 to 10).
        unsolved: bool, one row per problem, one column per model (our names, bases first): the authors' flag.
        values: pass@k in [0, 1], one row per problem, columns (model, k); k increases to 1,024.
        source: the file, or ``hub:<id>``.
        identity: whether this is the table as released.
        remarks: what is wrong with the values of the table as released, one sentence each; any other copy with such
            values is refused.
    """

    problems: pd.DataFrame
    unsolved: pd.DataFrame
    values: pd.DataFrame
    source: str
    identity: Identity
    remarks: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the 21 models, bases first."""
        return tuple(self.unsolved.columns)

    @property
    def bases(self) -> tuple[str, ...]:
        """The eleven models that are bases in the paper's sense."""
        return load_profile("paper").bases

    @property
    def tuned(self) -> dict[str, str]:
        """The ten others, each with the base it was tuned from."""
        return dict(load_profile("paper").tuned)

    @property
    def ks(self) -> tuple[int, ...]:
        """The grid of k."""
        return tuple(sorted(set(self.values.columns.get_level_values("k"))))

    def pass_at(self, k: int) -> pd.DataFrame:
        """pass@k of every problem (rows) and model (columns).

        Raises:
            MathbError: k is not on the table's grid.
        """
        if k not in self.ks:
            raise MathbError(f"The released table has no pass@{k}; its grid is {', '.join(map(str, self.ks))}.")
        return self.values.xs(k, axis="columns", level="k")[list(self.models)]

    @property
    def label(self) -> str:
        """For titles: ``released``, or in capitals what the table is instead."""
        return "released" if self.identity == "released" else f"{self.identity.upper()} table"

    @property
    def note(self) -> str:
        """For captions: where the numbers come from, and loudly so where they are no result of the paper."""
        hub = registry()[SET].hub
        released = f"{hub.path} at revision {hub.revision[:7]}"
        match self.identity:
            case "released":
                return f"released table {released}"
            case "synthetic":
                return "SYNTHETIC table, made by a program for tests; no number here is a result"
            case _:
                return f"UNRECOGNISED table {Path(self.source).name}; its content is not that of {released}"


def read_released_table() -> ReleasedTable:
    """The released table, from ``$MATHB_DATA_DIR`` where a copy lies there, else from the hub at the pinned revision.

    A copy is ``math_b`` or ``math-beyond`` with the suffix ``.parquet``, ``.jsonl``, ``.jsonl.zst`` or ``.csv``.
    Stems of model columns may be spelled with hyphens or underscores.

    Raises:
        MathbError: neither is to be had (the sentence has both remedies), or the table is not whole: a missing, unknown
            or doubled column, a missing value, another number of rows. Anything but the table as released is refused as
            well for a repeated problem, a gold that is not a whole number, a difficulty outside 1 to 10, or a
            model that is marked unsolved where it solved.
    """
    entry = registry()[SET]
    if path := local_copy():
        rows = _rows_of(path)
        identity = "released" if is_fetched(path, entry.hub) else identify(rows)
        return parse_released_table(rows, str(path), identity)
    rows = [row for _, row in HubRows(SET, entry)]
    return parse_released_table(rows, f"hub:{entry.hub.path}", "released")  # the pinned revision and no other


def parse_released_table(rows: list[dict[str, Any]], source: str, identity: Identity) -> ReleasedTable:
    """The table in these rows; errors as for ``read_released_table``."""
    if len(rows) != (expected := registry()[SET].rows):
        raise MathbError(f"{source} has {len(rows):,} rows where the released table has {expected}; {_AGAIN}.")
    frame = pd.DataFrame(rows)
    columns = _model_columns(frame, source)
    _require(frame, (*_PLAIN, *columns.values()), source)
    flags, shares = frame[[columns[key] for key in columns if not key[1]]], {k: c for k, c in columns.items() if k[1]}
    _refuse(~flags.isin([True, False]), flags, source, "neither true nor false")
    values = frame[list(shares.values())].apply(pd.to_numeric, errors="coerce")
    _refuse(values.isna(), frame, source, "not a number")
    _refuse((values < 0) | (values > 1), frame, source, "not within 0 to 1")
    values.columns = pd.MultiIndex.from_tuples(shares, names=["model", "k"])
    texts = {column: frame[column].astype(str).str.strip() for column in _PLAIN}
    problems = pd.DataFrame(
        {
            "problem": [f"{SET}/{number}" for number in range(1, len(frame) + 1)],
            "statement": texts["problem"],
            "gold": texts["answer"],
            "data_source": texts["data_source"],
            "topic": texts["topic"],
            "difficulty": pd.to_numeric(frame["difficulty"], errors="coerce"),
        }
    )
    unsolved = flags.astype(bool).set_axis([model for model, k in columns if not k], axis="columns")
    table = ReleasedTable(problems, unsolved, values.astype(float), source, identity)
    faults = tuple(_faults(table, columns))
    if faults and identity != "released":
        raise MathbError(faults[0])
    return replace(table, remarks=faults)


def local_copy() -> Path | None:
    """The copy in ``$MATHB_DATA_DIR``, if there is one."""
    if not (folder := data_folder()):
        return None
    stems = registry()[SET].files
    csv = (path for stem in stems if (path := folder / f"{stem}.csv").is_file())
    return find_copy(folder, stems) or next(csv, None)


def _rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix != ".csv":
        try:
            return [row for _, row in read_rows(path)]
        except MathbError as error:
            raise MathbError(f"{str(error).removesuffix('.').removesuffix('; fetch it again')}; {_AGAIN}.") from error
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except ValueError as error:  # cut inside a quoted text, empty, or not UTF-8
        raise MathbError(f"{path} is not a readable CSV file ({str(error).strip()}); {_AGAIN}.") from error
    return frame.to_dict("records")


def _model_columns(frame: pd.DataFrame, source: str) -> dict[tuple[str, int], str]:
    """Column of every (model, k), bases first and k increasing; k = 0 stands for the flag ``unsolved``."""
    known = (*load_profile("paper").bases, *load_profile("paper").tuned)
    columns: dict[tuple[str, int], str] = {}
    stems: dict[str, str] = {}
    for column, match in ((name, match) for name in frame.columns if (match := _COLUMN.fullmatch(name))):
        model, k = match["stem"].replace("_", "-"), int(match["k"] or 0)
        if model not in known:
            raise MathbError(
                f"{source}: the column {column!r} belongs to none of the 21 models{did_you_mean(model, known)}; give "
                f"it back the name it has in the released table, or {_AGAIN}."
            )
        if first := columns.get((model, k)):
            raise MathbError(f"{source}: the columns {first!r} and {column!r} are the same model's; drop one.")
        columns[model, k] = column
        stems.setdefault(model, match["stem"])
    ks = [0, *sorted({k for _, k in columns if k} | {ATTEMPTS})]
    if ks[-1] > ATTEMPTS:
        raise MathbError(f"{source} has <model>_pass@k columns for k beyond {ATTEMPTS:,}; {_AGAIN}.")

    def named(model: str, k: int) -> str:  # as the file spells the model, where it has no such column
        return columns.get((model, k)) or f"{stems.get(model, model)}_{f'pass@{k}' if k else 'unsolved'}"

    return {(model, k): named(model, k) for model in known for k in ks}


def _require(frame: pd.DataFrame, columns: Iterable[str], source: str) -> None:
    """Every column with a value in every row."""
    for column in columns:
        if column not in frame:
            raise MathbError(f"{source} has no column {column!r}; {_AGAIN}.")
        missing = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
        if missing.any():
            row = int(missing.to_numpy().argmax()) + 1
            raise MathbError(f"{source}, row {row} has no value in the column {column!r}; {_AGAIN}.")


def _refuse(bad: pd.DataFrame, frame: pd.DataFrame, source: str, why: str) -> None:
    """MathbError on the first value that is bad."""
    if bad.to_numpy().any():
        row, number = (int(at[0]) for at in bad.to_numpy().nonzero())
        column = bad.columns[number]
        raise MathbError(f"{source}, row {row + 1}: {column!r} is {frame.at[row, column]}, {why}; {_AGAIN}.")


def _faults(table: ReleasedTable, columns: dict[tuple[str, int], str]) -> Iterable[str]:
    """What is wrong with single values: a sentence per kind of fault, naming the first row and how many there are."""
    problems, source = table.problems, table.source
    texts = problems["statement"].str.split().str.join(" ")
    if (again := texts.duplicated()).any():
        row = int(again.to_numpy().argmax())
        first = int((texts == texts[row]).to_numpy().argmax())
        yield f"{source}, row {row + 1} has the problem of row {first + 1}; drop one of them, or {_AGAIN}."
    if (odd := ~problems["gold"].str.fullmatch(r"[+-]?\d+")).any():
        row = int(odd.to_numpy().argmax())
        yield (
            f"{source}, row {row + 1}: the answer {problems['gold'][row]!r} is not a whole number, as every gold of "
            f"MATH-Beyond is ({odd.sum()} such rows); {_AGAIN}."
        )
    if (odd := ~problems["difficulty"].between(1, 10)).any():
        row = int(odd.to_numpy().argmax())
        yield (
            f"{source}, row {row + 1}: the difficulty {problems['difficulty'][row]:g} is not a number from 1 to 10; "
            f"{_AGAIN}."
        )
    contrary = (table.unsolved != (table.pass_at(ATTEMPTS) == 0)).to_numpy()
    if contrary.any():
        row, column = (int(at[0]) for at in contrary.nonzero())
        model = table.models[column]
        yield (
            f"{source}, row {row + 1}: {columns[model, 0]!r} is {table.unsolved[model][row]} but "
            f"{columns[model, ATTEMPTS]!r} is {table.values[model, ATTEMPTS][row]:g} ({contrary.sum()} such "
            f"contradictions); {_AGAIN}."
        )
