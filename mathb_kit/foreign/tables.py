"""A table in a file, as texts and numbers, whoever wrote it."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from pathlib import Path

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.problems.files import read_rows, refuse_bomb
from mathb_kit.settings import parse_json_of_others

_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_SUFFIXES = (".csv", ".tsv", ".gz", ".jsonl", ".json", ".zst", ".parquet", ".eval")
_THINNEST = 100  # a table of numbers shrinks to a fiftieth at most
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_counts_table(path: Path | str) -> pd.DataFrame:
    """All rows of a CSV (with a header; ``.tsv`` by tabs; ``.gz``), JSON lines or Parquet file.

    Cells of CSV stay texts, "" where empty.

    Raises:
        MathbError: no such file, another encoding, another delimiter, rows cut short, no rows.
    """
    path = Path(path)
    if not path.is_file():
        raise MathbError(f"There is no file {path}; correct the path.")
    rows = () if path.name.endswith(_CSV) else [row for _, row in read_rows(path, parse_json_of_others)]
    table = _read_csv(path) if path.name.endswith(_CSV) else pd.DataFrame(rows)
    if not len(table):
        raise MathbError(f"{path} has no rows; export it again.")
    return table


def refuse_utf_16(path: Path) -> None:
    """MathbError where a file begins as UTF-16 does."""
    with path.open("rb") as stream:
        if stream.read(2) in _UTF_16:
            raise MathbError(f"{path} is in UTF-16; save it as UTF-8.")


def stem_of(path: Path) -> str:
    """The file's name without the suffixes of tables and logs; dots within stay."""
    name = path.name
    while (shorter := name.removesuffix(Path(name).suffix)) != name and Path(name).suffix in _SUFFIXES:
        name = shorter
    return name


def _read_csv(path: Path) -> pd.DataFrame:
    refuse_utf_16(path)
    mark = "\t" if ".tsv" in path.suffixes else ","
    try:
        source = _unzipped(path) if path.suffix == ".gz" else path
        table = pd.read_csv(source, dtype=str, keep_default_na=False, sep=mark, encoding="utf-8-sig")
    except (ValueError, OSError, EOFError, zlib.error) as error:  # pandas' parser errors, broken UTF-8 or gzip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MathbError(f"{path} is not a whole CSV file with a header ({reason}); save it anew.") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what the header does not name for an index
        raise MathbError(f"{path} has rows with more cells than its header has columns; save it anew.")
    other = next((name for sign, name in _DELIMITERS.items() if sign != mark and sign in str(table.columns[0])), None)
    if table.shape[1] == 1 and other:
        raise MathbError(f"{path} separates its columns by {other}; save it with commas, or with tabs as .tsv.")
    return table


def _unzipped(path: Path) -> io.BytesIO:
    content, packed = io.BytesIO(), path.stat().st_size
    with gzip.open(path) as stream:
        while block := stream.read(1 << 20):
            content.write(block)
            refuse_bomb(path, packed, content.tell(), _THINNEST)
    content.seek(0)
    return content
