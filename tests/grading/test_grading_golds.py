"""All real golds: each equals itself however it is spelt, and no other gold that is not the same number."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from pathlib import Path

import pytest

from mathb_kit.grading import Grader, extract
from mathb_kit.problems.files import read_rows

SPELLINGS = {
    "box": (r"So the sum is $\boxed{{{}}}$.", "response"),
    "dollars": ("${}$", "answer"),
    "phrase": ("Thus, the final answer is: ${}$", "response"),
}
OTHERS = 3


@pytest.fixture(scope="module")
def golds(data_folder: Path) -> list[str]:
    """The distinct golds of DAPO, DeepScaleR, MATH's test set and MATH-500."""
    found = []
    for name in ("dapo_math_17k.jsonl.zst", "deepscaler_pool.jsonl.zst", "math500.jsonl"):
        found += [str(row["answer"]) for _, row in read_rows(data_folder / name)]
    solutions = [row["solution"] for _, row in read_rows(data_folder / "math_test_5000.jsonl.zst")]
    found += [extract(solution).answer or "" for solution in solutions]
    assert len(found) == 17_917 + 11_658 + 500 + 5_000
    return list(dict.fromkeys(gold for gold in found if gold.strip()))


def _closes(gold: str) -> bool:
    bare = re.sub(r"\\[{}]", "", gold)
    return bare.count("{") == bare.count("}")


def _number(gold: str) -> Fraction | str:
    """A plain number's value, whatever its unit or name; of anything else the letters, digits and signs."""
    text = re.sub(r"\^\{?\\circ\}?|\\text\{[^{}]*\}|\\[$,!; ]|[\s$]|\\left|\\right", "", gold).replace("dfrac", "frac")
    text = re.sub(r"(?<=\d),(?=\d{3})|(?<=\d)\{,\}(?=\d{3})", "", text)
    text = re.sub(r"^(-?)\\frac\{(-?\d+)\}\{(\d+)\}$", r"\1\2/\3", text).replace("--", "")
    text = re.sub(r"(?<=\d)[a-z]{4,}$", "", text.removeprefix("x="))  # "4 square inches"
    try:
        return Fraction(text[:-2]) / 100 if text.endswith(r"\%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        return text


def _turn(gold: str) -> Fraction | None:
    """An angle as a share of a half turn: of degrees, or of a plain fraction of pi; None of anything else."""
    text = re.sub(r"[\s${}]", "", gold).replace("dfrac", "frac")
    if degrees := re.fullmatch(r"(\d+)\^\\circ", text):
        return Fraction(int(degrees[1]), 180)
    if part := re.fullmatch(r"\\frac(\d*)\\pi(\d+)", text):
        return Fraction(int(part[1] or 1), int(part[2]))
    return None


def _same(gold: str, other: str) -> bool:
    return _number(gold) == _number(other) or (_turn(gold) is not None and _turn(gold) == _turn(other))


@pytest.mark.slow
def test_every_real_gold_equals_itself_in_three_spellings(golds: list[str]) -> None:
    pairs = {
        (gold, name): (gold, extract(form.format(gold), kind=kind).answer)
        for gold in golds
        for name, (form, kind) in SPELLINGS.items()
    }
    with Grader() as grader:
        graded = grader.grade_all(pair for pair in pairs.values() if pair[1] is not None)
    missed = [key for key, pair in pairs.items() if pair[1] is None or graded[pair][0] != "correct"]
    assert len(golds) > 6000
    assert [(gold, name) for gold, name in missed if _closes(gold) or name != "box"] == []  # no box round a cut formula


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_real_gold_equals_another_that_is_not_the_same_number(golds: list[str], seed: int) -> None:
    rng = random.Random(seed)
    pairs = [(gold, other) for gold in golds for other in rng.sample(golds, OTHERS) if other != gold]
    with Grader() as grader:
        graded = grader.grade_all(pairs)
    equal = [pair for pair in pairs if graded[pair][0] == "correct"]
    assert [(gold, other) for gold, other in equal if not _same(gold, other)] == []
