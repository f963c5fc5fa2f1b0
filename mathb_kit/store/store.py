"""The store: a folder of shards that several writers may add to at once and that any kill leaves whole.

::

    attempts/<model key>/<draw>/<shard>.parquet             texts, in whole chunks
    answers/<extractor>/<model key>/<draw>/<shard>.parquet  what was extracted from the attempts shard of that name;
                                                            <extractor> names its version and policy
    grades/<grader>/<shard>.parquet                         one verdict per distinct (gold, answer)
    models/<model key>.json                                 which model a key stands for

Shards are immutable. `mathb_kit.store.compaction` packs many of them into one file, in which they keep their names. Two
writers may do the same chunk: each commits a shard of its own, and readers keep the row of the older one, the same in
attempts and in answers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mathb_kit.errors import MathbError
from mathb_kit.places import store_root
from mathb_kit.settings import check_name, parse_json_of_others, read_json
from mathb_kit.store.packs import Place, by_file, read_places, sources, with_shards
from mathb_kit.store.shards import (
    ShardGone,
    as_array,
    as_table,
    new_shard_name,
    read_shard,
    write_atomically,
    write_table,
)
from mathb_kit.store.tables import ANSWERS, ATTEMPTS, GRADES

_WRITTEN_AGAIN = "delete it, the next run writes it again"


class Store:
    """Attempts, answers and grades under one folder.

    Args:
        root: the folder, made on the first commit; `store_root()` by default.

    Every method raises MathbError on a name unfit for a folder, a damaged shard, or a folder that cannot be written.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else store_root()
        self._sampled: dict[str, tuple[str | None, int]] = {}  # by attempts shard: engine and rows, for `engines`

    # Attempts

    def commit_attempts(
        self, model_key: str, draw: str, rows: Mapping[str, Sequence[Any]], provenance: Mapping[str, Any] | None = None
    ) -> str:
        """Add one shard of whole chunks and return its name; the rows are safe on disk on return.

        Args:
            model_key: key of the model.
            draw: name of the draw.
            rows: columns problem, index, first, seed, text (may be None), tokens, finish: lists or a DataFrame. Lone
                surrogates in a text are stored as U+FFFD.
            provenance: kept as JSON in the shard's own metadata, because engines may differ between shards.
        """
        table = as_table(self._keyed(model_key, draw, rows), ATTEMPTS)
        if provenance is not None:
            table = table.replace_schema_metadata({"provenance": json.dumps(provenance)})
        folder = self._folder("attempts", model_key, draw)
        name = new_shard_name(folder)
        write_table(folder / name, table)
        return name

    def done(self, model_key: str, draw: str) -> dict[str, set[int]]:
        """Indices of the committed attempts, by problem key (texts are not read)."""
        folder = self._folder("attempts", model_key, draw)
        frame = self._read(folder, ATTEMPTS, ["problem", "index"]).to_pandas()
        return {problem: set(indices.tolist()) for problem, indices in frame.groupby("problem")["index"]}

    def read_attempts(
        self,
        model_key: str,
        draw: str,
        problems: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
        first: int | None = None,
    ) -> pd.DataFrame:
        """Attempts, one row per (problem, index), sorted by both.

        Args:
            model_key: key of the model.
            draw: name of the draw.
            problems: problem keys to keep; all by default.
            columns: columns to return; all by default. Without ``text`` reading is far cheaper.
            first: how many of each problem, by index; all by default.
        """
        folder = self._folder("attempts", model_key, draw)
        return self._read_distinct(folder, ATTEMPTS, problems, columns, index=None if first is None else range(first))

    def read_text_hashes(self, model_key: str, draw: str, problems: Collection[str] | None = None) -> pd.DataFrame:
        """Attempts without their texts, which need not fit into memory together.

        Returns:
            problem, index, first, tokens, finish, text_hash (64 bits; NA where the text was dropped) and blank (nothing
            but white space; NA where dropped), sorted by problem and index.
        """
        columns = ["problem", "index", "first", "tokens", "finish", "text"]

        def hashed(path: Path) -> pa.Table:
            table = read_shard(path, ATTEMPTS, columns)
            texts = table["text"].to_pandas().astype(object)
            dropped = pa.array(texts.isna())
            hashes = pd.util.hash_array(texts.fillna("").to_numpy(dtype=object), categorize=True)
            blank = texts.fillna("").str.strip().eq("").to_numpy(dtype=bool)
            for name, values in (("text_hash", pa.array(hashes)), ("blank", pa.array(blank))):
                table = table.append_column(name, pc.if_else(dropped, pa.scalar(None, values.type), values))
            return table.drop_columns(["text"])

        wanted = None if problems is None else as_array(list(problems), ATTEMPTS.field("problem"))

        def kept(table: pa.Table) -> pa.Table:
            return table if wanted is None else table.filter(pc.is_in(table["problem"], wanted))

        folder = self._folder("attempts", model_key, draw)
        tables = with_shards(folder, lambda places: read_places(places.values(), hashed, kept))
        if not tables:
            return pd.DataFrame(columns=[*columns[:-1], "text_hash", "blank"])
        nullable = {pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()}
        frame = pa.concat_tables(tables).to_pandas(types_mapper=nullable.get)
        frame = frame.drop_duplicates(["problem", "index"])
        return frame.sort_values(["problem", "index"], ignore_index=True)

    def engines(self, model_key: str, draw: str) -> dict[str | None, int]:
        """Committed attempts by the engine that sampled them, as the shards' own provenance has it (None: no word).

        What two writers did twice counts twice. Only footers are read, each once in this object's life.
        """

        def look(places: Mapping[str, Place]) -> list[str]:
            for path, shards in by_file(places):
                if any(name not in self._sampled for name, _ in shards):
                    for name, rows, source in sources(path):
                        engine = json.loads(source).get("engine", {}) if source else {}
                        self._sampled[name] = engine.get("engine"), rows
            return list(places)

        totals: dict[str | None, int] = {}
        for name in with_shards(self._folder("attempts", model_key, draw), look):
            engine, rows = self._sampled[name]
            totals[engine] = totals.get(engine, 0) + rows
        return totals

    def totals(self) -> tuple[int, int]:
        """(attempts, sampled tokens) of all models and draws; what two writers did twice counts twice."""
        folders = (self.root / "attempts").glob("*/*")
        tokens = [self._read(folder, ATTEMPTS, ["tokens"])["tokens"] for folder in folders]
        return sum(map(len, tokens)), sum(pc.sum(column).as_py() or 0 for column in tokens)

    # Answers

    def pending_shards(self, extractor: str, model_key: str, draw: str) -> list[str]:
        """Names of the attempts shards that this extractor has not seen, oldest first."""
        seen = set(self.shards("answers", extractor, model_key, draw))
        return [name for name in self.shards("attempts", model_key, draw) if name not in seen]

    def pending_answers(self, extractor: str, model_key: str, draw: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """(name, attempts) of each of the `pending_shards`; one file at a time is in memory."""
        folder = self._folder("attempts", model_key, draw)
        pending = set(self.pending_shards(extractor, model_key, draw))
        tries = 0
        while pending:
            for path, shards in with_shards(folder, lambda places: list(by_file(places))):
                if wanted := [(name, place) for name, place in shards if name in pending]:
                    try:
                        table = read_shard(path, ATTEMPTS, ATTEMPTS.names)
                    except ShardGone:  # packed meanwhile: look where it is now
                        tries += 1
                        if tries == 100:
                            raise
                        break
                    for name, place in wanted:
                        pending.discard(name)
                        yield name, table.slice(place.first, place.rows).to_pandas()
            else:
                return

    def commit_answers(
        self, extractor: str, model_key: str, draw: str, shard: str, rows: Mapping[str, Sequence[Any]]
    ) -> None:
        """Keep what was extracted from one attempts shard.

        Args:
            extractor: version and policy of the extractor.
            model_key: key of the model.
            draw: name of the draw.
            shard: name that `pending_answers` gave.
            rows: columns problem, index, answer (may be None), truncated, tokens; one row per attempt of the shard.
        """
        table = as_table(self._keyed(model_key, draw, rows), ANSWERS)
        write_table(self._folder("answers", extractor, model_key, draw) / shard, table)

    def read_answers(
        self, extractor: str, model_key: str, draw: str, problems: Collection[str] | None = None
    ) -> pd.DataFrame:
        """Answers, one row per (problem, index), sorted by both; ``answer`` is null where there is none.

        Only answers whose attempts shard exists count: delete a damaged attempts shard, and its answers are void too.
        """
        folder = self._folder("answers", extractor, model_key, draw)
        attempts = set(self.shards("attempts", model_key, draw))
        return self._read_distinct(folder, ANSWERS, problems, shards=attempts)

    # Grades

    def write_grades(self, grader: str, rows: Mapping[str, Sequence[Any]]) -> None:
        """Add verdicts of one grader version: columns gold, answer, verdict, rung (may be None)."""
        folder = self._folder("grades", grader)
        write_table(folder / new_shard_name(folder), as_table(rows, GRADES))

    def read_grades(self, grader: str, golds: Collection[str] | None = None) -> pd.DataFrame:
        """Verdicts of one grader version on these golds (all by default); the first ever written on a pair holds."""
        folder = self._folder("grades", grader)
        frame = self._read(folder, GRADES, GRADES.names, gold=golds).to_pandas()
        return frame.drop_duplicates(["gold", "answer"], ignore_index=True)

    # Models

    def describe_model(self, model_key: str, description: Mapping[str, Any]) -> None:
        """Record what a model key stands for (name, settings, provenance), replacing an earlier record."""
        content = json.dumps(description, indent=2, sort_keys=True).encode()
        path = self._folder("models") / f"{checked_name(model_key)}.json"
        write_atomically(path, lambda stream: stream.write(content))

    def models(self) -> dict[str, dict[str, Any]]:
        """The descriptions on record, by model key."""
        descriptions = {}
        for path in sorted(self._folder("models").glob("*.json")):
            description = read_json(path, _WRITTEN_AGAIN, parse_json_of_others)
            if not isinstance(description.get("name"), str | None):
                raise MathbError(f"{path} names a model by what is no text; {_WRITTEN_AGAIN}.")
            descriptions[path.stem] = description
        return descriptions

    # Helpers

    def shards(self, kind: str, *names: str) -> list[str]:
        """Names of the committed shards of one folder, oldest first; `pending_answers` pairs by them."""
        return with_shards(self._folder(kind, *names), list)

    def _folder(self, kind: str, *names: str) -> Path:
        return self.root.joinpath(kind, *map(checked_name, names))

    @staticmethod
    def _keyed(model_key: str, draw: str, rows: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        n = len(rows["problem"])
        return {**{name: rows[name] for name in rows}, "model": [model_key] * n, "draw": [draw] * n}

    @staticmethod
    def _read(
        folder: Path,
        schema: pa.Schema,
        columns: Sequence[str],
        shards: Collection[str] | None = None,
        **among: Collection[Any] | None,
    ) -> pa.Table:
        """Rows of these shards (None: all), oldest first, whose columns in ``among`` hold a given value (None: any)."""

        def kept(table: pa.Table) -> pa.Table:
            for column, values in among.items():
                if values is not None:
                    table = table.filter(pc.is_in(table[column], as_array(list(values), schema.field(column))))
            return table

        tables = with_shards(
            folder,
            lambda places: read_places(
                [place for name, place in places.items() if shards is None or name in shards],
                lambda path: read_shard(path, schema, columns),
                kept,
            ),
        )
        return pa.concat_tables([pa.schema([schema.field(name) for name in columns]).empty_table(), *tables])

    def _read_distinct(
        self,
        folder: Path,
        schema: pa.Schema,
        problems: Collection[str] | None = None,
        columns: Sequence[str] | None = None,
        shards: Collection[str] | None = None,
        index: Collection[int] | None = None,
    ) -> pd.DataFrame:
        columns = list(schema.names if columns is None else columns)
        if unknown := [name for name in columns if name not in schema.names]:
            raise MathbError(f"The store has no column {unknown[0]!r}; choose among {', '.join(schema.names)}.")
        needed = list(dict.fromkeys([*columns, "problem", "index"]))
        frame = self._read(folder, schema, needed, shards, problem=problems, index=index).to_pandas()
        # The first of two rows is the older shard's. Attempts and answers both keep that one: an answer is never paired
        # with the other writer's text.
        frame = frame.drop_duplicates(["problem", "index"])
        return frame.sort_values(["problem", "index"], ignore_index=True)[columns]


def checked_name(name: str) -> str:
    """The name of a draw, a key or a version, if it can be a folder's. Raises MathbError: it cannot."""
    try:
        return check_name(name)
    except ValueError as error:
        raise MathbError(f"{error}; it is meant for a draw, a model key or a version.") from None
