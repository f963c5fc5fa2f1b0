"""How a model's answers are spread: entropy, and how often two attempts disagree, without knowing which is right.

Sharpening concentrates a model on few answers, expansion need not. Pass@k cannot tell the two apart, the answers can:
"The Invisible Leash" (Wu et al. 2025) found entropy over answers to fall under RL even where that over tokens rose.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.statistics.caution import caution_of
from mathb_kit.statistics.intervals import DIFFERENCE, difference_interval
from mathb_kit.verdicts import Verdict

ENTROPY, DISAGREE, DISTINCT = "entropy of answers, bits", "two attempts disagree", "different answers"


def answer_spread(counts: pd.DataFrame) -> pd.DataFrame:
    """Spread of the answers to each problem.

    Answers that the grader found correct are one answer; wrong ones are told apart by their text. Attempts without an
    answer are left out. Counts must be of a number of attempts fixed beforehand: a plan that stops early stops by the
    very answers.

    * entropy: ``sum (c/m) (1/c + ... + 1/(m-1))`` over answers with count c of m, in bits (Zhang 2012, "Entropy
      estimation in Turing's perspective"). The plug-in is too low for few attempts; the error of this one falls
      exponentially.
    * disagree: chance that two attempts give different answers, ``1 - sum c (c-1) / (m (m-1))``, unbiased.

    Args:
        counts: from ``answer_counts``, of as many attempts at every problem.

    Returns:
        model, problem, draw, answered (m), distinct, entropy, disagree; the last two NaN for fewer than two answers.
    """
    require_columns(counts, [*KEY, "answer", "count", "verdict"], "answer counts")
    given = counts[counts["answer"].notna()]
    answer = given["answer"].astype(str).mask(given["verdict"] == Verdict.CORRECT, "\0correct")
    table = given.assign(answer=answer).groupby([*KEY, "answer"], sort=False)["count"].sum().reset_index()
    m = table.groupby(KEY, sort=False)["count"].transform("sum").to_numpy(dtype=float)
    c = table["count"].to_numpy(dtype=float)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, max(m.max(initial=1), 2)))])  # 1 + ... + 1/j at j
    parts = table[KEY].assign(
        answered=c,
        distinct=1,
        entropy=c / m * (harmonic[m.astype(int) - 1] - harmonic[c.astype(int) - 1]) / np.log(2),
        agree=np.divide(c * (c - 1), m * (m - 1), out=np.full(len(c), np.nan), where=m > 1),
    )
    told = parts.groupby(KEY, sort=False).sum(min_count=1).reset_index()
    few = told["answered"] < 2
    told["entropy"], told["disagree"] = told["entropy"].mask(few), 1 - told.pop("agree")
    everybody = counts[KEY].drop_duplicates().merge(told, on=KEY, how="left")
    return everybody.fillna({"answered": 0, "distinct": 0}).astype({"answered": int, "distinct": int})


def spread_difference(base: pd.DataFrame, tuned: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Spread of two models' answers, paired by problem; of the problems where both answered at least twice.

    Args:
        base, tuned: answer counts of one model and draw each, of equally many attempts at the same problems.
        level: nominal coverage.

    Returns:
        metric, base, tuned (means), difference (tuned less base), low, high, problems, interval.

    Raises:
        MathbError: unequal numbers of attempts, or no problem in common.
    """
    attempts = [each.groupby("problem")["count"].sum() for each in (base, tuned)]
    shared = attempts[0].index.intersection(attempts[1].index)
    if not len(shared) or (attempts[0][shared] != attempts[1][shared]).any():
        raise MathbError(
            "The spread of answers is compared at equally many attempts on the same problems; count the same first "
            "attempts of both models."
        )
    tables = [answer_spread(each).set_index("problem").loc[shared] for each in (base, tuned)]
    both = (tables[0]["answered"] >= 2) & (tables[1]["answered"] >= 2)
    scale = {"entropy": np.log2(max(attempts[0].max(), 2)), "disagree": 1.0, "distinct": attempts[0].max()}
    rows = []
    for column, name in (("entropy", ENTROPY), ("disagree", DISAGREE), ("distinct", DISTINCT)):
        values = [table.loc[both, column].to_numpy(dtype=float) for table in tables]
        change = (values[1] - values[0]) / scale[column]  # within -1 and 1, as the interval wants it
        ends = difference_interval(change[:, None], np.ones(len(change)), level)
        low, high = (float(end[0]) * scale[column] for end in ends)
        means = [float(each.mean()) if len(each) else float("nan") for each in values]
        told = DIFFERENCE + caution_of("difference", change)
        rows.append((name, *means, means[1] - means[0], low, high, int(both.sum()), told))
    columns = ["metric", "base", "tuned", "difference", "low", "high", "problems", "interval"]
    return pd.DataFrame(rows, columns=columns)
