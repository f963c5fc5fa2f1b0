"""maj@k, Cover and G-Pass@k against enumerations of subsets."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import ceil, comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binomtest

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import answer_counts
from mathb_kit.plan import Plan
from mathb_kit.statistics.majority import (
    bayes_at_n,
    cover,
    g_pass_at_k,
    maj_at_k,
    mean_g_pass_at_k,
    neighbours,
    pass_hat_k,
)

# Nine attempts each; "R" and "r" are two spellings that the grader finds correct, None is no answer.
ANSWERS = {
    "clear": list("RRRRrrabc"),
    "tied": list("RRraaabbb"),
    "outvoted": list("Raaaaabbb"),
    "silent": ["R", "a", *[None] * 7],
    "never": list("aaaabbbcc"),
    "always": ["R"] * 9,
}


def tables(answers=ANSWERS, n: int = 9) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        {"problem": problem, "answer": answer, "verdict": "correct" if answer in ("R", "r") else "wrong"}
        for problem, given in answers.items()
        for answer in given
    ]
    attempts = pd.DataFrame(rows).assign(model="m", draw="fixed")
    c = attempts.groupby("problem", sort=False)["verdict"].apply(lambda verdicts: (verdicts == "correct").sum())
    outcomes = c.rename("c").reset_index().assign(model="m", draw="fixed", n=n, plan=str(Plan.fixed(n)))
    return outcomes, answer_counts(attempts)


def enumerated(given, k: int) -> float:
    """Mean over all subsets of k attempts of the share of the majority that is correct."""
    accuracies = []
    for subset in combinations(given, k):
        votes = Counter("R" if answer in ("R", "r") else answer for answer in subset if answer is not None)
        top = [answer for answer, number in votes.items() if number == max(votes.values())]
        accuracies.append(top.count("R") / len(top) if top else 0.0)
    return float(np.mean(accuracies))


@pytest.mark.parametrize("k", range(1, 10))
def test_majority_is_the_mean_over_all_subsets(k):
    table = maj_at_k(*tables(), [k]).set_index("problem")
    for problem, given in ANSWERS.items():
        assert table.loc[problem, "estimate"] == pytest.approx(enumerated(given, k), abs=1e-12)
    assert (table["standard_error"] == 0).all()


def test_beyond_exact_sums_random_subsets_agree_within_their_standard_error(monkeypatch):
    exact = maj_at_k(*tables(), [5])
    monkeypatch.setattr("mathb_kit.statistics.majority.EXACT_UP_TO", 1)
    drawn = maj_at_k(*tables(), [5], subsets=4000)
    # In every subset of five "clear" wins and "outvoted" loses, as "always" and "never" do.
    assert set(drawn["problem"][drawn["standard_error"] > 0]) == {"tied", "silent"}
    assert ((drawn["estimate"] - exact["estimate"]).abs() <= 4 * drawn["standard_error"] + 1e-12).all()
    backwards = maj_at_k(tables()[0].iloc[::-1], tables()[1], [5], subsets=4000)
    assert backwards.iloc[::-1]["estimate"].tolist() == drawn["estimate"].tolist()


def test_one_vote_is_the_accuracy_and_all_votes_are_the_plurality():
    table = maj_at_k(*tables(), [1, 9]).set_index(["problem", "k"])["estimate"]
    assert [table[problem, 1] for problem in ANSWERS] == pytest.approx([6 / 9, 3 / 9, 1 / 9, 1 / 9, 0, 1])
    assert [table[problem, 9] for problem in ANSWERS] == pytest.approx([1, 1 / 3, 0, 1 / 2, 0, 1])


def test_g_pass_is_the_share_of_subsets_with_enough_correct():
    outcomes, _ = tables()
    taus = [0.0, 0.25, 0.5, 0.6, 1.0]
    table = g_pass_at_k(outcomes, 5, taus).set_index(["problem", "tau"])["estimate"]
    for problem, given in ANSWERS.items():
        hits = [sum(answer in ("R", "r") for answer in subset) for subset in combinations(given, 5)]
        for tau in taus:
            needed = max(1, ceil(tau * 5))
            assert table[problem, tau] == pytest.approx(np.mean([hit >= needed for hit in hits]), abs=1e-12)
        mean = 2 / 5 * sum(np.mean([hit >= i for hit in hits]) for i in (4, 5))  # i from ceil(2.5) + 1
        found = mean_g_pass_at_k(outcomes, 5).set_index("problem")["estimate"][problem]
        assert found == pytest.approx(mean, abs=1e-12)


def test_pass_hat_is_the_share_of_subsets_that_are_all_correct_and_g_pass_at_one():
    outcomes, _ = tables()
    table = pass_hat_k(outcomes, [1, 5]).set_index(["problem", "k"])["estimate"]
    for problem, given in ANSWERS.items():
        for k in (1, 5):
            every = [all(answer in ("R", "r") for answer in subset) for subset in combinations(given, k)]
            assert table[problem, k] == pytest.approx(np.mean(every), abs=1e-12)
    assert table.xs(5, level="k").tolist() == g_pass_at_k(outcomes, 5, [1.0])["estimate"].tolist()
    with pytest.raises(MathbError, match="pass\\^k needs"):
        pass_hat_k(outcomes, [10])


def test_bayes_at_n_is_the_posterior_under_a_uniform_prior_on_every_problem():
    row = bayes_at_n(tables()[0]).iloc[0]
    posteriors = [beta(c + 1, 9 - c + 1) for c in (6, 3, 1, 1, 0, 9)]
    deviation = np.sqrt(sum(each.var() for each in posteriors)) / 6
    assert row["estimate"] == pytest.approx(np.mean([each.mean() for each in posteriors]))
    assert row["deviation"] == pytest.approx(deviation)
    assert (row["low"], row["high"]) == pytest.approx(
        (row["estimate"] - 1.959963985 * deviation, row["estimate"] + 1.959963985 * deviation)
    )
    never = bayes_at_n(tables({f"p{i}": ["a"] * 16 for i in range(5)}, n=16)[0]).iloc[0]
    assert never["estimate"] == pytest.approx(1 / 18)  # drawn towards one half, however many problems say no


def test_the_usual_names_are_at_hand():
    import mathb_kit as mb

    for function in (maj_at_k, g_pass_at_k, pass_hat_k, bayes_at_n):
        assert getattr(mb.statistics, function.__name__) is function
    assert (mb.maj_at_k, mb.g_pass_at_k) == (maj_at_k, g_pass_at_k)


def test_a_threshold_of_a_tenth_of_thirty_is_three():
    outcomes, _ = tables({"p": ["R"] * 3 + ["a"] * 27}, n=30)
    assert g_pass_at_k(outcomes, 30, [0.1])["estimate"].item() == 1.0  # 0.1 * 30 is a little more than 3 in floats
    assert cover(outcomes, [0.1])["estimate"].item() == 1.0


def test_cover_is_the_share_of_problems_at_or_above_the_rate():
    table = cover(tables()[0], [0, 1 / 3, 0.5, 1])
    assert table["estimate"].tolist() == pytest.approx([1, 3 / 6, 2 / 6, 1 / 6])
    assert ((table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])).all()


def test_all_neighbours_stand_side_by_side():
    table = neighbours(*tables(), 4).set_index("metric")
    assert table.index.tolist() == [
        "avg@N", "pass@4", "pass^4", "maj@4", "G-Pass@4, tau = 0.25", "G-Pass@4, tau = 0.5", "mG-Pass@4",
        "Bayes@N", "Cover@0.25", "Cover@0.5",
    ]  # fmt: skip
    assert table.loc["avg@N", "estimate"] == pytest.approx((6 + 3 + 1 + 1 + 0 + 9) / 54)
    chen = [1 - comb(9 - c, 4) / comb(9, 4) for c in (6, 3, 1, 1, 0, 9)]
    assert table.loc["pass@4", "estimate"] == pytest.approx(np.mean(chen))
    assert ((table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])).all()


def test_adaptive_plans_and_wrong_thresholds_are_refused():
    outcomes, counts = tables()
    with pytest.raises(MathbError, match=r"maj@k needs .* not the plan '3/9 stop 1'; evaluate with Plan.fixed\(5\)"):
        maj_at_k(outcomes.assign(plan="3/9 stop 1"), counts, [5])
    with pytest.raises(MathbError, match="at least k = 10"):
        g_pass_at_k(outcomes, 10, [0.5])
    with pytest.raises(MathbError, match="between 0 and 1"):
        cover(outcomes, [50])


@pytest.mark.parametrize("attempts", [16, 256])
def test_an_interval_of_cover_holds_the_share_of_rates_above_tau(attempts):
    # Simulated: rates spread as they are, with a lump just below tau that the plug-in takes for above half of the time.
    rng, tau, problems, runs = np.random.default_rng(3), 0.25, 30, 200

    def rates(size: int) -> np.ndarray:
        return np.where(rng.random(size) < 0.3, 0.24, rng.beta(0.4, 0.8, size))

    truth, hits, plug_in = (rates(1_000_000) >= tau).mean(), 0, 0
    for _ in range(runs):
        c = rng.binomial(attempts, rates(problems))
        rows = pd.DataFrame({"problem": range(problems), "n": attempts, "c": c})
        rows = rows.assign(model="m", draw="d", plan=f"fixed {attempts}")
        row = cover(rows, [tau]).iloc[0]
        assert row["low"] <= row["estimate"] <= row["high"]
        hits += row["low"] <= truth <= row["high"]
        ends = binomtest(int((c >= tau * attempts).sum()), problems).proportion_ci(method="exact")
        plug_in += ends.low <= truth <= ends.high
    assert hits / runs >= 0.95 > plug_in / runs
