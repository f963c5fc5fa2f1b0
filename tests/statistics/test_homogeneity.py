"""Whether samplers of one model agree: p-values against enumeration, and no false alarm beyond its rate."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from mathb_kit.errors import MathbError
from mathb_kit.statistics import homogeneity


def exact(counts: np.ndarray, n: int) -> float:
    """The same p-value by going through all ways to deal the successes out."""
    samplers, problems = counts.shape
    ways = []
    for total in counts.sum(axis=0):
        deals = [deal for deal in product(range(n + 1), repeat=samplers) if sum(deal) == total]
        ways.append([(np.array(d), stats.multivariate_hypergeom.pmf(d, [n] * samplers, total)) for d in deals])
    found = []
    for statistic in (chi_squared, of_totals):
        least, chance = statistic(counts, n) - 1e-9, 0.0
        for deals in product(*ways):
            if statistic(np.column_stack([deal for deal, _ in deals]), n) >= least:
                chance += float(np.prod([p for _, p in deals]))
        found.append(chance)
    return min(1.0, 2 * min(found))


def chi_squared(counts: np.ndarray, n: int) -> float:
    tables = [np.array([column, n - column]) for column in counts.T]
    whole = [table for table in tables if table.sum(axis=1).all()]
    return sum(stats.chi2_contingency(table, correction=False).statistic for table in whole)


def of_totals(counts: np.ndarray, n: int) -> float:
    totals = counts.sum(axis=1)
    return float(((totals - totals.mean()) ** 2).sum())


@pytest.mark.parametrize(
    "counts", [[[3, 0], [0, 1]], [[1, 2], [1, 2]], [[4, 4, 3], [1, 2, 0]], [[3, 0], [1, 1], [0, 4]]], ids=str
)
def test_p_is_that_of_all_ways_to_deal_the_successes_out(counts):
    counts = np.array(counts)
    expected, deals = exact(counts, 4), 100_000
    error = 2 * np.sqrt(expected / 2 * (1 - expected / 2) / deals)
    assert homogeneity(counts, 4, deals).p == pytest.approx(expected, abs=4 * error + 1e-4)


def test_under_one_rate_per_problem_five_percent_of_tables_at_most_are_called_different():
    random, rates = np.random.default_rng(3), np.array([0.02, 0.2, 0.5, 0.9])
    tables = random.binomial(32, rates, size=(400, 3, 4))
    false = sum(homogeneity(table, 32, 500).p <= 0.05 for table in tables)
    assert false <= stats.binom.ppf(0.999, 400, 0.05)


def test_a_difference_as_large_as_called_detectable_is_seen_four_times_in_five():
    random, base = np.random.default_rng(4), np.array([0.3, 0.4, 0.5])
    detectable = homogeneity(np.array([[19, 26, 32], [19, 26, 32]]), 64).detectable
    seen = []
    for _ in range(300):
        table = random.binomial(64, [base - detectable / 2, base + detectable / 2])
        # At 5 % for the statistic that looks for it: the doubling costs a little power, which the number leaves out.
        seen.append(homogeneity(table, 64, 400).p <= 0.10)
    assert 0.72 < np.mean(seen) < 0.88


def test_counts_that_are_none_are_refused():
    for counts, words in (([[1, 2]], "two rows"), ([[1], [5]], "between 0 and the 4"), ([[1], [-1]], "between 0")):
        with pytest.raises(MathbError, match=words):
            homogeneity(np.array(counts), 4)
