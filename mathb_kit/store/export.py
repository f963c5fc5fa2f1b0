"""Export: attempts with their answers and verdicts as one JSON lines file, or as a folder that `datasets` reads."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mathb_kit.errors import MathbError
from mathb_kit.store.store import Store
from mathb_kit.store.views import run_on_views, with_golds
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A text and an answer belong together if they come from the same shard, not merely from the same index.
_ROWS = f"""
    SELECT model_name AS model, model AS model_key, problem, draw, "index", "first", seed, tokens, finish, text,
        answer, truncated, gold,
        CASE WHEN found AND answer IS NULL AND gold IS NOT NULL THEN '{Verdict.NO_ANSWER}' ELSE verdict END AS verdict,
        rung
    FROM attempts
    LEFT JOIN (
        SELECT model, draw, problem, "index", shard, answer, truncated, true AS found
        FROM answers WHERE extractor = getvariable('extractor')
    ) USING (model, draw, problem, "index", shard)
    LEFT JOIN golds USING (problem)
    LEFT JOIN (SELECT gold, answer, verdict, rung FROM grades WHERE grader = getvariable('grader')) USING (gold, answer)
    LEFT JOIN names USING (model)
"""


def export(
    store: Store, target: Path | str, *, extractor: str, grader: str, golds: Mapping[str, str] | None = None
) -> int:
    """Write every attempt in the store once, with what is known of its answer; nothing is extracted or graded.

    Columns: model (its name), model_key, problem, draw, index, first, seed, tokens, finish, text, answer, truncated,
    gold, verdict, rung. Those from answer on are null where the text was not searched or the answer not graded yet, or
    where there is no gold for the problem.

    Args:
        store: the store.
        target: a new ``.jsonl`` file, or a new folder for Parquet files, one per model and draw, which
            ``datasets.load_dataset(folder, split="train")`` reads.
        extractor: version and policy whose answers to take (not ``any_box``).
        grader: version whose verdicts to take.
        golds: gold by problem key; only attempts at these problems are written. All, without verdicts, by default.

    Returns:
        Number of attempts written.

    Raises:
        MathbError: the target exists or cannot be written, or a damaged file in the store.
    """
    target = Path(target)
    if target.exists():
        raise MathbError(f"{target} exists already; name a new .jsonl file or folder, or move this one away.")
    names = {key: model.get("name") for key, model in store.models().items()}
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")

    def write(views: DuckDBPyConnection) -> int:
        _remove(temporary)  # of an earlier try, which a compaction disturbed
        with_golds(views, golds)
        columns = [pa.array(names.keys(), pa.string()), pa.array(names.values(), pa.string())]
        views.register("names", pa.table(columns, ["model", "model_name"]))
        views.execute("SET VARIABLE extractor = $1", [extractor])
        views.execute("SET VARIABLE grader = $1", [grader])
        chosen = f"{_ROWS} {'' if golds is None else 'WHERE gold IS NOT NULL'}"
        if target.suffix == ".jsonl":
            return _copy(views, f'{chosen} ORDER BY model_key, draw, problem, "index"', temporary, "json")
        temporary.mkdir()
        draws = views.execute("SELECT DISTINCT model, draw FROM attempts ORDER BY ALL").fetchall()
        written = 0
        for number, (model, draw) in enumerate(draws):
            views.execute("SET VARIABLE model = $1", [model])
            views.execute("SET VARIABLE draw = $1", [draw])
            # Of model and draw nothing is in the name: a draw "test" would be another split to `datasets`.
            path = temporary / f"train-{number:05d}-of-{len(draws):05d}.parquet"
            mine = f"SELECT * FROM ({chosen}) WHERE model_key = getvariable('model') AND draw = getvariable('draw')"
            written += _copy(views, f'{mine} ORDER BY problem, "index"', path, "parquet, COMPRESSION zstd")
        return written

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written = run_on_views(store, write)
        os.replace(temporary, target)
    except OSError as error:
        raise MathbError(f"Cannot write {target} ({error.strerror or error}); name another place.") from error
    finally:
        _remove(temporary)
    return written


def _copy(views: DuckDBPyConnection, query: str, path: Path, form: str) -> int:
    quoted = str(path).replace("'", "''")
    return views.execute(f"COPY ({query}) TO '{quoted}' (FORMAT {form})").fetchone()[0]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
