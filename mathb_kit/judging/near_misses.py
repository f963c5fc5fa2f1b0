"""Wrong answers to read first: those that come nearest to the gold."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import pandas as pd

from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    from mathb_kit.evaluation import Evaluation


def near_misses(evaluation: Evaluation, most: int = 5) -> pd.DataFrame:
    """Of problems that were never solved, the wrong answer nearest to the gold, the nearest ones first.

    Near is what a reader would call so, no statistic: of two numbers their relative difference, of other answers the
    share of characters that differ.

    Args:
        evaluation: of the problems.
        most: problems at most.

    Returns:
        problem, statement, gold, answer, count (attempts with that answer), n (attempts), index (of the first of
        them, from 0), completion.
    """
    columns = ["problem", "statement", "gold", "answer", "count", "n", "index", "completion"]
    unsolved = evaluation.outcomes.loc[evaluation.outcomes["c"] == 0].set_index("problem")["n"]
    rows = evaluation.verdicts
    rows = rows[(rows["verdict"] == Verdict.WRONG) & rows["problem"].isin(unsolved.index)].dropna(subset="answer")
    if rows.empty:
        return pd.DataFrame(columns=columns)
    answers = rows.groupby(["problem", "gold", "answer"], sort=False)["index"].agg(["count", "min"]).reset_index()
    answers["far"] = [distance(gold, answer) for gold, answer in zip(answers["gold"], answers["answer"])]
    # Of answers that are equally near the commonest, then the first: the same ones on every machine.
    answers = answers.sort_values(["far", "count", "problem", "min"], ascending=[True, False, True, True])
    nearest = answers.drop_duplicates("problem").head(most).rename(columns={"min": "index"})
    statements = {problem.key: problem.statement for problem in evaluation.problems}
    nearest = nearest.assign(
        statement=nearest["problem"].map(statements),
        n=nearest["problem"].map(unsolved),
        completion=evaluation.texts(nearest["problem"], nearest["index"]),
    )
    return nearest[columns].reset_index(drop=True)


def distance(gold: str, answer: str) -> float:
    """0 for the same text, 1 for nothing in common; of two numbers |a - b| / max(|a|, |b|), at most 1."""
    numbers = [_number(gold), _number(answer)]
    if None not in numbers:
        a, b = numbers
        return min(1.0, abs(a - b) / max(abs(a), abs(b))) if a != b else 0.0
    return 1 - SequenceMatcher(None, gold, answer, autojunk=False).ratio()


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("\\", "").replace("!", ""))
    except ValueError:
        return None
