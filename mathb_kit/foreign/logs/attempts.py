"""What every reader of logs gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

COLUMNS = ("model", "problem", "draw", "text", "gold", "their_verdict", "truncated", "tokens")


@dataclass(frozen=True)
class Attempts:
    """Attempts of one log.

    Attributes:
        on: name of the problem set, as the log has it.
        rows: in the order of the attempts at each problem, dictionaries with `COLUMNS`; None for what is not known.
        settings: how it was sampled and by which version of which tool, as far as the log says.
    """

    on: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)


class MoreOfAnAttempt(TypedDict, total=False):
    """What only some logs say of an attempt."""

    draw: str
    truncated: bool | None
    tokens: int | None


def attempt(
    model: str, problem: Any, text: str | None, gold: Any, their_verdict: bool | None, **more: Unpack[MoreOfAnAttempt]
) -> dict[str, Any]:
    """One row of `Attempts`."""
    row = {"draw": "main", "truncated": None, "tokens": None, **more}
    values = (model, str(problem), row["draw"], text, gold, their_verdict, row["truncated"], row["tokens"])
    return dict(zip(COLUMNS, values))


_WORDS = {
    True: ("c", "correct", "true", "yes"),
    False: ("i", "incorrect", "wrong", "false", "no", "p", "partial", "n", "noanswer", "no_answer"),
}


def yes_or_no(value: Any) -> bool | None:
    """A score as a verdict: 1, True and inspect's "C" are correct, 0, False, "I", "P" and "N" are not.

    Partial credit between 0 and 1 is neither, and nor is anything else. Numbers and booleans may be written as texts.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        try:
            value = float(word)
        except ValueError:
            return next((verdict for verdict, words in _WORDS.items() if word in words), None)
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    return None


def finished(reason: str | None) -> bool | None:
    """Whether a completion was cut off, from the reason it ended for; None where none is given."""
    return None if reason is None else reason in ("max_tokens", "length", "model_length", "max_new_tokens")


def gold_of(target: Any) -> Any:
    """The bare answer in what a task calls its target: after GSM8K's ``####``, or in the last box of a solution."""
    if isinstance(target, list | tuple):
        target = target[0] if len(target) == 1 else None
    if not isinstance(target, str):
        return target
    if "####" in target:
        return target.rpartition("####")[2].strip().replace(",", "")
    if re.search(r"\\boxed\s*\{", target):
        from mathb_kit.grading import extract

        return extract(target).answer
    return target
