"""A judgement is bound to the model that chose the problems, not to its name."""

import json
from dataclasses import replace

import pytest
from engines import CoinEngine

from mathb_kit.errors import MathbError
from mathb_kit.judging import judge_checkpoint
from mathb_kit.models import Model, Sampling, get_model, matched
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.report.card import card_record, card_text
from mathb_kit.sentences import checkpoint_headline
from mathb_kit.store import Store

PLAN = Plan.fixed(8)
BASE, TUNED = Model("base", "hub/base", revision="0" * 40), Model("tuned", "hub/tuned", revision="1" * 40, base="base")


@pytest.fixture
def hard(tmp_path):
    """A frozen set as `construct` writes one: a column, and the key of the model that chose."""

    def written(key, selected_in=8):
        path = tmp_path / "hard.jsonl"
        rows = ({"id": str(i), "problem": f"Toss {i}.", "answer": "1", "base_unsolved": True} for i in range(6))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        record = {"models": {"base": key}, "grader": ["0123456789ab"], "plan": f"fixed {selected_in}"}
        path.with_suffix(".provenance.json").write_text(json.dumps(record))
        return load_problems(str(path))

    return written


def judged(tmp_path, on, base=BASE, tuned=TUNED, engine=0.1, **options):
    return judge_checkpoint(
        matched(base, tuned),
        on,
        PLAN,
        store=Store(tmp_path / "store"),
        engine_for=lambda _: CoinEngine(engine),
        **options,
    )


def test_a_column_serves_the_base_that_made_it_and_one_asked_otherwise_chooses_anew(tmp_path, hard):
    same = judged(tmp_path, hard(BASE.key()))
    assert same.selection.words == "the column base_unsolved of hard" and len(same.problems) == 6
    assert card_record(same)["judged_on"]["selected_by"] == {"model_key": BASE.key(), "graders": ["0123456789ab"]}
    assert "graded by version 0123456789ab then" in card_text(same)
    warm = replace(BASE, sampling=Sampling(temperature=0.6))
    other = judged(tmp_path, hard(BASE.key()), warm)
    assert other.selection.model_key == warm.key()
    assert "made here: the column base_unsolved is of base asked otherwise" in other.selection.words
    assert card_text(other).startswith(checkpoint_headline(other)) and other.selection.words in card_text(other)
    drawn = Store(tmp_path / "store").read_attempts(warm.key(), "sieve", None, ["problem", "text"])
    solved = set(drawn.loc[drawn["text"].str.contains("boxed{1}", regex=False), "problem"])
    assert 0 < len(solved) < 6 and not solved & {problem.key for problem in other.problems}
    with pytest.raises(MathbError, match="'sieve' chooses the problems"):
        judged(tmp_path, hard(BASE.key()), draw="sieve")


def test_a_column_of_fewer_attempts_does_not_serve(tmp_path, hard):
    made = judged(tmp_path, hard(BASE.key(), selected_in=4))
    assert made.selection.words.endswith("made here: the column base_unsolved is of 4 attempts, too few")


def test_without_a_record_the_base_as_it_is_registered_is_taken_for_the_one_that_chose(tmp_path, hard):
    base = get_model("mini-base-1")
    row = {"problem": "Toss.", "answer": "1", "mini-base-1_unsolved": True, "selected_in": 8}
    (tmp_path / "bare.jsonl").write_text(json.dumps(row) + "\n")
    bare = load_problems(str(tmp_path / "bare.jsonl"))
    assert judged(tmp_path, bare, base, TUNED).selection.words.startswith("the column")
    hot = base.with_sampling(temperature=0.5)
    assert "asked otherwise" in judged(tmp_path, bare, hot, TUNED, engine=0.0).selection.words


def test_one_model_on_both_sides_is_refused_by_whatever_names(tmp_path, hard):
    with pytest.raises(MathbError, match="twin and its base base are the same model"):
        judged(tmp_path, hard(BASE.key()), BASE, replace(BASE, name="twin"))


def test_another_base_than_the_registered_one_is_said_and_a_copy_of_it_is_not(tmp_path, hard):
    tuned, copy = get_model("mini-rl-1"), replace(get_model("mini-base-1"), name="copy")
    assert judged(tmp_path, hard("x"), copy, tuned).other_base is None
    other = judged(tmp_path, hard("x"), get_model("mini-base-2"), tuned)
    assert "mini-base-2 is not the base of mini-rl-1, which is mini-base-1" in checkpoint_headline(other)
