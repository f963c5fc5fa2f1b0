"""The optional judge model: accepts only, in both orders, under a name and a version of its own, never unpriced."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

from mathb_kit.endpoint import Endpoint
from mathb_kit.errors import MathbError
from mathb_kit.grading import GRADER_VERSION, ErrorRates, ModelJudge
from mathb_kit.store import Store

ROWS = pd.DataFrame(
    [
        ("half of pi", r"\frac{\pi}{2}", "wrong", "unreadable"),
        ("2", "3", "wrong", "number"),
        ("2", "2", "correct", "text"),
        ("2", None, "no_answer", "extraction"),
        ("e", "2.71828", "grader_failed", "timeout"),
        ("one-sided", "x", "wrong", "words"),
    ],
    columns=["gold", "answer", "verdict", "rung"],
)


class Server:
    """Stands in for the endpoint: says "same" of the pairs that it is told, in the order that it is told."""

    def __init__(self, same: set[tuple[str, str]]) -> None:
        self.same, self.asked = same, []

    def map(self, work, items):
        return ((item, work(item)) for item in items)

    def post(self, path, body, read):
        texts = re.findall(r"answer: (.*)", body["messages"][0]["content"])
        pair = tuple(map(json.loads, texts))
        self.asked.append(pair)
        reply = "Same." if pair in self.same else "different"
        return read({"choices": [{"message": {"content": reply}}]})


def _server() -> Server:
    equal = ("half of pi", r"\frac{\pi}{2}")
    return Server({equal, equal[::-1], ("one-sided", "x")})


def test_it_accepts_only_what_the_ladder_left_and_only_if_both_orders_agree() -> None:
    server = _server()
    judged = ModelJudge(server, "judge-7b", evaluated=["tuned"]).accept(ROWS)
    assert judged["verdict"].tolist() == ["judged_equal", "wrong", "correct", "no_answer", "grader_failed", "wrong"]
    assert judged["rung"].tolist() == ["model judge judge-7b", *ROWS["rung"].tolist()[1:]]
    assert ("2", "2") not in server.asked and ("one-sided", "x") in server.asked and ("x", "one-sided") in server.asked


def test_its_price_is_told_without_a_request_and_is_nothing_for_what_the_store_knows(tmp_path: Path) -> None:
    server = _server()
    judge = ModelJudge(server, "judge-7b", evaluated=[], store=Store(tmp_path))
    cost = judge.cost(ROWS)
    assert (cost.pairs, cost.requests, server.asked) == (4, 8, [])
    assert cost.prompt_tokens > 4 * 2 * 50
    first = judge.accept(ROWS)
    sent = len(server.asked)
    assert sent == 8 and judge.cost(ROWS).requests == 0
    pd.testing.assert_frame_equal(judge.accept(ROWS), first)
    assert len(server.asked) == sent


def test_its_verdicts_are_kept_apart_from_the_ladders(tmp_path: Path) -> None:
    store = Store(tmp_path)
    judge = ModelJudge(_server(), "judge-7b", evaluated=[], store=store)
    judge.accept(ROWS)
    assert judge.version.startswith(GRADER_VERSION) and judge.version != GRADER_VERSION
    assert ModelJudge(_server(), "judge-8b", evaluated=[]).version != judge.version
    assert len(store.read_grades(GRADER_VERSION)) == 0
    assert set(store.read_grades(judge.version)["verdict"]) == {"judged_equal", "not_accepted"}


def test_a_model_under_evaluation_may_not_judge() -> None:
    for name in ("org/Tuned", "tuned"):
        with pytest.raises(MathbError, match="under evaluation"):
            ModelJudge(_server(), name, evaluated=["hub/tuned"])


def test_its_error_rate_is_counted_on_labelled_pairs() -> None:
    labelled = pd.DataFrame(
        [("half of pi", r"\frac{\pi}{2}", False), ("2", "3", False), ("one-sided", "x", True)],
        columns=["gold", "answer", "expected"],
    )
    counts = ModelJudge(_server(), "judge-7b", evaluated=[]).measure(labelled)
    assert counts == (2, 1, 1, 1, 0)
    assert counts.false_accepts == pytest.approx((0.5, 0.01258, 0.98742), abs=1e-5)  # tables of Clopper-Pearson
    silent = ModelJudge(Endpoint("http://127.0.0.1:9/v1", tries=1, seconds=2), "judge-7b", evaluated=[])
    assert silent.measure(labelled) == (0, 0, 0, 0, 3)  # no reply is no sign of a careful judge


@pytest.mark.parametrize(("errors", "of", "is_refused"), [(0, 72, False), (0, 71, True), (1, 200, False), (0, 0, True)])
def test_a_judge_is_refused_by_the_upper_end_of_what_its_errors_may_be(errors, of, is_refused) -> None:
    # 1 - 0.025^(1/72) is 0.0499, 1 - 0.025^(1/71) is 0.0506
    rates = ErrorRates(of, errors, 10, 10)
    with pytest.raises(MathbError, match="nothing was accepted") if is_refused else nullcontext():
        rates.refuse_above(0.05)


@pytest.mark.parametrize(
    ("reason", "verdict"), [("stop", "judged_equal"), (None, "judged_equal"), ("length", "wrong"), ("safety", "wrong")]
)
def test_a_word_on_which_a_reply_was_cut_accepts_nothing(reason, verdict) -> None:
    class Cut(Server):
        def post(self, path, body, read):
            return read({"choices": [{"message": {"content": "same"}, "finish_reason": reason}]})

    assert ModelJudge(Cut(set()), "judge-7b", evaluated=[]).accept(ROWS.iloc[[1]])["verdict"].tolist() == [verdict]


def test_a_judge_that_does_not_answer_accepts_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    endpoint = Endpoint("http://127.0.0.1:9/v1", tries=1, seconds=2)
    judge = ModelJudge(endpoint, "judge-7b", evaluated=[], store=store)
    pd.testing.assert_frame_equal(judge.accept(ROWS), ROWS)
    assert len(store.read_grades(judge.version)) == 0  # asked again next time
