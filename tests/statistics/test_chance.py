"""Chance lines: the closed form, and answers graded against permuted golds, worked by hand."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import answer_counts
from mathb_kit.statistics.chance import (
    chance_by_problem,
    chance_corrected,
    chance_curve,
    magnitude_strata,
    uniform_chance,
)

# Four problems of two digits (two share a gold), one of three digits alone, one whose gold is no whole number.
GOLDS = {"a": "10", "b": "20", "c": "20", "d": "30", "e": "100", "f": r"\frac{1}{2}"}
ANSWERS = {
    "a": ["20", "20", "10", "5"],
    "b": ["10", "30", "20", "20"],
    "c": ["7", "8", "9", None],
    "d": ["30", "30", "20", "10"],
    "e": ["30", "10", "10", "10"],
    "f": ["10", "10", "10", "10"],
}


def tables(plan: str = "fixed 4") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outcomes and answer counts of the answers above."""
    rows = [(problem, answer) for problem, answers in ANSWERS.items() for answer in answers]
    attempts = pd.DataFrame(rows, columns=["problem", "answer"]).assign(model="m", draw="fixed")
    right = attempts["answer"] == attempts["problem"].map(GOLDS)
    attempts["verdict"] = np.where(right, "correct", "wrong")
    c = attempts.groupby("problem")["verdict"].apply(lambda verdicts: (verdicts == "correct").sum())
    outcomes = pd.DataFrame({"model": "m", "problem": list(ANSWERS), "draw": "fixed", "n": 4, "plan": plan})
    return outcomes.assign(c=outcomes["problem"].map(c)), answer_counts(attempts)


