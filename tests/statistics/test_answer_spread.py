"""Spread of answers against enumerations of all that could have been answered."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import log2, prod

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import answer_counts
from mathb_kit.statistics import answer_spread, spread_difference

CHANCES = {"R": 0.5, "a": 0.3, "b": 0.2}


def counts(answers: dict[str, list], model: str = "m") -> pd.DataFrame:
    rows = [
        {"problem": problem, "answer": answer, "verdict": "correct" if answer in ("R", "r") else "wrong"}
        for problem, given in answers.items()
        for answer in given
    ]
    return answer_counts(pd.DataFrame(rows).assign(model=model, draw="main"))


def test_disagreement_is_right_on_average_and_entropy_falls_short_by_a_known_tail():
    m = 5
    mean = {"entropy": 0.0, "disagree": 0.0, "distinct": 0.0}
    sequences = {"".join(given): prod(CHANCES[answer] for answer in given) for given in product(CHANCES, repeat=m)}
    table = answer_spread(counts({key: list(key) for key in sequences})).set_index("problem")
    for key, chance in sequences.items():
        for name in mean:
            mean[name] += chance * table.loc[key, name]
    p = np.array(list(CHANCES.values()))
    assert mean["disagree"] == pytest.approx(1 - (p**2).sum())
    assert mean["distinct"] == pytest.approx((1 - (1 - p) ** m).sum())
    # - sum p log p = sum over v of p (1 - p)^v / v; m attempts hold the terms up to v = m - 1.
    terms = [(p * (1 - p) ** v).sum() / v / np.log(2) for v in range(1, m)]
    assert mean["entropy"] == pytest.approx(sum(terms))
    assert mean["entropy"] < -(p * np.log2(p)).sum()


def test_spellings_of_the_right_answer_are_one_and_no_answer_is_none():
    table = answer_spread(counts({"p": ["R", "r", "a", None], "q": [None] * 4, "s": ["R", "r", "R", "R"]}))
    rows = table.set_index("problem")
    assert rows.loc["p", ["answered", "distinct"]].tolist() == [3, 2]
    assert rows.loc["p", "disagree"] == pytest.approx(2 / 3)
    assert rows.loc["q", ["answered", "distinct"]].tolist() == [0, 0] and np.isnan(rows.loc["q", "entropy"])
    assert rows.loc["s", ["entropy", "disagree"]].tolist() == [0, 0]


def test_with_many_attempts_entropy_is_that_of_the_shares():
    given = {"p": ["R"] * 500 + ["a"] * 300 + ["b"] * 200}
    shares = [count / 1000 for count in Counter(given["p"]).values()]
    entropy = answer_spread(counts(given))["entropy"].item()
    assert entropy == pytest.approx(-sum(share * log2(share) for share in shares), abs=0.003)


def test_two_models_are_compared_problem_by_problem_at_equally_many_attempts():
    base = counts({"p": ["R", "a", "b", "c"], "q": ["R", "R", "a", "a"], "s": ["a", None, None, None]})
    tuned = counts({"p": ["R", "R", "R", "a"], "q": ["R"] * 4, "s": ["R"] * 4}, "t")
    rows = spread_difference(base, tuned).set_index("metric")
    disagree = rows.loc["two attempts disagree"]
    assert disagree["problems"] == 2  # s has one answer of the base, and one cannot disagree
    assert (disagree["base"], disagree["tuned"]) == pytest.approx(((1 + 4 / 6) / 2, (3 / 6 + 0) / 2))
    assert rows.loc["different answers", "difference"] == pytest.approx((2 + 1) / 2 - (4 + 2) / 2)
    assert ((rows["low"] <= rows["difference"]) & (rows["difference"] <= rows["high"])).all()
    with pytest.raises(MathbError, match="equally many attempts"):
        spread_difference(base, counts({"p": ["R"]}, "t"))
