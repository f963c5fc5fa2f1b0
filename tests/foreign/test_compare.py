"""`mathb compare`: the real pair against an independent calculation, and what the two ends of the command agree on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy
from scipy.stats import binom, false_discovery_control, hypergeom
from typer.testing import CliRunner

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.foreign import read_foreign_counts
from mathb_kit.judging import compare_pair
from mathb_kit.report.comparison import comparison_latex
from mathb_kit.sentences import pair_sentences
from mathb_kit.statistics import crossing_point, expansion_by_half_draws, outcome_bounds
from mathb_kit.statistics.bootstrap import Bootstrap

PAIR = Path(os.environ.get("MATHB_DATA_DIR", "")) / "real_counts" / "qwen2.5-7b_vs_simplerl-zoo_math500_n128.csv"
needs_pair = pytest.mark.skipif(not PAIR.is_file(), reason="MATHB_DATA_DIR has no real_counts")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))


def arm(model: str, c, n: int = 8, draw: str = "main", **more) -> pd.DataFrame:
    problems = [f"p{i}" for i in range(len(c))]
    return pd.DataFrame(
        {"model": model, "problem": problems, "draw": draw, "n": n, "c": c, "plan": f"fixed {n}", "grader": "g", **more}
    )


@needs_pair
def test_the_real_pair_agrees_with_the_hypergeometric_distribution(tmp_path):
    done = CliRunner().invoke(
        app, ["compare", "base", "rl", "--in", str(PAIR), "--column", "problem=index", "--json"]
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    table = pd.read_csv(PAIR)
    b, t = table["c_base"].to_numpy(), table["c_rl"].to_numpy()
    for row in told["expansion"]:
        k = row["k"]
        miss, miss_twice = hypergeom.pmf(0, 128, b, k), hypergeom.pmf(0, 128, b, 2 * k)
        assert row["missed"] == pytest.approx(miss.sum())
        assert row["null"] == pytest.approx((miss - miss_twice).sum() / miss.sum())
        assert row["tuned"] == pytest.approx((miss * hypergeom.sf(0, 128, t, k)).sum() / miss.sum())
    last = told["expansion"][-1]
    assert (last["k"], round(100 * last["null"], 1), round(100 * last["tuned"], 1)) == (64, 27.7, 19.4)
    assert [round(100 * last[f"null_run_{end}"], 1) for end in ("low", "high")] == pytest.approx([13.6, 38.7], abs=1)
    reach = {row["who"]: row["problems"] for row in told["reach"]}
    assert reach == {"both": 462, "base only": 19, "tuned only": 3, "neither": 16}
    gains = pd.DataFrame(told["gains"]).astype({"problem": int}).set_index("problem")
    # Fisher's test, by scipy, is valid here and weaker than ours: what it names ours must name, too.
    for direction, c in (("gained", t), ("lost", b)):
        p = hypergeom.sf(c - 1, 256, b + t, 128)
        fisher = set(np.flatnonzero(false_discovery_control(p) <= 0.05))
        assert fisher <= set(gains.index[gains[direction]])
    assert set(gains.index[gains["gained"] & (gains["base_c"] == 0)]) == {64, 242}
    assert {129, 204} <= set(gains.index[gains["lost"] & (gains["tuned_c"] == 0)]) <= {129, 204, 214, 332}
    for problem in (64, 80, 214):
        column, (low, high) = ("gain_p", (b, t)) if t[problem] > b[problem] else ("loss_p", (t, b))
        brute = unconditional_p(int(low[problem]), int(high[problem]), 128)
        assert brute * 0.999 <= gains.loc[problem, column] <= 1.2 * brute  # ours bounds the maximum from above


def unconditional_p(low: int, high: int, n: int) -> float:
    """Largest chance, over a grid of common rates, of a signed log-likelihood ratio at least as large as observed."""
    counts = np.arange(n + 1)

    def likelihood(c, of):
        return xlogy(c, c / of) + xlogy(of - c, 1 - c / of)

    x, y = counts[:, None], counts[None, :]
    ratio = np.sign(y - x) * (likelihood(x, n) + likelihood(y, n) - likelihood(x + y, 2 * n))
    extreme = ratio >= ratio[low, high] - 1e-9
    rates = np.sin(np.linspace(0, np.pi / 2, 1500)) ** 2
    return max(float((binom.pmf(counts, n, p)[:, None] * binom.pmf(counts, n, p) * extreme).sum()) for p in rates)


@needs_pair
def test_the_published_families_of_the_real_pair_are_reproduced_as_exploratory(tmp_path):
    samples = read_foreign_counts(PAIR, columns={"problem": "index"})
    pair = compare_pair(samples.arm("base"), samples.arm("rl"))
    missed = pair.gains.loc[pair.gains["base_c"] == 0, "problem"]
    among = pair.gains_among(missed)
    assert len(missed) == 19 and set(among.loc[among["gained"], "problem"]) == {"64", "242"}
    gone = pair.gains_among(pair.no_longer_reached["problem"])
    assert set(gone.loc[gone["lost"], "problem"]) == {"129", "204", "214", "332"}


def test_half_draws_are_the_mean_over_all_splits():
    """By enumeration: every way to place the base's successes among 4 attempts, the tuned model's among 4."""
    from itertools import combinations

    base, tuned, k = [0, 1, 2, 4], [1, 2, 0, 3], 2
    missed = null = expansion = 0.0
    for b, t in zip(base, tuned):
        places = list(combinations(range(4), b))
        miss = np.mean([all(i >= k for i in place) for place in places])
        reached = np.mean([any(i < k for i in place) for place in combinations(range(4), t)])
        missed += miss
        null += np.mean([all(i >= k for i in place) and len(place) > 0 for place in places])
        expansion += miss * reached
    (row,) = expansion_by_half_draws(arm("b", base, 4), arm("t", tuned, 4), [k]).to_dict("records")
    assert (row["missed"], row["null"], row["tuned"]) == pytest.approx((missed, null / missed, expansion / missed))
    assert row["difference"] == pytest.approx(row["tuned"] - row["null"])


def test_a_frozen_model_beside_itself_differs_by_nothing_on_average():
    rates = np.random.default_rng(0).beta(0.3, 1, 200)
    differences = []
    for seed in range(20):
        rng = np.random.default_rng(seed + 1)
        first, second = (arm("m", rng.binomial(32, rates), 32, draw=d) for d in ("main", "again"))
        table = expansion_by_half_draws(first, second, [16], bootstrap=Bootstrap(replicates=2))
        differences.append(table["difference"].iloc[0])
    error = np.std(differences) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) < 3 * error + 0.005


def test_curves_cross_where_they_do_by_hand():
    """Base: half of the problems at p = 1/2; tuned: a quarter always. Both solve 1/4 at k = 1, so they cross there."""
    base = arm("b", [0] * 20 + [4] * 20)
    tuned = arm("t", [0] * 28 + [8] * 12)  # 0.3 at every k; the base: 0.25 at 1, 0.5 (1 - C(4,2)/C(8,2)) = 0.393 at 2
    crossing = crossing_point(base, tuned)
    at_2 = 0.5 * (1 - 6 / 28)
    part = 0.05 / (0.05 + at_2 - 0.3)
    assert crossing["k"] == pytest.approx(2**part)
    assert np.isnan(crossing_point(tuned, tuned.assign(model="u"))["k"])


def test_attempts_without_a_verdict_give_bounds():
    bounds = outcome_bounds(arm("m", [0, 4], grader_failed=[2, 0]), [1, 8]).set_index("k")
    assert bounds.loc[1, "as_wrong"] == 0.25 and bounds.loc[1, "as_correct"] == (0.25 + 0.5) / 2
    assert bounds.loc[8, "as_wrong"] == 0.5 and bounds.loc[8, "as_correct"] == 1
    pair = compare_pair(arm("b", [0, 4], grader_failed=[2, 0]), arm("t", [1, 4], grader_failed=0))
    assert any("2 attempts of b have no verdict" in line for line in pair_sentences(pair))


def test_a_second_draw_of_the_base_gives_the_verdict_of_evaluate_base():
    pair = compare_pair(
        arm("b", [0, 0, 0, 5]), arm("t", [3, 0, 8, 8]), redrawn=[arm("b", [0, 1, 0, 4], draw="again")], on="s"
    )
    judgement = pair.judgement
    assert judgement.comparison.tuned_reach.count == 2 and judgement.null.tuned_reach.count == 1
    assert judgement.comparison.problems == {"p0", "p1", "p2"}
    assert any("a re-drawn base reaches 1 of 3" in line for line in pair_sentences(pair))
    with pytest.raises(MathbError, match="another draw of the base itself"):
        compare_pair(arm("b", [0]), arm("t", [1]), redrawn=[arm("b", [1])])


def test_single_problems_are_tested_against_all_draws_of_the_base():
    """0, 0 and 0 of 8 beside 4 of 8: Barnard's test of 0 of 24 against 4 of 8, by enumeration over a grid of rates."""
    base, again, more = (arm("b", [0, 2, 5], draw=draw) for draw in ("main", "again", "third"))
    pair = compare_pair(base, arm("t", [4, 2, 0]), redrawn=[again, more])
    rates = np.linspace(0.0005, 0.9995, 2000)
    top = lambda n, c: xlogy(c, c / n) + xlogy(n - c, 1 - c / n)  # noqa: E731
    b, t = np.mgrid[:25, :9]
    ratio = np.sign(t / 8 - b / 24) * (top(24, b) + top(8, t) - top(32, b + t))
    extreme = np.argwhere(ratio >= ratio[0, 4] - 1e-9)
    p = sum(binom.pmf(b, 24, rates) * binom.pmf(t, 8, rates) for b, t in extreme).max()
    row = pair.gains.iloc[0]
    assert (row["base_n"], row["base_c"], row["tuned_c"]) == (24, 0, 4)
    assert p <= row["gain_p"] <= 1.1 * p
    assert pair.no_longer_reached["problem"].tolist() == ["p2"] and pair.newly_reached["problem"].tolist() == ["p0"]
    assert pair.separation.equivalents["n"].tolist() == [24, 24]
    other = arm("b", [0, 1, 2], 4, draw="short")  # of another plan: it stands in the null of the set, not in these sums
    assert compare_pair(base, arm("t", [4, 2, 0]), redrawn=[again, other]).gains["base_n"].tolist() == [16] * 3


