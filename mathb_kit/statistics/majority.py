"""Neighbours of pass@k on the same outcomes: majority vote, share of problems solved reliably, and the mean.

pass@k asks whether one of k attempts is correct. What a user without a verifier gets is the majority (maj@k, Wang et
al. 2022, "Self-Consistency"); what one may rely on is a success rate above a threshold (Cover@tau, Dragoi et al. 2025,
"Beyond Pass@k: Breadth-Depth Metrics for Reasoning Boundaries"; G-Pass@k, Liu et al. 2024, "Are Your LLMs Capable of
Stable Reasoning?") or that all of k attempts are correct (pass^k, Yao et al. 2024, "tau-bench"). Bayes@N (Hariri et al.
2025, "Don't Pass@k") is the mean with a flat prior. All of them need fixed n: an adaptive plan stops by the number
correct.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import NormalDist

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.caution import BAYES_HELD, caution_of, remark
from mathb_kit.statistics.chance import counts_of, require_fixed
from mathb_kit.statistics.intervals import MEAN, check_level, clopper_pearson, mean_interval_of, proportion_interval
from mathb_kit.verdicts import Verdict

BAYES = "fresh attempts on these problems, a uniform prior on each"
DRAWN = 0.3
"""Where Bayes@N lies by more than so many of its deviations from avg@N, it holds too seldom, on hard sets never."""
EXACT_UP_TO = 64  # maj@k beyond this k, and below n, is averaged over random subsets


def maj_at_k(
    outcomes: pd.DataFrame, counts: pd.DataFrame, ks: Sequence[int], *, subsets: int = 400, seed: int = 0
) -> pd.DataFrame:
    """maj@k: the expected accuracy of the most frequent answer among k of the n attempts, ties split evenly.

    Answers that the grader found correct are one answer; wrong ones are told apart by their text. Attempts without an
    answer have no vote. The mean over all subsets of k attempts is exact for k up to 64 and for k = n; between, it is
    the mean over random subsets.

    Args:
        outcomes: of fixed plans.
        counts: every attempt of these outcomes, from ``answer_counts``.
        ks: numbers of votes, at most n.
        subsets: random subsets per problem where the mean is not exact.
        seed: of the subsets.

    Returns:
        model, problem, draw, k, estimate, standard_error (of the random subsets; 0 where exact).
    """
    require_fixed(outcomes, max(ks, default=0), "maj@k")
    votes = counts_of(outcomes, counts)
    votes["votes_for"] = np.select(
        [votes["verdict"] == Verdict.CORRECT, votes["answer"].isna()], ["correct", "none"], "other"
    )
    grouped = {key: rows for key, rows in votes.groupby(KEY, sort=False)}
    rows = []
    for key in outcomes[KEY].itertuples(index=False, name=None):
        tallied = grouped[key]
        by_kind = tallied.groupby("votes_for")["count"].sum()
        others = np.sort(tallied.loc[tallied["votes_for"] == "other", "count"].to_numpy())
        correct, none = int(by_kind.get("correct", 0)), int(by_kind.get("none", 0))
        for k in ks:
            rows.append((*key, k, *_majority(correct, others, none, int(k), subsets, seed)))
    return pd.DataFrame(rows, columns=[*KEY, "k", "estimate", "standard_error"])


def cover(outcomes: pd.DataFrame, taus: Sequence[float]) -> pd.DataFrame:
    """Cover@tau: the share of problems whose success rate is at least tau, by the plug-in c/n.

    The plug-in misplaces problems whose rate is near tau, and an interval around it alone may cover nothing at all. So
    each problem is above, below, or left open by Clopper and Pearson's interval of its own rate: the lower end is that
    of the share surely above, the upper end that of the share not surely below. It covers at least the nominal level;
    its width says how much the attempts leave open, and more attempts per problem mend that, not more problems.

    Returns:
        model, draw, tau, estimate, low, high, problems, interval.
    """
    require_fixed(outcomes, 1, "Cover@tau")
    _check_taus(taus)
    rows = []
    for (model, draw), group in outcomes.groupby(["model", "draw"], sort=False):
        lowest, highest = clopper_pearson(group["c"], group["n"])
        for tau in taus:
            covered = int((group["c"] >= [_needed(tau, n) for n in group["n"]]).sum())
            low, _ = proportion_interval(int((lowest >= tau).sum()), len(group))
            _, high = proportion_interval(int((highest >= tau).sum()), len(group))
            rows.append((model, draw, tau, covered / len(group), low, high, len(group)))
    table = pd.DataFrame(rows, columns=["model", "draw", "tau", "estimate", "low", "high", "problems"])
    return table.assign(interval="problems as a sample, clopper-pearson, rates near tau left open")


def g_pass_at_k(outcomes: pd.DataFrame, k: int, taus: Sequence[float]) -> pd.DataFrame:
    """G-Pass@k_tau per problem: the chance that at least ``ceil(tau k)`` (and one) of k attempts are correct, unbiased.

    Returns:
        model, problem, draw, k, tau, estimate.
    """
    require_fixed(outcomes, k, "G-Pass@k")
    _check_taus(taus)
    frames = []
    for tau in taus:
        chances = estimates_by_problem(outcomes, [k], at_least=max(1, _needed(tau, k)))[:, 0]
        frames.append(outcomes[KEY].assign(k=k, tau=tau, estimate=chances))
    return pd.concat(frames, ignore_index=True)


def pass_hat_k(outcomes: pd.DataFrame, ks: Sequence[int]) -> pd.DataFrame:
    """pass^k per problem: the chance that all of k attempts are correct, ``C(c, k) / C(n, k)``, unbiased.

    Returns:
        model, problem, draw, k, estimate.
    """
    require_fixed(outcomes, max(ks, default=0), "pass^k")
    frames = [
        outcomes[KEY].assign(k=k, estimate=estimates_by_problem(outcomes, [k], at_least=int(k))[:, 0]) for k in ks
    ]
    return pd.concat(frames, ignore_index=True)


def bayes_at_n(outcomes: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Bayes@N: mean over problems of the posterior of each success rate under a uniform prior, ``(c + 1) / (n + 2)``.

    The interval is that of its authors: mean and standard deviation of the posterior mean, taken as normal. It is about
    fresh attempts at these very problems, and each problem by itself is drawn towards one half: where nothing is ever
    solved, 16 attempts give 1/18. Order and differences are those of avg@N; for levels on hard sets read avg@N with its
    interval over problems.

    Returns:
        model, draw, n (the fewest attempts of a problem), estimate, deviation, low, high, problems, interval.
    """
    require_fixed(outcomes, 1, "Bayes@N")
    check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    rows = []
    for (model, draw), group in outcomes.groupby(["model", "draw"], sort=False):
        a, of = (group["c"] + 1).to_numpy(), (group["n"] + 2).to_numpy()
        mean = float((a / of).mean())
        deviation = float(np.sqrt((a * (of - a) / (of**2 * (of + 1))).sum()) / len(group))
        ends = max(mean - z * deviation, 0.0), min(mean + z * deviation, 1.0)
        drawn = abs(mean - float((group["c"] / group["n"]).mean()))
        told = remark("drawn towards one half", BAYES_HELD) if drawn > DRAWN * deviation else ""
        rows.append((model, draw, int(group["n"].min()), mean, deviation, *ends, len(group), BAYES + told))
    columns = ["model", "draw", "n", "estimate", "deviation", "low", "high", "problems", "interval"]
    return pd.DataFrame(rows, columns=columns)


