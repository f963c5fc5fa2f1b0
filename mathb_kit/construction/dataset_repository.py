"""A sieved set as a `datasets` repository: one Parquet file per subset, a card, the funnel, and where it all came from.

Columns are MATH-Beyond's (problem, answer, data_source, topic and difficulty where they are known, then
``<model>_unsolved`` and ``<model>_pass@k`` for every model), after an id that all subsets share and ``origin``, the key
under which the problem's attempts are stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mathb_kit.construction.dataset_card import About, dataset_card
from mathb_kit.construction.filters import Funnel
from mathb_kit.construction.sieve import Sieve
from mathb_kit.csv_files import write_csv
from mathb_kit.errors import MathbError
from mathb_kit.grading import EXTRACTOR_VERSION
from mathb_kit.problems import Problem, unsolved_column
from mathb_kit.provenance import provenance
from mathb_kit.statistics import estimate_pass_at_k
from mathb_kit.store.draw import RUN_SEED

if TYPE_CHECKING:
    import pyarrow as pa

STEP = 64  # MATH-Beyond's columns are for k = 64, 128, and so on
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def export_dataset(folder: Path | str, sieve: Sieve, funnel: Funnel, about: About) -> Path:
    """Write ``README.md``, ``data/*.parquet``, ``funnel.csv``, ``dropped.csv`` and ``provenance.json``.

    ``datasets.load_dataset(folder, "union")`` reads it, and ``load_problems`` the file ``data/<name>.parquet``. Other
    configurations are ``intersection`` and one per model, named like it: what this model left unsolved. One that would
    have no rows is left out.

    Args:
        folder: made if need be; what an earlier export of the same set wrote is replaced.
        sieve: who solved what.
        funnel: all stages up to and including the sieve.
        about: its name, and what its card says besides.

    Returns:
        The folder.

    Raises:
        MathbError: nothing is left unsolved, a name unfit for files, or a folder that holds other data.
    """
    folder, name, models = Path(folder), about.name, [model.name for model in sieve.models]
    for each in (name, *models):
        if not _FILE_NAME.fullmatch(each) or each in ("union", "intersection"):
            raise MathbError(f"{each!r} cannot name a set or a subset; use letters, digits, dots, dashes, underscores.")
    union = sieve.union()
    if not union:
        raise MathbError(f"Every model solved every problem, so {name} is empty; sieve with fewer attempts.")
    whole, row = _table(sieve, union, about.ratings), {problem.key: number for number, problem in enumerate(union)}
    subsets = {"union": union, "intersection": sieve.intersection(about.bases or None)}
    subsets |= {model: sieve.unsolved_by(model) for model in models}
    files = {config: name if config == "union" else f"{name}-{config}" for config in subsets}
    tables = {config: whole.take([row[problem.key] for problem in part]) for config, part in subsets.items() if part}

    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    if strangers := sorted(path.name for path in data.iterdir() if path.stem not in files.values()):
        raise MathbError(f"{data} holds {strangers[0]}, which is not of this set; export into a folder of its own.")
    _write(data, {files[config]: table for config, table in tables.items()})
    write_csv(funnel.to_frame(), folder / "funnel.csv")
    write_csv(funnel.dropped, folder / "dropped.csv")
    record = release_record(name, len(union), sieve, funnel)
    more: dict[str, Any] = {"verification": about.verification, "construction": dict(about.settings)}
    more["truncated"] = sieve.truncated()
    if about.retested is not None:
        more["retest"] = json.loads(about.retested.to_json(orient="records", double_precision=15))
    (folder / "provenance.json").write_text(json.dumps(record | more, indent=1) + "\n", encoding="utf-8")
    card = dataset_card(about, sieve, funnel, {config: f"data/{files[config]}.parquet" for config in tables}, tables)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def pass_at_k_grid(n_max: int) -> list[int]:
    """The k of the columns: MATH-Beyond's steps of 64 as far as the attempts go, and in any case their number."""
    return sorted({*range(STEP, n_max + 1, STEP), n_max})


def _table(sieve: Sieve, rows: Sequence[Problem], ratings: pd.DataFrame | None) -> pa.Table:
    import pyarrow as pa

    digits = max(3, len(str(len(rows) - 1)))
    columns: dict[str, pa.Array] = {
        "id": pa.array([f"{number:0{digits}d}" for number in range(len(rows))], pa.string()),
        "problem": pa.array([p.statement for p in rows], pa.string()),
        "answer": pa.array([p.gold for p in rows], pa.string()),
        "data_source": pa.array([str(p.meta.get("data_source", p.set)) for p in rows], pa.string()),
    }
    if all(isinstance(p.meta.get("topic"), str) for p in rows):
        columns["topic"] = pa.array([p.meta["topic"] for p in rows], pa.string())
    if ratings is not None:
        mean = ratings.set_index("problem")["mean"].reindex([p.key for p in rows])
        columns["difficulty"] = pa.array(mean.to_numpy(dtype=float), pa.float64(), from_pandas=True)
    elif all(isinstance(p.meta.get("difficulty"), int | float) for p in rows):
        columns["difficulty"] = pa.array([float(p.meta["difficulty"]) for p in rows], pa.float64())
    columns["origin"] = pa.array([p.key for p in rows], pa.string())
    ks = pass_at_k_grid(sieve.plan.n_max)
    for model in sieve.models:
        tried = sieve.table[sieve.table["name"] == model.name].set_index("problem").loc[[p.key for p in rows]]
        columns[unsolved_column(model.name)] = pa.array(tried["unsolved"].to_numpy(dtype=bool), pa.bool_())
        estimates = estimate_pass_at_k(tried.reset_index(), ks)["estimate"].to_numpy().reshape(len(tried), len(ks))
        # Without a success and with an attempt that nobody could grade, nothing can be said.
        unknown = ((tried["c"] == 0) & (tried["grader_failed"] > 0)).to_numpy()
        for column, k in enumerate(ks):
            columns[f"{model.name}_pass@{k}"] = pa.array(estimates[:, column], pa.float64(), mask=unknown)
    return pa.table(columns)


def _write(data: Path, tables: Mapping[str, pa.Table]) -> None:
    import pyarrow.parquet as pq

    for path in data.glob("*.parquet"):
        path.unlink()
    for file, table in tables.items():
        pq.write_table(table, data / f"{file}.parquet")


def release_record(name: str, problems: int, sieve: Sieve, funnel: Funnel) -> dict[str, Any]:
    """What a released set of ``problems`` rows came from, ready for JSON."""
    return {
        "set": name,
        "problems": problems,
        "models": {model.name: model.key() for model in sieve.models},
        "plan": str(sieve.plan),
        "draw": sieve.draw,
        "run_seed": RUN_SEED,
        "extractor": EXTRACTOR_VERSION,
        "grader": sorted(sieve.table["grader"].unique()),
        "funnel": funnel.to_frame().to_dict("records"),
        "provenance": provenance(),
    }
