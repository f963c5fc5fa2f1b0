"""How success rates are spread over a problem set: a prior learnt from the set itself (empirical Bayes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import require_columns
from mathb_kit.plan import Plan

ITERATIONS = 300  # of the fit; later steps move the intervals by less than the noise of their bootstrap
REFIT_ITERATIONS = 40  # of a refit, which starts at the fit


@dataclass(frozen=True, eq=False)
class SuccessRates:
    """A discrete distribution of per-problem success rates p.

    Attributes:
        rates: (R,) increasing, in [0, 1].
        weights: (R,) share of problems at each rate, summing to 1.
        refits: (S, R) weights that the data could have led to as well, or None where the distribution is taken as
            known. ``redraw_interval`` uses them.
        n_max: most attempts per problem in the data behind them; None where they are assumed and not learnt.
    """

    rates: np.ndarray
    weights: np.ndarray
    refits: np.ndarray | None = None
    n_max: int | None = None

    @property
    def zero_mass(self) -> float:
        """Share of problems that are never solved."""
        return float(self.weights[self.rates == 0].sum())

    def pass_at_k(self, ks: Sequence[int]) -> np.ndarray:
        """Mean of 1 - (1 - p)^k over the distribution, one value per k.

        Raises:
            MathbError: a k beyond the attempts that the rates were learnt from.
        """
        self.check_reach_of_data(ks)
        return chances_within(self.rates, ks) @ self.weights

    def check_reach_of_data(self, ks: Sequence[int]) -> None:
        """MathbError for a k beyond the data: rates below 1 / n_max look alike there, and a fit picks any of them."""
        if self.n_max is not None and max(ks, default=0) > self.n_max:
            raise MathbError(
                f"Success rates learnt from up to {self.n_max:,} attempts a problem say nothing of k = {max(ks):,}; "
                f"ask for k of at most {self.n_max:,}, or sample more attempts."
            )

    def given(self, n: int, c: int) -> SuccessRates:
        """The distribution among problems that had c correct in n attempts, e.g. c = 0: those that a draw selected."""
        likelihood = log_likelihood(self.rates, np.array([n]), np.array([c]))
        refits = None if self.refits is None else np.vstack([bayes(likelihood, each) for each in self.refits])
        return replace(self, weights=self.posterior(np.array([n]), np.array([c]))[0], refits=refits)

    def posterior(self, n: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Weights of the rates given c correct of n, for each pair: (pairs, R). The plan does not matter.

        Raises:
            MathbError: a pair that these rates make impossible.
        """
        likelihood = log_likelihood(self.rates, n, c)
        impossible = ~np.isfinite(likelihood[:, self.weights > 0]).any(axis=1)
        if impossible.any():
            at = int(np.flatnonzero(impossible)[0])
            raise MathbError(
                f"{c[at]} correct of {n[at]} is impossible under these success rates; fit them to outcomes of the "
                "same kind, before any selection."
            )
        return bayes(likelihood, self.weights)


