"""What every reader of logs gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from mathb_kit.errors import MathbError
from mathb_kit.settings import shortened

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
    """One row of `Attempts`.

    Raises:
        ValueError: a value that nothing could be made of, see `laid_out`.
    """
    row = {"draw": "main", "truncated": None, "tokens": None, **more}
    if not isinstance(model, str):
        raise ValueError(f"its model is {shortened(model)}, no name")
    if problem is None or not str(problem).strip():
        raise ValueError("it names no problem")
    if not (text is None or isinstance(text, str)):
        raise ValueError(f"its completion is {shortened(text)}, no text")
    if not (gold is None or isinstance(gold, str | int | float)):
        raise ValueError(f"its gold is {shortened(gold)}, neither a text nor a number")
    truncated, tokens = _flag(row["truncated"]), _count(row["tokens"])
    values = (model, str(problem), row["draw"], text, gold, their_verdict, truncated, tokens)
    return dict(zip(COLUMNS, values))


@contextmanager
def laid_out(where: str, tool: str) -> Iterator[None]:
    """While a row is read: one that is not as its tool writes it is a MathbError that names the row."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MathbError(
            f"{where} is not as {tool} writes it ({reason.splitlines()[0][:200]}); export it again, or drop the row."
        ) from error


def _flag(value: Any) -> bool | None:
    if value is None or value != value:
        return None
    if value not in (0, 1):
        raise ValueError(f"truncated is {shortened(value)}, neither true nor false")
    return bool(value)


def _count(value: Any) -> int | None:
    if value is None or value != value:
        return None
    if not isinstance(value, int | float) or value % 1 or not 0 <= value < 2**31:
        raise ValueError(f"tokens is {shortened(value)}, no number of tokens")
    return int(value)


def yes_or_no(value: Any) -> bool | None:
    """A score as a verdict: 1, True and inspect's "C" are correct, 0, False, "I", "P" and "N" are not.

    Partial credit between 0 and 1 is neither, and nor is anything else.
    """
    if isinstance(value, str):
        return {"C": True, "I": False, "P": False, "N": False, "1": True, "0": False}.get(value.strip().upper()[:1])
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
