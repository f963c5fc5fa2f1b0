"""Verdicts become outcomes exactly as far as the plan would have gone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import answer_counts, outcomes_from_verdicts
from mathb_kit.plan import Plan

PLAN = Plan((4, 8, 16), stop=2, chunk=4)
LETTERS = {"+": "correct", "-": "wrong", "0": "no_answer", "?": "grader_failed"}


def graded(model="m", draw="main", **problems: str) -> pd.DataFrame:
    """One character per attempt: + correct, - wrong, 0 no answer, ? grader failed, . not there yet."""
    rows = [
        {"model": model, "problem": problem, "draw": draw, "index": i, "verdict": LETTERS[mark]}
        for problem, marks in problems.items()
        for i, mark in enumerate(marks)
        if mark != "."
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(truncated=frame["verdict"] == "no_answer", tokens=10, answer=frame["verdict"])


def columns(frame: pd.DataFrame, *names: str) -> list[tuple]:
    return list(frame[list(names)].itertuples(index=False, name=None))


def test_the_stopping_rule_is_replayed_and_the_rest_cut_off():
    rows = graded(
        stops_at_4="++--" + "+" * 12,
        stops_at_8="+---" + "-+--" + "++++",
        runs_out="----" * 4,
        just_four="-+?+",
    )
    table = outcomes_from_verdicts(rows, PLAN, "g1")
    assert columns(table, "problem", "n", "c", "complete") == [
        ("stops_at_4", 4, 2, True),
        ("stops_at_8", 8, 2, True),
        ("runs_out", 16, 0, True),
        ("just_four", 4, 2, True),
    ]
    assert table["first_correct"].tolist() == [1, 1, pd.NA, 2]
    assert table["tokens"].tolist() == [40, 80, 160, 40]
    assert set(table["plan"]) == {"4/8/16 stop 2"} and set(table["grader"]) == {"g1"}


def test_attempts_that_end_where_the_plan_goes_on_are_incomplete():
    rows = graded(after_round="+---", inside_round="++" + "-", beyond="----" * 4 + "+", late="------")
    table = outcomes_from_verdicts(rows, PLAN, "g1")
    assert columns(table, "problem", "n", "complete") == [
        ("after_round", 4, False),
        ("inside_round", 3, False),
        ("beyond", 16, True),
        ("late", 6, False),
    ]


def test_attempts_behind_a_gap_wait():
    table = outcomes_from_verdicts(graded(p="-+--....++++", q="..++"), PLAN, "g1")
    assert columns(table, "problem", "n", "c", "complete") == [("p", 4, 1, False), ("q", 0, 0, False)]
    filled = outcomes_from_verdicts(graded(p="-+------++++"), PLAN, "g1")
    assert columns(filled, "n", "c", "complete") == [(12, 5, False)]


def test_every_verdict_is_counted_and_a_failed_grader_bounds_the_count():
    rows = graded(p="?-0+0?--" + "+" * 8)
    low = outcomes_from_verdicts(rows, PLAN, "g1")
    assert columns(low, "n", "c", "first_correct", "no_answer", "grader_failed", "truncated") == [(16, 9, 4, 2, 2, 2)]
    high = outcomes_from_verdicts(rows, PLAN, "g1", failed_as_correct=True)
    # Two correct in the first four: under this reading the plan stops there.
    assert columns(high, "n", "c", "first_correct", "grader_failed") == [(4, 2, 1, 1)]


def test_random_runs_agree_with_a_plain_loop_in_any_row_order():
    rng = np.random.default_rng(5)
    marks = {f"p{i}": "".join(rng.choice(list("+--0?"), size=rng.integers(1, 21))) for i in range(60)}
    rows = pd.concat([graded(**marks), graded(draw="retest", **marks), graded(model="other", **marks)])
    table = outcomes_from_verdicts(rows.sample(frac=1, random_state=0), PLAN, "g1").set_index("problem")
    assert len(table) == 180
    for problem, text in marks.items():
        stop_at = next((n for n in (4, 8) if len(text) >= n and text[:n].count("+") >= 2), 16)
        kept = text[:stop_at]
        expected = (len(kept), kept.count("+"), kept.count("0"), kept.count("?"), len(kept) == stop_at)
        got = columns(table.loc[problem], "n", "c", "no_answer", "grader_failed", "complete")
        assert got == [expected] * 3
        first = kept.find("+") + 1
        assert table.loc[problem, "first_correct"].fillna(0).tolist() == [first] * 3


def test_no_attempts_give_an_empty_table_with_all_columns():
    empty = outcomes_from_verdicts(graded(p="+").iloc[:0], PLAN, "g1")
    assert len(empty) == 0 and {"n", "c", "first_correct", "plan", "grader", "complete"} <= set(empty.columns)


def test_faulty_rows_are_named():
    rows = graded(p="+-+-")
    with pytest.raises(MathbError, match="Attempt 2 .* problem p .* is there twice"):
        outcomes_from_verdicts(pd.concat([rows, rows.iloc[2:3]]), PLAN, "g1")
    with pytest.raises(MathbError, match="verdict maybe.*none of correct"):
        outcomes_from_verdicts(rows.assign(verdict=["correct", "maybe", "wrong", "wrong"]), PLAN, "g1")
    with pytest.raises(MathbError, match="empty key"):
        outcomes_from_verdicts(rows.assign(problem=["p", None, "p", "p"]), PLAN, "g1")
    with pytest.raises(MathbError, match="lack the column 'tokens'"):
        outcomes_from_verdicts(rows.drop(columns="tokens"), PLAN, "g1")


def test_answer_counts_keep_empty_answers_and_add_up():
    rows = graded(p="++-0", q="0").assign(answer=["7", "7", "8", None, None])
    table = answer_counts(rows)
    assert list(table.columns) == ["model", "problem", "draw", "answer", "count", "verdict"]
    assert columns(table.fillna("none"), "problem", "answer", "count", "verdict") == [
        ("p", "7", 2, "correct"),
        ("p", "8", 1, "wrong"),
        ("p", "none", 1, "no_answer"),
        ("q", "none", 1, "no_answer"),
    ]


def test_a_plan_survives_its_text():
    for plan in (PLAN, Plan(), Plan.fixed(1024), Plan.up_to(256, stop=2)):
        parsed = Plan.parse(str(plan))
        assert (parsed.rounds, parsed.stop) == (plan.rounds, plan.stop)
    assert str(Plan()) == "16/64/256/1024 stop 4" and str(Plan.fixed(1024)) == "fixed 1024"
    assert str(Plan((4, 8), stop=None, chunk=4)) == "fixed 8"
    for bad in ("", "1024", "16/64", "64/16 stop 2", "16/64 stop four", "fixed 0"):
        with pytest.raises(MathbError):
            Plan.parse(bad)
