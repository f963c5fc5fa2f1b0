"""What to say behind the name of an interval that holds too seldom, told from the data that its user has.

How often an interval holds depends on how success rates are spread over problems, which nobody knows. What makes it
hold too seldom shows all the same: a few problems carry the value, and one that was not drawn would have moved it. The
rules and the shares they name are from simulation (``bench/coverage.txt``): every kind of case in which an interval
held in fewer than 93 % of runs beyond chance is told by its rule in most of its runs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from mathb_kit.statistics.intervals import moments

FEW = 45
"""Problems from which on means with a long end by a Beta, and paired differences, hold in all of the worlds."""
LOPSIDED = 0.35
"""Skewness over the square root of the problems: the error of t is a sixth of it to first order (Edgeworth)."""
Kind = Literal["mean", "values", "difference", "expansion", "support"]


class Rule(NamedTuple):
    """When an interval is doubted, and how seldom it may hold then.

    Attributes:
        what: the few problems carry.
        held: in how many runs it held in the worst of the simulated cases that are told.
        below: with fewer problems than that; None for any number.
        carriers: where fewer problems carry the value (``carriers``); None: where it is skewed (``LOPSIDED``).
    """

    what: str
    held: float
    below: int | None = None
    carriers: int | None = None


RULES: dict[Kind, Rule] = {
    "mean": Rule("the mean", 0.90, FEW),
    "values": Rule("the mean", 0.85),
    "difference": Rule("the difference", 0.85, FEW, 5),
    "expansion": Rule("what was reached", 0.45, None, 5),
    "support": Rule("what changed", 0.50, None, 3),
}
BAYES_HELD, FORECAST_HELD = 0.0, 0.0
"""Of Bayes@N on hard sets, and of forecasts beyond the attempts that nothing could be held against."""


def caution(kind: Kind, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What to say behind an interval's name where it holds too seldom, "" elsewhere: (columns,) strings.

    Args:
        kind: of the interval: "mean" pass@k with what a Beta leaves open (``curve_interval``), a mean of shares by its
            "values" alone (``mean_interval``), a paired "difference" (``difference_interval``), a rate of "expansion"
            or the difference of two (``expansion_by_half_draws``), a rate of "support" (``support_dynamics``).
        values: distinct rows x columns, one row per problem's value (for rates: what it adds to the difference, or to
            what was gained or lost), and
        counts: the problems with each.
    """
    problems, rule = counts.sum(), RULES[kind]
    if problems < 2:  # no interval
        return np.full(values.shape[1], "")
    if rule.carriers:
        carried = carriers(values, counts)
        doubtful = (carried > 0) & (carried < rule.carriers)
    else:
        yes_no = (np.minimum(np.abs(values), np.abs(1 - values)) <= 1e-12).all(axis=0)  # has an exact interval
        skewed = np.abs(np.nan_to_num(moments(values, counts)[2])) > LOPSIDED * np.sqrt(problems)
        doubtful = skewed & ~yes_no & (np.ptp(values, axis=0) > 1e-12)
    doubtful &= rule.below is None or problems < rule.below
    return np.where(doubtful, remark(f"a few problems carry {rule.what}", rule.held), "")


def caution_of(kind: Kind, values: np.ndarray) -> str:
    """``caution`` for one value per problem."""
    return str(caution(kind, values[:, None], np.ones(len(values)))[0])


def carriers(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How many problems of equal size would carry a sum as these do: (columns,), 0 for none.

    Their effective number, (sum |x|)^2 / sum x^2 (Kish 1965, "Survey Sampling").
    """
    squares = counts @ values**2
    return np.divide((counts @ np.abs(values)) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


def remark(why: str, held: float) -> str:
    """``; a few problems carry the mean: held in as few as 85 % of simulated cases of this kind``."""
    return f"; {why}: held in as few as {100 * held:.0f} % of simulated cases of this kind"
