"""Which solution modes of the miniature a model uses, and how often each is right."""

from __future__ import annotations

import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.miniature import mode_of
from mathb_kit.verdicts import Verdict


def mode_shares(evaluation: Evaluation, attempts: int = 16) -> pd.DataFrame:
    """Solution modes of the first attempts at every problem (as many at each, so that none weighs more).

    Args:
        evaluation: an evaluation on a miniature set.
        attempts: attempts per problem looked at; every problem has them after the plan's first round.

    Returns:
        name, mode, share, correct_share (both of all attempts looked at), in the order of the modes' shares.
    """
    table = evaluation.first_attempts(attempts)
    table = table.assign(mode=table["text"].map(mode_of), correct=table["verdict"] == Verdict.CORRECT)
    shares = table.groupby("mode").agg(share=("mode", "size"), correct_share=("correct", "sum")) / len(table)
    shares.insert(0, "name", evaluation.model.name)
    return shares.reset_index().sort_values("mode", ignore_index=True)[["name", "mode", "share", "correct_share"]]
