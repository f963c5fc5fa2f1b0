"""Reach metrics on a hand-worked example; the frozen null by enumeration; the verdict sentence."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from math import comb, isnan

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.sentences import verdict_sentence
from mathb_kit.statistics import (
    Bootstrap,
    compare_reach,
    expansion_curve,
    frozen_null,
    frozen_null_runs,
    gains_by_problem,
    mcnemar,
    newly_reached,
    paired_difference,
    proportion_interval,
    reach,
    unsolved,
)


def outcomes(first_correct: dict[str, int | None], n: int = 16, model="base", draw="main", **columns) -> pd.DataFrame:
    first = pd.array(list(first_correct.values()), dtype="Int64")
    frame = pd.DataFrame({"problem": list(first_correct), "first_correct": first})
    return frame.assign(model=model, draw=draw, n=n, plan=str(Plan.fixed(n)), **columns)


# Worked by hand at k = 8: base reaches {a, b, c}, tuned reaches {b, c, d}, tuned's first attempt solves {c, d}.
BASE = outcomes({"a": 1, "b": 8, "c": 3, "d": 9, "e": None, "f": 16})
TUNED = outcomes({"a": None, "b": 2, "c": 1, "d": 1, "e": 12, "f": None}, model="tuned")


def test_rates_follow_the_formulas_on_six_problems():
    result = compare_reach(BASE, TUNED, 8)
    assert reach(BASE, 8) == {"a", "b", "c"} and unsolved(BASE, 8) == {"d", "e", "f"}
    assert result.expansion[:3] == (1, 6, 1 / 6)  # d
    assert result.shrinkage[:3] == (1, 6, 1 / 6)  # a
    assert result.preservation[:3] == (2, 3, 2 / 3)  # b, c of a, b, c
    assert result.consolidation[:3] == (1, 2, 1 / 2)  # c of b, c
    assert result.tuned_reach.rate == (result.expansion.count + result.preservation.count) / 6
    assert result.expansion[3:] == proportion_interval(1, 6)
    table = result.to_frame()
    assert table["metric"].tolist() == ["expansion", "shrinkage", "preservation", "consolidation"]
    assert set(table["interval"]) == {"problems as a sample, clopper-pearson"}


def test_on_the_bases_own_unsolved_set_expansion_is_the_tuned_reach():
    missed = unsolved(BASE, 16)
    assert missed == {"e"}
    result = compare_reach(BASE, TUNED, 16, missed)
    assert result.expansion == result.tuned_reach == (1, 1, 1.0, *proportion_interval(1, 1))
    assert result.shrinkage.rate == 0.0
    for undefined in (result.preservation, result.consolidation):
        assert undefined[:2] == (0, 0) and all(isnan(value) for value in undefined[2:])
    nothing = compare_reach(BASE, TUNED, 16, [])
    assert isnan(nothing.expansion.rate)


def test_expansion_curve_keeps_the_denominator():
    tuned = outcomes({"d": 2, "e": 12, "f": 16}, model="tuned")
    curve = expansion_curve(BASE, tuned, [1, 2, 9, 12, 16], unsolved(BASE, 8))
    assert curve["k"].tolist() == [1, 2, 9, 12, 16]
    assert curve["count"].tolist() == [0, 1, 0, 1, 1]  # d, until base has it at 9; e from 12; f for both at 16
    assert curve["of"].tolist() == [3] * 5


def test_a_stopped_problem_counts_and_an_unfinished_one_is_an_error():
    stopped = BASE.assign(n=[4, 16, 16, 16, 16, 16])
    assert reach(stopped, 16) == {"a", "b", "c", "d", "f"}
    short = BASE.assign(n=[16, 16, 16, 16, 10, 16])
    assert reach(short, 10) == {"a", "b", "c", "d"}
    with pytest.raises(MathbError, match="Problem e .* in 10 attempts, too few for k = 11"):
        reach(short, 11)


def test_reach_refuses_what_it_cannot_compare():
    with pytest.raises(MathbError, match="first being f"):
        compare_reach(BASE, TUNED[TUNED["problem"] != "f"], 8)
    with pytest.raises(MathbError, match="one model and draw"):
        reach(pd.concat([BASE, TUNED]), 8)
    with pytest.raises(MathbError, match="Problem a has two outcomes"):
        reach(pd.concat([BASE, BASE]), 8)


def test_what_is_newly_reached_per_step_is_the_mean_share_newly_reached():
    # Two models on four problems; first correct attempt, none where the number is missing.
    first = {"a": [3, 70, None, 128], "b": [64, 65, None, None]}
    rows = pd.DataFrame(
        [
            {"model": model, "problem": f"p{i}", "draw": "main", "n": 192,
             "first_correct": pd.NA if at is None else at}
            for model, firsts in first.items()
            for i, at in enumerate(firsts)
        ]
    ).astype({"first_correct": "Int64"})  # fmt: skip
    table = newly_reached(rows, step=64, k_max=192)
    with pytest.raises(MathbError, match="beyond the largest k, 32"):
        newly_reached(rows, step=64, k_max=32)
    # a reaches 1, 2, 0 new of four; b reaches 1, 1, 0
    assert table["gain"].tolist() == [1 / 4, (2 / 4 + 1 / 4) / 2, 0.0]
    assert table["k"].tolist() == [64, 128, 192]


@pytest.mark.parametrize(("n", "k"), [(8, 4), (8, 2), (8, 3), (9, 4)])
def test_frozen_null_equals_the_enumeration_of_both_blocks(n, k):
    counts = [0, 0, 1, 1, 2, 4, n]
    unsolved_, reached = 0.0, 0.0
    for c in counts:
        placements = list(combinations(range(n), c))
        missed = [set(hits) for hits in placements if min(hits, default=n) >= k]
        unsolved_ += len(missed) / len(placements)
        reached += sum(any(k <= hit < 2 * k for hit in hits) for hits in missed) / len(placements)
    rows = outcomes({f"p{i}": None for i in range(len(counts))}, n=n, c=counts)
    null = frozen_null(rows, k)
    assert (null.unsolved, null.reached, null.rate) == pytest.approx((unsolved_, reached, reached / unsolved_))


def test_frozen_null_at_half_of_n_is_the_split_half_formula():
    n, counts = 128, np.array([0, 0, 0, 1, 2, 2, 5, 60])
    w = np.array([comb(n // 2, c) / comb(n, c) for c in counts.tolist()])
    null = frozen_null(outcomes({f"p{i}": None for i in range(8)}, n=n, c=counts), 64)
    assert null.rate == pytest.approx(w[counts > 0].sum() / w.sum(), rel=1e-12)
    with pytest.raises(MathbError, match="at least 2k = 130"):
        frozen_null(outcomes({"p": None}, n=n, c=[0]), 65)
    assert isnan(frozen_null(outcomes({"p": None}, n=n, c=[128]), 64).rate)


def test_the_interval_of_the_null_is_scipys_bca_bootstrap_of_the_ratio_over_problems():
    counts = np.random.default_rng(3).choice([0, 0, 0, 1, 2, 3, 9, 40], size=40)
    null = frozen_null(outcomes({f"p{i}": None for i in range(40)}, n=64, c=counts), 32, bootstrap=Bootstrap(20_000))
    w = np.array([comb(32, c) / comb(64, c) for c in counts.tolist()])
    scipys = bootstrap(
        (w * (counts > 0), w),
        lambda top, bottom, axis=-1: top.sum(axis) / bottom.sum(axis),
        paired=True, n_resamples=20_000, method="BCa", rng=4,
    ).confidence_interval  # fmt: skip
    assert (null.low, null.high) == pytest.approx(tuple(scipys), abs=0.008)
    assert null.low <= null.rate <= null.high and null.interval.startswith("problems as a sample")
    assert isnan(frozen_null(outcomes({"p": None}, n=8, c=[1]), 4).low)


def test_the_interval_of_the_null_has_width_where_all_problems_agree():
    # None of the three problems that can be unsolved was ever solved; the two that are always solved do not count.
    null = frozen_null(outcomes({f"p{i}": None for i in range(5)}, n=8, c=[0, 0, 0, 8, 8]), 4)
    assert (null.rate, null.low, null.high) == (0, 0, pytest.approx(proportion_interval(0, 3)[1]))


def test_single_frozen_runs_follow_the_distribution_over_random_splits():
    n, k, counts = 6, 2, [0, 1, 2]
    exact = Counter()
    placements = [list(combinations(range(n), c)) for c in counts]
    for hits in product(*placements):
        missed = [each for each in hits if min(each, default=n) >= k]
        exact[len(missed), sum(any(hit < 2 * k for hit in each) for each in missed)] += 1
    runs = 40_000
    table = frozen_null_runs(outcomes({f"p{i}": None for i in range(3)}, n=n, c=counts), k, runs=runs)
    seen = Counter(zip(table["unsolved"], table["reached"]))
    assert set(seen) <= set(exact)
    for event, ways in exact.items():
        assert seen[event] / runs == pytest.approx(ways / exact.total(), abs=0.01)
    assert table["rate"].tolist() == pytest.approx((table["reached"] / table["unsolved"]).tolist(), nan_ok=True)


def test_an_independent_frozen_run_is_tested_by_a_fresh_draw_and_not_by_splits_of_an_old_one():
    # Simulated: 60 rates spread evenly over orders of magnitude, one frozen model, 128 attempts to select and to try.
    rng, rejected = np.random.default_rng(1), Counter()
    runs, problems = 300, [f"p{i}" for i in range(60)]
    for run in range(runs):
        rates = 10 ** rng.uniform(-4, -0.5, 60)
        first, second, tuned, redrawn = rng.binomial(128, rates, size=(4, 60))
        chosen = first == 0
        null = frozen_null_runs(outcomes(dict.fromkeys(problems), n=256, c=first + second), 128, runs=200, seed=run)
        rejected["splits"] += (null["rate"] >= (tuned[chosen] > 0).mean()).mean() < 0.05
        arms = [outcomes({p: 1 if c else None for p, c in zip(problems, arm)}, n=128, draw=f"{i}").loc[chosen]
                for i, arm in enumerate((redrawn, tuned))]  # fmt: skip
        rejected["fresh draw"] += mcnemar(compare_reach(*arms, 128), selected_by="")[2] < 0.05
    assert rejected["fresh draw"] / runs <= 0.05
    assert rejected["splits"] / runs > 0.08  # which is why nothing here calls them a test


def test_a_null_from_the_selecting_draw_is_refused():
    with pytest.raises(MathbError, match="'selection' of the base selected these problems"):
        frozen_null(outcomes({"p": None, "q": None}, draw="selection", c=[0, 0]), 4)


def test_mcnemar_is_the_binomial_tail_over_discordant_problems():
    problems = "abcdefghi"
    base = outcomes({problem: 1 if problem in "hi" else None for problem in problems})
    tuned = outcomes({problem: 1 if problem in "abcdefgh" else None for problem in problems}, model="tuned")
    # 7 against 1: two-sided p = 2 (C(8, 0) + C(8, 1)) / 2^8
    assert mcnemar(compare_reach(base, tuned, 16)) == (7, 1, pytest.approx(2 * 9 / 256))
    assert mcnemar(compare_reach(base, base.assign(draw="again"), 16)) == (0, 0, 1.0)


def test_mcnemar_refuses_a_set_that_one_of_the_draws_selected():
    tuned = outcomes({"a": 1, "b": None}, model="tuned")
    zeros = outcomes({"a": None, "b": None})
    with pytest.raises(MathbError, match="'selection' of the base selected"):
        mcnemar(compare_reach(zeros.assign(draw="selection"), tuned, 16), selected_by="")
    with pytest.raises(MathbError, match="'selection' of the tuned model selected"):
        mcnemar(compare_reach(outcomes({"a": 1, "b": None}), tuned.assign(draw="selection"), 16))
    with pytest.raises(MathbError, match="solved none of these problems"):
        mcnemar(compare_reach(zeros, tuned, 16))
    assert mcnemar(compare_reach(zeros, tuned, 16), selected_by="selection") == (1, 0, 1.0)


def many(reached: range, draw: str, model: str = "base") -> pd.DataFrame:
    return outcomes({f"p{i:02}": 5 if i in reached else None for i in range(31)}, model=model, draw=draw)


def test_the_verdict_names_counts_intervals_and_the_test():
    base, fresh = many(range(0), "main"), many(range(20, 21), "retest")
    null = compare_reach(base, fresh, 16)
    sentence = verdict_sentence(compare_reach(base, many(range(3), "main", "tuned"), 16), null)
    # 3 and 1 discordant problems: two-sided p = 2 (1 + 4) / 16
    assert sentence == (
        "reached 3 of 31, 9.7 % (2.0 to 25.8); a re-drawn base reaches 1 of 31, 3.2 % (0.1 to 16.7); tuned minus "
        "re-drawn +6.5 points (-6.8 to +19.7): not distinguishable (exact McNemar test, 3 problems only with tuning "
        "and 1 only by the re-drawn base, p = 0.62; "
        "8 only with tuning would have been needed beside these 1; "  # 2 (1 + 9) / 2^9 = 0.039, at 7 it is 0.070
        "95 % intervals: problems as a sample, clopper-pearson and for the difference t)"
    )
    strong = verdict_sentence(compare_reach(base, many(range(12), "main", "tuned"), 16), null)
    assert ": distinguishable, more (" in strong
    weak = verdict_sentence(
        compare_reach(base, many(range(0), "main", "tuned"), 16), compare_reach(base, many(range(9), "retest"), 16)
    )
    assert ": distinguishable, fewer (" in weak


def test_a_set_too_small_for_any_verdict_is_called_so():
    def five(reached: str, draw: str, model: str = "base") -> pd.DataFrame:
        return outcomes({problem: 1 if problem in reached else None for problem in "abcde"}, model=model, draw=draw)

    base = five("", "main")
    null = compare_reach(base, five("", "retest"), 16)
    sentence = verdict_sentence(compare_reach(base, five("abcde", "main", "tuned"), 16), null)
    # 5 against 0 has p = 2 / 2^5; 6 against 0 would have 2 / 2^6
    assert "6 only with tuning would have been needed beside these 0, which this set is too small for" in sentence


def test_the_verdict_refuses_a_null_that_is_none():
    base, tuned = many(range(0), "main"), compare_reach(many(range(0), "main"), many(range(3), "main", "tuned"), 16)
    with pytest.raises(MathbError, match="re-uses draw 'main'"):
        verdict_sentence(tuned, compare_reach(base, base, 16))
    with pytest.raises(MathbError, match="same set and k"):
        verdict_sentence(tuned, compare_reach(base, many(range(1), "retest"), 8))
    with pytest.raises(MathbError, match="fresh draw of the base"):
        verdict_sentence(tuned, tuned)


def test_arms_that_different_graders_graded_are_not_compared():
    old, new = outcomes({"a": 1, "b": None}, grader="old"), outcomes({"a": 1, "b": 2}, model="tuned", grader="new")
    counted = new.drop(columns="grader")
    for compare in (
        lambda tuned: compare_reach(old, tuned, 16),
        lambda tuned: gains_by_problem(old.assign(c=[1, 0]), tuned.assign(c=[1, 1])),
        lambda tuned: paired_difference(old.assign(c=[1, 0]), tuned.assign(c=[1, 1]), [1]),
    ):
        with pytest.raises(MathbError, match=r"different graders \(new, old\)"):
            compare(new)
        compare(new.assign(grader="old"))
        compare(counted)  # nobody knows who graded counts from elsewhere
