"""One immutable file: written whole under a temporary name, renamed when it is safe on disk, checked when read.

Parquet has checksums of its pages, which DuckDB does not look at, and none of their headers and of the footer, where a
flipped bit moves, renames or hides columns. The footer therefore holds hashes: of itself (with zeros in that hash's own
place), which every reader of ours checks, and of every column's bytes, which are checked before DuckDB reads them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.settings import well_formed


class ShardGone(MathbError):
    """A file was deleted between being listed and being read; a new listing shows where its rows are."""


_KEY, _DIGITS = b"mathb_hashes", 32
# As Thrift writes the pair: our key, the length of the value, the value.
_HASHES = re.compile(_KEY + rb"\x18.{1,2}?sha256:([0-9a-f]{%d})([0-9a-f]*)" % _DIGITS, re.DOTALL)
_TIME = re.compile(r"(?:pack-)?(\d{20})-")


def new_shard_name(folder: Path) -> str:
    """A name that no other writer chooses, which sorts after those in the folder: of two duplicates the earlier wins.

    The names tell times, but a clock may have been set back since.
    """
    times = [int(match[1]) for name in shard_names(folder) if (match := _TIME.match(name))]
    return f"{max([time.time_ns(), *(last + 1 for last in times)]):020d}-{uuid.uuid4().hex[:12]}.parquet"


def shard_time(name: str) -> datetime | None:
    """When a shard was written, by its name; None of a name that tells no time."""
    match = _TIME.match(name)
    return datetime.fromtimestamp(int(match[1]) / 1e9, UTC) if match else None


def shard_names(folder: Path) -> list[str]:
    """Committed files of a folder, oldest first. Left-over temporary files are hidden and never read."""
    if not folder.is_dir():
        return []
    return sorted(name for name in os.listdir(folder) if name.endswith(".parquet"))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make ``path`` appear with its whole content, or not at all.

    Raises:
        MathbError: the folder cannot be written (full disk, quota, permissions); no temporary file stays behind.
    """
    remedy = "free space there or point MATHB_RUNS at another disk, then run again: what was committed before is kept."
    with whole_file(path, remedy) as stream:
        write(stream)


