"""The slower part of `coverage.py`: intervals that fit success rates, take ratios, or look at answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from worlds import KS, PLANS, TUNED, WORLDS, many, means, outcomes_of, sample, seed_of

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics import (
    Bootstrap,
    base_equivalent_k,
    bayes_at_n,
    cover,
    expansion_by_half_draws,
    fit_success_rates,
    fresh_attempts_interval,
    mean_interval,
    pass_at_k_beyond,
    redraw_interval,
    support_dynamics,
)
from mathb_kit.statistics.pass_at_k import pass_at_k
from mathb_kit.statistics.success_rates import chances_within
from mathb_kit.statistics.support import LESS
from mathb_kit.statistics.support import TUNED as TUNED_ROW

FITTED_SIZES = (15, 60, 181)
HALF = 256  # k of half-draws and of support
FEW, FACTORS = 64, (10, 100)  # attempts from which more are foreseen, and how many times more
_TAU = 0.25
REMARK = "held in as few as"
FRESH = "fresh attempts on these problems"


def fitted_cell(world: str, problems: int, plan: str, runs: int) -> Iterator[tuple]:
    """Blocks as `coverage.py` wants them, of everything that is computed run by run."""
    rng, its_plan = seed_of("fitted", world, problems, plan), PLANS[plan]
    rows: dict[tuple[str, str, int], list[tuple[float, float, float, bool]]] = {}
    truth = _truths(world)
    for run in range(runs):
        rates = WORLDS[world](rng, problems)
        outcomes = outcomes_of(*sample(rates, its_plan, rng), its_plan)
        for question, interval, k, *ends in _of_one_run(rates, outcomes, rng, run):
            rows.setdefault((question, interval, k), []).append(tuple(ends))
        for how in ("sharpened", "mixed"):
            tuned = outcomes_of(*sample(TUNED[how](rates), its_plan, rng), its_plan, "tuned")
            for question, interval, k, low, high, told in _beside(outcomes, tuned, run):
                true = truth[how, question]
                rows.setdefault((f"{question}, {how}", interval, k), []).append((low, high, true, told))
    for (question, interval, k), each in rows.items():
        low, high, true, told = np.array(each).T[..., None]
        yield question, interval, [k], low, high, true, told.astype(bool)


def _of_one_run(rates: np.ndarray, outcomes: pd.DataFrame, rng: np.random.Generator, run: int) -> Iterator[tuple]:
    fit = fit_success_rates(outcomes, refits=50)
    table = fresh_attempts_interval(outcomes, KS, fit)
    true = means(rates)
    for row, value in zip(table.itertuples(), true):
        how = "Clopper-Pearson at equal variance, fit of any shape"
        yield FRESH, how, row.k, row.low, row.high, value, False
    missed = outcomes[outcomes["c"] == 0]
    if len(missed):
        again = rng.random(len(missed)) < chances_within(rates[missed.index], KS[-1:])[0]
        ends = redraw_interval(missed, KS[-1:], fit, seed=run).iloc[0]
        yield "re-drawn base on what it missed", "predictive, fit of any shape", KS[-1], ends["low"], ends["high"], (
            again.sum()), False  # fmt: skip
    if (outcomes["plan"] == "fixed 1024").all():
        row = bayes_at_n(outcomes).iloc[0]
        yield "Bayes@N, fresh attempts", "as its authors have it", 1, row["low"], row["high"], rates.mean(), _told(row)
        row, true = cover(outcomes, [_TAU]).iloc[0], (rates >= _TAU).mean()
        yield f"Cover@{_TAU}", "rates near tau left open", 1, row["low"], row["high"], true, _told(row)
        yield from _further(rates, rng)


def _further(rates: np.ndarray, rng: np.random.Generator) -> Iterator[tuple]:
    """From 64 attempts to what is solved when sampling goes on; flagged rows apart."""
    c = rng.binomial(FEW, rates)
    outcomes = outcomes_of(np.full(len(rates), FEW), c, Plan.fixed(FEW))
    try:
        table = pass_at_k_beyond(outcomes, [FEW * factor for factor in FACTORS])
    except MathbError:  # nothing solved: refused
        return
    for row, factor in zip(table.itertuples(), FACTORS):
        more = 1 - (1 - rates) ** (row.k - FEW)
        came_true = np.where(c > 0, True, rng.random(len(rates)) < more).mean()
        flagged = row.flag.partition(":")[0] or "not flagged"
        told = REMARK in row.interval
        yield f"{factor} times beyond n", f"zero-inflated Beta, {flagged}", row.k, row.low, row.high, came_true, told


def _beside(base: pd.DataFrame, tuned: pd.DataFrame, run: int) -> Iterator[tuple]:
    bootstrap = Bootstrap(500, seed=run)
    row = expansion_by_half_draws(base, tuned, [HALF], bootstrap=bootstrap).iloc[0]
    for name in ("tuned", "null", "difference"):
        ends = row[f"{name}_low"], row[f"{name}_high"]
        yield f"Expansion, {name}", "BCa of the ratio", HALF, *ends, _told(row)
    rows = support_dynamics(base, tuned, [HALF]).set_index("who")
    for name in ("SRR", "NDR", "SDS", "NSCR"):
        row = rows.loc[TUNED_ROW]
        yield name, "by linear parts", HALF, row[f"{name}_low"], row[f"{name}_high"], _told(row)
    row = rows.loc[LESS]
    yield "NDR less the frozen base's", "by linear parts", HALF, row["NDR_low"], row["NDR_high"], _told(row)
    row = base_equivalent_k(base, tuned, [16]).iloc[0]
    yield "base-equivalent k", "paired difference turned round", 16, row["low"], row["high"], False


def _told(row: pd.Series) -> bool:
    """Whether the interval's name has a remark that it holds too seldom."""
    return REMARK in row["interval"]


