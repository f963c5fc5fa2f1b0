"""pass@k beyond the attempts made: what share would be solved if sampling went on, and when nobody can say.

Of what is solved already nothing is unknown. Of the rest, all that n failures say is that success rates are about 1/n
or less; how much lies just below and how much at 0 is a matter of the shape assumed. Here it is a zero-inflated Beta,
by its whole likelihood (`BetaGrid`), so that the interval holds every shape of that kind that explains the outcomes.
Beside it stands what a fit of any shape would say (NPMLE), which sees nothing beyond n and picks one of many.

Whether the shape serves is tried on the very outcomes: the attempts are thinned to so few that the same factor leads
back to n, and the forecast from them is held against what came true there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.statistics.beta_grid import BetaGrid
from mathb_kit.statistics.caution import FORECAST_HELD, remark
from mathb_kit.statistics.intervals import check_level
from mathb_kit.statistics.success_rates import fit_success_rates

FURTHEST = 100
"""Times the attempts made; beyond that nothing is said."""
WIDE = 0.5
FORECAST = "share solved if sampling went on, zero-inflated Beta by its likelihood"
OPEN = "the data cannot say"
MISSED = "missed where it could be checked"
UNCHECKED = "could not be checked"
_LEAST, _THINNINGS, _CLASSES = 10, 5, 400


def pass_at_k_beyond(
    outcomes: pd.DataFrame, ks: Sequence[int], *, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Share of these problems that would be solved in k attempts each, for k beyond those made.

    Args:
        outcomes: of one model and draw, all under plans with one last round n, on problems that it did not select.
        ks: attempts, from n to 100 n.
        level: nominal coverage.
        seed: of the thinnings.

    Returns:
        One row per k: k, n, problems, solved (share in the attempts made), estimate, low, high, npmle (the estimate
        under a distribution of any shape), flag, interval. flag is empty or says why not to rely on the row: the
        interval spans more than half ("the data cannot say"), the same forecast from thinned attempts missed what came
        true ("missed where it could be checked"), or there was nothing to check it by ("could not be checked": the
        same factor leads back to fewer than 10 attempts, or the plan stops early).

    Raises:
        MathbError: a k outside n to 100 n, nothing solved at all, or plans that end differently.
    """
    check_level(level)
    n = _one_end(outcomes)
    if not ks or min(ks) < n or max(ks) > FURTHEST * n:
        raise MathbError(
            f"A forecast from {n:,} attempts speaks of k = {n:,} to {FURTHEST * n:,}, not of "
            f"{', '.join(f'{k:,}' for k in ks) or 'none'}; up to {n:,} ask for pass@k itself."
        )
    c = outcomes["c"].to_numpy()
    if not (c > 0).any():
        raise MathbError(
            f"Nothing was solved in {n:,} attempts, so the outcomes do not tell rates just below 1 in {n:,} from 0, "
            "and no forecast is better than another; sample more attempts, or easier problems."
        )
    grid, npmle = BetaGrid.of(outcomes), fit_success_rates(outcomes, refits=0)
    unsolved = int((c == 0).sum())
    rows = []
    for k in ks:
        estimate, low, high = _shares(grid, n, int(k), len(c), unsolved, level)
        flag = ""
        if high - low > WIDE:
            flag = f"{OPEN}: {low:.0%} to {high:.0%}"
        elif k > n:
            flag = back_test(outcomes, k / n, level=level, seed=seed)
        rows.append((k, n, len(c), 1 - unsolved / len(c), estimate, low, high, _npmle(npmle, n, k, unsolved, c), flag))
    columns = ["k", "n", "problems", "solved", "estimate", "low", "high", "npmle", "flag"]
    table = pd.DataFrame(rows, columns=columns)
    unchecked = table["flag"] == UNCHECKED
    return table.assign(interval=np.where(unchecked, FORECAST + remark(UNCHECKED, FORECAST_HELD), FORECAST))


def _one_end(outcomes: pd.DataFrame) -> int:
    if not len(outcomes):
        raise MathbError("There are no outcomes to forecast from; sample and grade some problems first.")
    ends = {Plan.parse(text).n_max for text in outcomes["plan"].unique()}
    if len(ends) > 1:
        raise MathbError(
            f"The plans end at {' and '.join(f'{end:,}' for end in sorted(ends))} attempts; forecast from outcomes "
            "with one last round."
        )
    return ends.pop()


def _shares(
    grid: BetaGrid, n: int, k: int, problems: int, unsolved: int, level: float
) -> tuple[float, float, float]:
    """Expected share solved by the k-th attempt, and the two ends that hold it at the level."""
    from scipy.stats import binom

    chance, weights = grid.newly_solved(n, k).ravel(), grid.weights.ravel()
    solved = problems - unsolved
    expected = solved + unsolved * float(chance @ weights)
    # Chances are put into classes before their binomials are mixed: at 10^5 shapes and 500 problems they would not fit.
    edges = np.linspace(0, 1, _CLASSES + 1)
    weight, _ = np.histogram(chance, edges, weights=weights)
    sums, _ = np.histogram(chance, edges, weights=weights * chance)
    used = weight > 1e-12
    numbers = np.arange(unsolved + 1)
    mixed = weight[used] @ binom.pmf(numbers, unsolved, (sums[used] / weight[used])[:, None])
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = numbers[np.minimum(np.searchsorted(np.cumsum(mixed) / mixed.sum(), tails), unsolved)]
    return expected / problems, (solved + min(low, expected - solved)) / problems, (
        solved + max(high, expected - solved)) / problems  # fmt: skip


def _npmle(rates, n: int, k: int, unsolved: int, c: np.ndarray) -> float:
    """Share solved by the k-th attempt if success rates were as the fit of any shape has them."""
    if not unsolved:
        return 1.0
    posterior = rates.posterior(np.array([n]), np.array([0]))[0]
    with np.errstate(divide="ignore"):
        more = -np.expm1((k - n) * np.log1p(-rates.rates)) if k > n else np.zeros(len(rates.rates))
    return 1 - unsolved * float(posterior @ (1 - more)) / len(c)


def back_test(outcomes: pd.DataFrame, factor: float, *, level: float = 0.95, seed: int = 0) -> str:
    """Whether the forecast from so many times fewer attempts, thinned at random, holds what came true.

    Returns:
        "" where most of five thinnings do, else a flag of ``pass_at_k_beyond``.
    """
    n = _one_end(outcomes)
    fewer = round(n / factor)
    if fewer < _LEAST or not all(Plan.parse(text).is_fixed for text in outcomes["plan"].unique()):
        return UNCHECKED
    rng, c = np.random.default_rng(seed), outcomes["c"].to_numpy()
    true, missed, tried = float((c > 0).mean()), 0, 0
    for _ in range(_THINNINGS):  # which attempts came first is not known: any order is as likely as any other
        first = rng.hypergeometric(c, n - c, fewer)
        if not (first > 0).any():
            continue
        thinned = BetaGrid.of(outcomes.assign(n=fewer, c=first))
        _, low, high = _shares(thinned, fewer, n, len(c), int((first == 0).sum()), level)
        tried, missed = tried + 1, missed + (not low <= true <= high)
    if not tried:
        return UNCHECKED
    return f"{MISSED}: {true:.0%} came true at {n:,}" if 2 * missed > tried else ""
