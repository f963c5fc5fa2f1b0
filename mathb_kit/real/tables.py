"""Each table of the study of real counts, computed by one function; nothing is sampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from mathb_kit.judging import PairComparison, compare_pair
from mathb_kit.plan import Plan
from mathb_kit.real.sources import lineages, real_counts
from mathb_kit.statistics import (
    estimate_pass_at_k,
    fit_success_rates,
    frozen_null,
    pass_at_k_beyond,
    pass_at_k_curve,
)
from mathb_kit.statistics.success_rates import SuccessRates

K_MAX = 10_000  # attempts at every problem of the Pythia counts
PLAN = Plan((16, 64, 256, 1024, 4096, K_MAX), stop=4)
OTIS_N = 16  # attempts of the runs that are ranked


@cache
def real_pair() -> PairComparison:
    """Qwen2.5-7B and SimpleRL-Zoo on MATH-500."""
    samples = real_counts("pair")
    base, tuned = samples.models
    return compare_pair(samples.arm(base), samples.arm(tuned), on=samples.on, note=samples.note)


def pair_curves() -> pd.DataFrame:
    """pass@k of both models of the pair: name, k, estimate, low, high, problems, interval."""
    pair = real_pair()
    both = pd.concat([pair.base_outcomes, pair.tuned_outcomes])
    return pass_at_k_curve(both, list(pair.differences["k"]), by=["name"])


def pair_crossing() -> pd.DataFrame:
    """Where the base of the pair overtakes the tuned model: k, low, high, share."""
    return pd.DataFrame([real_pair().crossing])


def pair_found() -> pd.DataFrame:
    """Problems gained and lost by family of tests: family, chosen_by, tests, named, which.

    A family that the outcomes chose is exploratory, see `PairComparison.gains_among`.
    """
    pair = real_pair()
    never = pair.gains.loc[pair.gains["base_c"] == 0, "problem"]
    gone = pair.no_longer_reached["problem"]
    rows = [
        ("gained, never solved by the base", "nobody", pair.gains, pair.gains["gained"] & (pair.gains["base_c"] == 0)),
        ("lost, never solved by the tuned model", "nobody", pair.gains,
         pair.gains["lost"] & (pair.gains["tuned_c"] == 0)),
    ]  # fmt: skip
    for what, chosen, direction in (("gained", never, "gained"), ("lost", gone, "lost")):
        among = pair.gains_among(chosen)
        rows.append((f"{what}, tests among these only", "the outcomes: exploratory", among, among[direction]))
    columns = ["family", "chosen_by", "tests", "named", "which"]
    named = [
        (what, by, len(tests), int(hits.sum()), " ".join(tests.loc[hits, "problem"])) for what, by, tests, hits in rows
    ]
    return pd.DataFrame(named, columns=columns)


def otis_ranking() -> pd.DataFrame:
    """Runs with 16 attempts: name, estimate, low, high (pass@1, BCa over problems), k, missed, null, null_low,
    null_high (what a frozen model reaches at k = 8 of what it misses)."""
    outcomes = real_counts("otis").outcomes
    full = outcomes.groupby("draw")["n"].transform("min") >= OTIS_N
    curve = pass_at_k_curve(outcomes[full], [1], by=["draw"]).set_index("draw")
    rows = []
    for run, part in outcomes[full].groupby("draw", sort=False):
        null = frozen_null(part, OTIS_N // 2)
        name, ends = part["name"].iloc[0].rpartition("/")[2], curve.loc[run, ["estimate", "low", "high"]]
        rows.append((name, *ends, null.k, null.unsolved, null.rate, null.low, null.high))
    columns = ["name", "estimate", "low", "high", "k", "missed", "null", "null_low", "null_high"]
    return pd.DataFrame(rows, columns=columns).sort_values("estimate", ascending=False, ignore_index=True)


def rank_intervals(ranking: pd.DataFrame) -> pd.DataFrame:
    """name, best and worst: the ranks that pairwise overlap of the 95 % intervals leaves to each."""
    low, high = ranking["low"].to_numpy(), ranking["high"].to_numpy()
    best = 1 + (low[None, :] > high[:, None]).sum(axis=1)
    worst = len(ranking) - (high[None, :] < low[:, None]).sum(axis=1)
    return pd.DataFrame({"name": ranking["name"], "best": best, "worst": worst})


def otis_pairs() -> list[tuple[PairComparison, str]]:
    """Pairs of one maker among Epoch's models, each with who says how they are related."""
    samples = real_counts("otis")
    pairs = []
    for lineage in lineages():
        names = [model.rpartition("/")[2] for model in (lineage.base, lineage.tuned)]
        arms = [samples.arm(lineage.base), samples.arm(lineage.tuned)]
        pairs.append((compare_pair(*arms, names=tuple(names), on=samples.on, note=samples.note), lineage.says))
    return pairs


