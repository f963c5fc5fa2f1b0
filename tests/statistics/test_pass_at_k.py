"""pass@k at fixed n against exact fractions and other tools' pinned values."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from math import comb, prod
from pathlib import Path

import numpy as np
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.statistics import pass_at_k


def test_every_small_case_equals_the_exact_fraction():
    n, c, k = np.meshgrid(np.arange(1, 21), np.arange(21), np.arange(1, 21), indexing="ij")
    possible = c <= n
    n, c, k = n[possible], c[possible], k[possible]
    got = pass_at_k(n, c, k)
    for value, N, C, K in zip(got, n.tolist(), c.tolist(), k.tolist(), strict=True):
        if K > N:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(float(1 - Fraction(comb(N - C, K), comb(N, K))), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("n", "c", "k"),
    [(10**6, 1, 1), (10**6, 3, 500_000), (10**6, 500_000, 3), (10**6, 1000, 1000), (10**6, 40, 10**6 - 50)]
    + [(10**6, 2, 7), (10**6, 300, 2000), (4096, 1500, 2500), (4096, 7, 1024), (10**6, 999_998, 2)],
)
def test_large_n_is_accurate_to_twelve_digits(n, c, k):
    short, long = min(c, k), max(c, k)
    ratio = Fraction(prod(n - long - i for i in range(short)), prod(n - i for i in range(short)))
    assert pass_at_k(n, c, k) == pytest.approx(float(1 - ratio), rel=1e-12, abs=0)


def test_many_factors_keep_twelve_digits():
    # C(n-c, k) / C(n, k) with c = k is the chance that two random 20,000-subsets of 10^9 are disjoint.
    n, m = 10**9, 20_000
    ratio = Fraction(prod(range(n - 2 * m + 1, n - m + 1)), prod(range(n - m + 1, n + 1)))
    assert pass_at_k(n, m, m) == pytest.approx(float(1 - ratio), rel=1e-12, abs=0)


def test_scalars_give_a_float_and_arrays_broadcast():
    assert type(pass_at_k(4, 2, 2)) is float
    table = pass_at_k(np.array([[10], [20]]), np.array([[0], [5]]), [1, 5, 16, 20])
    assert table.shape == (2, 4)
    assert np.array_equal(np.isnan(table), [[False, False, True, True], [False] * 4])
    assert table[1, 0] == 0.25 and table[1, 2] == 1.0 and table[0, 0] == 0.0
    assert pass_at_k([], [], 1).shape == (0,)


@pytest.mark.parametrize("bad", [(4, 5, 1), (4, -1, 1), (4, 1, 0), (4, 1, -2), (4, 1.5, 1), (-3, 0, 1)])
def test_impossible_counts_are_refused(bad):
    with pytest.raises(MathbError, match="pass@k needs"):
        pass_at_k(*bad)


def test_other_tools_pin_the_same_values():
    folder = Path(os.environ.get("MATHB_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
    file = folder / "passk_reference_cases.jsonl"
    if not file.exists():
        pytest.skip(f"no reference cases: {file} is absent (set MATHB_DATA_DIR)")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    assert rows
    for row in rows:
        assert "pass@k" in row["metric"]
        assert pass_at_k(row["n"], row["c"], row["k"]) == pytest.approx(row["expected"], abs=row["tolerance"]), row
