"""Packs: many shards in one file, so that a folder of thousands is read as fast as one of a few.

A pack holds shards of its folder whole and under their own names: the file's metadata lists them in order with their
numbers of rows, and a column ``shard`` names the shard of each row. Readers ask for shards, wherever they lie, so that
packing changes no answer. A shard that lies in two files is the same in both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, TypeVar

import pyarrow as pa

from mathb_kit.errors import MathbError
from mathb_kit.store.shards import (
    ShardGone,
    other_columns,
    parquet_writer,
    read_metadata,
    read_shard,
    shard_names,
    write_atomically,
)

PACK_PREFIX = "pack-"
_KEY = b"mathb_shards"
_GROUP_ROWS, _GROUP_BYTES = 2**17, 2**26  # a row group: what one read of a pack holds at least
_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """Where a shard lies: ``rows`` rows from row ``first`` of a file, or all of it."""

    path: Path
    first: int = 0
    rows: int | None = None


def file_names(folder: Path) -> list[str]:
    """Committed files of a folder, loose shards and packs.

    A compaction commits the pack before it deletes what went in. Whatever one listing misses because it was just
    deleted, a second listing that starts later therefore finds in its pack.
    """
    return sorted({*shard_names(folder), *shard_names(folder)})


def contents(path: Path) -> list[tuple[str, int | None]]:
    """(shard, rows) of a file, in its order; a loose shard holds itself.

    Raises:
        MathbError: the file is damaged, or is no pack although its name says so.
    """
    if not path.name.startswith(PACK_PREFIX):
        return [(path.name, None)]
    return [(name, rows) for name, rows, _ in _listed(path)[0]]


def sources(path: Path) -> list[tuple[str, int, str | None]]:
    """(shard, rows, provenance as JSON if it has one) of a file, out of its footer. Raises like `contents`."""
    if not path.name.startswith(PACK_PREFIX):
        footer = read_metadata(path)
        source = (footer.metadata or {}).get(b"provenance")
        return [(path.name, footer.num_rows, source.decode() if source else None)]
    listed, known = _listed(path)
    return [(name, rows, None if number is None else known[number]) for name, rows, number in listed]


def locate(folder: Path) -> dict[str, Place]:
    """Where each committed shard of a folder lies, oldest shard first. Raises MathbError like `contents`."""
    places = {}
    for file in file_names(folder):  # packs come after loose shards and are preferred
        first = 0
        for name, rows in contents(folder / file):
            places[name] = Place(folder / file, first, rows)
            first += rows or 0
    return dict(sorted(places.items()))


def with_shards(folder: Path, use: Callable[[dict[str, Place]], _T]) -> _T:
    """``use(locate(folder))``, from the start again if a compaction moves shards meanwhile."""
    for _ in range(100):
        try:
            return use(locate(folder))
        except ShardGone as error:
            gone = error
    raise gone


def by_file(places: Mapping[str, Place]) -> Iterator[tuple[Path, list[tuple[str, Place]]]]:
    """(file, its shards among these in order), each file once, in order of its first shard."""
    files: dict[Path, list[tuple[str, Place]]] = {}
    for name, place in places.items():
        files.setdefault(place.path, []).append((name, place))
    yield from files.items()


def read_places(
    places: Iterable[Place], read: Callable[[Path], pa.Table], keep: Callable[[pa.Table], pa.Table]
) -> list[pa.Table]:
    """Rows of these places that ``keep`` leaves, as tables in the order given; each file is read once."""
    runs: list[Place] = []
    for place in places:  # neighbours in a pack are read as one slice: a draw is mostly one run of thousands of shards
        last = runs[-1] if runs else None
        if last and place.rows is not None and last.path == place.path and last.first + last.rows == place.first:
            runs[-1] = Place(last.path, last.first, last.rows + place.rows)
        else:
            runs.append(place)
    tables: dict[int, pa.Table] = {}
    for path, group in groupby(sorted(enumerate(runs), key=lambda run: (run[1].path, run[0])), lambda run: run[1].path):
        table = read(path)
        for number, run in group:
            tables[number] = keep(table.slice(run.first, run.rows))
    return [tables[number] for number in range(len(runs))]


def write_pack(path: Path, places: Mapping[str, Place], schema: pa.Schema) -> None:
    """Write these shards as one pack; a part of them is in memory at a time.

    Raises:
        MathbError: a shard is damaged (ShardGone: it was deleted meanwhile), or the folder cannot be written.
    """
    packed = _packed(places, schema)
    known: list[str] = []  # the distinct provenances; most shards share one
    listed: list[tuple[str, int, int | None]] = []

    def write(stream: BinaryIO) -> None:
        with parquet_writer(stream, packed) as writer:
            waiting, rows, size = [], 0, 0
            for name, table, source in _shards(places, schema):
                if source is not None and source not in known:
                    known.append(source)
                listed.append((name, len(table), None if source is None else known.index(source)))
                columns = [_column(table, name, field) for field in packed]
                waiting.append(pa.Table.from_arrays(columns, schema=packed))
                rows, size = rows + len(table), size + table.nbytes
                if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting, rows, size = [], 0, 0
            if waiting:
                writer.write_table(pa.concat_tables(waiting))
            writer.add_key_value_metadata({_KEY: json.dumps({"shards": listed, "provenance": known})})

    write_atomically(path, write)


def _packed(places: Mapping[str, Place], schema: pa.Schema) -> pa.Schema:
    """The columns of a pack: the schema's, the name of the shard, and whatever else its shards hold."""
    others: dict[str, pa.Field] = {}
    for path, _ in by_file(places):
        for field in other_columns(read_metadata(path, lambda footer: footer.schema.to_arrow_schema()), schema):
            if (known := others.setdefault(field.name, field.with_nullable(True))).type != field.type:
                raise MathbError(
                    f"The column {field.name!r} is of the type {field.type} in {path} and {known.type} in another "
                    "shard, so they cannot be packed together; write it anew in one type."
                )
    return pa.schema([*schema, pa.field("shard", pa.string(), nullable=False), *others.values()])


def _column(table: pa.Table, shard: str, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    if field.name == "shard":
        return pa.repeat(shard, len(table))
    return table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type)


def _shards(places: Mapping[str, Place], schema: pa.Schema) -> Iterator[tuple[str, pa.Table, str | None]]:
    """(name, rows, provenance as JSON)."""
    for path, shards in by_file(places):
        table = read_shard(path, schema, schema.names, more=True)
        source_of = {name: source for name, _, source in sources(path)}
        for name, place in shards:
            yield name, table.slice(place.first, place.rows), source_of[name]


def _listed(path: Path) -> tuple[list[tuple[str, int, int | None]], list[str]]:
    """What a pack's metadata says: (shard, rows, number of its provenance), provenances."""
    return read_metadata(path, lambda footer: _checked(json.loads(footer.metadata[_KEY]), footer.num_rows))


def _checked(listing: dict, rows: int) -> tuple[list[tuple[str, int, int | None]], list[str]]:
    if sum(size for _, size, _ in listing["shards"]) != rows:
        raise ValueError("the list of shards does not fit the rows")
    return [tuple(entry) for entry in listing["shards"]], listing["provenance"]


def file_size(path: Path) -> int:
    """Bytes on disk; 0 if it was deleted meanwhile."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
