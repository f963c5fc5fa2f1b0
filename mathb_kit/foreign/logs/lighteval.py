"""Details of lighteval (``details_<task>_<time>.parquet``), of its present layout and of that before version 0.11."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, gold_of, laid_out, yes_or_no
from mathb_kit.problems.files import read_rows
from mathb_kit.settings import parse_json_of_others


def read_lighteval(path: Path, model: str | None = None) -> Attempts:
    """The samples of one task; several generations of a document are attempts.

    The metrics of lighteval are those of a document: their verdict is known where it has one generation and a metric
    of 0 or 1.

    Raises:
        MathbError: a damaged file, or rows of another layout.
    """
    rows = []
    for number, (where, row) in enumerate(read_rows(path, parse_json_of_others)):
        if "model_response" not in row and not ("predictions" in row and "gold" in row):
            raise MathbError(
                f"{where} has neither 'model_response' nor 'predictions' with 'gold', so it is no details file of a "
                "known version of lighteval; run it with --save-details under another."
            )
        with laid_out(where, "lighteval"):
            texts, gold, metrics, problem, tokens = _read(row, number)
            verdicts = {yes_or_no(value) for value in metrics.values()}
            verdict = verdicts.pop() if len(texts) == 1 and len(verdicts) == 1 else None
            lengths = tokens if len(tokens) == len(texts) else [None] * len(texts)
            for text, length in zip(texts, lengths):
                rows.append(attempt(model or _model(path), problem, text, gold_of(gold), verdict, tokens=length))
    task = path.stem.removeprefix("details_").rpartition("_")[0] or path.stem
    return Attempts(task, rows, {"tool": "lighteval"})


def _read(row: Mapping[str, Any], number: int) -> tuple[list[Any], Any, Mapping[str, Any], Any, list[int]]:
    """Texts, gold, metrics, problem and tokens of a row."""
    if "model_response" not in row:
        texts, metrics = _listed(row["predictions"]), _parsed(row.get("metrics") or {})
        return texts, next(iter(_listed(row["gold"])), None), metrics, row.get("example_id") or number, []
    document, response = _parsed(row["doc"]), _parsed(row["model_response"])
    texts = response.get("text_post_processed") or response.get("text") or []
    golds, at = _listed(document.get("choices")), document.get("gold_index", 0)
    at = (at or [0])[0] if isinstance(at, list) else at
    gold = golds[at] if golds and 0 <= int(at) < len(golds) else None
    tokens = [len(each) for each in response.get("output_tokens") or []]
    return _listed(texts), gold, _parsed(row.get("metric") or {}), document.get("id") or number, tokens


def _model(path: Path) -> str:
    """``details/<organisation>/<model>/<time>/details_....parquet``."""
    parts = path.resolve().parts
    return "/".join(parts[-4:-2]) if "details" in parts[:-4] or "details" in parts[-5:-4] else path.parent.name


def _parsed(value: Any) -> Mapping[str, Any]:
    """A struct of Parquet, or the text that some versions write in its place."""
    if isinstance(value, str):
        try:
            value = parse_json_of_others(value.encode())
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            parsed = parse_json_of_others(value.encode())
            value = parsed if isinstance(parsed, list) else [value]
        except ValueError:
            value = [value]
    return [] if value is None else list(value)
