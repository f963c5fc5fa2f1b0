r"""The ladder of cheap, exact comparisons between a gold and an answer.

Each rung returns True, False, or None where it cannot tell; the first that can tell decides and is named in the
verdict. No rung guesses: what none can decide is for the symbolic rung, which runs in a worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from mathb_kit.grading.choices import choice_rung
from mathb_kit.grading.extraction import extract
from mathb_kit.grading.geometry import geometry_rung
from mathb_kit.grading.latex import normalise_answer, plain, squeezed
from mathb_kit.grading.limits import MAX_CHARACTERS, over_limit
from mathb_kit.grading.matrices import all_same, table_rung
from mathb_kit.grading.normal_forms import polynomial_rung
from mathb_kit.grading.numerals import Number, equal_numbers, read_number, same_power, same_ratio
from mathb_kit.grading.quantities import quantity_rung, ratio_in_words
from mathb_kit.grading.sides import NAME, label_rung, value_of
from mathb_kit.grading.solutions import solution_rung
from mathb_kit.grading.structures import (
    named_integer,
    opened,
    parts_of,
    respelt,
    single_element,
    without_constant_clause,
)
from mathb_kit.grading.undefined import undefined_rung
from mathb_kit.grading.units import letter_unit
from mathb_kit.grading.vectors import components
from mathb_kit.grading.words import word_rung

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_AMOUNT = re.compile(r"-?[0-9,]+(?:\.[0-9]+)?")
_ONLY_TEXT = re.compile(r"\\text\w*\s*\{([^{}]*)\}")
_APPROX = re.compile(r"\\approx(?![A-Za-z])")
_OR = re.compile(r"(?<![A-Za-z\\])or(?![A-Za-z])")
_ELLIPSIS = re.compile(r"\\(?:l|c|d)?dots[bcimo]?(?![A-Za-z])|\.\.\.")
_RELATION = re.compile(
    r"[<>]|\\(?:leq|geq|neq|in|subset|equiv|mid|sim|cup|cap|setminus|to|mapsto|iff|implies)(?![A-Za-z])"
)
_CHOICE = re.compile(r"\(?\s*([A-Z])\s*\)?[.:]?")

_MAX_TABLE = 2500  # comparisons between the parts of two lists
_MAX_READ = 10_000  # characters; what is longer states no answer that any rung could read


class Decision(NamedTuple):
    """Whether two answers are equal (None: no rung could tell) and the rung that decided."""

    equal: bool | None
    rung: str


def decide(gold: str, answer: str) -> Decision:
    """Climb the ladder. Gold and answer are raw texts; a gold may be boxed or in dollars."""
    return climb(_with_dollars(gold), _with_dollars(answer))


def climb(gold: str, answer: str) -> Decision:
    """``decide`` for texts that are normalised already."""
    if max(len(gold), len(answer)) > _MAX_READ:
        return Decision(True if gold == answer else None, "text" if gold == answer else "symbolic")
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return Decision(int(gold) == int(answer), "text" if gold == answer else "number")
    for name, rung in LADDER:
        equal = rung(gold, answer)
        if equal is not None:
            return Decision(equal, name)
    return Decision(None, "symbolic")


@lru_cache(maxsize=1024)
def read(text: str) -> str:
    """The normalised expression that an answer or a gold states (its box, if it has one)."""
    if _INTEGER.fullmatch(text):
        return text
    text = extract(text, kind="answer").answer or ""
    if len(text) > _MAX_READ:
        return text
    text = normalise_answer(text)
    if only_text := _ONLY_TEXT.fullmatch(text):
        text = normalise_answer(only_text[1])
    text = opened(named_integer(without_constant_clause(respelt(text))))
    exact, *rounded = _APPROX.split(text, maxsplit=1)
    if rounded:  # "9.5/3.14 \approx 3.01" states the left side, "R \approx 3.28" the right
        text = (rounded[0] if not exact.strip() or NAME.fullmatch(exact) else exact).strip()
    return single_element(text)


def _with_dollars(text: str) -> str:
    r"""``read``; a plain number after ``\$``, which is read as a delimiter, keeps its unit."""
    expression = read(text)
    is_amount = text.strip(" $").startswith(r"\$") and _AMOUNT.fullmatch(expression)
    return f"{expression} dollars" if is_amount else expression


def text_rung(gold: str, answer: str) -> bool | None:
    """Equal spelling; a lone capital letter may stand in parentheses."""
    gold, answer = squeezed(plain(gold)), squeezed(plain(answer))
    if not gold or not answer:
        return False
    if gold == answer:
        return True
    if (choice := _CHOICE.fullmatch(gold)) and (chosen := _CHOICE.fullmatch(answer)):
        return choice[1] == chosen[1]
    return None


def number_rung(gold: str, answer: str) -> bool | None:
    """Both are plain numbers: exact comparison decides."""
    g_value, a_value = value_of(gold), value_of(answer, strict=True)
    if ":" in g_value or ":" in a_value:
        g_value, a_value = ratio_in_words(g_value), ratio_in_words(a_value)
    if (ratio := same_ratio(g_value, a_value)) is not None:
        return ratio
    g = read_number(g_value)
    a = read_number(a_value) if g or len(g_value) < len(a_value) else None
    if g is None or a is None:
        return same_power(g_value, a_value)
    return equal_numbers(*_with_units(g, g_value, a, a_value))


def _with_units(gold: Number, g_text: str, answer: Number, a_text: str) -> tuple[Number, Number]:
    """``1 m`` beside ``100 cm``: a lone letter is a unit where the other side has one of that kind."""
    if gold.unit and not answer.unit:
        answer = answer._replace(unit=letter_unit(a_text, gold.unit))
    elif answer.unit and not gold.unit:
        gold = gold._replace(unit=letter_unit(g_text, answer.unit))
    return gold, answer


def list_rung(gold: str, answer: str, same: Callable[[str, str], bool | None] | None = None) -> bool | None:
    """Lists and tuples of values, part by part; a list without parentheses has no order.

    ``same`` compares two parts, by default the ladder itself.
    """
    same = same or _same
    if len(gold) > MAX_CHARACTERS or len(answer) > MAX_CHARACTERS or over_limit(gold) or over_limit(answer):
        return None
    if _ELLIPSIS.search(gold) or _ELLIPSIS.search(answer):
        return _same_open_list(gold, answer, same)
    if _RELATION.search(gold) or _RELATION.search(answer):
        return None
    g, a = parts_of(gold), parts_of(answer)
    if not g.parts or not a.parts:
        return None
    if len(g.parts) == len(a.parts) == 1 and not g.brackets == a.brackets == "{}":
        return False if "{}" in (g.brackets, a.brackets) else None
    if any(part.count("\\begin") != part.count("\\end") for part in (*g.parts, *a.parts)):
        return None
    if g.names and a.names and sorted(g.names) == sorted(a.names):
        a = a._replace(parts=[a.parts[a.names.index(name)] for name in g.names])
    brackets = {g.brackets, a.brackets}
    if brackets & {"()", "[]", "(]", "[)"} or ((g.names or a.names) and "{}" not in brackets):
        if g.brackets and a.brackets and g.brackets != a.brackets:
            return False
        if len(g.parts) != len(a.parts):
            single = g.parts if len(g.parts) == 1 else a.parts
            return False if len(single) > 1 or read_number(single[0]) else None  # a name may stand for an interval
        return all_same(g.parts, a.parts, same)
    counted = "{}" not in brackets and all(part[:1] not in "([" for part in (*g.parts, *a.parts))
    if min(len(g.parts), len(a.parts)) == 1 and _OR.search(gold + answer):
        counted = False  # "3/4 or 0.75" states one value
    return _same_set(g.parts, a.parts, same, counted=counted)


def _same_open_list(gold: str, answer: str, same: Callable[[str, str], bool | None]) -> bool:
    r"""``1, 2, \ldots`` and ``\{1, 2, \ldots\}``: as written, part by part; nothing equals what it only begins."""
    g, a = ([" ".join(part.split()) for part in parts_of(text).parts] for text in (gold, answer))
    if len(g) != len(a) or len(g) < 2:
        return False
    return all(
        one == other or (not _ELLIPSIS.search(one + other) and same(one, other) is True) for one, other in zip(g, a)
    )


def _same_set(
    gold: list[str], answer: list[str], same: Callable[[str, str], bool | None], *, counted: bool
) -> bool | None:
    """Every part of one side has an equal on the other; ``counted``: equally often."""
    if len(gold) * len(answer) > _MAX_TABLE:
        return None
    rows = [tuple(same(g, a) for a in answer) for g in gold]
    if any(set(line) == {False} for line in (*rows, *zip(*rows))):
        return False
    if any(None in row for row in rows):
        return None
    return not counted or all(rows.count(row) == row.count(True) for row in rows)


def _same(gold: str, answer: str) -> bool | None:
    return climb(gold, answer).equal


LADDER: tuple[tuple[str, Callable[[str, str], bool | None]], ...] = (
    ("text", text_rung),
    ("label", label_rung),
    ("number", number_rung),
    ("undefined", undefined_rung),
    ("choice", lambda gold, answer: choice_rung(gold, answer, _same)),
    ("matrix", lambda gold, answer: table_rung(components(gold), components(answer), _same)),
    ("interval", solution_rung),
    ("quantities", quantity_rung),
    ("figures", geometry_rung),
    ("words", word_rung),
    ("list", list_rung),
    ("polynomial", polynomial_rung),
)
