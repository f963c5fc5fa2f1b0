"""Difficulty by a judge: what counts as a rating, the averages, and that a model's replies are kept."""

from __future__ import annotations

import math

import pytest

from mathb_kit.construction.difficulty import rate_difficulty, rated_at_least, read_rating
from mathb_kit.errors import MathbError
from mathb_kit.models import Model
from mathb_kit.problems import Problem
from mathb_kit.sampling import Completion
from mathb_kit.store import Store

PROBLEMS = [Problem("own", id, f"Statement {id} with $x_{{1}}$.", "7") for id in "ab"]
REPLIES = {
    "a": ["\\boxed{5}", "So:\n\\boxed{6.5}", "\\boxed{6}", "I cannot rate this.", "\\boxed{11}", "Rating: 5.5/10"],
    "b": ["I refuse.", "\\boxed{6.3}", "\\boxed{0.5}", "", "<think>\\boxed{3}", "hard"],
}


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("It needs two ideas.\n\\boxed{6.5}", 6.5),
        ("\\boxed{7/10}", 7),
        ("$\\boxed{10}$", 10),
        ("<think>perhaps \\boxed{3}</think>\\boxed{4}", 4),
        ("**Difficulty rating:** 4.5.", 4.5),
        ("two ideas\nrating: 8 / 10", 8),
        ("\\boxed{10.5}", None),
        ("\\boxed{0}", None),
        ("\\boxed{4.2}", None),
        ("\\boxed{5-6}", None),
        ("<think>Rating: 3", None),
        ("Problem 7 is difficult.", None),
        ("Rating: 3\nbut I am not sure", None),
        ("", None),
    ],
)
def test_a_rating_is_1_to_10_in_halves_and_stands_at_the_end(reply, rating):
    assert read_rating(reply) == rating


def check(table):
    # a: 5, 6.5, 6, 5.5; mean 23/4, sum of squares about it 0.5625 + 0.5625 + 0.0625 + 0.0625 = 1.25
    assert list(table.columns) == ["problem", "mean", "spread", "n_read", "n_asked"]
    assert list(table["problem"]) == [p.key for p in PROBLEMS]
    assert table.loc[0, "mean"] == 5.75 and table.loc[0, "spread"] == pytest.approx(math.sqrt(1.25 / 3))
    assert math.isnan(table.loc[1, "mean"]) and math.isnan(table.loc[1, "spread"])
    assert list(table["n_read"]) == [4, 0] and list(table["n_asked"]) == [6, 6]


def test_ratings_of_a_function_are_averaged_and_what_is_none_is_counted():
    waiting, seen = {id: iter(replies) for id, replies in REPLIES.items()}, []

    def judge(prompt: str) -> str:
        seen.append(prompt)
        return next(waiting["a" if "Statement a with $x_{1}$." in prompt else "b"])

    check(rate_difficulty(PROBLEMS, judge))
    assert len(seen) == 12 and not any("{problem}" in prompt for prompt in seen)


class Rater:
    def __init__(self) -> None:
        self.prompts = []

    def sample(self, chunks):
        for chunk in chunks:
            self.prompts.append(chunk.prompt)
            id = "a" if "Statement a" in chunk.prompt else "b"
            texts = REPLIES[id][chunk.first : chunk.first + chunk.size]
            yield chunk, [Completion(text, 1, "stop") for text in texts]

    def describe(self):
        return {"engine": "rater", "template": "its own"}


@pytest.mark.parametrize("prompt", ["chat", "Solve: {problem}"])
def test_a_model_is_asked_for_a_rating_instead_of_a_solution_and_only_once(tmp_path, prompt):
    store, rater, judge = Store(tmp_path), Rater(), Model("judge", "hub/judge", prompt=prompt)
    table = rate_difficulty(PROBLEMS, judge, store=store, engine=rater)
    check(table)
    assert all("Rate how difficult" in prompt and "Solve:" not in prompt for prompt in rater.prompts)
    assert not store.done(judge.key(), "difficulty")  # ratings are no solutions
    again = rate_difficulty(PROBLEMS, judge, store=store, engine=None)  # nothing is left to ask
    assert again.equals(table)


def test_what_is_rated_too_low_or_not_at_all_is_dropped():
    ratings = rate_difficulty(PROBLEMS, lambda prompt: "\\boxed{5}" if "Statement a" in prompt else "no", times=2)
    kept = rated_at_least(PROBLEMS, ratings, 5)
    assert [p.id for p in kept.kept] == ["a"] and list(kept.dropped["reason"]) == ["no rating could be read"]
    assert list(rated_at_least(PROBLEMS[:1], ratings, 5.5).dropped["reason"]) == ["easier than 5.5: rated 5.00"]
    with pytest.raises(MathbError, match="own/c@.* was not rated"):
        rated_at_least([Problem("own", "c", "Statement c.", "1")], ratings, 5)
    with pytest.raises(MathbError, match="not 0 times"):
        rate_difficulty(PROBLEMS, str, times=0)
