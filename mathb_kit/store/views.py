"""The store as DuckDB views: counting millions of attempts reads no text and little else.

The views show what is committed when they are opened, one row per attempt: of two writers' rows the older shard's, as
`Store.read_attempts` has it.

- ``attempts``: the columns of `mathb_kit.store.store.ATTEMPTS`, and ``shard``;
- ``answers``: those of ``ANSWERS``, ``shard`` and ``extractor``;
- ``grades``: those of ``GRADES`` and ``grader``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import pyarrow as pa

from mathb_kit.errors import MathbError
from mathb_kit.store.packs import PACK_PREFIX, Place, by_file, with_shards
from mathb_kit.store.shards import ShardGone, verify
from mathb_kit.store.store import Store, checked_name
from mathb_kit.store.tables import ANSWERS, ATTEMPTS, GRADES
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BY = ("model", "draw", "problem")
T = TypeVar("T")
_SQL = {pa.string(): "VARCHAR", pa.int32(): "INTEGER", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}
_COUNTS = ("attempts", "tokens", "truncated", "extracted", "answered")


def open_views(
    store: Store,
    *,
    texts: bool = True,
    damaged: dict[Path, str] | None = None,
    draw: tuple[str, str] | None = None,
) -> DuckDBPyConnection:
    """A DuckDB connection with the views ``attempts``, ``answers`` and ``grades``; nothing is copied into memory.

    A compaction that runs while the connection is in use deletes files under it: open it again then. DuckDB looks at no
    checksum, so all files are checked here.

    Args:
        store: the store.
        texts: whether completions will be read; without them opening is far cheaper.
        damaged: for who would rather see the rest: faulty files (or folders, where a pack is faulty) are left out, and
            the sentence about each is put in here.
        draw: model key and name of a draw, for who only wants ``attempts``, and those of this draw.

    Raises:
        MathbError: a file that is damaged, in the wrong folder, or was not written by mathb_kit.
    """
    import duckdb

    views = duckdb.connect()
    views.execute("SET temp_directory = $1", [str(Path(tempfile.gettempdir()) / "mathb-duckdb")])
    views.execute("SET preserve_insertion_order = false")
    read = _Reading(texts, damaged)
    _raw_view(views, store, "attempts", ATTEMPTS, read, "/".join(map(checked_name, draw)) if draw else "*/*")
    _distinct_view(views, "attempts", ("model", "draw", "problem"), "")
    if draw:
        return views
    _raw_view(views, store, "answers", ANSWERS, read, "*/*/*")
    _raw_view(views, store, "grades", GRADES, read, "*")
    _distinct_view(views, "answers", ("extractor", "model", "draw", "problem"), _of_attempts(views, store, read))
    views.execute(
        "CREATE VIEW grades AS SELECT * EXCLUDE (shard, row) FROM all_grades QUALIFY row_number() OVER "
        "(PARTITION BY grader, gold, answer ORDER BY shard, row) = 1"
    )
    return views


def counts(
    store: Store,
    *,
    by: Collection[str] = BY,
    extractor: str | None = None,
    grader: str | None = None,
    golds: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """What is in the store: totals of attempts, by model, draw and problem or by some of these.

    Args:
        store: the store; no text is read.
        by: names among model, draw, problem.
        extractor: version and policy whose answers count (not ``any_box``); without it all these counts are 0.
        grader: version whose verdicts count.
        golds: gold by problem key; only attempts at these problems are counted then.

    Returns:
        The columns of ``by`` (model is its key; its name comes before it), attempts, tokens (sampled), truncated (not
        ended by the model), extracted (attempts whose text was searched for an answer), answered (with an answer), and
        with a grader and golds also graded (those without an answer included) and correct; sorted by ``by``.

    Raises:
        MathbError: an unknown name in ``by``, a grader without golds, or a damaged file.
    """
    if not by or not set(by) <= set(BY):
        raise MathbError(f"Cannot count by {', '.join(by) or 'nothing'}; choose among {', '.join(BY)}.")
    if grader is not None and golds is None:
        raise MathbError("To count what is correct, give the golds of the problems, too.")
    graded = grader is not None
    keys = ", ".join(by)
    names = [*_COUNTS, *(["graded", "correct"] if graded else [])]
    sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in names)
    verdicts = (
        ", count(*) FILTER (answer IS NULL OR verdict IS NOT NULL) AS graded, "
        f"count(*) FILTER (verdict = '{Verdict.CORRECT}') AS correct"
    )
    joined = (
        "JOIN golds USING (problem) LEFT JOIN (SELECT gold, answer, verdict FROM grades WHERE grader = $grader) "
        "USING (gold, answer)"
    )
    among = "" if golds is None else "WHERE problem IN (SELECT problem FROM golds)"
    query = f"""
        SELECT {keys}, {sums} FROM (
            SELECT model, draw, problem, count(*) AS attempts, sum(tokens) AS tokens,
                count(*) FILTER (finish <> 'stop') AS truncated, 0 AS extracted, 0 AS answered
                {", 0 AS graded, 0 AS correct" if graded else ""}
            FROM attempts {among} GROUP BY ALL
            UNION ALL BY NAME
            SELECT model, draw, problem, 0 AS attempts, 0 AS tokens, 0 AS truncated, count(*) AS extracted,
                count(answer) AS answered {verdicts if graded else ""}
            FROM (SELECT * FROM answers WHERE extractor = $extractor {among.replace("WHERE", "AND")})
            {joined if graded else ""} GROUP BY ALL
        ) GROUP BY {keys} ORDER BY {keys}"""
    values = {"extractor": extractor, "grader": grader} if graded else {"extractor": extractor}
    table = run_on_views(store, lambda views: with_golds(views, golds).execute(query, values).df(), texts=False)
    if "model" in by:
        names = {key: description.get("name") for key, description in store.models().items()}
        table.insert(0, "name", table["model"].map(names))
    return table


def with_golds(views: DuckDBPyConnection, golds: Mapping[str, str] | None) -> DuckDBPyConnection:
    """The same connection with a table ``golds`` (problem, gold)."""
    pairs = list((golds or {}).items())
    columns = [pa.array([pair[i] for pair in pairs], pa.string()) for i in (0, 1)]
    views.register("golds", pa.table(columns, ["problem", "gold"]))
    return views


def _raw_view(
    views: DuckDBPyConnection, store: Store, kind: str, schema: pa.Schema, reading: _Reading, where: str
) -> None:
    """``all_<kind>``: every row of every file in the folders ``where``, with its shard and its row number."""
    # The version is the name of a folder: answers/<extractor>/<model key>/<draw>/<file>, grades/<grader>/<file>.
    versions = {"attempts": {}, "answers": {"extractor": -4}, "grades": {"grader": -2}}[kind]
    columns = ", ".join(
        [f'CAST("{field.name}" AS {_SQL[field.type]}) AS "{field.name}"' for field in schema]
        + [f"string_split(filename, '/')[{place}] AS {name}" for name, place in versions.items()]
    )
    folders = sorted((store.root / kind).glob(where))
    paths = [path for folder in folders for path in reading.files(folder, schema)]
    parts = []
    for shard, chosen in (
        ("parse_filename(filename)", [path for path in paths if not path.name.startswith(PACK_PREFIX)]),
        ("shard", [path for path in paths if path.name.startswith(PACK_PREFIX)]),
    ):
        if chosen:
            files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in chosen)
            # A folder above the store may be called draw=7, which is no column.
            read = f"read_parquet([{files}], filename = true, file_row_number = true, hive_partitioning = false)"
            parts.append(f"SELECT {columns}, {shard} AS shard, file_row_number AS row FROM {read}")
    if not parts:
        texts = [pa.field(name, pa.string()) for name in [*versions, "shard"]]
        fields = [*schema, *texts, pa.field("row", pa.int64())]
        views.register(f"no_{kind}", pa.schema(fields).empty_table())
        parts.append(f"SELECT * FROM no_{kind}")
    views.execute(f"CREATE VIEW all_{kind} AS {' UNION ALL BY NAME '.join(parts)}")


@dataclass(frozen=True)
class _Reading:
    """How files are checked before DuckDB reads them; see `open_views`."""

    texts: bool
    damaged: dict[Path, str] | None

    def files(self, folder: Path, schema: pa.Schema) -> list[Path]:
        """The files of a folder that hold its shards and can be read."""

        def checked(places: dict[str, Place]) -> list[Path]:
            paths = [path for path, _ in by_file(places)]  # a file whose shards are all in packs is not among them
            return [path for path in paths if self.passes(path, lambda: verify(path, schema, texts=self.texts))]

        found: list[Path] = []
        self.passes(folder, lambda: found.extend(with_shards(folder, checked)))
        return found

    def passes(self, path: Path, check: Callable[[], object]) -> bool:
        """Whether a check raises nothing. Raises what it raises unless faults are only noted."""
        try:
            check()
        except ShardGone:
            raise
        except MathbError as error:
            if self.damaged is None:
                raise
            self.damaged[path] = str(error)
            return False
        return True


def _distinct_view(views: DuckDBPyConnection, kind: str, keys: tuple[str, ...], where: str) -> None:
    """``<kind>``: of several rows of one attempt the one of the oldest shard.

    To rank all rows would cost as much as all else together, and hardly any problem has a row too many: those that have
    are found first, by one bit per index in blocks of 4,096, and only theirs are ranked.
    """
    columns = ", ".join(keys)
    views.execute(
        f"CREATE TABLE doubled_{kind} AS SELECT DISTINCT {columns} FROM (SELECT {columns} FROM all_{kind} {where} "
        f'GROUP BY {columns}, "index" // 4096 HAVING count(*) > bit_count(bitstring_agg("index" % 4096, 0, 4095)))'
    )
    rows = f"SELECT * EXCLUDE (row) FROM all_{kind}"
    distinct = f"{rows} {where}"
    if views.execute(f"SELECT count(*) FROM doubled_{kind}").fetchone() != (0,):
        distinct = (
            f"{rows} ANTI JOIN doubled_{kind} USING ({columns}) {where} UNION ALL BY NAME "
            f"{rows} SEMI JOIN doubled_{kind} USING ({columns}) {where} "
            f'QUALIFY row_number() OVER (PARTITION BY {columns}, "index" ORDER BY shard) = 1'
        )
    views.execute(f"CREATE VIEW {kind} AS {distinct}")


def _of_attempts(views: DuckDBPyConnection, store: Store, reading: _Reading) -> str:
    """The condition that an answer's attempts shard exists; empty where all do, which is the rule."""
    void: list[str] = []

    def look(extractor: str, model_key: str, draw: str) -> None:
        attempts = set(store.shards("attempts", model_key, draw))
        void.extend(name for name in store.shards("answers", extractor, model_key, draw) if name not in attempts)

    for folder in (store.root / "answers").glob("*/*/*"):
        reading.passes(folder, lambda: look(*folder.parts[-3:]))
    if not void:
        return ""
    views.register("void_names", pa.table({"shard": void}))
    views.execute("CREATE TABLE void AS SELECT DISTINCT shard FROM void_names")
    return "WHERE shard NOT IN (SELECT shard FROM void)"


def run_on_views(
    store: Store,
    use: Callable[[DuckDBPyConnection], T],
    *,
    texts: bool = True,
    damaged: dict[Path, str] | None = None,
    draw: tuple[str, str] | None = None,
) -> T:
    """``use`` with fresh views (see `open_views`), again from the start if a compaction deletes files meanwhile.

    Raises:
        MathbError: a damaged file, or a disk that DuckDB cannot read or write.
    """
    import duckdb

    for last_try in (False, False, False, False, True):
        files = set(store.root.rglob("*.parquet"))
        try:
            with open_views(store, texts=texts, damaged=damaged, draw=draw) as views:
                return use(views)
        except (ShardGone, duckdb.Error) as error:
            if not last_try and not files <= set(store.root.rglob("*.parquet")):
                continue
            if isinstance(error, MathbError):
                raise
            raise MathbError(
                f"DuckDB could not go on with the store {store.root}: {str(error).splitlines()[0]} If that names a "
                "file of the store, delete it and run again: what it held is made anew, everything else is kept."
            ) from error
    raise AssertionError("the last try returns or raises")
