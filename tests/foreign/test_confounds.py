"""Other readings of the same attempts: each cell worked by hand, or counted anew over the stored texts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.grading import extract
from mathb_kit.judging import attempts_of, compare_pair, confounds, confounds_of_attempts, confounds_of_counts
from mathb_kit.report.comparison import comparison_latex
from mathb_kit.sentences import confounds_sentence, settings_sentence

UNKNOWN = "cannot be told"


def same_number(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(verdict=np.where(pairs["gold"] == pairs["answer"], "correct", "wrong"))


def attempts(rows: list[tuple]) -> pd.DataFrame:
    """Two attempts at p (gold 3) and two at q (gold 5)."""
    names = ["problem", "answer", "verdict", "truncated", "tokens", "first_box", "any_box"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(index=table.groupby("problem").cumcount(), gold=table["problem"].map({"p": "3", "q": "5"}))


BASE = attempts([
    ("p", "3", "correct", False, 10, "correct", "correct"),
    ("p", None, "no_answer", True, 10, "no_answer", "no_answer"),
    ("q", "3", "wrong", False, 10, "correct", "correct"), ("q", "3", "wrong", True, 10, "wrong", "wrong"),
])  # fmt: skip
TUNED = attempts([
    ("p", "3", "correct", False, 20, "correct", "correct"), ("p", "3", "correct", False, 20, "wrong", "correct"),
    ("q", "5", "correct", False, 20, "correct", "correct"), ("q", "7", "wrong", False, 20, "wrong", "correct"),
])  # fmt: skip


def test_every_part_is_what_a_hand_counts():
    """k = 2 of 2: a problem counts if one of its attempts does. Guessing: p's answers against 5, q's against 3."""
    table = confounds_of_attempts(BASE, TUNED, grade_pairs=same_number).set_index("part")
    expected = {  # base, tuned, what of the difference of one half (1/2 to 1) is gone
        "pass@2 as judged": (1 / 2, 1, np.nan),
        "truncated as correct": (1, 1, 1 / 2),
        "by the first box": (1, 1, 1 / 2),
        "by any box": (1, 1, 1 / 2),
        "no answer as correct": (1 / 2, 1, 0),  # p is solved already
        "no verdict as correct": (1 / 2, 1, 0),
        "chance": (1 / 2, 0, np.nan),  # the base answers q with p's gold
        "beyond chance": (0, 1, -1 / 2),
        "matched tokens: k = 2 and 1": (1 / 2, (1 + 1 / 2) / 2, 1 / 4),
        "share truncated": (1 / 2, 0, np.nan),
        "share no answer": (1 / 4, 0, np.nan),
        "share no verdict": (0, 0, np.nan),
    }
    assert list(table.index) == list(expected)
    for part, values in expected.items():
        got = table.loc[part, ["base", "tuned", "explains"]].astype(float)
        np.testing.assert_allclose(got, values, err_msg=part)
        assert table.loc[part, "difference"] == pytest.approx(values[1] - values[0])
    at_one = confounds_of_attempts(BASE, TUNED, 1, grade_pairs=same_number).set_index("part")
    assert at_one.loc["pass@1 as judged", ["base", "tuned"]].tolist() == [1 / 4, 3 / 4]
    assert at_one.loc["by the first box", ["base", "tuned"]].tolist() == [1 / 2, 1 / 2]


def test_what_one_log_does_not_say_of_every_attempt_cannot_be_told_of_both():
    silent = TUNED.assign(truncated=[False, None, False, False], their_verdict=[True, True, True, None])
    table = confounds_of_attempts(
        BASE.assign(their_verdict=True), silent.drop(columns=["tokens", "first_box"]), grade_pairs=same_number
    ).set_index("part")
    unknown = ["truncated as correct", "by the first box", "no answer as correct",
               "matched tokens", "share truncated", "share no answer"]  # fmt: skip
    assert list(table.index[table["about"] == UNKNOWN]) == unknown
    assert table.loc[unknown, ["base", "tuned", "explains"]].isna().all(axis=None)
    told = silent.assign(their_verdict=[True, False, False, False])
    table = confounds_of_attempts(BASE.assign(their_verdict=True), told, grade_pairs=same_number).set_index("part")
    assert table.loc["by the log's verdict", ["base", "tuned", "explains"]].tolist() == [1, 1 / 2, 1]


def test_the_table_of_an_evaluation_is_what_its_stored_texts_say(tmp_path):
    problems, store = mb.load_problems("mini-aime")[:10], mb.Store(tmp_path / "store")
    base, tuned = (
        mb.evaluate(mb.get_model(name), problems, mb.Plan.fixed(8), store=store)
        for name in ("mini-base-1", "mini-rl-1")
    )
    table = confounds(base, tuned).set_index("part")
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


def test_an_adaptive_plan_is_read_in_its_first_round_which_no_verdict_stopped(tmp_path):
    problems, store, plan = mb.load_problems("mini-aime")[:6], mb.Store(tmp_path / "store"), mb.Plan((16, 32), stop=4)
    evaluation = mb.evaluate(mb.get_model("mini-base-1"), problems, plan, store=store)
    assert evaluation.outcomes["n"].nunique() == 2  # some stopped, some went on
    rows = attempts_of(evaluation)
    assert (rows.groupby("problem")["index"].agg(list).map(len) == 16).all() and rows["index"].max() == 15
    assert "pass@16 as judged" in set(confounds(evaluation, evaluation)["part"])


def test_counts_say_which_parts_they_cannot_tell():
    arm = pd.DataFrame({"model": "m", "problem": ["p", "q"], "draw": "d", "n": 4, "c": [0, 2], "plan": "fixed 4",
                        "grader_failed": [1, 0]})  # fmt: skip
    table = confounds_of_counts(arm, arm, 4).set_index("part")
    assert table.loc["no verdict as correct", "base"] == 1
    assert table.loc["pass@4 as judged", "base"] == 0.5
    assert {"share truncated", "by the first box", "matched tokens"} <= set(table.index[table["about"] == UNKNOWN])
    assert np.isnan(table.loc["by any box", "difference"])
    assert "does not tell: truncated as correct, by the first box" in confounds_sentence(table.reset_index())


def test_a_comparison_of_imported_texts_tells_what_counts_cannot(tmp_path):
    texts = {"base": [r"\boxed{3}", r"\boxed{3}, no: \boxed{4}"], "tuned": [r"\boxed{4}", r"\boxed{3}"]}
    lines = [{"id": problem, "gold": gold, "model": model, "completions": texts[model], "tokens": 5, "truncated": False}
             for model in texts for problem, gold in (("p", "3"), ("q", "4"))]  # fmt: skip
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    runner = CliRunner()
    settings = ["--setting", "temperature=0.6", "--setting", "max_tokens=64"]
    assert runner.invoke(app, ["import", str(tmp_path / "log.jsonl"), "--name", "both", *settings]).exit_code == 0
    report = tmp_path / "table.tex"
    done = runner.invoke(app, ["compare", "base", "tuned", "--in", "both", "--report", str(report)])
    assert done.exit_code == 0, done.stderr
    for text in (done.stdout, report.read_text().replace(r"\_", "_")):
        assert "by the first box" in text and "sampled alike, as far as told: temperature 0.6, max_tokens 64" in text
    told = json.loads(runner.invoke(app, ["compare", "base", "tuned", "--in", "both", "--json"]).stdout)
    rows = {row["part"]: row for row in told["confounds"]}
    assert rows["by any box"]["base"] == 3 / 4 and rows["by the first box"]["base"] == 1 / 2  # pass@1: k is n/2
    assert rows["pass@1 as judged"]["base"] == 1 / 2 and rows["matched tokens: k = 1 and 1"]["tuned"] == 1 / 2
    card = runner.invoke(app, ["compare", "base", "tuned", "--in", "both"]).stdout.partition("The card: ")[2]
    assert "by the first box" in open(card.split("\n")[0]).read()


def test_settings_that_differ_are_named_and_unknown_ones_said():
    assert "not told" in settings_sentence({}, {})
    said = settings_sentence({"temperature": 0.6, "max_tokens": 10}, {"temperature": 1.0, "max_tokens": 10})
    assert said == "Base and tuned model were sampled differently: temperature 0.6 and 1.0; alike: max_tokens 10."
    arm = pd.DataFrame({"model": "b", "problem": ["p", "q"], "draw": "d", "n": 4, "c": [0, 2], "plan": "fixed 4",
                        "grader": "g"})  # fmt: skip
    latex = comparison_latex(compare_pair(arm, arm.assign(model="t", c=[1, 2])))
    assert "How the two were sampled is not told." in latex and "does not tell: truncated" in latex
