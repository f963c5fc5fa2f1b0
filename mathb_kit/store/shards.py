"""One immutable file: written whole under a temporary name, renamed when it is safe on disk, checked when read."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError


class ShardGone(MathbError):
    """A file was deleted between being listed and being read; a new listing shows where its rows are."""


def new_shard_name() -> str:
    """A name that no other writer chooses; names sort by time, so that the earlier of two duplicates wins."""
    return f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}.parquet"


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


def write_table(path: Path, table: pa.Table) -> None:
    """Write one shard. Raises MathbError like `write_atomically`."""
    write_atomically(path, lambda stream: pq.write_table(table, stream, compression="zstd", write_page_checksum=True))


def read_shard(path: Path, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Read some columns of one file, with checksums.

    Raises:
        MathbError: the file cannot be opened (ShardGone: it is no longer there), or its content is damaged or not of
            this schema.
    """
    wanted = pa.schema([schema.field(name) for name in columns])
    with _naming(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(list(columns)).select(columns).cast(wanted)


def read_metadata(path: Path, read: Callable[[pq.FileMetaData], Any] = lambda footer: footer) -> Any:
    """``read`` of a file's footer; no rows are read. Raises MathbError like `read_shard`, also where ``read`` fails."""
    with _naming(path):
        return read(pq.read_metadata(path))


def check_footer(path: Path, schema: pa.Schema) -> None:
    """Raises MathbError like `read_shard` if the file is cut short or lacks a column of this schema."""
    with _naming(path):
        columns = pq.read_schema(path)
        if any(columns.field(field.name).type != field.type for field in schema):
            raise ValueError("a column of another type")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns what goes wrong with a file into a sentence with its name and the remedy."""
    try:
        yield
    except FileNotFoundError as error:
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
        array = pa.array([_well_formed(v) for v in values], field.type, from_pandas=True)
    if array.null_count and not field.nullable:
        raise MathbError(f"The column {field.name!r} has {array.null_count} empty values; every row must have one.")
    return array


def _well_formed(value: Any) -> Any:
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value
