"""``mathb grade FILE.jsonl``: the same rows with verdict, answer and rung."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.grading.conventions import checked, under
from mathb_kit.grading.explanation import explain
from mathb_kit.grading.extraction import KINDS, extract
from mathb_kit.grading.grader import Grader
from mathb_kit.grading.model_judge import Cost, ModelJudge
from mathb_kit.problems.files import Rows, read_rows
from mathb_kit.progress import progress
from mathb_kit.settings import well_formed
from mathb_kit.verdicts import Verdict

SKIPPED = "skipped"
_MOST_LISTED = 20
_LABELS = ("expected", "label", "correct")


def grade_file(
    path: str | Path,
    output: str | Path | None = None,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    conventions: Iterable[str] = (),
    judge: ModelJudge | None = None,
) -> dict[str, int]:
    """Grade the rows {gold, prediction, kind?} of a JSONL file (``.zst`` is read and written compressed).

    The file is read twice, so it need not fit in memory: the first pass checks every row and grades, the second
    writes. Nothing is written unless every row is sound, or ``skip_bad`` says to go on without those that are not.

    Args:
        path: input, ``-`` for standard input; a pipe is copied to a temporary file first. ``gold`` and ``prediction``
            are texts or numbers; ``kind`` is ``response`` (default) or ``answer``.
        output: where the rows go with ``verdict``, ``answer`` and ``rung`` added; standard output by default. It is
            replaced in one step, and is never the input file.
        workers: processes for the symbolic rung.
        skip_bad: rows that cannot be graded (an empty gold, a field that is missing or no text) are listed on standard
            error, counted as ``skipped`` and written with a null verdict, the reason in place of the rung.
        conventions: switches where users differ, see `mathb_kit.grading.conventions`.
        judge: a model that may accept what is left wrong or failed, as ``judged_equal``; see `judging_cost` first.

    Returns:
        Number of rows per verdict.

    Raises:
        MathbError: a file that cannot be read or written, or a bad row (file and line are named).
    """
    conventions = checked(conventions)
    if output is not None:
        _check_output(Path(path), Path(output))
    with readable(path) as rows:
        pairs, graded = _graded(rows, workers, skip_bad, conventions)
        if judge is not None:
            judged = judge.accept(_frame(graded))
            graded = dict(zip(graded, zip(judged["verdict"], judged["rung"])))
        return _write(rows, pairs, graded, output)


def judging_cost(
    path: str | Path, judge: ModelJudge, *, labelled: pd.DataFrame | None = None, skip_bad: bool = False
) -> Cost:
    """What a judge would cost on a file: it is graded by the ladder, and nothing is asked or written.

    Args:
        path, skip_bad: as for `grade_file`.
        judge: whom it would be asked of.
        labelled: pairs (gold, answer) that it is measured on first, which costs as well.
    """
    with readable(path) as rows:
        frame = _frame(_graded(rows, None, skip_bad, ())[1])
    if labelled is not None:
        frame = pd.concat([frame, labelled.assign(verdict=Verdict.WRONG)], ignore_index=True)
    return judge.cost(frame)


def labelled_pairs(path: str | Path) -> pd.DataFrame:
    """The pairs of a file whose rows say, as ``expected``, ``label`` or ``correct``, whether gold and answer are equal.

    Returns:
        gold, answer, expected: one row per distinct pair; rows that state no answer are left out.

    Raises:
        MathbError: a row without such a field, or what `grade_file` reports of one.
    """
    pairs = {}
    with readable(path) as rows:
        for where, row in rows():
            gold, prediction, kind = fields(row, where)
            if (label := _label(row)) is None:
                raise MathbError(f"{where}: no field {' or '.join(_LABELS)} is true or false; label every row.")
            if (answer := extract(prediction, kind=kind).answer) is not None:
                pairs[gold, answer] = label
    rows = [(*well_formed(list(pair)), label) for pair, label in pairs.items()]
    return pd.DataFrame(rows, columns=["gold", "answer", "expected"])


def _label(row: dict[str, Any]) -> bool | None:
    return next((row[name] for name in _LABELS if isinstance(row.get(name), bool)), None)


def _frame(graded: dict[tuple[str, str], tuple[str, str]]) -> pd.DataFrame:
    rows = [(*well_formed(list(pair)), *decision) for pair, decision in graded.items()]
    return pd.DataFrame(rows, columns=["gold", "answer", "verdict", "rung"])


Pairs = list["tuple[str, str | None] | MathbError"]


def _graded(
    rows: Callable[[], Rows], workers: int | None, skip_bad: bool, conventions: tuple[str, ...]
) -> tuple[Pairs, dict[tuple[str, str], tuple[str, str]]]:
    """The pair of each row, or why it cannot be graded, and (verdict, rung) of each pair with an answer."""
    pairs: Pairs = []
    distinct: dict[tuple[str, str | None], tuple[str, str | None]] = {}
    with progress(None, "reading answers", "rows") as bar:
        for where, row in rows():
            try:
                gold, prediction, kind = fields(row, where)
            except MathbError as error:
                if not skip_bad:
                    raise
                pairs.append(error)
            else:
                pair = (gold, extract(prediction, kind=kind).answer)
                pairs.append(distinct.setdefault(pair, pair))  # one object per distinct pair
            bar.update(1)
    _list_skipped([pair for pair in pairs if isinstance(pair, MathbError)])
    with Grader(workers=workers) as grader:
        graded = grader.grade_all((gold, answer) for gold, answer in distinct if answer is not None)
    if conventions:
        graded = {pair: under(conventions, *pair, decision) for pair, decision in graded.items()}
    return pairs, graded


def _write(
    rows: Callable[[], Rows],
    pairs: Pairs,
    graded: dict[tuple[str, str], tuple[str, str]],
    output: str | Path | None,
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    with _written(output) as stream:
        for pair, (_, row) in zip(pairs, rows(), strict=True):
            if isinstance(pair, MathbError):
                counts[SKIPPED] += 1
                told = {"verdict": None, "answer": None, "rung": str(pair)}
            else:
                verdict, rung = graded[pair] if pair[1] is not None else (Verdict.NO_ANSWER, "extraction")
                counts[verdict] += 1
                told = {"verdict": verdict, "answer": pair[1], "rung": rung}
            # ASCII JSON: lone surrogates, which no encoding can hold, survive as escapes.
            stream.write(json.dumps({**row, **told}) + "\n")
    return dict(counts)


def explain_rows(path: str | Path, *, row: int | None = None, first: int = 5) -> Iterator[str]:
    """Why rows were graded as they were: one row of a file by its number from 1, or the first that disagree.

    A row disagrees if it has a field ``expected``, ``label`` or ``correct`` that the verdict contradicts; where it has
    none of these, if it is not correct.

    Raises:
        MathbError: as `grade_file`, or a file without that row.
    """
    left = 1 if row is not None else first
    with readable(path) as rows:
        for number, (where, content) in enumerate(rows(), 1):
            if row is not None and number != row:
                continue
            gold, prediction, kind = fields(content, where)
            said = explain(gold, prediction, kind)
            label = _label(content)
            is_correct = said.verdict == Verdict.CORRECT
            if row is None and is_correct == (label is None or label):
                continue
            expected = "" if label is None else f", labelled {'equal' if label else 'different'}"
            yield f"row {number}{expected}\n{said}"
            left -= 1
            if not left:
                return
    if row is not None:
        raise MathbError(f"{path} has no row {row}.")
    if left == first:
        yield "No row disagrees."


def _list_skipped(errors: list[MathbError]) -> None:
    for error in errors[:_MOST_LISTED]:
        print(f"skipped: {error}", file=sys.stderr)
    if len(errors) > _MOST_LISTED:
        print(f"skipped: {len(errors) - _MOST_LISTED:,} more", file=sys.stderr)


@contextmanager
def readable(path: str | Path) -> Iterator[Callable[[], Rows]]:
    """What gives the rows of a file each time it is called; of a pipe or standard input by way of a copy."""
    path = Path(path)
    if str(path) != "-" and (path.is_file() or not path.exists() or path.is_dir()):
        yield lambda: read_rows(path)
        return
    name = "standard input" if str(path) in ("-", "/dev/stdin") else str(path)
    with tempfile.TemporaryDirectory() as folder, sys.stdin.buffer if str(path) == "-" else path.open("rb") as source:
        head = source.read(4)
        copy = Path(folder) / ("rows.jsonl.zst" if head == b"\x28\xb5\x2f\xfd" else "rows.jsonl")
        with copy.open("wb") as sink:
            sink.write(head)
            shutil.copyfileobj(source, sink)
        yield lambda: _called(name, copy)


def _called(name: str, copy: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a copy, under the name of what was copied."""
    try:
        for where, row in read_rows(copy):
            yield where.replace(str(copy), name), row
    except MathbError as error:
        raise MathbError(str(error).replace(str(copy), name)) from None


