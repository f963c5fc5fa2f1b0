"""Details of lighteval (``details_<task>_<time>.parquet``), of its present layout and of that before version 0.11."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, gold_of, laid_out, yes_or_no
from mathb_kit.problems.files import read_rows
from mathb_kit.settings import parse_json_of_others

_MEAN_OF = re.compile(r"(?:pass@k:k=1&n|avg@n:n)=(\d+)")
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "max_new_tokens", "repetition_penalty", "seed")


def read_lighteval(path: Path, model: str | None = None) -> Attempts:
    """The samples of one task; several generations of a document are attempts.

    The metrics of lighteval are those of a document: their verdict is known where it has one generation and a metric
    of 0 or 1, or where all of its generations share one. Settings come from the results beside the details.

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
            verdict = _verdict_of_each(metrics, len(texts))
            lengths = tokens if len(tokens) == len(texts) else [None] * len(texts)
            for text, length in zip(texts, lengths):
                rows.append(attempt(model or _model(path), problem, text, gold_of(gold), verdict, tokens=length))
    task = path.stem.removeprefix("details_").rpartition("_")[0] or path.stem
    return Attempts(task, rows, {"tool": "lighteval", **_settings(path)})


def _verdict_of_each(metrics: Mapping[str, Any], generations: int) -> bool | None:
    """The verdict of every generation of a document; None where the metrics do not tell it."""
    if generations > 1:  # of n generations all or none are right where a mean over n is 1 or 0
        over = {name: _MEAN_OF.fullmatch(name) for name in metrics}
        metrics = {name: metrics[name] for name, found in over.items() if found and int(found[1]) == generations}
    verdicts = {yes_or_no(value) for value in metrics.values()}
    return verdicts.pop() if len(verdicts) == 1 else None


def _settings(path: Path) -> dict[str, Any]:
    """How it was sampled, from ``results/<name>/results_<time>.json``; what is not set there is left out."""
    folders = path.resolve().parts[:-1]
    if "details" not in folders[:-2]:
        return {}
    at = len(folders) - 1 - folders[::-1].index("details")
    file = Path(*folders[:at], "results", *folders[at + 1 : -1], f"results_{folders[-1]}.json")
    if not file.is_file():
        return {}
    general = _parsed(file.read_text(encoding="utf-8")).get("config_general") or {}
    config = general.get("model_config") or {}
    try:
        config = literal_eval(config) if isinstance(config, str) else config  # some versions write Python's own form
    except (ValueError, SyntaxError):
        return {}
    given = config.get("generation_parameters") or {} if isinstance(config, Mapping) else {}
    return {name: given[name] for name in _SAMPLING if given.get(name) is not None}


def _read(row: Mapping[str, Any], number: int) -> tuple[list[Any], Any, Mapping[str, Any], Any, list[int]]:
    """Texts, gold, metrics, problem and tokens of a row."""
    if "model_response" not in row:
        texts, metrics = _listed(row["predictions"]), _parsed(row.get("metrics") or {})
        return texts, next(iter(_listed(row["gold"])), None), metrics, row.get("example_id") or number, []
    document, response = _parsed(row["doc"]), _parsed(row["model_response"])
    # What lighteval makes of a text has lost its thinking, and with it whether that ever ended.
    texts = response.get("text") or response.get("text_post_processed") or []
    golds, at = _listed(document.get("choices")), document.get("gold_index", 0)
    at = (at or [0])[0] if isinstance(at, list) else at
    gold = golds[at] if golds and 0 <= int(at) < len(golds) else None
    tokens = [len(each) for each in response.get("output_tokens") or []]
    return _listed(texts), gold, _parsed(row.get("metric") or {}), document.get("id") or number, tokens


def _model(path: Path) -> str:
    """``details/<name>/<time>/details_....parquet``: a name on the hub, or a folder's path, whose end is enough."""
    folders = path.resolve().parts[:-1]
    if "details" not in folders[:-2]:
        return path.parent.name
    at = len(folders) - 1 - folders[::-1].index("details")
    name = folders[at + 1 : -1]
    return "/".join(name) if len(name) <= 2 else name[-1]


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
