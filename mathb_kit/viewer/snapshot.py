"""What the store held at one moment, without texts, in memory: every page is a query of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa

from mathb_kit.errors import MathbError
from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION
from mathb_kit.store import Store
from mathb_kit.store.views import run_on_views, with_golds
from mathb_kit.verdicts import Verdict
from mathb_kit.viewer.sets import ProblemSets, set_of

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

T = TypeVar("T")
POLICY = "last_box"
CURRENT = f"{EXTRACTOR_VERSION}-{POLICY}"

# An answer belongs to a text of its own shard. Whether there was an answer can be told without a gold.
_ROWS = f"""
    SELECT model, draw, split_part(problem, '/', 1) AS "set", problem, "index", shard, tokens, finish, answer,
        found IS NOT NULL AS is_read,
        CASE WHEN found AND answer IS NULL THEN '{Verdict.NO_ANSWER}' ELSE verdict END AS verdict, rung
    FROM attempts
    LEFT JOIN versions USING (model, draw)
    LEFT JOIN (SELECT model, draw, problem, "index", shard, extractor, answer, true AS found FROM answers)
        USING (model, draw, problem, "index", shard, extractor)
    LEFT JOIN golds USING (problem)
    LEFT JOIN (SELECT grader, gold, answer, verdict, rung FROM grades) USING (grader, gold, answer)
    ORDER BY model, draw, "set", problem, "index"
"""
# How many attempts of a draw each extractor read, and each grader then decided.
_READ = f"""
    SELECT model, draw, extractor, count(*) FILTER (answer IS NULL) AS blank FROM answers
    WHERE ends_with(extractor, '-{POLICY}') GROUP BY ALL
"""
_GRADED = f"""
    SELECT model, draw, extractor, grader, sum(n) AS graded FROM (
        SELECT model, draw, extractor, gold, answer, count(*) AS n FROM answers JOIN golds USING (problem)
        WHERE answer IS NOT NULL AND ends_with(extractor, '-{POLICY}') GROUP BY ALL
    ) JOIN grades USING (gold, answer) GROUP BY ALL
"""
_PROBLEMS = f"""
    CREATE TABLE tried AS SELECT model, draw, "set", problem, count(*) AS n,
        count(*) FILTER (verdict = '{Verdict.CORRECT}') AS c,
        count(*) FILTER (verdict = '{Verdict.WRONG}') AS wrong,
        count(*) FILTER (verdict = '{Verdict.NO_ANSWER}') AS no_answer,
        count(*) FILTER (verdict = '{Verdict.GRADER_FAILED}') AS grader_failed,
        count(*) FILTER (verdict IS NULL) AS ungraded,
        count(*) FILTER (finish <> 'stop') AS truncated, sum(tokens) AS tokens
    FROM attempts GROUP BY ALL
"""


class Version(NamedTuple):
    """Which extractor and grader a draw's verdicts are by; None where it has none."""

    extractor: str | None
    grader: str | None

    @property
    def is_current(self) -> bool:
        return self.extractor in (CURRENT, None) and self.grader in (GRADER_VERSION, None)  # None: nothing to grade


