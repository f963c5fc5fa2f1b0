"""The tables that statistics read: one row per problem (outcomes), one per distinct answer (answer counts)."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.plan import Plan
from mathb_kit.verdicts import Verdict

KEY = ["model", "problem", "draw"]


def require_columns(frame: pd.DataFrame, columns: Collection[str], what: str) -> None:
    """MathbError naming the first of ``columns`` that ``frame`` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise MathbError(f"The {what} lack the column {missing[0]!r}; they need {', '.join(columns)}.")


def outcomes_from_verdicts(
    answers: pd.DataFrame, plan: Plan, grader: str, *, failed_as_correct: bool = False
) -> pd.DataFrame:
    """Count verdicts per problem, as far as the plan would have gone.

    The stopping rule is replayed on the verdicts in index order, so outcomes stay valid after a re-grading and on a
    store that holds more attempts than the plan asks for. Attempts beyond the replayed stop are cut off. Attempts
    behind a gap in the indices wait until the gap is filled. A problem whose attempts end where the plan goes on
    has ``complete`` False: it needs more attempts before it can be estimated.

    Args:
        answers: one row per attempt with model, problem, draw, index (from 0), verdict, truncated (bool), tokens.
        plan: rounds and stop count.
        grader: grader version, copied into the result.
        failed_as_correct: count ``grader_failed`` as correct instead of wrong. The two readings bound every
            statistic from above and below; each needs its own replay, because the stop depends on the reading.

    Returns:
        One row per (model, problem, draw), in order of appearance: n, c, first_correct (1-based, NA if none),
        no_answer, grader_failed, truncated (counts of attempts), tokens (sum), plan (text for ``Plan.parse``),
        grader, complete.

    Raises:
        MathbError: a missing column or value, an unknown verdict, or an attempt that is there twice.
    """
    require_columns(answers, [*KEY, "index", "verdict", "truncated", "tokens"], "graded answers")
    _check_rows(answers)
    # All problems at once, without a loop: sorted by problem and index, each problem is a run of rows, and what a loop
    # over attempts would count as it goes (correct so far) is a difference of running sums.
    group = answers.groupby(KEY, sort=False).ngroup().to_numpy()
    order = np.lexsort((answers["index"].to_numpy(), group))
    group, rows = group[order], answers.iloc[order]
    index = rows["index"].to_numpy()
    verdict = rows["verdict"].to_numpy()
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = group[1:] != group[:-1]
    starts = np.flatnonzero(is_first)
    # Attempt i is the i-th row of its problem as long as none before it is missing.
    unbroken = index == np.arange(len(rows)) - starts[group]

    hit = verdict == Verdict.CORRECT
    if failed_as_correct:
        hit |= verdict == Verdict.GRADER_FAILED
    total = np.cumsum(hit)
    correct_so_far = total - (total - hit)[starts][group]
    # A problem ends with the first round at whose end enough are correct. The store may hold more, from a larger plan:
    # the estimate for this plan knows only paths that end where it would have stopped.
    ends = np.full(len(starts), plan.n_max)
    if not plan.is_fixed:
        stops = np.isin(index + 1, plan.rounds) & (correct_so_far >= plan.stop)
        np.minimum.at(ends, group[stops], index[stops] + 1)
    kept = unbroken & (index < ends[group])

    def count(rows_that: np.ndarray) -> np.ndarray:
        return np.bincount(group[kept & rows_that], minlength=len(starts))

    n = count(kept)
    never = plan.n_max + 1
    first_correct = np.full(len(starts), never)
    np.minimum.at(first_correct, group[kept & hit], index[kept & hit] + 1)
    tokens = np.zeros(len(starts), dtype=np.int64)
    np.add.at(tokens, group[kept], rows["tokens"].to_numpy()[kept])
    outcomes = rows.iloc[starts][KEY].reset_index(drop=True)
    return outcomes.assign(
        n=n,
        c=count(hit),
        first_correct=pd.Series(first_correct, dtype="Int64").mask(first_correct == never),
        no_answer=count(verdict == Verdict.NO_ANSWER),
        grader_failed=count(verdict == Verdict.GRADER_FAILED),
        truncated=count(rows["truncated"].to_numpy(dtype=bool)),
        tokens=tokens,
        plan=str(plan),
        grader=grader,
        complete=n == ends,
    )


def answer_counts(answers: pd.DataFrame) -> pd.DataFrame:
    """How often each distinct answer was given, over all attempts handed in.

    Args:
        answers: one row per attempt with model, problem, draw, answer (null: none given), verdict.

    Returns:
        model, problem, draw, answer, count, verdict; within a problem the most frequent answer first.
    """
    columns = [*KEY, "answer", "verdict"]
    require_columns(answers, columns, "graded answers")
    counts = answers.groupby(columns, dropna=False, sort=False).size().rename("count").reset_index()
    counts = counts.sort_values([*KEY, "count", "answer"], ascending=[True, True, True, False, True])
    return counts[[*KEY, "answer", "count", "verdict"]].reset_index(drop=True)


def _check_rows(answers: pd.DataFrame) -> None:
    """MathbError naming the first row that no outcome can be made of."""
    faults = {
        "has an empty key, index or count": answers[[*KEY, "index", "truncated", "tokens"]].isna().any(axis=1),
        f"has a verdict that is none of {', '.join(Verdict)}": ~answers["verdict"].isin(list(Verdict)),
        "has a negative index": answers["index"] < 0,
        "is there twice": answers.duplicated([*KEY, "index"]),
    }
    for fault, rows in faults.items():
        if rows.any():
            row = answers[rows.to_numpy(dtype=bool, na_value=False)].iloc[0]
            raise MathbError(
                f"Attempt {row['index']} (verdict {row['verdict']}) at problem {row['problem']} by model "
                f"{row['model']}, draw {row['draw']}, {fault}; grade the stored attempts again."
            )
