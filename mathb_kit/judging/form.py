"""How much of a difference is form: the same attempts read without asking for a box."""

from __future__ import annotations

import re

import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.grading import Grader
from mathb_kit.grading.stored import grader_of
from mathb_kit.judging.confounds import attempts_of, confounds_of_attempts
from mathb_kit.statistics import pass_at_k
from mathb_kit.verdicts import Verdict

LAST_NUMBER = "by the last number"

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def form_of_gain(base: Evaluation, tuned: Evaluation, k: int = 1) -> pd.DataFrame:
    """`confounds` of two evaluations at k, and below its first row pass@k by the last number of each text.

    A text whose last number is right is right there, boxed or not: what of a gain is only a box is gone in this row.
    It is no verdict: a number that merely stands last counts as well.
    """
    arms = {"base": base, "tuned": tuned}
    with grader_of(tuned.draw.store) as grader:
        read = {who: attempts_of(each) for who, each in arms.items()}
        table = confounds_of_attempts(*read.values(), k, grade_pairs=grader.grade_pairs)
        values = {who: _by_last_number(each, read[who], k, grader) for who, each in arms.items()}
    judged = table.iloc[0]
    difference = values["tuned"] - values["base"]
    row = {
        "part": LAST_NUMBER, **values, "difference": difference, "explains": judged["difference"] - difference,
        "about": "form",
    }  # fmt: skip
    return pd.concat([table.iloc[:1], pd.DataFrame([row]), table.iloc[1:]], ignore_index=True)


def last_number(text: str) -> str | None:
    """The last number that a text writes in digits, without thousands separators."""
    found = _NUMBER.findall(text)
    return found[-1].replace(",", "") if found else None


def _by_last_number(evaluation: Evaluation, rows: pd.DataFrame, k: int, grader: Grader) -> float:
    count = int(rows.groupby("problem").size().max())
    texts = evaluation.draw.attempts(evaluation.outcomes["problem"], ["problem", "index", "text"], count)
    rows = rows.merge(texts, on=["problem", "index"], how="left")
    rows["answer"] = rows["text"].map(last_number, na_action="ignore")
    rows["right"] = grader.grade_answers(rows[["gold", "answer"]])["verdict"] == Verdict.CORRECT
    counts = rows.groupby("problem")["right"].agg(["size", "sum"])
    return float(pass_at_k(counts["size"].to_numpy(), counts["sum"].to_numpy(), k).mean())
