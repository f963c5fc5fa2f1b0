"""JSON lines without ceremony: a problem with its completions, or one completion a row (as `mathb store export`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mathb_kit.foreign.logs.attempts import Attempts, attempt, gold_of, laid_out, yes_or_no
from mathb_kit.foreign.tables import stem_of
from mathb_kit.problems.files import read_rows
from mathb_kit.problems.problem import statement_hash
from mathb_kit.settings import parse_json_of_others

_TEXT = ("text", "completion", "response", "prediction", "output")
_MANY = ("completions", "responses", "outputs", "samples", "predictions")
_GOLD = ("gold", "answer", "target", "ground_truth")
_VERDICT = ("correct", "is_correct", "verdict", "judge", "score")


def read_plain(path: Path, model: str | None = None) -> Attempts:
    """Rows ``{"problem", "gold", "completions": [...]}``, or one attempt a row with ``text`` (or ``completion``, ...).

    A problem is known by ``id`` or ``problem_id`` where it has one, else by its text. ``model``, ``draw`` (or ``run``),
    ``index``, ``truncated``, ``tokens`` and a verdict (``correct``, ``judge``; with many completions a list) are read
    where they are. In an export of this project's store ``answer`` is what was extracted, ``verdict`` our earlier one.

    Raises:
        MathbError: a row without a problem or a text.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    for where, row in read_rows(path, parse_json_of_others):
        with laid_out(where, "a writer of plain attempts"):
            rows += _attempts(row, model or str(row.get("model") or stem_of(path)))
    ordered = [row for _, row in sorted(rows, key=lambda pair: pair[0])]
    return Attempts(stem_of(path), ordered, {})


def _attempts(row: Mapping[str, Any], model: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(index, attempt) of each completion of a row."""
    exported = "model_key" in row
    problem = next((row[key] for key in ("id", "problem_id", "problem") if row.get(key) is not None), None)
    if problem is None:
        raise ValueError("it names no problem: 'id', 'problem_id' or 'problem'")
    name = problem if len(str(problem)) <= 200 else statement_hash(str(problem))
    golds = [key for key in _GOLD if not (exported and key == "answer")]
    gold = next((row[key] for key in golds if row.get(key) is not None), None)
    many = next((row[key] for key in _MANY if isinstance(row.get(key), list)), None)
    texts = many if many is not None else [next((row[key] for key in _TEXT if key in row), ...)]
    if texts == [...]:
        raise ValueError("neither 'completions' (a list) nor 'text' or 'completion'")
    verdicts = next((row[key] for key in _VERDICT if key in row), None)
    verdicts = verdicts if isinstance(verdicts, list) else [verdicts] * (1 if many is None else len(texts))
    if len(verdicts) != len(texts):
        raise ValueError(f"{len(texts)} completions and {len(verdicts)} verdicts")
    more = {"draw": str(row.get("draw") or row.get("run") or "main"), "truncated": row.get("truncated"),
            "tokens": row.get("tokens")}  # fmt: skip
    for number, (text, verdict) in enumerate(zip(texts, verdicts)):
        index = row.get("index", row.get("epoch", number))
        yield int(index or 0), attempt(model, name, text, gold_of(gold), _verdict(verdict), **more)


def _verdict(value: Any) -> bool | None:
    """Of words ours and a judge's, of numbers 0 and 1."""
    words = {"correct": True, "wrong": False, "no_answer": False, "grader_failed": None}
    return words[value] if isinstance(value, str) and value in words else yes_or_no(value)