def stage_pairs() -> list[PairComparison]:
    """SFT beside RLVR at each stage of training on 30 GSM8K problems."""
    samples = real_counts("stages")
    return [
        compare_pair(samples.arm("SFT", stage), samples.arm("RLVR", stage), names=("SFT", f"RLVR, {stage}"),
                     on=samples.on, note=samples.note)
        for stage in dict.fromkeys(samples.outcomes["draw"])
    ]  # fmt: skip


def beyond_frozen(pairs: Sequence[PairComparison]) -> pd.DataFrame:
    """At each pair's largest k: name, base, k, missed, tuned, null, difference, low, high, points (of pass@1), p_low,
    p_high; and least, the smallest share of what the base misses that one problem is."""
    rows = []
    for pair in pairs:
        last, one = pair.expansion.iloc[-1], pair.differences.iloc[0]
        rows.append(
            {
                "name": pair.tuned, "base": pair.base, "k": int(last["k"]), "missed": last["missed"],
                "tuned": last["tuned"], "null": last["null"], "difference": last["difference"],
                "low": last["difference_low"], "high": last["difference_high"], "points": one["estimate"],
                "points_low": one["low"], "points_high": one["high"], "gained": int(pair.gains["gained"].sum()),
                "lost": int(pair.gains["lost"].sum()), "problems": len(pair.gains),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def pythia_outcomes() -> pd.DataFrame:
    """The Pythia counts, the smallest model first."""
    outcomes = real_counts("pythia").outcomes
    size = outcomes["model"].str.extract(r"([\d.]+)([MB])")
    order = size[0].astype(float) * size[1].map({"M": 1, "B": 1000})
    return outcomes.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def pythia_curves() -> pd.DataFrame:
    """pass@k to 10,000 by model."""
    ks = [*(2**i for i in range(14)), K_MAX]
    return pass_at_k_curve(pythia_outcomes(), ks, by=["name"])


def replayed_plan(ks: Sequence[int] = (1, 100, 1000, K_MAX), replays: int = 20, seed: int = 0) -> pd.DataFrame:
    """What the adaptive `PLAN` would have taken and told on these very counts, by model.

    The 10,000 attempts of a problem come in random order; how many of the first n are correct is hypergeometric. The
    expected number of attempts is exact: a problem goes beyond the round at n where fewer than the stop count of its
    first n are correct. Estimates are those of single replays, through ``estimate_pass_at_k``.

    Returns:
        name, k, attempts (expected), fixed, ratio, full (pass@k from all attempts), estimate (mean over replays),
        spread (standard deviation over replays), largest (deviation from ``full`` in any replay).
    """
    from scipy.stats import hypergeom

    rng, rows = np.random.default_rng(seed), []
    for name, part in pythia_outcomes().groupby("name", sort=False):
        c, rounds = part["c"].to_numpy(), np.array(PLAN.rounds)
        goes_on = hypergeom.cdf(PLAN.stop - 1, K_MAX, c[:, None], rounds[:-1])
        attempts = float((rounds[0] + goes_on @ np.diff(rounds)).sum())
        full = estimate_pass_at_k(part, ks).groupby("k")["estimate"].mean()
        told = pd.concat([_replay(part, rng, ks) for _ in range(replays)], axis=1)
        for k in ks:
            away = (told.loc[k] - full[k]).abs().max()
            rows.append((name, k, attempts, len(c) * K_MAX, len(c) * K_MAX / attempts, full[k], told.loc[k].mean(),
                         told.loc[k].std(), away))  # fmt: skip
    columns = ["name", "k", "attempts", "fixed", "ratio", "full", "estimate", "spread", "largest"]
    return pd.DataFrame(rows, columns=columns)


def _replay(part: pd.DataFrame, rng: np.random.Generator, ks: Sequence[int]) -> pd.Series:
    """Mean pass@k by k of one replay of the plan."""
    left, done = part["c"].to_numpy().copy(), 0
    n, c, open_ = np.zeros(len(left), dtype=int), np.zeros(len(left), dtype=int), np.ones(len(left), dtype=bool)
    for end in PLAN.rounds:
        new = rng.hypergeometric(left, K_MAX - done - left, end - done)
        left, done = left - new, end
        c[open_] += new[open_]
        n[open_] = end
        open_ &= c < PLAN.stop
    replayed = part.assign(n=n, c=c, plan=str(PLAN))
    return estimate_pass_at_k(replayed, ks).groupby("k")["estimate"].mean()


def _far_forecast(
    rates: SuccessRates, first: int, seen: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Share of problems that 10,000 fresh attempts solve, expected, and 95 % of what they could (each refit once)."""
    chance, tried = -np.expm1(K_MAX * np.log1p(-np.minimum(rates.rates, 1 - 1e-12))), np.full(len(seen), first)
    expected = rates.posterior(tried, seen) @ chance
    shares = []
    for weights in rates.refits:
        each = replace(rates, weights=weights).posterior(tried, seen) @ chance
        shares += list(rng.binomial(1, np.clip(each, 0, 1), (20, len(each))).mean(axis=1))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(expected.mean()), float(low), float(high)


def _first_attempts(
    rng: np.random.Generator, firsts: Sequence[int], replays: int
) -> Iterator[tuple[str, int, int, pd.DataFrame, float]]:
    """name, first, replay, outcomes of the first attempts in a random order of the 10,000, share solved in all."""
    for name, part in pythia_outcomes().groupby("name", sort=False):
        c, truth = part["c"].to_numpy(), float((part["c"] > 0).mean())
        for first in firsts:
            for replay in range(replays):
                seen = rng.hypergeometric(c, K_MAX - c, first)
                yield name, first, replay, part.assign(n=first, c=seen, plan=str(Plan.fixed(first))), truth


def forecasts(firsts: Sequence[int] = (100, 1000), replays: int = 5, seed: int = 0) -> pd.DataFrame:
    """pass@10,000 forecast from the first attempts at each problem, beside what all 10,000 say.

    How success rates are spread is fitted to the first attempts (``fit_success_rates``) and asked for 10,000 fresh
    ones at the very same problems. Beyond the attempts made this rests on the fit's shape alone, and
    ``redraw_interval`` refuses it; here it is done all the same, to see how far it is off.

    Returns:
        name, first, replay, forecast, low, high (shares), truth, seen (share solved in the first attempts), covered.
    """
    rng, rows = np.random.default_rng(seed), []
    for name, first, replay, tried, truth in _first_attempts(rng, firsts, replays):
        seen = tried["c"].to_numpy()
        ends = _far_forecast(fit_success_rates(tried), first, seen, rng)
        covered = ends[1] <= truth <= ends[2]
        rows.append((name, first, replay, *ends, truth, float((seen > 0).mean()), covered))
    columns = ["name", "first", "replay", "forecast", "low", "high", "truth", "seen", "covered"]
    return pd.DataFrame(rows, columns=columns)


def beyond_held_out(firsts: Sequence[int] = (100, 1000), replays: int = 5, seed: int = 0) -> pd.DataFrame:
    """``pass_at_k_beyond`` from the first attempts at each problem, against what all 10,000 show.

    The first attempts are those of an exact random order of the 10,000: hypergeometric.

    Returns:
        name, first, replay, k, estimate, low, high, npmle, truth, seen (share solved in the first attempts), covered,
        flag.
    """
    rows = []
    for name, first, replay, tried, truth in _first_attempts(np.random.default_rng(seed), firsts, replays):
        row = pass_at_k_beyond(tried, [K_MAX]).iloc[0]
        told = row[["estimate", "low", "high", "npmle"]].tolist()
        covered = bool(row["low"] - 1e-9 <= truth <= row["high"] + 1e-9)
        rows.append((name, first, replay, K_MAX, *told, truth, row["solved"], covered, row["flag"]))
    columns = ["name", "first", "replay", "k", "estimate", "low", "high", "npmle", "truth", "seen", "covered", "flag"]
    return pd.DataFrame(rows, columns=columns)
