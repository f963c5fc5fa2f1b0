"""How much of a study hangs on the grader: single completions, the symbolic rung, the extraction policy."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.grading import POLICIES
from mathb_kit.statistics import reach
from mathb_kit.verdicts import Verdict

# Rungs of the ladder that asked math-verify.
_SYMBOLIC = ("symbolic", "numeric veto", "unreadable")


def resting_on_one(evaluations: Mapping[tuple[str, str], Evaluation]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Problems that count as solved because of one completion among all that the plan allowed.

    A problem that an adaptive plan stopped has as many correct completions as the plan's stop count, so with a stop
    count of two or more it never rests on one.

    Returns:
        (counts, completions): name, set, problems, solved, on_one (those with c = 1), share (of the solved); and the
        single correct completion of each of these: name, set, problem, gold, answer, rung, text.
    """
    counts, completions = [], []
    for (name, set_name), evaluation in evaluations.items():
        outcomes = evaluation.outcomes
        solved, single = int((outcomes["c"] > 0).sum()), outcomes.loc[outcomes["c"] == 1, "problem"]
        counts.append((name, set_name, len(outcomes), solved, len(single), len(single) / solved if solved else None))
        if len(single):
            verdicts = evaluation.verdicts
            hits = verdicts[verdicts["problem"].isin(single) & (verdicts["verdict"] == Verdict.CORRECT)]
            texts = evaluation.draw.attempts(set(single), ["problem", "index", "text"])
            single_hits = hits.merge(texts, on=["problem", "index"]).assign(name=name, set=set_name)
            completions.append(single_hits[["name", "set", "problem", "gold", "answer", "rung", "text"]])
    columns = ["name", "set", "problem", "gold", "answer", "rung", "text"]
    return (
        pd.DataFrame(counts, columns=["name", "set", "problems", "solved", "on_one", "share"]),
        pd.concat(completions, ignore_index=True) if completions else pd.DataFrame(columns=columns),
    )


def decided_symbolically(evaluations: Mapping[tuple[str, str], Evaluation]) -> pd.DataFrame:
    """Every distinct (gold, answer) that only the symbolic rung could decide: gold, answer, verdict, rung, attempts."""
    verdicts = pd.concat([evaluation.verdicts for evaluation in evaluations.values()])
    symbolic = verdicts[verdicts["rung"].isin(_SYMBOLIC)]
    counts = symbolic.groupby(["gold", "answer", "verdict", "rung"], sort=True).size().rename("attempts").reset_index()
    return counts.sort_values(["verdict", "attempts"], ascending=[True, False], kind="stable", ignore_index=True)


def rung_shares(evaluations: Mapping[tuple[str, str], Evaluation]) -> pd.DataFrame:
    """How many attempts, and how many distinct (gold, answer), each rung decided: rung, attempts, share, distinct."""
    verdicts = pd.concat([evaluation.verdicts for evaluation in evaluations.values()])
    attempts = verdicts["rung"].value_counts()
    distinct = verdicts.drop_duplicates(["gold", "answer"])["rung"].value_counts()
    table = pd.DataFrame({"attempts": attempts, "share": attempts / len(verdicts), "distinct": distinct})
    return table.rename_axis("rung").reset_index()


def reach_by_policy(evaluations: Mapping[tuple[str, str], Evaluation], k: int) -> pd.DataFrame:
    """Reach at k under each extraction policy, on the same attempts; nothing is sampled.

    Args:
        evaluations: models on sets.
        k: attempts that count.

    Returns:
        One row per model, set and policy: name, set, policy, reached, gained and lost (against ``last_box``), open
        (problems whose stopping rule would have asked for more attempts under the policy; they count with what is
        there).
    """
    rows = []
    for (name, set_name), evaluation in evaluations.items():
        usual = reach(evaluation.outcomes, k)
        for policy in POLICIES:
            outcomes = evaluation.under_policy(policy).outcomes
            reached = set(outcomes.loc[outcomes["first_correct"].le(k).fillna(False), "problem"])
            row = (len(reached), len(reached - usual), len(usual - reached), int((~outcomes["complete"]).sum()))
            rows.append((name, set_name, policy, *row))
    return pd.DataFrame(rows, columns=["name", "set", "policy", "reached", "gained", "lost", "open"])