@cache
def _truths(world: str) -> dict[tuple[str, str], float]:
    """Of all the questions in `_beside`, from a world's success rates."""
    truth, rates = {}, many(world)
    fails = (1 - rates) ** HALF
    for how in ("sharpened", "mixed"):
        tuned = TUNED[how](rates)
        solves = 1 - (1 - tuned) ** HALF
        p, s = ((1 - fails) * solves).mean(), ((1 - fails) * (1 - solves)).mean()
        e, null = (fails * solves).mean(), (fails * (1 - fails)).mean() / fails.mean()
        truth[how, "Expansion, tuned"], truth[how, "Expansion, null"] = e / fails.mean(), null
        truth[how, "Expansion, difference"] = e / fails.mean() - null
        truth[how, "SRR"], truth[how, "NDR"] = p / (p + s), e / (p + e)
        truth[how, "SDS"] = 2 * p * e / (p**2 + 2 * p * e + e * s)
        truth[how, "NSCR"] = (e - s) / (p + e + s)
        again = (fails * (1 - fails)).mean()
        truth[how, "NDR less the frozen base's"] = e / (p + e) - again / (((1 - fails) ** 2).mean() + again)
        grid = np.geomspace(0.5, 4096, 400)
        curve = np.array([(1 - (1 - rates[:50_000]) ** k).mean() for k in grid])
        reached = (1 - (1 - tuned[:50_000]) ** 16).mean()
        equal = float(np.interp(reached, curve, grid))
        truth[how, "base-equivalent k"] = 0.0 if equal < 1 else np.inf if equal > KS[-1] else equal
    return truth


def answer_cell(problems: int, runs: int) -> Iterator[tuple]:
    """The chance line: answers held against the golds of other problems, both drawn with the problems.

    Golds are numbers of two digits, some more common than others; answers lean to the common ones as well.
    """
    rng, n, ks = seed_of("answers", problems), 16, [1, 16]
    common = 1 / np.arange(1, 91)
    common /= common.sum()
    _, truth = _chance(rng, 2000, n, ks, common)
    parts = np.stack([_chance(rng, problems, n, ks, common)[0] for _ in range(runs)])  # (runs, problems, ks)
    columns = parts.transpose(1, 0, 2).reshape(problems, -1)
    low, high = (end.reshape(runs, len(ks)) for end in mean_interval(columns, np.ones(problems)))
    yield "chance line", "Clopper-Pearson at equal variance, with their golds", ks, low, high, truth


def _chance(
    rng: np.random.Generator, problems: int, n: int, ks: list[int], common: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both parts of every problem, as ``chance_curve`` takes them, and the mean: (problems, ks), (ks,)."""
    golds = rng.choice(len(common), problems, p=common)
    leaning = rng.dirichlet(3 * common * len(common) / 10, problems)
    counts = rng.multinomial(n, leaning)
    others = (golds[:, None] != golds[None, :]) / np.maximum((golds[:, None] != golds[None, :]).sum(axis=1), 1)[:, None]
    parts, mean = [], []
    for k in ks:
        hits = others * pass_at_k(n, counts[:, golds], k)
        by_answers, by_gold = hits.sum(axis=1), hits.sum(axis=0)
        parts.append(by_answers + by_gold - by_answers.mean())
        mean.append(by_answers.mean())
    return np.stack(parts, axis=1), np.array(mean)