def fields(row: dict[str, Any], where: str) -> tuple[str, str, str]:
    """Gold, prediction and kind of a row.

    Raises:
        MathbError: one of them cannot be used; the place is named.
    """
    texts = []
    for name in ("gold", "prediction"):
        value = row.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = json.dumps(value)
        if not isinstance(value, str):
            raise MathbError(f"{where}: the field {name!r} must be there and hold a text or a number.")
        texts.append(value)
    if not texts[0].strip():
        raise MathbError(f"{where}: the gold is empty, so nothing can be graded; drop the row or give --skip-bad.")
    kind = row.get("kind", "response")
    if kind not in KINDS:
        raise MathbError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}.")
    return texts[0], texts[1], kind


def _check_output(path: Path, output: Path) -> None:
    both_there = path.exists() and output.exists()
    if os.path.realpath(output) == os.path.realpath(path) or (both_there and output.samefile(path)):
        raise MathbError(f"The output {output} is the input file itself; give another name.")
    if output.is_dir() or not Path(os.path.realpath(output)).parent.is_dir():
        raise MathbError(f"The output {output} is a folder or lies in none; give a file in a folder that exists.")


@contextmanager
def _written(output: str | Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout
        return
    import zstandard

    target = Path(os.path.realpath(output))  # through a symbolic link, so that the link stays
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