def by_text(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(verdict=np.where(pairs["gold"] == pairs["answer"], "correct", "wrong"))


def test_uniform_guessing_of_aimes_values_solves_64_percent_in_1024():
    assert uniform_chance(1000, 1024) == pytest.approx(float(1 - Fraction(999, 1000) ** 1024), rel=1e-12)
    assert uniform_chance(1000, 1024) == pytest.approx(0.641, abs=5e-4)
    assert uniform_chance(4, [1, 2]).tolist() == pytest.approx([1 / 4, 1 - 9 / 16])
    assert uniform_chance(1, 3) == 1.0
    with pytest.raises(MathbError, match="at least one value"):
        uniform_chance(0, 3)


def test_chance_corrected_saturation_is_zero_at_chance_and_one_at_all_solved():
    assert chance_corrected([0.64, 1.0, 0.82, 0.28], 0.64).tolist() == pytest.approx([0, 1, 0.5, -1])
    assert np.isnan(chance_corrected(1.0, 1.0))


def test_strata_hold_one_magnitude_and_lonely_ones_join_their_neighbour():
    golds = {"a": "5", "b": "12", "c": "34", "d": "56", "e": "999", "f": "1,234", "g": "-3", "h": "0.5", "i": "5678"}
    stratum = magnitude_strata(golds).set_index("problem")["stratum"]
    # -3 is alone, so is 5, so both join; 999 is alone and joins the two digits below it; h is no whole number.
    assert [set(part.index) for _, part in stratum.groupby(stratum)] == [set("ag"), set("bcde"), set("fi")]
    with pytest.raises(MathbError, match="at least two different whole numbers"):
        magnitude_strata({"a": "7", "b": "7", "c": "x"})


def test_permuted_golds_follow_the_hand_worked_example():
    outcomes, counts = tables()
    table = chance_by_problem(outcomes, counts, GOLDS, [1, 2], by_text).set_index(["problem", "k"])["estimate"]
    assert set(table.index.get_level_values("problem")) == set("abcde")
    # e (three digits, alone) joins the stratum of the others. c correct against the golds of the others:
    hits = {
        "a": [2, 2, 0, 0],  # b: 20, c: 20, d: 30, e: 100
        "b": [1, 1, 0],  # a: 10, d: 30, e: 100; c's gold is b's own
        "c": [0, 0, 0],
        "d": [1, 1, 1, 0],  # a, b, c, e
        "e": [3, 0, 0, 1],  # a, b, c, d
    }
    for problem, counts_ in hits.items():
        assert table[problem, 1] == pytest.approx(np.mean([c / 4 for c in counts_]))
        pairs = {0: 0.0, 1: 1 / 2, 2: 5 / 6, 3: 1.0}  # 1 - C(4 - c, 2) / 6
        assert table[problem, 2] == pytest.approx(np.mean([pairs[c] for c in counts_]))
    curve = chance_curve(chance_by_problem(outcomes, tables()[1], GOLDS, [1, 2], by_text))
    assert curve["k"].tolist() == [1, 2] and curve["problems"].tolist() == [5, 5]
    assert curve["estimate"].iloc[0] == pytest.approx(np.mean([table[problem, 1] for problem in hits]))
    assert ((curve["low"] <= curve["estimate"]) & (curve["estimate"] <= curve["high"])).all()


def test_each_pair_of_gold_and_answer_is_graded_once():
    seen = []

    def grade_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
        seen.extend(zip(pairs["gold"], pairs["answer"]))
        return by_text(pairs)

    chance_by_problem(*tables(), GOLDS, [1], grade_pairs)
    assert len(seen) == len(set(seen)) and {gold for gold, _ in seen} == {"10", "20", "30", "100"}


def test_chance_is_refused_without_enough_attempts_at_fixed_n():
    outcomes, counts = tables("2/4 stop 1")
    with pytest.raises(MathbError, match=r"not the plan '2/4 stop 1'; evaluate with Plan.fixed\(4\) under a draw name"):
        chance_by_problem(outcomes, counts, GOLDS, [1, 4], by_text)
    with pytest.raises(MathbError, match="at least k = 5 attempts"):
        chance_by_problem(*tables(), GOLDS, [5], by_text)
    with pytest.raises(MathbError, match="needs at least one k"):  # every k asked for lay beyond the plan
        chance_by_problem(*tables(), GOLDS, [], by_text)
    outcomes, counts = tables()
    with pytest.raises(MathbError, match="Problem c .* 4 attempts but 3 counted"):
        chance_by_problem(outcomes, counts[counts["answer"].notna()], GOLDS, [1], by_text)
    with pytest.raises(MathbError, match="Problem f has no gold"):
        chance_by_problem(outcomes, counts, {key: GOLDS[key] for key in "abcde"}, [1], by_text)


def test_the_interval_of_the_chance_line_counts_a_problem_by_its_answers_and_by_its_gold():
    # Every model answer is 10 or 50: the few problems with these golds carry all of the chance. Numbers of two digits.
    rng = np.random.default_rng(3)
    golds = {f"p{i:02}": str(gold) for i, gold in enumerate([10] * 4 + [50] * 2 + list(range(60, 94)))}
    rows = [(p, str(rng.choice([10, 50, 99], p=[0.5, 0.2, 0.3]))) for p in golds for _ in range(16)]
    attempts = pd.DataFrame(rows, columns=["problem", "answer"]).assign(model="m", draw="fixed")
    attempts["verdict"] = np.where(attempts["answer"] == attempts["problem"].map(golds), "correct", "wrong")
    c = attempts["verdict"].eq("correct").groupby(attempts["problem"]).sum()
    outcomes = pd.DataFrame({"model": "m", "problem": list(golds), "draw": "fixed", "n": 16, "plan": "fixed 16"})
    outcomes["c"] = outcomes["problem"].map(c)
    counts = answer_counts(attempts)

    def line(kept: list[str]) -> float:
        """The chance line at k = 4 without the other problems, from the definition."""
        given = {p: attempts.loc[attempts["problem"] == p, "answer"] for p in kept}
        means = []
        for p in kept:
            others = [golds[q] for q in kept if golds[q] != golds[p]]
            hits = [int((given[p] == gold).sum()) for gold in others]
            means.append(np.mean([1 - comb(16 - hit, 4) / comb(16, 4) for hit in hits]))
        return float(np.mean(means))

    names = list(golds)
    left_out = np.array([line([q for q in names if q != p]) for p in names])  # the jackknife
    error = np.sqrt((len(names) - 1) / len(names) * ((left_out - left_out.mean()) ** 2).sum())
    curve = chance_curve(chance_by_problem(outcomes, counts, golds, [1, 4], by_text)).set_index("k").loc[4]
    assert curve["estimate"] == pytest.approx(line(names))
    assert curve["high"] - curve["low"] == pytest.approx(2 * 2.02 * error, rel=0.3)
    answers_alone = np.std(chance_by_problem(outcomes, counts, golds, [4], by_text)["estimate"], ddof=1) / 40**0.5
    assert error > 2 * answers_alone  # what an interval over answers only would leave out
