"""What became of the base's reach: kept, lost, newly found or found by neither, and the four rates made of it.

Definitions after Wu et al. 2025, "The Invisible Leash" (arXiv 2507.14843, definition 3.3), with problems in the place
of correct completions: P preserved (both reach), S shrunk (the base alone), E expanded (the tuned model alone), O out
of support (neither). A frozen base beside itself has S = E > 0 by luck alone, so each rate stands beside its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.statistics.adaptive import estimates_by_problem
from mathb_kit.statistics.arms import fresh_arms
from mathb_kit.statistics.caution import caution_of
from mathb_kit.statistics.intervals import clopper_pearson, dissenter_ends

SUPPORT_INTERVAL = "problems as a sample, Clopper-Pearson at equal variance; t for NSCR and differences"
TUNED, FROZEN, LESS = "tuned", "frozen base", "tuned less frozen base"
Parts = np.ndarray  # (..., 4): P, S, E, O


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 1e-12)


def _srr(parts: Parts) -> np.ndarray:
    return _ratio(parts[..., 0], parts[..., 0] + parts[..., 1])


def _ndr(parts: Parts) -> np.ndarray:
    return _ratio(parts[..., 2], parts[..., 0] + parts[..., 2])


def _sds(parts: Parts) -> np.ndarray:
    p, s, e, _ = np.moveaxis(parts, -1, 0)
    return _ratio(2 * p * e, p**2 + 2 * p * e + e * s)


def _nscr(parts: Parts) -> np.ndarray:
    p, s, e, _ = np.moveaxis(parts, -1, 0)
    return _ratio(e - s, p + e + s)


RATES: dict[str, Callable[[Parts], np.ndarray]] = {"SRR": _srr, "NDR": _ndr, "SDS": _sds, "NSCR": _nscr}
"""Support Retention P/(P+S), Net Discovery E/(P+E), Support Dynamic Score (their harmonic mean), and Net Support Change
(E-S)/(P+E+S)."""

COUNTED = {"SRR": [0, 1], "NDR": [0, 2], "SDS": [0, 1, 2], "NSCR": [0, 1, 2]}


def support_dynamics(
    base: pd.DataFrame, tuned: pd.DataFrame, ks: Sequence[int], *, level: float = 0.95
) -> pd.DataFrame:
    """Support metrics of a tuned model beside those of its frozen base, in expectation over blocks of k attempts.

    With A the chance that k attempts of the base fail at a problem, B that 2k do and T the tuned model's pass@k, each
    estimated without bias: P = sum (1-A) T, S = sum (1-A)(1-T), E = sum A T, O = sum A (1-T). For the frozen base,
    k attempts beside k others: P = sum (1 - 2A + B), S = E = sum (A - B), O = sum B. At k = n these are the counts that
    the paper reports, and nothing is known of the frozen base.

    Intervals take problems as a sample, by what each adds to a rate to first order: for SRR, NDR and SDS that of
    Clopper and Pearson at equal variance (as ``mean_interval``), for NSCR and differences Student's t. Bootstrap
    intervals covered less at 30 problems (79 to 86 % for differences).

    Args:
        base, tuned: outcomes of one draw each, on problems that neither selected.
        ks: attempts allowed.
        level: nominal coverage.

    Returns:
        Per k one row for each ``who``: tuned, and where 2k attempts of the base are known, frozen base and the
        difference of the two. k, who, preserved, shrunk, expanded, out (expected numbers of problems), SRR, NDR, SDS,
        NSCR, each with ``_low`` and ``_high``, interval (with a ``caution``). A rate is NaN where its denominator is 0.

    Raises:
        MathbError: a k beyond a plan, or arms that do not fit together.
    """
    base, tuned = fresh_arms(base, tuned, None, "")
    first, reached = 1 - estimates_by_problem(base, ks), estimates_by_problem(tuned, ks)
    both = 1 - estimates_by_problem(base, [2 * k for k in ks])
    rows = []
    for column, k in enumerate(ks):
        a, b, t = first[:, column], both[:, column], reached[:, column]
        if np.isnan(a).any() or np.isnan(t).any():
            raise MathbError(f"k = {k:,} is beyond what one of the models was given; ask for a smaller k.")
        parts = {TUNED: np.stack([(1 - a) * t, (1 - a) * (1 - t), a * t, a * (1 - t)], axis=1)}
        if not np.isnan(b).any():
            parts[FROZEN] = np.stack([1 - 2 * a + b, a - b, a - b, b], axis=1)
        rows += [{"k": k, **row} for row in _rows(parts, level)]
    return pd.DataFrame(rows)


def _rows(parts: dict[str, Parts], level: float) -> list[dict]:
    rows = {who: dict(zip(("preserved", "shrunk", "expanded", "out"), each.sum(axis=0))) for who, each in parts.items()}
    if FROZEN in parts:
        rows[LESS] = {name: rows[TUNED][name] - rows[FROZEN][name] for name in rows[TUNED]}
    for name, rate in RATES.items():
        points = {who: float(rate(each.sum(axis=0))) for who, each in parts.items()}
        linear = {who: _influence(rate, each) for who, each in parts.items()}
        if FROZEN in parts:
            for values in (points, linear):
                values[LESS] = values[TUNED] - values[FROZEN]
        for who in rows:
            signed = who == LESS or name == "NSCR"
            counted = sum(parts[each][:, COUNTED[name]] for each in parts if who in (each, LESS)).sum(axis=1) > 1e-9
            ends = (_signed_ends if signed else _share_ends)(points[who], linear[who], int(counted.sum()), level)
            rows[who] |= {name: points[who], f"{name}_low": ends[0], f"{name}_high": ends[1]}
    changed = {who: [each[:, 1], each[:, 2]] for who, each in parts.items()}  # lost and new
    if FROZEN in parts:
        changed[LESS] = [parts[TUNED][:, 2] - parts[FROZEN][:, 2]]
    for who, each in changed.items():
        kind = "expansion" if who == LESS else "support"
        rows[who]["interval"] = SUPPORT_INTERVAL + max(caution_of(kind, values) for values in each)
    return [{"who": who, **row} for who, row in rows.items()]


def _influence(rate: Callable[[Parts], np.ndarray], parts: Parts) -> np.ndarray:
    """What each problem adds to the rate, to first order: (problems,)."""
    total, step = parts.sum(axis=0), 1e-4
    shifts = np.eye(4) * step
    gradient = (rate(total + shifts) - rate(total - shifts)) / (2 * step)
    return parts @ np.nan_to_num(gradient)


def _signed_ends(point: float, linear: np.ndarray, counted: int, level: float) -> tuple[float, float]:
    """Student's t; where all problems say the same, what a dissenter that none drew could change."""
    from scipy.stats import t

    problems = len(linear)
    if np.isnan(point) or problems < 2:
        return float("nan"), float("nan")
    half = t.isf((1 - level) / 2, problems - 1) * np.sqrt(problems) * linear.std(ddof=1)
    if half < 1e-9:
        return dissenter_ends(point, max(counted, 1), level, (-1.0, 1.0))
    return max(point - half, -1.0), min(point + half, 1.0)


def _share_ends(point: float, linear: np.ndarray, counted: int, level: float) -> tuple[float, float]:
    """Clopper and Pearson's for as many tosses as would be equally uncertain, at most one a problem that counts."""
    from scipy.stats import t

    problems = len(linear)
    if np.isnan(point) or problems < 2:
        return float("nan"), float("nan")
    student, normal = t.isf((1 - level) / 2, problems - 1), NormalDist().inv_cdf((1 + level) / 2)
    variance, tosses = problems * linear.var(ddof=1), float(max(counted, 1))
    if variance > 1e-18 and 0 < point < 1:
        tosses = max(point * (1 - point) / variance * (normal / student) ** 2, 1.0)
    low, high = clopper_pearson(point * tosses, tosses, level)
    return float(low), float(high)
