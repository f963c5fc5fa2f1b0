"""``mathb grade FILE.jsonl``: the same rows with verdict, answer and rung."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.grading.extraction import KINDS, extract
from mathb_kit.grading.grader import NO_ANSWER, Grader
from mathb_kit.problems.files import read_rows
from mathb_kit.progress import progress


def grade_file(path: str | Path, output: str | Path | None = None, *, workers: int | None = None) -> dict[str, int]:
    """Grade the rows {gold, prediction, kind?} of a JSONL file (``.zst`` is read and written compressed).

    The file is read twice, so it need not fit in memory: the first pass checks every row and grades, the second
    writes. Nothing is written unless every row is sound.

    Args:
        path: input; ``kind`` is ``response`` (default) or ``answer``.
        output: where the rows go with ``verdict``, ``answer`` and ``rung`` added; standard output by default. It is
            replaced in one step, and is never the input file.
        workers: processes for the symbolic rung.

    Returns:
        Number of rows per verdict.

    Raises:
        MathbError: a file that cannot be read or written, or a bad row (file and line are named).
    """
    path = Path(path)
    if output is not None:
        _check_output(path, Path(output))
    pairs: list[tuple[str, str | None]] = []
    distinct: dict[tuple[str, str | None], tuple[str, str | None]] = {}
    with progress(None, "reading answers", "rows") as bar:
        for where, row in read_rows(path):
            gold, prediction, kind = _fields(row, where)
            pair = (gold, extract(prediction, kind=kind).answer)
            pairs.append(distinct.setdefault(pair, pair))  # one object per distinct pair
            bar.update(1)
    with Grader(workers=workers) as grader:
        graded = grader.grade_all((gold, answer) for gold, answer in distinct if answer is not None)
    counts: Counter[str] = Counter()
    with _written(output) as stream:
        for pair, (_, row) in zip(pairs, read_rows(path), strict=True):
            verdict, rung = graded[pair] if pair[1] is not None else (NO_ANSWER, "extraction")
            counts[verdict] += 1
            # ASCII JSON: lone surrogates, which no encoding can hold, survive as escapes.
            stream.write(json.dumps({**row, "verdict": verdict, "answer": pair[1], "rung": rung}) + "\n")
    return dict(counts)


def _fields(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    texts = []
    for name in ("gold", "prediction"):
        value = row.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = json.dumps(value)
        if not isinstance(value, str):
            raise MathbError(f"{where}: the field {name!r} must be there and hold a text or a number.")
        texts.append(value)
    if not texts[0].strip():
        raise MathbError(f"{where}: the gold is empty, so nothing can be graded; leave the row out.")
    kind = row.get("kind", "response")
    if kind not in KINDS:
        raise MathbError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}.")
    return texts[0], texts[1], kind


def _check_output(path: Path, output: Path) -> None:
    same = output.resolve() == path.resolve() or (path.exists() and output.exists() and output.samefile(path))
    if same:
        raise MathbError(f"The output {output} is the input file itself; give another name.")
    if output.is_dir() or not output.resolve().parent.is_dir():
        raise MathbError(f"The output {output} is a folder or lies in none; give a file in a folder that exists.")


@contextmanager
def _written(output: str | Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout
        return
    import zstandard

    target = Path(output).resolve()  # through a symbolic link, so that the link stays
    if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
        with target.open("w") as stream:
            yield stream
        return
    with whole_file(target, "nothing was changed there.") as raw:
        is_packed = target.suffix == ".zst"
        with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) if is_packed else nullcontext(raw) as sink:
            stream = io.TextIOWrapper(sink, encoding="ascii")
            yield stream
            stream.flush()
            stream.detach()