def fit_success_rates(outcomes: pd.DataFrame, *, refits: int = 100, seed: int = 0) -> SuccessRates:
    """Empirical Bayes: the distribution of success rates with the largest marginal likelihood, of whatever shape.

    Nonparametric maximum likelihood (Kiefer & Wolfowitz 1956) by expectation maximisation over a grid with a node at
    p = 0. The stopping rule cancels out of a problem's likelihood p^c (1 - p)^(n - c). Refits weight the problems
    anew (Bayesian bootstrap, Rubin 1981).

    Chosen over the zero-inflated Beta (``fit_zero_inflated_beta``) by coverage in ``bench/coverage.py``. Intervals for
    fresh attempts differ little where success rates do follow a Beta; where they do not (easy and hopeless problems
    mixed, or rates spread evenly over orders of magnitude), the Beta's are too narrow, and its forecast of what a
    re-drawn base reaches misses nearly always with 500 problems. The refits are needed for that forecast alone.

    Args:
        outcomes: one row per problem with n and c, on problems that these attempts did not select.
        refits: bootstrap refits to keep; 0 for none.
        seed: of the bootstrap.

    Raises:
        MathbError: no problems, or counts that are none.
    """
    table = distinct_counts(outcomes)
    n_max = table["n"].max()
    # Rates below 0.02 / n are as good as 0 for data of n attempts. Evenly spaced in asinh of the log odds: dense in
    # the middle, where many attempts tell rates apart, and about 6 nodes per factor of e where p is of the order 1 / n.
    end = np.arcsinh(np.log(n_max / 0.02))
    nodes = 1 / (1 + np.exp(-np.sinh(np.arange(-end, end, 0.04))))
    rates = np.concatenate([[0.0], nodes, [1.0]])
    likelihood = log_likelihood(rates, table["n"].to_numpy(), table["c"].to_numpy())
    # Each outcome's likelihood is scaled by its own largest value: p^c (1 - p)^(n - c) underflows at n = 1,024, and a
    # factor per outcome leaves both the maximum and the posteriors alone.
    likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    start = np.full(len(rates), 0.8 / (len(rates) - 1))
    start[0] = 0.2
    counts = table["problems"].to_numpy(dtype=float)
    fit = _maximise(start[None], counts[None], likelihood, ITERATIONS)
    if not refits:
        return SuccessRates(rates, fit[0], n_max=_most_attempts(outcomes))
    anew = np.random.default_rng(seed).gamma(counts, size=(refits, len(counts)))
    anew *= counts.sum() / anew.sum(axis=1, keepdims=True)
    begin = 0.95 * fit + 0.05 * start  # a rate that the fit ruled out may come back
    refitted = _maximise(np.repeat(begin, refits, axis=0), anew, likelihood, REFIT_ITERATIONS)
    return SuccessRates(rates, fit[0], refitted, _most_attempts(outcomes))


def fit_zero_inflated_beta(outcomes: pd.DataFrame) -> SuccessRates:
    """Empirical Bayes with three numbers: a mass at p = 0 and the a and b of a Beta, by marginal likelihood.

    Args:
        outcomes: as for ``fit_success_rates``.
    """
    from scipy.optimize import minimize
    from scipy.special import betaln, expit

    table = distinct_counts(outcomes)
    n, c, counts = (table[name].to_numpy() for name in ("n", "c", "problems"))

    def loss(theta: np.ndarray) -> float:
        zero, (a, b) = expit(theta[0]), np.exp(theta[1:])
        log_beta = betaln(a + c, b + n - c) - betaln(a, b)
        with np.errstate(over="ignore"):
            marginal = np.where(c == 0, np.log(zero + (1 - zero) * np.exp(log_beta)), np.log1p(-zero) + log_beta)
        return -float(counts @ marginal)

    bounds = [(-12.0, 8.0), (-5.0, 5.0), (-5.0, 8.0)]
    starts = [(-2.0, -0.7, 0.0), (0.0, 0.0, 1.0), (-8.0, -1.5, 0.0)]
    best = min((minimize(loss, start, bounds=bounds, method="L-BFGS-B") for start in starts), key=lambda fit: fit.fun)
    fit = beta_success_rates(*np.exp(best.x[1:]), zero_mass=float(expit(best.x[0])))
    return replace(fit, n_max=_most_attempts(outcomes))


