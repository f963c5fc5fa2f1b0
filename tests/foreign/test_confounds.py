"""Other readings of the same attempts: each cell against a count by hand over the stored texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mathb_kit as mb
from mathb_kit.errors import MathbError
from mathb_kit.grading import extract
from mathb_kit.judging import confounds, confounds_of_counts


def test_the_table_splits_what_the_stored_attempts_say(tmp_path):
    problems, store = mb.load_problems("mini-aime")[:10], mb.Store(tmp_path / "store")
    base, tuned = (
        mb.evaluate(mb.get_model(name), problems, mb.Plan.fixed(8), store=store)
        for name in ("mini-base-1", "mini-rl-1")
    )
    table = confounds(base, tuned, problems, 8).set_index("part")
    for who, each in (("base", base), ("tuned", tuned)):
        solved = each.verdicts.groupby("problem")["verdict"].agg(lambda v: (v == "correct").any())
        assert table.loc["pass@8 as judged", who] == pytest.approx(solved.mean())
        texts = each.draw.attempts()
        golds = {problem.key: problem.gold for problem in problems}
        answers = [extract(text, policy="first_box").answer for text in texts["text"]]
        graded = [mb.grade(golds[key], str(answer), "answer") for key, answer in zip(texts["problem"], answers)]
        first = [grade.verdict == "correct" for grade in graded]
        by_first = pd.Series(first).groupby(texts["problem"]).any().mean()
        assert table.loc["by the first box", who] == pytest.approx(by_first)
        assert table.loc["share truncated", who] == pytest.approx((texts["finish"] != "stop").mean())
    longer = [each.outcomes["tokens"].sum() for each in (base, tuned)]
    matched = [max(1, round(8 * min(longer) / tokens)) for tokens in longer]
    assert f"matched tokens: k = {matched[0]} and {matched[1]}" in table.index
    with pytest.raises(MathbError, match=r"Plan.fixed\(16\)"):
        confounds(base, tuned, problems, 16)


def test_counts_say_which_parts_they_cannot_tell():
    arm = pd.DataFrame({"model": "m", "problem": ["p", "q"], "draw": "d", "n": 4, "c": [0, 2], "plan": "fixed 4",
                        "grader_failed": [1, 0]})  # fmt: skip
    table = confounds_of_counts(arm, arm, 4).set_index("part")
    assert table.loc["no verdict as correct", "base"] == 1 and table.loc["pass@4 as judged", "base"] == 0.5
    unknown = table.index[table["about"] == "cannot be told from counts"]
    assert {"share truncated", "by the first box", "matched tokens"} <= set(unknown)
    assert np.isnan(table.loc["by any box", "difference"])
