"""Rollouts that trainers dump: verl's ``<step>.jsonl`` and TRL's ``completions_<step>.parquet``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.foreign.logs.attempts import Attempts, attempt, gold_of, laid_out, yes_or_no
from mathb_kit.problems.files import read_rows
from mathb_kit.problems.problem import statement_hash
from mathb_kit.settings import parse_json_of_others

_NOT_REWARDS = ("step", "prompt", "completion", "advantage", "advantages", "gold", "answer", "solution")


def read_rollouts(path: Path, model: str | None = None) -> Attempts:
    """Rows of verl (input, output, gts, score, step) or of TRL (prompt, completion, one column per reward, step).

    A problem is known by the hash of its prompt; each step of training is a draw of its own, for the model changes in
    between. Their verdict is the reward where it is 0 or 1 (verl: ``acc`` before ``score``; TRL: the first reward).

    Raises:
        MathbError: rows of neither kind.
    """
    rows, name = [], model or path.parent.name or "model"
    for where, row in read_rows(path, parse_json_of_others):
        with laid_out(where, "verl or TRL"):
            rows.append(_attempt(where, row, name))
    return Attempts(path.parent.name or path.stem, rows, {"tool": "rollouts of training"})


def _attempt(where: str, row: Mapping[str, Any], name: str) -> dict[str, Any]:
    draw = f"step-{row['step']}" if row.get("step") is not None else "main"
    if "input" in row and "output" in row:
        prompt, text, gold = row["input"], row["output"], row.get("gts", row.get("ground_truth"))
        verdict = yes_or_no(row.get("acc", row.get("score")))
    elif "prompt" in row and "completion" in row:
        prompt, text = _said(row["prompt"]), _said(row["completion"])
        gold = next((row[key] for key in ("gold", "answer", "solution") if row.get(key) is not None), None)
        rewards = [row[key] for key in row if key not in _NOT_REWARDS and isinstance(row[key], int | float)]
        verdict = yes_or_no(rewards[0]) if rewards else None
    else:
        raise MathbError(f"{where} is neither a rollout of verl (input, output) nor of TRL (prompt, completion).")
    if not prompt.strip():  # rows of all such prompts would be one problem's
        raise ValueError("its prompt is empty")
    return attempt(name, statement_hash(prompt), text, gold_of(gold), verdict, draw=draw)


def _said(value: Any) -> str:
    """A text, or the contents of a conversation."""
    if isinstance(value, str):
        return value
    return "\n".join(str(turn.get("content", "")) for turn in value)
