"""``samples_<task>_<time>.jsonl`` of lm-eval (``--log_samples``); repeats are attempts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, gold_of, laid_out, yes_or_no
from mathb_kit.problems.files import read_rows
from mathb_kit.settings import parse_json_of_others, read_json, shortened

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT.+)\.jsonl")
_NEEDED = ("doc_id", "resps", "target")


def read_lm_eval(path: Path, model: str | None = None) -> Attempts:
    """The samples of one task.

    lm-eval scores a document once per filter, not each of its repeats: their verdict is known where there is one
    repeat. Rows of further filters repeat the same responses and are passed over. The model's name comes from the
    results file beside the samples, else from the folder.

    Raises:
        MathbError: a damaged file, or rows of another layout.
    """
    rows, seen, settings = [], {}, {}
    found = _NAME.fullmatch(path.name)
    beside = _results(path, found["time"] if found else "")
    told = str(beside.get("model_name") or path.parent.name)
    name = model or (Path(told).name if Path(told).is_absolute() else told)  # a local model's path tells nothing
    for where, row in read_rows(path, parse_json_of_others):
        if missing := [key for key in _NEEDED if key not in row]:
            raise MathbError(
                f"{where} has no {missing[0]!r}, which lm-eval's samples have since version 0.4; run it with "
                "--log_samples under such a version."
            )
        with laid_out(where, "lm-eval"):
            if seen.setdefault(row["doc_id"], row.get("filter")) != row.get("filter"):
                continue
            if not isinstance(row["resps"], list):
                raise ValueError(f"its resps are {shortened(row['resps'])}, no list")
            responses = [text for each in row["resps"] for text in ([each] if isinstance(each, str) else each)]
            if not all(isinstance(text, str) for text in responses):
                raise ValueError("no generated texts: a multiple-choice task? only generate_until counts")
            metric = next(iter(row.get("metrics") or [key for key in ("exact_match", "acc") if key in row]), None)
            verdict = yes_or_no(row.get(metric)) if metric and len(responses) == 1 else None
            gold = gold_of(row["target"])
            rows += [attempt(name, row["doc_id"], text, gold, verdict) for text in responses]
        request = next(iter(row["arguments"].values()), None) if isinstance(row.get("arguments"), dict) else None
        request = request.get("arg_1") if isinstance(request, dict) else None
        settings = request if isinstance(request, dict) else settings
    version = beside.get("lm_eval_version", "?")
    task = found["task"] if found else path.stem
    return Attempts(task, rows, {"tool": f"lm-eval {version}", **settings})


def _results(path: Path, time: str) -> Mapping[str, Any]:
    file = path.with_name(f"results_{time}.json")
    if not time or not file.is_file():
        return {}
    return read_json(file, "copy it again, or move it away", parse_json_of_others)