@contextmanager
def parquet_writer(stream: BinaryIO, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of a file with checksums of its pages, and hashes of its columns and its footer."""
    with pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True) as writer:
        yield writer
        writer.add_key_value_metadata({_KEY: b"sha256:" + b"0" * _DIGITS * (1 + len(schema))})
    start, footer = _footer(stream)
    metadata = pq.read_metadata(pa.BufferReader(footer + len(footer).to_bytes(4, "little") + b"PAR1"))
    own, columns = _HASHES.search(footer).regs[1:]
    hashes = b"".join(_column_hash(stream, metadata, number) for number in range(metadata.num_columns))
    footer = footer[: columns[0]] + hashes + footer[columns[1] :]
    stream.seek(start)
    stream.write(footer[: own[0]] + _footer_hash(footer) + footer[own[1] :])
    stream.seek(0, os.SEEK_END)


def write_table(path: Path, table: pa.Table) -> None:
    """Write one shard. Raises MathbError like `write_atomically`."""

    def write(stream: BinaryIO) -> None:
        with parquet_writer(stream, table.schema) as writer:
            writer.write_table(table)

    write_atomically(path, write)


def read_shard(path: Path, schema: pa.Schema, columns: Sequence[str], *, more: bool = False) -> pa.Table:
    """Read some columns of one file, with checksums; with ``more`` also those that the schema does not know.

    Raises:
        MathbError: the file cannot be opened (ShardGone: it is no longer there), its content is damaged or not of
            this schema, or it lies in the folder of another model or draw.
    """
    with _opened(path) as file:
        _check_place(path, file.metadata)
        wanted = pa.schema([schema.field(name) for name in columns])
        if more:
            wanted = pa.schema([*wanted, *other_columns(file.schema_arrow, schema)])
        table = file.read(wanted.names).select(wanted.names).cast(wanted)
        table.validate(full=True)  # a text that is no UTF-8 would fail far from here
        return table


def read_matching(
    path: Path, schema: pa.Schema, columns: Sequence[str], among: Mapping[str, Collection[str]]
) -> pa.Table:
    """Rows of one file, with checksums, whose text columns in ``among`` hold one of these values.

    Row groups in which, by the file's own statistics, there is no such row are not read: a few texts out of a large
    file are cheap. Columns of ``among`` that the file lacks are not looked at.

    Raises:
        MathbError: like `read_shard`.
    """
    with _opened(path) as file:
        _check_place(path, file.metadata)
        among = {name: list(values) for name, values in among.items() if name in file.schema_arrow.names}
        numbers = [n for n in range(file.num_row_groups) if _may_hold(file.metadata.row_group(n), among)]
        types = {field.name: field.type for field in schema}
        names = list(dict.fromkeys([*columns, *among]))
        table = file.read_row_groups(numbers, names).select(names)
        table = table.cast(pa.schema([pa.field(name, types.get(name, pa.string())) for name in names]))
        for name, values in among.items():
            table = table.filter(pc.is_in(table[name], pa.array(values, pa.string())))
        table.validate(full=True)
        return table


def _may_hold(group: pq.RowGroupMetaData, among: Mapping[str, Collection[str]]) -> bool:
    columns = {group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)}
    for name, values in among.items():
        told = columns[name].statistics
        if told is not None and told.has_min_max and not any(told.min <= value <= told.max for value in values):
            return False
    return True


def other_columns(columns: pa.Schema, schema: pa.Schema) -> list[pa.Field]:
    """Columns of a file that a schema does not know; ``shard`` is of packs."""
    return [column.with_metadata(None) for column in columns if column.name not in (*schema.names, "shard")]


def read_metadata(path: Path, read: Callable[[pq.FileMetaData], Any] = lambda footer: footer) -> Any:
    """``read`` of a file's footer; no rows are read. Raises MathbError like `read_shard`, also where ``read`` fails."""
    with _opened(path) as file:
        return read(file.metadata)


def verify(path: Path, schema: pa.Schema, *, texts: bool = True) -> None:
    """Check a file for a reader that does not, without ``texts`` all but the text: raises MathbError like `read_shard`.

    Numbers and texts may be of other widths than the schema's (int64, large_string, dictionaries).
    """
    with _opened(path) as file:
        _check_place(path, file.metadata)
        found = file.schema_arrow
        for field in schema:
            if _kind(found.field(field.name).type) != _kind(field.type):
                raise ValueError("a column of another type")
        read = [name for name in found.names if texts or name != "text"]
        with path.open("rb") as stream:
            if hashes := _HASHES.search(_footer(stream)[1]):
                for number in map(found.get_field_index, read):
                    told = hashes[2][number * _DIGITS : (number + 1) * _DIGITS]
                    if _column_hash(stream, file.metadata, number) != told:
                        raise ValueError("a column with another hash")
                return
    with _opened(path, read_dictionary=[name for name in read if _kind(found.field(name).type) == "text"]) as file:
        for batch in file.iter_batches(batch_size=1 << 16, columns=read):  # an older version's, or another tool's
            batch.validate(full=True)
            for field in schema:
                if field.name in read and not field.nullable and batch.column(field.name).null_count:
                    raise ValueError("a value is missing")


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_integer(type_):
        return "integer"
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return "text" if any(is_text(type_) for is_text in texts) else str(type_)


def _check_place(path: Path, metadata: pq.FileMetaData) -> None:
    """A shard that was moved would be another draw's or another model's: its columns say where it belongs."""
    own = {metadata.schema.column(number).path: number for number in range(metadata.num_columns)}
    if not {"model", "draw"} <= own.keys():  # of verdicts: they belong to a grader
        return
    for group in range(metadata.num_row_groups):
        for column, folder in (("model", path.parent.parent.name), ("draw", path.parent.name)):
            told = metadata.row_group(group).column(own[column]).statistics
            if told is not None and told.has_min_max and (odd := {told.min, told.max} - {folder}):
                raise MathbError(
                    f"The shard {path} holds rows of the {column} {min(odd)!r}, not of its folder's {folder!r}; move "
                    "it back to where it belongs, or delete it."
                )


@contextmanager
def _opened(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    with _naming(path):
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
            raise ValueError("no regular file")
        with path.open("rb") as stream:
            _, footer = _footer(stream)
            hashes = _HASHES.search(footer)
            if hashes and hashes[1] != _footer_hash(footer):
                raise ValueError("a footer with another hash")
        with pq.ParquetFile(path, page_checksum_verification=True, **options) as file:
            _check_size(path, file.metadata)
            yield file


def _check_size(path: Path, metadata: pq.FileMetaData) -> None:
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise MathbError(
            f"The shard {path} says that it unpacks to {size / 2**30:,.0f} GiB, more than this machine's memory; read "
            "it on a larger one, or delete this file and run again."
        )


def _footer(stream: BinaryIO) -> tuple[int, bytes]:
    """Where a file's footer starts, and its bytes."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    length = int.from_bytes(stream.read(4), "little")
    start = size - 8 - length
    if start < 4:
        raise ValueError("no footer")
    stream.seek(start)
    return start, stream.read(length)


def _footer_hash(footer: bytes) -> bytes:
    start, end = _HASHES.search(footer).span(1)
    return _digits(hashlib.sha256(footer[:start] + b"0" * _DIGITS + footer[end:]))


def _column_hash(stream: BinaryIO, metadata: pq.FileMetaData, number: int) -> bytes:
    hashed = hashlib.sha256()
    for group in range(metadata.num_row_groups):
        column = metadata.row_group(group).column(number)
        dictionary = column.dictionary_page_offset
        stream.seek(column.data_page_offset if dictionary is None else min(dictionary, column.data_page_offset))
        hashed.update(stream.read(column.total_compressed_size))
    return _digits(hashed)


def _digits(hashed: Any) -> bytes:
    return hashed.hexdigest()[:_DIGITS].encode()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what goes wrong with a file into a sentence with its name and the remedy."""
    try:
        yield
    except FileNotFoundError as error:
        if path.is_symlink():
            raise MathbError(f"The shard {path} is a link to a file that is not there; mend or delete it.") from error
        raise ShardGone(
            f"The shard {path} was deleted while it was being read (a compaction does that); run the same again."
        ) from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MathbError(f"Cannot open the shard {path}: {error.strerror}.") from error
        raise MathbError(
            f"The shard {path} is damaged or was not written by mathb_kit; delete this file and run again: what it "
            "held is made anew, everything else is kept."
        ) from error


def as_table(rows: Mapping[str, Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Columns (lists, arrays or a DataFrame) as an Arrow table of exactly this schema.

    Parquet text is UTF-8: lone surrogates, which have no UTF-8 form, become U+FFFD.

    Raises:
        MathbError: a column that must be filled holds nulls.
    """
    arrays = [as_array(rows[field.name], field) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def as_array(values: Sequence[Any], field: pa.Field) -> pa.Array | pa.ChunkedArray:
    """One column, see `as_table`."""
    try:
        array = pa.array(values, field.type, from_pandas=True)
    except UnicodeEncodeError:
        array = pa.array([well_formed(v) for v in values], field.type, from_pandas=True)
    if array.null_count and not field.nullable:
        raise MathbError(f"The column {field.name!r} has {array.null_count} empty values; every row must have one.")
    return array