@dataclass
class Snapshot:
    """Tables ``attempts`` (one row per attempt), ``tried`` (one per model, draw and problem) and ``problems``.

    Attributes:
        store: what was read; texts are still in it.
        sets: the problems.
        taken: when.
        models: description by key, as the store has it.
        versions: by (model key, draw).
        damaged: sentences about files that were left out.
    """

    store: Store
    sets: ProblemSets
    taken: datetime
    models: Mapping[str, Mapping[str, Any]]
    versions: Mapping[tuple[str, str], Version]
    damaged: list[str]
    _tables: DuckDBPyConnection = field(repr=False)
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def is_empty(self) -> bool:
        return not self.versions

    @property
    def runs(self) -> Path:
        """The runs folder, in which the store lies beside training runs and problem sets."""
        return self.store.root.parent

    def ask(self, query: str, *values: Any, **tables: pa.Table) -> pd.DataFrame:
        """The rows of an SQL query; ``?`` stand for the values, names for further tables. Any thread may ask."""
        with self._asking(query, values, tables) as answer:
            return answer.df()

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The same as dictionaries, for a few rows; what is missing is None."""
        with self._asking(query, values) as answer:
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row)) for row in answer.fetchall()]

    @contextmanager
    def _asking(
        self, query: str, values: tuple[Any, ...], tables: Mapping[str, pa.Table] = {}
    ) -> Iterator[DuckDBPyConnection]:
        with self._tables.cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            try:
                yield cursor.execute(query, list(values))
            except RuntimeError as error:  # what DuckDB makes of a Ctrl-C
                if "interrupted" in str(error):
                    raise KeyboardInterrupt from error
                raise

    def keep(self, key: Any, make: Callable[[], T]) -> T:
        """``make()``, made once for this snapshot; who asks for it meanwhile waits."""
        if key not in self.kept:
            with self._lock:
                if key not in self.kept:
                    self.kept[key] = make()
        return self.kept[key]

    def label(self, model: str) -> str:
        """What a model is called: its name, with a piece of its key where several are called so."""
        names = [description.get("name") for description in self.models.values()]
        name = str(self.models.get(model, {}).get("name") or model)
        return name if names.count(name) < 2 else f"{name} ({model[:6]})"


def store_of(folder: Path | None) -> Store:
    """The store that a folder is, or that lies in a runs folder; the common one where None. Raises MathbError: none."""
    if folder is None:
        return Store()
    for place in (folder / "store", folder):
        if (place / "attempts").is_dir():
            return Store(place.resolve())
    if not folder.is_dir():
        raise MathbError(f"There is no folder {folder}; name a runs folder, or the store in it.")
    raise MathbError(
        f"{folder} holds no store (neither store/attempts nor attempts); name a runs folder, or the store in it."
    )


def take_snapshot(store: Store, sets: ProblemSets) -> Snapshot:
    """Read all of a store but its texts.

    A faulty file is left out and told of; the rest is there.
    """
    import duckdb

    damaged: dict[Path, str] = {}
    taken = datetime.now()
    models = _models(store, damaged)

    def read(views: DuckDBPyConnection) -> tuple[pa.Table, dict[tuple[str, str], Version]]:
        keys = [key for (key,) in views.execute("SELECT DISTINCT problem FROM attempts").fetchall()]
        with_golds(views, sets.golds(keys))
        versions = _choose_versions(views, store)
        columns = [(model, draw, *version) for (model, draw), version in versions.items()]
        arrays = [pa.array([row[i] for row in columns], pa.string()) for i in range(4)]
        views.register("versions", pa.table(arrays, ["model", "draw", "extractor", "grader"]))
        return views.sql(_ROWS).to_arrow_table(), versions

    rows, versions = run_on_views(store, read, texts=False, damaged=damaged)
    tables = duckdb.connect()
    tables.register("rows", rows)
    tables.execute("CREATE TABLE attempts AS SELECT *, finish <> 'stop' AS truncated FROM rows")
    tables.unregister("rows")
    tables.execute(_PROBLEMS)
    keys = {key for (key,) in tables.execute("SELECT DISTINCT problem FROM tried").fetchall()}
    tables.register("problem_rows", _problem_rows(keys, sets))
    tables.execute("CREATE TABLE problems AS SELECT * FROM problem_rows")
    tables.unregister("problem_rows")
    return Snapshot(store, sets, taken, models, versions, list(damaged.values()), tables)


def _models(store: Store, damaged: dict[Path, str]) -> dict[str, dict[str, Any]]:
    try:
        return store.models()
    except MathbError as error:
        damaged[store.root / "models"] = str(error)
        return {}


def _choose_versions(views: DuckDBPyConnection, store: Store) -> dict[tuple[str, str], Version]:
    """For each draw the extractor and grader that decided most of its attempts.

    Of equals the installed ones, then the newest. A change of the grader leaves older verdicts in the store, and until
    they are made anew these are what there is to see.
    """
    draws = views.execute("SELECT DISTINCT model, draw FROM attempts ORDER BY ALL").fetchall()
    newest = {folder.name: max((path.name for path in folder.glob("*.parquet")), default="")
              for folder in (store.root / "grades").glob("*")}  # fmt: skip
    candidates: dict[tuple[str, str], list[tuple[Any, ...]]] = {draw: [] for draw in draws}
    blank = {}
    for model, draw, extractor, count in views.execute(_READ).fetchall():
        blank[model, draw, extractor] = count
        candidates.get((model, draw), []).append((count, extractor == CURRENT, "", Version(extractor, None)))
    for model, draw, extractor, grader, count in views.execute(_GRADED).fetchall():
        version = Version(extractor, grader)
        decided = count + blank[model, draw, extractor]
        told = decided, version.is_current, newest.get(grader, ""), version
        candidates.get((model, draw), []).append(told)  # answers may have lost their attempts
    nothing = Version(None, None)
    return {draw: max(some, key=lambda each: each[:3])[-1] if some else nothing for draw, some in candidates.items()}


def _problem_rows(keys: set[str], sets: ProblemSets) -> pa.Table:
    """One row per problem met: problem, set, id, place in the set, statement, gold (null where not to be had)."""
    names = sorted({set_of(key) for key in keys})
    known = {p.key: (place, p.id, p.statement, p.gold) for n in names for place, p in enumerate(sets.get(n) or ())}
    rows = []
    for number, key in enumerate(sorted(keys)):
        place, id_, statement, gold = known.get(key, (number, key.partition("/")[2].rpartition("@")[0], None, None))
        rows.append((key, set_of(key), id_, place, statement, gold))
    types = {"problem": pa.string(), "set": pa.string(), "id": pa.string(), "place": pa.int64(),
             "statement": pa.string(), "gold": pa.string()}  # fmt: skip
    columns = [pa.array([row[i] for row in rows], type_) for i, type_ in enumerate(types.values())]
    return pa.table(columns, list(types))
