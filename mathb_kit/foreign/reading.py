"""From files of any known format to `Samples`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.foreign.counts import read_foreign_counts
from mathb_kit.foreign.logs import (
    Attempts,
    read_inspect,
    read_lighteval,
    read_lm_eval,
    read_plain,
    read_rollouts,
)
from mathb_kit.foreign.samples import Samples, origin_of
from mathb_kit.foreign.tables import refuse_utf_16
from mathb_kit.foreign.texts import samples_from_attempts
from mathb_kit.problems.files import read_rows
from mathb_kit.settings import did_you_mean, parse_json_of_others

LOGS: dict[str, Callable[[Path, str | None], Attempts]] = {
    "inspect": read_inspect,
    "lm-eval": read_lm_eval,
    "lighteval": read_lighteval,
    "jsonl": read_plain,
    "rollouts": read_rollouts,
}
"""Readers of logs, by the name of the format."""

COUNTS = "counts"


def import_files(
    files: Sequence[Path | str],
    *,
    form: str | None = None,
    model: str | None = None,
    on: str = "",
    settings: Mapping[str, Any] | None = None,
    **about: Any,
) -> Samples:
    """Files of one format as one `Samples`.

    Args:
        files: of counts or logs.
        form: ``counts`` or a key of `LOGS`; by default what each file looks like.
        model: logs: how the model is called.
        on: name of the problem set; by default as the first file has it.
        settings: how it was sampled, beside what a log says itself.
        about: ``source`` and ``licence``, for captions; for counts also columns, where and grader
            (`read_foreign_counts`).

    Raises:
        MathbError: naming file and row.
    """
    facts = {name: about.pop(name, "") for name in ("source", "licence")}
    paths = [Path(each) for each in files]
    forms = {form or format_of(path) for path in paths}
    if len(forms) > 1:
        raise MathbError(f"The files are of several formats ({', '.join(sorted(forms))}); import them one by one.")
    (chosen,) = forms
    if chosen == COUNTS:
        if model:
            raise MathbError("--model names the model of a log; for counts say --column model=NAME.")
        parts = [read_foreign_counts(path, on=on, settings=settings or {}, **facts, **about) for path in paths]
        return _joined(parts)
    if chosen not in LOGS:
        known = [COUNTS, *LOGS]
        raise MathbError(f"There is no format {chosen!r}{did_you_mean(chosen, known)}; there are {', '.join(known)}.")
    if unused := [key for key, value in about.items() if value]:
        raise MathbError(f"--{unused[0].rstrip('s')} is for counts; {paths[0].name} is a log ({chosen}).")
    logs = [LOGS[chosen](path, model) for path in paths]
    told = {**logs[0].settings, **(settings or {})}
    origins = [origin_of(path, chosen, settings=told, **facts) for path in paths]
    origin = origins[0] | {"files": [file for each in origins for file in each["files"]]}
    attempts = pd.DataFrame([row for log in logs for row in log.rows])
    if attempts.empty:
        raise MathbError(f"{paths[0]} holds no attempts; export it again.")
    return samples_from_attempts(attempts.astype({"text": object, "gold": object}), origin, on or logs[0].on)


def format_of(path: Path) -> str:
    """What a file looks like: ``counts`` or a key of `LOGS`.

    Raises:
        MathbError: no such file, UTF-16, a damaged first row, or nothing known.
    """
    if not path.is_file():
        raise MathbError(f"There is no file {path}; correct the path.")
    if path.suffix == ".eval":
        return "inspect"
    if not path.name.endswith((".parquet", ".zst")):
        refuse_utf_16(path)
    if path.suffix == ".json":
        return _kind_of_json(path)
    if not path.name.endswith((".jsonl", ".jsonl.zst", ".parquet")):
        return COUNTS  # CSV in its spellings; what it is not, its reader says
    first = next((row for _, row in read_rows(path, parse_json_of_others)), None)
    if first is None:
        raise MathbError(f"{path} has no rows; export it again.")
    return _kind_of_row(first)


def _kind_of_row(row: Mapping[str, Any]) -> str:
    if "resps" in row or ("doc_id" in row and "doc" in row):
        return "lm-eval"
    if "model_response" in row or ("predictions" in row and "full_prompt" in row):
        return "lighteval"
    if ("input" in row and "output" in row) or ("prompt" in row and "completion" in row):
        return "rollouts"
    texts = ("completions", "responses", "outputs", "samples", "predictions", "text", "completion", "response")
    return "jsonl" if any(key in row for key in texts) else COUNTS


def _kind_of_json(path: Path) -> str:
    try:
        whole = parse_json_of_others(path.read_bytes())
    except ValueError as error:
        raise MathbError(f"{path} is no whole JSON file ({error}); copy it again.") from error
    if isinstance(whole, dict) and ("eval" in whole or "samples" in whole):
        return "inspect"
    raise MathbError(f"{path} is no log known here; give lm-eval's samples_*.jsonl, not its results, or name --format.")


def _joined(parts: Sequence[Samples]) -> Samples:
    """Several files of counts as one, in which every model, draw and problem is once."""
    if len(parts) == 1:
        return parts[0]
    outcomes = pd.concat([each.outcomes for each in parts], ignore_index=True)
    if (twice := outcomes.duplicated(["model", "draw", "problem"])).any():
        row = outcomes[twice].iloc[0]
        raise MathbError(f"Problem {row['problem']!r} of {row['model']} is in several of the files; leave one out.")
    files = [file for each in parts for file in each.origin["files"]]
    graders = list(dict.fromkeys(each.origin["grader"] for each in parts))
    return Samples(parts[0].on, outcomes, {**parts[0].origin, "files": files, "grader": " and ".join(graders)})
