"""Wrong answers that come nearest to the gold."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from mathb_kit.judging import near_misses
from mathb_kit.judging.near_misses import distance


def evaluation(attempts: dict[str, tuple[str, list[tuple[str | None, str]]]]) -> SimpleNamespace:
    """By problem its gold and its attempts as (answer, verdict)."""
    rows = [
        (key, index, gold, answer, verdict)
        for key, (gold, made) in attempts.items()
        for index, (answer, verdict) in enumerate(made)
    ]
    verdicts = pd.DataFrame(rows, columns=["problem", "index", "gold", "answer", "verdict"])
    right = verdicts["verdict"] == "correct"
    outcomes = pd.DataFrame(
        {"n": verdicts.groupby("problem").size(), "c": right.groupby(verdicts["problem"]).sum()}
    ).reset_index()
    return SimpleNamespace(
        verdicts=verdicts, outcomes=outcomes,
        texts=lambda keys, indices: [f"text {key} {index}" for key, index in zip(keys, indices)],
        problems=[SimpleNamespace(key=key, statement=f"statement {key}") for key in attempts],
    )  # fmt: skip


def test_the_nearest_answer_of_every_unsolved_problem_comes_with_its_first_text():
    table = near_misses(evaluation({
        "far": ("100", [("7", "wrong"), (None, "no_answer")]),
        "near": ("1,000", [("5", "wrong"), ("999", "wrong"), ("999", "wrong")]),
        "solved": ("3", [("3", "correct"), ("4", "wrong")]),
        "silent": ("3", [(None, "no_answer")]),
    }))  # fmt: skip
    assert table[["problem", "answer", "count", "n", "index"]].values.tolist() == [
        ["near", "999", 2, 3, 1], ["far", "7", 1, 2, 0],
    ]  # fmt: skip
    assert list(table["completion"]) == ["text near 1", "text far 0"] and table["statement"][0] == "statement near"
    assert near_misses(evaluation({"a": ("1", [("1", "correct")])})).empty


@pytest.mark.parametrize(
    ("gold", "answer", "far"),
    [("100", "99", 0.01), ("-2", "2", 1.0), ("7", "7.0", 0.0), ("0", "5", 1.0), ("nan", "5", 1.0), ("ab", "ab", 0.0),
     ("ab", "cd", 1.0)],
)  # fmt: skip
def test_numbers_are_compared_by_value_and_other_answers_by_their_characters(gold, answer, far):
    assert distance(gold, answer) == pytest.approx(far)
