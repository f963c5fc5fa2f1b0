"""Frozen pairs: how often is a model found to have gained a problem over itself?

    python bench/frozen_pairs.py [--draws 10] [--plan "16/64/256 stop 2"] [--pairs 1000]

Real: draws of one base on the problems that it left unsolved when the set was selected; every ordered pair of draws is
tested as base and tuned model. Simulated: success rates fitted to the real draws together, and pairs of arms drawn from
them, under the same plan and under fixed n. In all pairs nothing was gained, so each discovery is a false one. The
share of pairs with any must not exceed the false discovery rate asked for. Beside it, what counting newly reached
problems reports (the Expansion of a frozen model) and McNemar's verdict at 5 %.

Attempts are kept in the common store, under draws of their own, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from itertools import permutations

import numpy as np
import pandas as pd

from mathb_kit import MathbError, Plan, evaluate, get_model, load_problems, load_profile
from mathb_kit.sentences import gains_sentence
from mathb_kit.statistics import compare_reach, fit_success_rates, gains_by_problem, mcnemar


def real_draws(model_name: str, set_name: str, plan: Plan, count: int) -> list[pd.DataFrame]:
    model, problems = get_model(model_name), load_problems(set_name).unsolved_by(model_name)
    return [evaluate(model, problems, plan, draw=f"frozen-{i}").outcomes for i in range(1, count + 1)]


def simulated_arm(rates: np.ndarray, plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    n, c = np.zeros(len(rates), dtype=int), np.zeros(len(rates), dtype=int)
    going_on = np.ones(len(rates), dtype=bool)
    for end in plan.rounds:
        c += np.where(going_on, rng.binomial(end - n, rates), 0)
        n[going_on] = end
        going_on &= np.array([plan.continues(end, hits) for hits in c])
    # Where the first success fell matters below n_max only, and everything here is read at n_max.
    first = pd.array(np.where(c > 0, n, 0), dtype="Int64")
    first[c == 0] = pd.NA
    names = {"model": "simulated", "problem": [f"p{i}" for i in range(len(rates))], "draw": "simulated"}
    return pd.DataFrame({**names, "n": n, "c": c, "first_correct": first, "plan": str(plan)})


def found(base: pd.DataFrame, tuned: pd.DataFrame, fdr: float) -> dict[str, float]:
    k = Plan.parse(base["plan"].iloc[0]).n_max
    table = gains_by_problem(base, tuned, fdr=fdr, selected_by="selection")
    comparison = compare_reach(base, tuned, k)
    newly = comparison.tuned_reached - comparison.base_reached
    missed = comparison.problems - comparison.base_reached
    return {
        "any discovery": float(table["gained"].any()),
        "Expansion over the other draw": len(newly) / len(missed) if missed else np.nan,
        "McNemar p < 0.05": float(mcnemar(comparison, selected_by="selection")[2] < 0.05),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="mini-base-1")
    parser.add_argument("--set", default="mini-math-b")
    parser.add_argument("--plan", type=Plan.parse, default=load_profile("mini").plan)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--fdr", type=float, default=0.05)
    arguments = parser.parse_args()
    if arguments.draws < 2:
        raise MathbError(f"Pairs need at least two draws, not {arguments.draws}; give --draws 2 or more.")
    draws = real_draws(arguments.model, arguments.set, arguments.plan, arguments.draws)
    rows = [{"pairs": "real draws", **found(*pair, arguments.fdr)} for pair in permutations(draws, 2)]
    pooled = pd.concat(draws).groupby("problem")[["n", "c"]].sum().reset_index()
    fitted = fit_success_rates(pooled)
    rng = np.random.default_rng(0)
    for plan in dict.fromkeys([arguments.plan, Plan.fixed(arguments.plan.n_max)]):
        for _ in range(arguments.pairs):
            rates = rng.choice(fitted.rates, len(pooled), p=fitted.weights)
            arms = (simulated_arm(rates, plan, rng) for _ in range(2))
            rows.append({"pairs": f"simulated, {plan}", **found(*arms, arguments.fdr)})
    table = pd.DataFrame(rows).groupby("pairs", sort=False)
    print(f"{arguments.model} on {len(pooled)} problems of {arguments.set}, plan {arguments.plan}, {len(draws)} draws")
    print(f"correct in {pooled['n'].sum():,} attempts: {pooled['c'].sum():,}, at {(pooled['c'] > 0).sum()} problems")
    print(gains_sentence(gains_by_problem(draws[0], draws[1], fdr=arguments.fdr, selected_by="selection")))
    summary = table.mean()
    summary.insert(0, "number", table.size())
    summary["highest Expansion"] = table["Expansion over the other draw"].max()
    print(summary.round(4).to_string())
    held = summary["any discovery"] <= arguments.fdr
    print(f"share with any discovery at or under {arguments.fdr:g}: {'yes' if held.all() else 'NO'}")


if __name__ == "__main__":
    main()
