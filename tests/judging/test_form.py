"""What of a gain is form: the same texts read by their last number."""

import re

import pandas as pd
import pytest

import mathb_kit as mb
from mathb_kit.judging import confounds, form_of_gain
from mathb_kit.judging.form import LAST_NUMBER, last_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("48/2=24\n\\boxed{24}", "24"),
        ("So it is 1,234.", "1234"),
        ("first 3, then -4.50 in all", "-4.50"),
        ("\\boxed{7} or 8", "8"),
        ("no idea", None),
    ],
)
def test_the_last_number_is_read_with_or_without_a_box(text, number):
    assert last_number(text) == number


def test_pass_at_1_by_the_last_number_is_the_share_of_texts_that_end_in_the_gold():
    problems, plan = mb.load_problems("mini-math")[:6], mb.Plan.fixed(16)
    base, tuned = (mb.evaluate(mb.get_model(name), problems, plan) for name in ("mini-base-1", "mini-rl-1"))
    table = form_of_gain(base, tuned)
    pd.testing.assert_frame_equal(
        table[table["part"] != LAST_NUMBER].reset_index(drop=True), confounds(base, tuned, 1)
    )
    row = table.set_index("part").loc[LAST_NUMBER]
    for who, evaluation in (("base", base), ("tuned", tuned)):
        golds = {problem.key: problem.gold for problem in problems}
        texts = evaluation.draw.attempts(list(golds), ["problem", "text"], 16)
        ends = [re.search(r"(-?\d*)\D*$", text)[1] == golds[key] for key, text in texts.itertuples(index=False)]
        assert row[who] == pytest.approx(sum(ends) / 96)
    judged = table.loc[0, "difference"]
    assert row["explains"] == pytest.approx(judged - (row["tuned"] - row["base"]))