def mean_g_pass_at_k(outcomes: pd.DataFrame, k: int) -> pd.DataFrame:
    """mG-Pass@k per problem: ``2/k`` times the sum of G-Pass@k_(i/k) over i from ``ceil(k/2) + 1`` to k.

    Returns:
        model, problem, draw, k, estimate.
    """
    require_fixed(outcomes, k, "mG-Pass@k")
    total = np.zeros(len(outcomes))
    for i in range(ceil(k / 2) + 1, k + 1):
        total += estimates_by_problem(outcomes, [k], at_least=i)[:, 0]
    return outcomes[KEY].assign(k=k, estimate=2 / k * total)


def neighbours(
    outcomes: pd.DataFrame, counts: pd.DataFrame | None, k: int | Sequence[int], taus: Sequence[float] = (0.25, 0.5)
) -> pd.DataFrame:
    """avg@N, Bayes@N, pass@k, pass^k, maj@k, G-Pass@k_tau, mG-Pass@k and Cover@tau side by side, per model and draw.

    Args:
        outcomes: of fixed plans with at least k attempts.
        counts: their answer counts; without them maj@k is left out.
        k: attempts, or votes; one number or several.
        taus: thresholds.

    Returns:
        model, draw, metric, estimate, low, high, problems, interval.
    """
    by_problem = {"avg@N": outcomes[KEY].assign(estimate=outcomes["c"] / outcomes["n"])}
    for each in [k] if isinstance(k, int) else k:
        by_problem[f"pass@{each}"] = g_pass_at_k(outcomes, each, [0.0])
        by_problem[f"pass^{each}"] = pass_hat_k(outcomes, [each])
        if counts is not None:
            by_problem[f"maj@{each}"] = maj_at_k(outcomes, counts, [each])
        by_problem |= {f"G-Pass@{each}, tau = {tau:g}": g_pass_at_k(outcomes, each, [tau]) for tau in taus}
        by_problem[f"mG-Pass@{each}"] = mean_g_pass_at_k(outcomes, each)
    rows = []
    for metric, table in by_problem.items():
        for (model, draw), values in table.groupby(["model", "draw"], sort=False)["estimate"]:
            name, interval = MEAN + caution_of("values", values.to_numpy()), mean_interval_of(values.to_numpy())
            rows.append((model, draw, metric, values.mean(), *interval, len(values), name))
    columns = ["model", "draw", "metric", "estimate", "low", "high", "problems", "interval"]
    covers = cover(outcomes, taus)
    covers["metric"] = [f"Cover@{tau:g}" for tau in covers["tau"]]
    bayes = bayes_at_n(outcomes).assign(metric="Bayes@N")
    return pd.concat([pd.DataFrame(rows, columns=columns), bayes[columns], covers[columns]], ignore_index=True)


