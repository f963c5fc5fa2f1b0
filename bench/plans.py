"""Attempts of adaptive plans beside fixed n at equal interval width for the set's pass@n_max.

    MATHB_DATA_DIR=../shared/data python bench/plans.py

1. The miniature study, real attempts: each base on mini-math and mini-aime under the frozen plan (read from the store,
   sampled if it is not there), and one base once more in a fresh draw of fixed n = 1,024 (about 92,000 attempts, a
   minute or two), on which any plan can be replayed.
2. Real counts of 800 problems with n = 128 (skipped without MATHB_DATA_DIR): plans replayed in random order of the real
   outcomes. Expected attempts are exact (hypergeometric).
3. Forecasts, exact but for rates that are fitted or assumed: what rounds and stop count do to cost and width, and a set
   with 40 % unsolvable problems. Nothing is sampled.

ratio: attempts of fixed n_max over those of the plan. At k = n_max every plan's estimate over problems is "reached", so
there the widths are equal and the ratio is one at equal width. bound: the most that any unbiased plan could save
(``most_savings``), in 1. and 2. with the observed waiting times for the first success.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd

from mathb_kit.evaluation import evaluate
from mathb_kit.models import get_model
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.profiles import load_profile
from mathb_kit.statistics.curves import pass_at_k_curve
from mathb_kit.statistics.planning import most_savings, plan_cost
from mathb_kit.statistics.success_rates import SuccessRates, beta_success_rates, fit_success_rates


def show(title: str, rows: list[dict]) -> None:
    print(f"\n{title}")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4g}".format))


def measured(outcomes: pd.DataFrame, ks: list[int]) -> dict:
    """Attempts of a replayed or sampled plan, and its estimates with intervals over problems."""
    n_max = Plan.parse(outcomes["plan"].iloc[0]).n_max
    curve = pass_at_k_curve(outcomes, ks).set_index("k")
    estimates = {f"pass@{k}": "{estimate:.4f} [{low:.4f}, {high:.4f}]".format(**curve.loc[k]) for k in ks}
    attempts = outcomes["n"].sum()
    return {"attempts": attempts, "ratio": n_max * len(outcomes) / attempts, **estimates}


def family(n_max: int) -> list[Plan]:
    """The curve to look at: stop 1 to 8 in doubling rounds from 16, finer and coarser rounds at stop 1, 2."""
    doubling = [Plan.up_to(n_max, stop) for stop in (1, 2, 4, 8)]
    finer = [Plan.up_to(n_max, stop, chunk) for chunk in (1, 4) for stop in (1, 2)]
    coarser = [Plan(tuple(4**i * 16 for i in range(9) if 4**i * 16 < n_max) + (n_max,), stop) for stop in (1, 2)]
    return [*finer, *doubling, *coarser, Plan.fixed(n_max)]


def bound(outcomes: pd.DataFrame, n_max: int) -> float:
    """n_max over the mean number of attempts until the first success, on these very attempts."""
    return n_max / outcomes["first_correct"].fillna(n_max).clip(upper=n_max).astype(float).mean()


def miniature(ks: list[int]) -> dict[str, SuccessRates]:
    study, frozen, replays, rates = load_profile("mini"), [], [], {}
    for set_ in study.sets:
        for base in study.bases:
            run = evaluate(get_model(base), load_problems(set_), study.plan)
            about = {"set": set_, "base": base, "of": len(run.outcomes), "unsolved": (run.outcomes["c"] == 0).sum()}
            about["bound"] = bound(run.outcomes, study.plan.n_max)
            # stop 1 ends no later than the frozen plan, so its replay on the same attempts is real as well
            for plan in (study.plan, Plan.up_to(study.plan.n_max, stop=1, chunk=4)):
                outcomes = outcomes_from_verdicts(run.verdicts, plan, "replay")
                frozen.append({**about, "plan": str(plan), **measured(outcomes, ks[-1:])})
            rates[f"{set_}, {base}"] = fit_success_rates(run.outcomes)
        fresh = evaluate(get_model(study.bases[0]), load_problems(set_), Plan.fixed(study.plan.n_max), draw="fixed")
        for plan in family(study.plan.n_max):
            outcomes = outcomes_from_verdicts(fresh.verdicts, plan, "replay")
            replays.append({"set": set_, "plan": str(plan), **measured(outcomes, ks)})
    show(f"1a. Real attempts under the frozen plan ({study.plan}), and stop 1 replayed on them", frozen)
    print("   where nothing is unsolved, the width at n_max is zero for every plan")
    show(f"1b. Real attempts of {study.bases[0]}, a fresh draw of fixed n = 1,024, and plans replayed on it", replays)
    return rates


def real_counts(path: Path) -> SuccessRates:
    from scipy.stats import hypergeom

    rows = pd.read_json(path, lines=True)
    rows = rows[rows["n"] == 128]
    c, rng, table = rows["c"].to_numpy(), np.random.default_rng(0), []
    correct = rng.permuted(np.arange(128) < c[:, None], axis=1)
    verdicts = pd.DataFrame(
        {
            "model": "unnamed", "problem": np.repeat(rows["problem_id"].to_numpy(), 128), "draw": "random order",
            "index": np.tile(np.arange(128), len(rows)), "verdict": np.where(correct.ravel(), "correct", "wrong"),
            "truncated": False, "tokens": 0,
        }
    )  # fmt: skip
    for plan in family(128):
        rounds = plan.rounds[-1:] if plan.is_fixed else plan.rounds
        expected = rounds[0] * len(rows)
        for low, high in zip(rounds, rounds[1:]):
            expected += (high - low) * hypergeom.cdf(plan.stop - 1, 128, c, low).sum()
        replay = measured(outcomes_from_verdicts(verdicts, plan, "replay"), [1, 2, 128])
        table.append({"plan": str(plan), "expected attempts": expected, "expected ratio": 128 * len(rows) / expected})
        table[-1] |= {"replayed attempts": replay.pop("attempts")} | replay
    show(f"2. Real counts: {len(rows)} problems, n = 128, c from {c.min()} to {c.max()}, in random order", table)
    print("   no problem is unsolved: at k = 128 the width is zero for every plan")
    fitted = fit_success_rates(rows)
    print(f"   bound: {128 * len(rows) / ((128 + 1) / (c + 1)).sum():.4g} times (mean wait for the first success)")
    return fitted


def forecasts(rates: dict[str, SuccessRates], n_max: int, ks: list[int], problems: int) -> None:
    for title, its_rates in rates.items():
        rows = []
        for plan in family(n_max):
            cost = plan_cost(its_rates, plan, ks, problems=problems)
            row = {"plan": str(plan), "attempts": cost["attempts"].iloc[0]}
            row["ratio"] = n_max * problems / row["attempts"]
            for k, question, width, ratio in cost[["k", "question", "width", "ratio"]].itertuples(index=False):
                short = "fresh" if question.startswith("fresh") else "sample"
                row |= {f"{short}@{k}": width}
                if short == "sample":
                    row |= {f"equal@{k}": ratio}
            rows.append(row)
        never = f", {100 * its_rates.zero_mass:.0f} % never solved" if its_rates.zero_mass >= 0.005 else ""
        most = most_savings(its_rates, n_max)
        show(f"3. Forecast for {problems} problems like {title}{never}; bound {most:.4g}", rows)
    print("   fresh@k, sample@k: interval widths for fresh attempts and for problems as a sample;")
    print("   equal@k: attempts of the fixed n with the same width over problems, over those of the plan")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    ks = [1, 16, 1024]
    rates = miniature(ks)
    forecasts({key: fit for key, fit in rates.items() if "base-1" in key}, 1024, ks, problems=60)
    if folder := os.environ.get("MATHB_DATA_DIR"):
        fitted = real_counts(Path(folder) / "passk_counts_dev.jsonl")
        forecasts({"the 800 real ones (fitted rates)": fitted}, 128, [1, 2, 128], problems=800)
    else:
        print("\n2. skipped: MATHB_DATA_DIR does not name the folder of real data")
    forecasts({"Beta(0.3, 1.2), assumed": beta_success_rates(0.3, 1.2, 0.4)}, 1024, ks, problems=500)
    forecasts({"Beta(1, 1), assumed": beta_success_rates(1, 1, 0.4)}, 1024, ks, problems=500)


if __name__ == "__main__":
    main()