def beta_success_rates(a: float, b: float, zero_mass: float = 0.0) -> SuccessRates:
    """A Beta(a, b) of success rates beside a mass at p = 0.

    A trapezoid sum over asinh of the log odds, whose error falls exponentially with the step: means of
    p^c (1 - p)^(n - c) agree with scipy's betabinom to 1e-12 up to n = 4,096, for a and b of at least 0.1.
    """
    if not (a > 0 and b > 0 and 0 <= zero_mass < 1):
        raise MathbError(f"Success rates need a > 0, b > 0 and 0 <= zero_mass < 1, not {a}, {b} and {zero_mass}.")
    step = 0.0125
    x = np.arange(-np.arcsinh(300), np.arcsinh(300), step)
    log_odds = np.sinh(x)
    log_rate, log_fail = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
    log_weights = a * log_rate + b * log_fail + np.log(np.cosh(x))  # dp = p (1 - p) d(log odds)
    rates, which = np.unique(np.exp(log_rate), return_inverse=True)  # beyond odds of 1e16 all are 1
    weights = np.bincount(which, np.exp(log_weights - log_weights.max()))
    weights *= (1 - zero_mass) / weights.sum()
    return SuccessRates(np.concatenate([[0.0], rates]), np.concatenate([[zero_mass], weights]))


def _most_attempts(outcomes: pd.DataFrame) -> int:
    """What the plans could have asked for, where they are known: a problem that stopped early speaks of all of it."""
    if "plan" in outcomes:
        return max(Plan.parse(text).n_max for text in outcomes["plan"].unique())
    return int(outcomes["n"].max())


def distinct_counts(outcomes: pd.DataFrame) -> pd.DataFrame:
    """n, c, problems: the distinct pairs and how many problems of a model have them, its draws of one put together."""
    require_columns(outcomes, ["n", "c"], "outcomes")
    if not len(outcomes):
        raise MathbError("There are no outcomes to fit success rates to; sample and grade some problems first.")
    impossible = outcomes[(outcomes["c"] < 0) | (outcomes["c"] > outcomes["n"]) | (outcomes["n"] < 1)]
    if len(impossible):
        n, c = impossible[["n", "c"]].iloc[0]
        raise MathbError(f"Success rates need 0 <= c <= n and n >= 1, not {c} correct of {n}; correct the counts.")
    who = outcomes.reindex(columns=["model", "problem"])
    if who.notna().all(axis=None) and who.duplicated().any():
        # Several draws of a problem are one problem with more attempts: their likelihoods multiply.
        outcomes = outcomes.groupby(["model", "problem"], sort=False)[["n", "c"]].sum()
    pairs, problems = np.unique(outcomes[["n", "c"]].to_numpy(dtype=np.int64), axis=0, return_counts=True)
    return pd.DataFrame({"n": pairs[:, 0], "c": pairs[:, 1], "problems": problems})


def chances_within(rates: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """1 - (1 - p)^k: (ks, rates)."""
    with np.errstate(divide="ignore"):
        return -np.expm1(np.outer(np.asarray(ks, dtype=float), np.log1p(-rates)))


def log_likelihood(rates: np.ndarray, n: np.ndarray, c: np.ndarray) -> np.ndarray:
    """c log p + (n - c) log(1 - p): (len(n), rates), -inf where impossible."""
    hits, misses = np.asarray(c, dtype=float)[:, None], np.asarray(n - c, dtype=float)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 * log 0 counts as 0
        return np.where(hits > 0, hits * np.log(rates), 0.0) + np.where(misses > 0, misses * np.log1p(-rates), 0.0)


def bayes(log_chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Posterior weights (rows, R) from log likelihoods (rows, R) and prior weights (R,)."""
    with np.errstate(divide="ignore"):
        log_joint = log_chances + np.log(weights)
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)


def _maximise(weights: np.ndarray, counts: np.ndarray, likelihood: np.ndarray, iterations: int) -> np.ndarray:
    """Expectation maximisation from (S, R) weights for (S, E) counts of outcomes with (E, R) likelihoods."""
    # One step of EM (Laird 1978, "Nonparametric maximum likelihood estimation of a mixing distribution"): a problem's
    # posterior over the rates, averaged over problems. The maximum itself is a few atoms, which EM nears ever more
    # slowly; it is stopped where the intervals no longer move.
    problems = counts.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        weights = weights * ((counts / (weights @ likelihood.T)) @ likelihood) / problems
    return weights
