"""What became of attempts: shares and bounds counted by hand, warnings where they mislead and nowhere else."""

import pytest

from mathb_kit.evaluation import evaluate
from mathb_kit.judging import health_of
from mathb_kit.models import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Completion, SampleReport
from mathb_kit.sentences import health_sentence, health_warnings, sampled_warnings, selection_warnings
from mathb_kit.store import Store

RIGHT, WRONG = r"\boxed{1}", r"\boxed{0}"


class Scripted:
    """Says what ``text(problem, index)`` gives: (text, tokens, finish)."""

    def __init__(self, text):
        self.text = text

    def sample(self, chunks):
        for chunk in chunks:
            rows = [self.text(chunk.problem_key[2], chunk.first + i) for i in range(chunk.size)]
            yield chunk, [Completion(*row) for row in rows]

    def describe(self):
        return {"engine": "scripted"}


def health(tmp_path, text, plan=Plan.fixed(4, chunk=2), problems=2, **sampling):
    model = Model("m", "hub/m", sampling=Sampling(**sampling))
    asked = [Problem("s", str(i), f"Find {i}.", "1") for i in range(problems)]
    return health_of(evaluate(model, asked, plan, store=Store(tmp_path), engine=Scripted(text)))


def test_shares_and_bounds_are_those_counted_by_hand(tmp_path):
    script = {
        "0": [(RIGHT, 5, "stop"), (f"so {WRONG}", 5, "stop"), ("and on", 9, "length"), ("and on", 9, "length")],
        "1": [(f"thus {RIGHT}", 9, "length"), ("", 0, "cut"), (f"one {WRONG}", 5, "stop"), (" \n", 1, "stop")],
    }
    found = health(tmp_path, lambda problem, index: script[problem][index])
    assert (found.attempts, found.problems, found.first_round) == (8, 2, 4)
    assert (found.truncated, found.cut, found.no_answer, found.blank) == (3 / 8, 1 / 8, 4 / 8, 2 / 8)
    assert (found.identical, found.identical_tokens, found.grader_failed) == (2 / 8, 9, 0)
    assert found.pass_at_1 == (1 / 8, 2 / 8, 4 / 8) and found.solved == (1, 2, 2)
    line = health_sentence(found)
    assert "\n" not in line and "8 attempts: truncated 38 %, no answer 50 %" in line
    truncated, cut = health_warnings(found)
    assert "pass@1 of the first 4 attempts is 25 %" in truncated
    assert "it would be 12 %, were all right, 50 %" in truncated
    assert "1 to 2 of 2 problems solved" in truncated and "gave up on 12 %" in cut


def test_bounds_of_an_adaptive_plan_are_of_its_first_round_alone(tmp_path):
    plan = Plan(rounds=(2, 6), stop=1, chunk=2)
    found = health(tmp_path, lambda p, i: (RIGHT if p == "0" else f"{i}", 3, "stop" if i < 5 else "length"), plan)
    assert found.attempts == 2 + 6
    assert found.pass_at_1 == (0.5, 0.5, 0.5) and found.solved == (1, 1, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lambda p, i: (f"{i} {RIGHT}", 200, "stop"), []),
        (lambda p, i: (f"{i % 3} {WRONG}", 20, "stop"), []),  # short texts repeat by chance
        (lambda p, i: (f"{i % 3} {WRONG}", 150, "stop"), ["ignores seeds"]),
        (lambda p, i: (f"{i % 2} {WRONG}", 20, "stop"), ["ignores seeds"]),  # every chunk says the same
        (lambda p, i: ("", 0, "stop"), ["every text is blank"]),
        (lambda p, i: (f"no box {i}", 9, "stop"), ["100 % of the attempts commit to no answer"]),
    ],
)
def test_a_warning_comes_where_it_is_due_and_only_there(tmp_path, text, says):
    found = health_warnings(health(tmp_path, text, Plan.fixed(8, chunk=2)))
    assert len(found) == len(says) and all(word in sentence for word, sentence in zip(says, found))


def test_greedy_attempts_are_alike_by_intention(tmp_path):
    (said,) = health_warnings(health(tmp_path, lambda p, i: (RIGHT, 200, "stop"), temperature=0.0))
    assert "temperature 0" in said


def test_dropped_texts_are_unknown_not_alike(tmp_path):
    store = Store(tmp_path)
    rows = {"problem": ["p", "p"], "index": [0, 1], "first": [0, 0], "seed": [1, 1], "text": [None, None],
            "tokens": [3, 4], "finish": ["stop", "stop"]}  # fmt: skip
    store.commit_attempts("key", "main", rows)
    hashes = store.read_text_hashes("key", "main", ["p"])
    assert hashes["text_hash"].isna().all() and hashes["blank"].isna().all()
    assert hashes[["index", "tokens", "finish"]].values.tolist() == [[0, 3, "stop"], [1, 4, "stop"]]
    assert store.read_text_hashes("key", "main", ["other"]).empty


def test_a_selection_by_attempts_that_did_not_fit_is_said_model_by_model():
    (said,) = selection_warnings({"short": 0.6, "long": 0.05})
    assert said.startswith("short: 60 % of the attempts that chose the problems end at the token limit")
    assert "want of room" in said and selection_warnings({"long": 0.1}) == []


def test_new_attempts_that_did_not_fit_or_were_given_up_are_said_before_anybody_grades_them():
    def report(truncated, cut):
        return SampleReport(100, 5000, 1.0, 0, truncated, cut)

    truncated, cut = sampled_warnings("m", report(40, 3))
    assert truncated.startswith("m: 40 % of the new attempts end at the token limit")
    assert "gave up on 3 of 100" in cut
    assert sampled_warnings("m", report(10, 0)) == sampled_warnings("m", SampleReport(0, 0, 1.0, 100)) == []
