"""Simulated worlds for `coverage.py`: how success rates are spread over problems, and what tuning makes of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from mathb_kit.plan import Plan
from mathb_kit.statistics.adaptive import estimates_by_end_point
from mathb_kit.statistics.success_rates import chances_within

KS = [1, 16, 256, 1024]
PLANS = {"fixed": Plan.fixed(1024), **{f"stop {stop}": Plan((16, 64, 256, 1024), stop=stop) for stop in (2, 4)}}
WORLDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "Beta(0.3, 1)": lambda rng, size: rng.beta(0.3, 1, size),
    "hard, Beta(0.2, 60)": lambda rng, size: rng.beta(0.2, 60, size),
    "saturated, Beta(8, 0.5)": lambda rng, size: rng.beta(8, 0.5, size),
    "40 % unsolvable": lambda rng, size: np.where(rng.random(size) < 0.4, 0, rng.beta(0.4, 1.5, size)),
    "bimodal": lambda rng, size: np.where(rng.random(size) < 0.5, rng.beta(1, 400, size), rng.beta(20, 3, size)),
    "log-uniform": lambda rng, size: 10 ** rng.uniform(-5, 0, size),
    "hard, 60 % never": lambda rng, size: np.where(rng.random(size) < 0.6, 0, rng.beta(0.5, 200, size)),
    "U-shaped, Beta(0.2, 0.2)": lambda rng, size: rng.beta(0.2, 0.2, size),
    "ties": lambda rng, size: np.where(rng.random(size) < 0.85, 0.0, rng.choice([0.001, 0.3, 1.0], size)),
}
COUNTS = Path(os.environ.get("MATHB_DATA_DIR") or "nowhere") / "real_counts" / "monkeys_pythia_math_counts.csv"
if COUNTS.is_file():
    REAL = pd.read_csv(COUNTS)[["n", "c"]].to_numpy()
    WORLDS["real counts"] = lambda rng, size: rng.choice(REAL[:, 1] / REAL[:, 0], size)
TUNED = {  # what a tuned model makes of the base's success rates
    "sharpened": lambda rates: rates**0.8,
    "frozen": lambda rates: rates,
    "mixed": lambda rates: np.where(rates < 0.02, rates / 2, np.minimum(1, 1.6 * rates)),
}


def seed_of(*identity: object) -> np.random.Generator:
    """A generator by what is simulated, so that a cell does not depend on those before it."""
    return np.random.default_rng(crc32(repr(identity).encode()))


@cache
def many(world: str) -> np.ndarray:
    """A million success rates: what the truth of a world is computed from."""
    return WORLDS[world](np.random.default_rng(99), 1_000_000)


@cache
def truths(world: str) -> dict[str, np.ndarray]:
    """A world's own mean pass@k at all of KS: of the base ("base"), and of what tuning makes of it."""
    everything = many(world)
    return {"base": means(everything), **{how: means(change(everything)) for how, change in TUNED.items()}}


def means(rates: np.ndarray, ks: list[int] = KS) -> np.ndarray:
    """Mean pass@k of these problems: (ks,)."""
    return chances_within(rates, ks).mean(axis=1)


def sample(rates: np.ndarray, plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n and c at the end of the plan, of the rates' shape."""
    n, c = np.zeros(rates.shape, dtype=int), np.zeros(rates.shape, dtype=int)
    going = np.ones(rates.shape, dtype=bool)
    for end in plan.rounds:
        c[going] += rng.binomial(end - n[going], rates[going])
        n[going] = end
        if not plan.is_fixed:
            going &= c < plan.stop
    return n, c


def outcomes_of(n: np.ndarray, c: np.ndarray, plan: Plan, model: str = "simulated") -> pd.DataFrame:
    """A table of outcomes, one row per problem."""
    problems = [f"p{i}" for i in range(len(n))]
    return pd.DataFrame({"problem": problems, "n": n, "c": c}).assign(model=model, draw="main", plan=str(plan))


def estimates(n: np.ndarray, c: np.ndarray, plan: Plan, ks: list[int] = KS) -> np.ndarray:
    """Unbiased pass@k of every problem: (*n.shape, ks)."""
    table = outcomes_of(n.ravel(), c.ravel(), plan)
    codes, values = estimates_by_end_point(table, ks)
    return values[codes].reshape(*n.shape, len(ks))
