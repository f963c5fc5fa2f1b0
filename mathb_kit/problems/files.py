"""Rows of ``.jsonl``, ``.jsonl.zst`` and ``.parquet`` files, each with its place for error messages."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.settings import parse_json, read_json

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".jsonl", ".jsonl.zst")

Rows = Iterable[tuple[str, dict[str, Any]]]
"""(place, row) pairs; the place goes into error messages."""

_BLOCK = 1 << 20  # bytes read at a time
_LONGEST_LINE = 1 << 26  # bytes; a whole book is shorter
# What unpacks to more than both is no file of texts but a bomb: texts shrink to a tenth, hardly ever to a hundredth.
_LARGEST, _THINNEST = 1 << 24, 1000
_CELL = 8  # bytes of a cell in memory, however often it is the same as the last


def record_beside(path: Path) -> dict[str, Any] | None:
    """What stands beside the file of a frozen set about its selection (``.provenance.json``); None where nothing does.

    Raises:
        MathbError: what stands there is not a JSON object.
    """
    beside = path.with_suffix(".provenance.json") if path.name else None  # a set made in memory has no file
    if beside is None or not beside.is_file():
        return None
    return read_json(beside, "construct the set again, or take the file away")


def data_folder() -> Path | None:
    """The folder of local copies that ``MATHB_DATA_DIR`` names, if it names one.

    Raises:
        MathbError: what it names is not a folder.
    """
    folder = os.environ.get("MATHB_DATA_DIR")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise MathbError(f"MATHB_DATA_DIR is {folder!r}, which is not a folder; correct it or unset it.")
    return Path(folder)


def find_copy(folder: Path, stems: Iterable[str]) -> Path | None:
    """The first file of a known suffix with one of these stems."""
    candidates = (folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def read_rows(path: Path, parse: Callable[[bytes], Any] = parse_json) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) of every row of a ``.jsonl``, ``.jsonl.zst`` or ``.parquet`` file.

    Lines end at ``\\n`` only: real statements hold U+2028, at which ``str.splitlines`` would break them. ``parse`` says
    what a line holds; of another tool's, `mathb_kit.settings.parse_json_of_others`.

    Raises:
        MathbError: a line that is no JSON object, or a file that cannot be opened or is damaged or truncated.
    """
    if path.name.endswith(".parquet"):
        yield from _parquet_rows(path)
        return
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = parse(line)
        except ValueError as error:  # not JSON, not UTF-8, or nested deeper than any row
            raise MathbError(f"{where} is not a JSON object in UTF-8 ({error}); mend or drop the line.") from error
        if not isinstance(row, dict):
            raise MathbError(f"{where} is not a JSON object but {type(row).__name__}; mend or drop the line.")
        yield where, row


def _lines(path: Path) -> Iterator[bytes]:
    blocks = _decompressed(path) if path.name.endswith(".zst") else _blocks(path)
    parts: list[bytes] = []  # of the line that has not ended yet
    length, number, first = 0, 1, True
    for block in blocks:
        if first and block:
            if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or block[:2].count(0) == 1:
                raise MathbError(f"{path} is in UTF-16; save it as UTF-8.")
            block, first = block.removeprefix(codecs.BOM_UTF8), False
        *lines, rest = block.split(b"\n")
        for line in lines:
            yield b"".join([*parts, line])
            parts, length, number = [], 0, number + 1
        parts.append(rest)
        length += len(rest)
        if length > _LONGEST_LINE:
            raise MathbError(f"{path}, line {number} is longer than {_LONGEST_LINE:,} bytes; no row is: mend the file.")
    if length:
        yield b"".join(parts)


def _blocks(path: Path, size: int | None = None) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while block := stream.read(size or _BLOCK):
                yield block
    except OSError as error:
        raise MathbError(f"{path} cannot be read ({error.strerror}); correct its name or its permissions.") from error


def _decompressed(path: Path) -> Iterator[bytes]:
    import zstandard

    frame, packed, unpacked = None, 0, 0
    try:
        for block in _blocks(path, 1 << 10):  # small, as one may unpack to 30,000 times its size
            packed += len(block)
            while block:  # a file may be several frames in a row
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                content = frame.decompress(block)
                unpacked += len(content)
                refuse_bomb(path, packed, unpacked)
                yield content
                block = frame.unused_data
                if frame.eof:
                    frame = None
    except zstandard.ZstdError as error:
        raise MathbError(f"{path} is damaged ({error}); fetch it again.") from error
    if frame is not None:
        raise MathbError(f"{path} is cut short; fetch it again.")


def refuse_bomb(path: Path, packed: int, unpacked: int, thinnest: int = _THINNEST) -> None:
    """MathbError where so many bytes of a file become so many, more than ``thinnest`` times as many."""
    if unpacked > max(_LARGEST, thinnest * packed):
        raise MathbError(
            f"{path} unpacks to more than {thinnest:,} times its size, as no text does, and is read no further; fetch "
            "it again."
        )


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a Parquet file, in which a text may stand once and be meant a million times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number, unpacked = 0, 0
    try:
        size, footer = path.stat().st_size, pq.read_metadata(path)
        columns = [footer.schema.column(index) for index in range(footer.num_columns)]
        chunks = [footer.row_group(group).column(index) for group in range(footer.num_row_groups)
                  for index in range(len(columns))]  # fmt: skip
        refuse_bomb(path, size, sum(max(chunk.total_uncompressed_size, _CELL * chunk.num_values) for chunk in chunks))
        # Read as dictionaries, so that what is meant often is there once until its cells are counted.
        plain = [column for column in columns if column.logical_type.type in ("NONE", "STRING")]
        texts = [column.path for column in plain if column.physical_type == "BYTE_ARRAY"]
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=10_000):
                own = sum(map(_cells, batch.columns))
                unpacked += own
                refuse_bomb(path, size, unpacked)
                few = max(1, batch.num_rows * _LARGEST // max(own, 1))
                for first in range(0, batch.num_rows, few):
                    for row in batch.slice(first, few).to_pylist():
                        number += 1
                        yield f"{path}, row {number}", row
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        why = "a text is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).split("\n", 1)[0]
        raise MathbError(f"{path} is not a readable Parquet file ({why}); fetch it again.") from error


def _cells(array: pa.Array) -> int:
    """Bytes of an array's cells, a dictionary's values counted wherever they are meant."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = _CELL * len(array)
    if pa.types.is_dictionary(array.type):
        return own + (pc.sum(pc.binary_length(array.dictionary).take(array.indices)).as_py() or 0)
    if pa.types.is_map(array.type):
        return own + _cells(array.keys) + _cells(array.items)
    if pa.types.is_struct(array.type):
        return own + sum(map(_cells, array.flatten()))
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return own + _cells(array.flatten())
    return max(own, array.nbytes)
