"""A faulty problem set is one sentence that names the file, and never a number, a traceback or a hang."""

from __future__ import annotations

import re
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.problems import load_problems

ROW = b'{"problem": "1+1", "answer": "2"}\n'


def parquet(**columns: Any) -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), stream, write_page_checksum=True)
    return stream.getvalue().to_pybytes()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def bomb(text: bytes, size: int) -> bytes:
    """``size`` bytes of one text, packed to a ten-thousandth."""
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    block = text * (1 << 16)
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, packer.flush()])


NO_UTF_8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe"] * 2, pa.binary()).buffers())
WHOLE = parquet(problem=["what is one and one", "b"], answer=["1", "2"])

DIRTY = {
    "empty.jsonl": (b"", "is empty"),
    "blank.jsonl": (b"\n \n", "is empty"),
    "utf16.jsonl": ((ROW.decode() * 3).encode("utf-16"), "is in UTF-16; save it as UTF-8"),
    "utf16-big-no-mark.jsonl": ((ROW.decode() * 3).encode("utf-16-be"), "is in UTF-16"),
    "latin-1.jsonl": (ROW + b'{"problem": "caf\xe9", "answer": "2"}\n', "line 2 is not a JSON object in UTF-8"),
    "deep.jsonl": (ROW + b'{"problem": ' + b"[" * 100_000 + b"\n", r"line 2 is not .*nested too deeply"),
    "nan.jsonl": (b'{"problem": "x", "answer": NaN}\n', "line 1 .*NaN is not a value of JSON"),
    "infinite.jsonl": (b'{"problem": "x", "answer": -Infinity}\n', "line 1 .*-Infinity is not"),
    "digits.jsonl": (b'{"problem": "x", "answer": ' + b"9" * 5000 + b"}\n", "line 1 is not a JSON object"),
    "a-list.jsonl": (b"[1, 2]\n", "line 1 is not a JSON object but list"),
    "nulls.jsonl": (b'{"problem": null, "answer": null}\n', "line 1 has no"),
    "list-of-null.jsonl": (b'{"problem": [null], "answer": [null]}\n', "line 1: .* must be text or a number, not list"),
    "yes.jsonl": (b'{"problem": true, "answer": "1"}\n', "must be text or a number, not bool"),
    "no-gold.jsonl": (b'{"problem": "x"}\n', "none of the fields answer, gold"),
    "twice.jsonl": (b'{"id": 1, "problem": "x", "answer": "1"}\n' * 2, "line 2 has the id '1' of .*line 1"),
    "cut.jsonl": (ROW + ROW[:10], "line 2 is not a JSON object"),
    "zeros.jsonl": (bytes(100), "line 1 is not a JSON object"),
    "a-list-as-id.jsonl": (b'{"id": [1], "problem": "x", "answer": "1"}\n', "'id' must be text or a number"),
    "cut.jsonl.zst": (zstandard.compress(ROW * 1000)[:-5], "is cut short"),
    "no-frame.jsonl.zst": (b"hello", "is damaged"),
    "no-utf-8.parquet": (parquet(problem=NO_UTF_8, answer=["1", "2"]), "a text is not UTF-8"),
    "null.parquet": (parquet(problem=["a", None], answer=["1", "2"]), "row 2 has no 'problem'"),
    "lists.parquet": (parquet(problem=[["a"], None], answer=["1", "2"]), "must be text or a number, not list"),
    "bytes.parquet": (parquet(problem=["a"], answer=[b"1"]), "must be text or a number, not bytes"),
    "cut.parquet": (WHOLE[:-3], "not a readable Parquet file"),
    "flipped.parquet": (flipped(WHOLE, 40), "not a readable Parquet file"),
    "text.parquet": (b"hello", "not a readable Parquet file"),
    "no-rows.parquet": (parquet(problem=pa.array([], pa.string()), answer=pa.array([], pa.string())), "is empty"),
    "other-columns.parquet": (parquet(x=[1]), "none of the fields"),
}
BOMBS = {
    "lines.jsonl.zst": (b"\n", 400 << 20, "unpacks to more than 1,000 times its size"),
    "one-line.jsonl.zst": (b"x", 400 << 20, "unpacks to more than 1,000 times its size"),
    "one-row.jsonl.zst": (b'{"problem": " ', 200 << 20, "unpacks to more than 1,000 times its size"),
    "rows.jsonl.zst": (ROW, 400 << 20, "unpacks to more than 1,000 times its size"),
}


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def assert_one_sentence(words: list[str], message: str) -> None:
    """The command fails with status 2 and one line on stderr, and prints no result."""
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("mathb: ") and len(line) < 1000
    assert re.search(message, line), line


def on(path: Path | str) -> list[str]:
    return ["evaluate", "mini-base-1", "--on", str(path), "--attempts", "16", "--dry-run", "--json"]


@pytest.mark.parametrize("name", DIRTY)
def test_a_dirty_set_is_one_sentence(tmp_path, name):
    content, message = DIRTY[name]
    (tmp_path / name).write_bytes(content)
    assert_one_sentence(on(tmp_path / name), f"{tmp_path / name}.*{message}")


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_unpacked_in_pieces_and_left_where_it_grows_too_large(tmp_path, name):
    text, size, message = BOMBS[name]
    (tmp_path / name).write_bytes(bomb(text, size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert_one_sentence(on(tmp_path / name), message)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # kB; it unpacks to more


def test_a_line_without_end_is_left_where_no_row_is_that_long(tmp_path, monkeypatch):
    monkeypatch.setattr("mathb_kit.problems.files._LONGEST_LINE", 1 << 20)
    (tmp_path / "long.jsonl").write_bytes(ROW + b"x" * (3 << 20))
    assert_one_sentence(on(tmp_path / "long.jsonl"), "line 2 is longer than 1,048,576 bytes")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 3000 + ".jsonl", "cannot be used|no file"),
        ("folder.jsonl", "There is no file"),
        ("no\0name.jsonl", "There is no file|no such|NUL|null"),
        ("x" * 3000, "There is no problem set"),
    ],
)
def test_an_odd_name_of_a_set_is_one_sentence(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    assert_one_sentence(on(name), message)


def test_what_only_looks_odd_is_read(tmp_path):
    """Half a pair of surrogates, a zero character, a mark at the start, windows' line ends, numbers as golds."""
    file = tmp_path / "odd.jsonl"
    rows = [
        b'{"problem": "\\ud83d half", "answer": 2}',
        b'{"problem": "a\\u0000b", "answer": 2.5}',
        b'{"problem": "x", "gold": "1", "answer": "3"}',
    ]
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(rows))
    assert [problem.gold for problem in load_problems(file)] == ["2", "2.5", "3"]
