"""What to say behind the name of an interval that holds too seldom, told from the data that its user has.

How often an interval holds depends on how success rates are spread over problems, which nobody knows. What makes it
hold too seldom shows all the same: a few problems carry the mean, and the one that was not drawn would have moved it.
The rules and the shares they name are from simulation (``bench/coverage.txt``): every kind of case in which an interval
held in fewer than 93 % of runs beyond chance is told by its rule in most runs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mathb_kit.statistics.intervals import moments

FEW = 45
"""Problems from which on means with a long end by a Beta, and paired differences, hold in all of the worlds."""
LOPSIDED = 0.35
"""Skewness over the square root of the problems: the error of t is a sixth of it to first order (Edgeworth)."""
CARRIERS = 5
"""Problems that carry a difference, by their effective number (Kish 1965): (sum |x|)^2 / sum x^2."""
Kind = Literal["mean", "values", "difference"]
HELD: dict[Kind, float] = {"mean": 0.90, "values": 0.85, "difference": 0.85}
"""In how many of the runs an interval held in the worst kind of case that its rule tells."""


def caution(kind: Kind, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What to say behind an interval's name where it holds too seldom, "" elsewhere: (columns,) strings.

    Args:
        kind: of the interval: "mean" pass@k with what a Beta leaves open (``curve_interval``), a mean of shares by its
            "values" alone (``mean_interval``), or a paired "difference" (``difference_interval``).
        values: distinct rows x columns, one row per problem's value, and
        counts: the problems with each.
    """
    problems = counts.sum()
    if problems < 2:  # no interval
        return np.full(values.shape[1], "")
    if kind == "difference":
        doubtful = (problems < FEW) & (carriers(values, counts) < CARRIERS) & (carriers(values, counts) > 0)
    else:
        yes_no = (np.minimum(np.abs(values), np.abs(1 - values)) <= 1e-12).all(axis=0)  # has an exact interval
        skewed = np.abs(np.nan_to_num(moments(values, counts)[2])) > LOPSIDED * np.sqrt(problems)
        doubtful = skewed & ~yes_no & (np.ptp(values, axis=0) > 1e-12) & ((kind == "values") | (problems < FEW))
    what = "difference" if kind == "difference" else "mean"
    return np.where(doubtful, remark(f"a few problems carry the {what}", HELD[kind]), "")


def carriers(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How many problems of equal size would carry a mean of differences as these do: (columns,), 0 for none."""
    squares = counts @ values**2
    return np.divide((counts @ np.abs(values)) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


def remark(why: str, held: float) -> str:
    """``; a few problems carry the mean: held in as few as 85 % of simulated cases of this kind``."""
    return f"; {why}: held in as few as {100 * held:.0f} % of simulated cases of this kind"


def caution_of(kind: Kind, values: np.ndarray) -> str:
    """``caution`` for one value per problem."""
    return str(caution(kind, values[:, None], np.ones(len(values)))[0])