def test_different_graders_are_said_wherever_the_comparison_goes():
    pair = compare_pair(arm("b", [0, 3]), arm("t", [1, 3]).assign(grader="other"), mixed_graders=True, note="n")
    assert "GRADED DIFFERENTLY: g and other" in pair.note and "GRADED DIFFERENTLY" in comparison_latex(pair)


def test_the_report_escapes_what_latex_would_read():
    latex = comparison_latex(compare_pair(arm("b_1", [0, 3, 8]), arm("50%&", [1, 3, 8]), on="s#"))
    assert r"b\_1" in latex and r"50\%\&" in latex and r"s\#" in latex and r"\paragraph{Methods.}" in latex


def test_stored_models_are_compared_without_sampling():
    problems = mb.load_problems("mini-aime")
    refused = CliRunner().invoke(app, ["compare", "mini-base-1", "mini-rl-1", "--on", "mini-aime", "--attempts", "2"])
    assert refused.exit_code == 2 and "sample them first: mathb evaluate mini-base-1" in refused.stderr
    for name in ("mini-base-1", "mini-rl-1"):
        evaluated = mb.evaluate(mb.get_model(name), problems, mb.Plan.up_to(2))
    done = CliRunner().invoke(
        app, ["compare", "mini-base-1", "mini-rl-1", "--on", "mini-aime", "--attempts", "2", "--json"]
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["tuned"] == "mini-rl-1" and told["n"] == 2
    solved = sum(row["problems"] for row in told["reach"] if row["who"] in ("both", "tuned only"))
    assert solved == (evaluated.outcomes["c"] > 0).sum()