def _majority(correct: int, others: np.ndarray, none: int, k: int, subsets: int, seed: int) -> tuple[float, float]:
    """(estimate, standard error) of maj@k; ``others`` are the counts of the wrong answers, ascending."""
    n = correct + int(others.sum()) + none
    if correct == 0:
        return 0.0, 0.0
    if k == n:
        return float(_wins(np.array([correct]), others[None, :])[0]), 0.0
    if k <= EXACT_UP_TO:
        return _exact_majority(correct, others, none, k), 0.0
    rng = np.random.default_rng([seed, k, correct, none, *others.tolist()])
    drawn = rng.multivariate_hypergeometric([correct, none, *others], k, size=subsets)
    wins = _wins(drawn[:, 0], drawn[:, 2:])
    return float(wins.mean()), float(wins.std() / np.sqrt(subsets))


def _wins(correct: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the majority that is correct, per row: 1, 1 / number of tied answers, or 0."""
    highest = others.max(axis=1, initial=0)
    tied = (others == correct[:, None]).sum(axis=1)
    return np.where((correct > 0) & (correct >= highest), 1 / (1 + tied), 0.0)


def _exact_majority(correct: int, others: np.ndarray, none: int, k: int) -> float:
    """maj@k as a sum over v, the votes for the correct answer.

    Every attempt enters with chance k/n by itself; given that k enter, this is drawing k of n. So with w_m(j) the
    binomial chance of j out of m, the others' part is the coefficient of x^(k - v) in the product over wrong answers of
    ``sum_{j < v} w_m(j) x^j + z w_m(v) x^v``, integrated over z from 0 to 1, because a share of 1/(1 + t) at t ties is
    the integral of z^t. Gauss-Legendre nodes do this integral exactly.
    """
    from scipy.stats import binom

    n = correct + int(others.sum()) + none
    sizes, repeats = np.unique(others, return_counts=True)
    votes = np.arange(k + 1)
    right, wrong, silent, *each = binom.pmf(votes, np.array([correct, n - correct, none, *sizes])[:, None], k / n)
    total = 0.0
    for v in range(1, min(correct, k) + 1):
        rest = k - v
        if v > min(rest, others.max(initial=0)):  # no other answer can have as many
            total += right[v] * wrong[rest]
            continue
        nodes, weights = np.polynomial.legendre.leggauss(rest // v // 2 + 1)
        for z, weight in zip((nodes + 1) / 2, weights / 2):
            product = silent[: rest + 1]
            for chances, repeat in zip(each, repeats):
                factor = np.append(chances[:v], z * chances[v])
                product = np.convolve(product, _power(factor, int(repeat), rest))[: rest + 1]
            total += right[v] * weight * product[rest]
    return min(float(total / binom.pmf(k, n, k / n)), 1.0)


def _power(polynomial: np.ndarray, exponent: int, degree: int) -> np.ndarray:
    """``polynomial`` to the power ``exponent``, up to x^degree, by repeated squaring."""
    result = np.ones(1)
    while exponent:
        if exponent & 1:
            result = np.convolve(result, polynomial)[: degree + 1]
        polynomial = np.convolve(polynomial, polynomial)[: degree + 1]
        exponent >>= 1
    return result


def _needed(tau: float, k: int) -> int:
    """ceil(tau k), blind to the last digits of a product of decimals (0.1 * 30 is 3.0000000000000004)."""
    return ceil(round(tau * k, 9))


def _check_taus(taus: Sequence[float]) -> None:
    if any(not 0 <= tau <= 1 for tau in taus):
        raise MathbError(f"Thresholds tau lie between 0 and 1, unlike one of {list(taus)}.")
