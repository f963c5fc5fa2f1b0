"""How a text comes to the grader and what comes back: numbers, files and pipes, explanations, conventions, versions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from servers import CompletionsServer

from mathb_kit.errors import MathbError
from mathb_kit.grading import CONVENTIONS, Grader, explain, extract, grade, grade_file, versions
from mathb_kit.grading.versions import code_version


@pytest.mark.parametrize("gold", [204, np.int64(204), 204.0, np.float32(204), Decimal(204), Fraction(408, 2), "204"])
def test_golds_and_predictions_may_be_numbers(gold) -> None:
    assert grade(gold, r"so \boxed{204}").verdict == "correct"
    assert grade("204", gold, kind="answer").verdict == "correct"
    assert grade(gold, r"so \boxed{205}").verdict == "wrong"


@pytest.mark.parametrize("gold", [None, True, ["7"], b"7"])
def test_what_is_neither_text_nor_number_is_refused_in_a_sentence(gold) -> None:
    with pytest.raises(MathbError, match="The gold is .*give a text or a number"):
        grade(gold, "7")


def test_columns_of_numbers_are_graded_and_come_back_as_they_were() -> None:
    for golds in ([7, 8, 9], pd.Series([7, 8, 9], dtype=object), ["7", "8", "9"]):
        answers = pd.DataFrame({"gold": golds, "answer": [7.0, 7.5, None]})
        with Grader(workers=1) as grader:
            graded = grader.grade_answers(answers)
        assert graded["verdict"].tolist() == ["correct", "wrong", "no_answer"]
        pd.testing.assert_frame_equal(graded[["gold", "answer"]], answers)


# Files and pipes

ROWS = [
    {"gold": 7, "prediction": r"\boxed{7}", "id": "a"},
    {"gold": " ", "prediction": r"\boxed{7}", "id": "b"},
    {"gold": "1/2", "prediction": 0.5, "kind": "answer", "id": "c"},
    {"prediction": "8", "id": "d"},
    {"gold": "8", "prediction": r"\boxed{9}", "id": "e"},
]


def _text(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _run(*words: str, text: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "MATHB_PROGRESS": "off"}
    command = [sys.executable, "-m", "mathb_kit.cli", "grade", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, timeout=120)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_pipe_is_graded_as_a_file_is(name: str, tmp_path: Path) -> None:
    sound = [ROWS[0], ROWS[2], ROWS[4]]
    (tmp_path / "in.jsonl").write_text(_text(sound))
    grade_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    done = _run(name, text=_text(sound))
    assert done.returncode == 0 and done.stdout == (tmp_path / "out.jsonl").read_text()
    refused = _run(name, text=_text(ROWS))
    assert refused.returncode == 2 and refused.stdout == ""
    assert "standard input, line 2: the gold is empty" in refused.stderr and "Traceback" not in refused.stderr
    damaged = _run(name, text="{")
    assert damaged.returncode == 2 and "standard input, line 1 is not a JSON object" in damaged.stderr


def test_bad_rows_are_skipped_on_request_listed_counted_and_kept(tmp_path: Path, capsys) -> None:
    (tmp_path / "in.jsonl").write_text(_text(ROWS))
    with pytest.raises(MathbError, match="line 2.*--skip-bad"):
        grade_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    counts = grade_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", skip_bad=True)
    assert counts == {"correct": 2, "wrong": 1, "skipped": 2}
    listed = capsys.readouterr().err
    assert "line 2: the gold is empty" in listed and "line 4: the field 'gold'" in listed
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list("abcde")
    assert [row["verdict"] for row in rows] == ["correct", None, "correct", None, "wrong"]


# Explanations


def test_an_explanation_tells_what_was_read_by_which_rule_and_which_rung_decided() -> None:
    said = explain(r"\frac12", "<think>3</think> So the answer is 0.5, since 1 is odd.")
    assert (said.answer, said.verdict, said.rung, said.rule) == ("0.5", "correct", "number", "answer")
    assert said.characters[1] < said.characters[0]
    names = [name for name, _ in said.rungs]
    assert names[-1] == "number"
    assert [outcome for _, outcome in said.rungs] == ["cannot tell"] * (len(names) - 1) + ["equal"]
    shown = str(said)
    assert all(part in shown for part in (r"\frac12", "0.5", "correct", "decided by number", "characters count"))
    nothing = explain(7, "no idea")
    assert nothing.verdict == "no_answer" and "no box" in str(nothing)
    assert explain("2", r"\boxed{\log_3 9}").verdict == grade("2", r"\boxed{\log_3 9}").verdict


def test_rows_that_disagree_are_explained_first_or_one_by_its_number(tmp_path: Path) -> None:
    rows = [
        {"gold": "1", "prediction": r"\boxed{1}", "expected": True},
        {"gold": "1", "prediction": r"\boxed{2}", "expected": True},
        {"gold": "1", "prediction": r"\boxed{3}", "expected": False},
        {"gold": "1", "prediction": r"\boxed{4}"},
    ]
    shown = _run("-", "--explain", text=_text(rows)).stdout
    assert "row 2, labelled equal" in shown and "row 4" in shown and "row 1" not in shown and "row 3" not in shown
    assert "row 4" not in _run("-", "--explain", "--first", "1", text=_text(rows)).stdout
    assert _run("-", "--explain", "--row", "3", text=_text(rows)).stdout.startswith("row 3, labelled different")
    assert "has no row 9" in _run("-", "--explain", "--row", "9", text=_text(rows)).stderr


# A judge model


def test_the_price_of_a_judge_comes_before_it_and_its_verdicts_are_counted_apart(tmp_path: Path) -> None:
    rows = [{"gold": "2", "prediction": "two and a bit", "kind": "answer"}, {"gold": "2", "prediction": r"\boxed{2}"}]
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text(_text([{"gold": "3", "prediction": "three", "kind": "answer", "expected": True}] * 2))
    with CompletionsServer(mood=lambda body, before: "answers Same.") as server:
        options = ("--judge", server.url, "--judge-model", "judge-7b", "--evaluated", "tuned")
        assert "1 pairs for the judge: 2 requests" in _run("-", *options, text=_text(rows)).stdout
        options += ("--labelled", str(labelled))
        price = _run("-", *options, text=_text(rows))
        assert "2 pairs for the judge: 4 requests" in price.stdout and server.requests == []
        asked = _run("-", *options, "--ask", "--most-false", "1", text=_text(rows))
        assert [json.loads(line)["verdict"] for line in asked.stdout.splitlines()] == ["judged_equal", "correct"]
        assert "misses 0 of 1 pairs labelled equal" in asked.stderr
        assert len(server.requests) == 4
    assert "needs --judge URL" in _run("-", "--ask", text=_text(rows)).stderr


def test_a_judge_accepts_nothing_before_it_was_measured_nor_if_it_accepts_too_much(tmp_path: Path) -> None:
    rows = [{"gold": "2", "prediction": "two and a bit", "kind": "answer"}]
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text(
        _text([{"gold": "3", "prediction": str(n), "kind": "answer", "expected": False} for n in range(4, 84)])
    )
    with CompletionsServer(mood=lambda body, before: "answers Same.") as server:
        options = ("--judge", server.url, "--judge-model", "judge-7b", "--evaluated", "tuned", "--ask")
        unmeasured = _run("-", *options, text=_text(rows))
        assert (unmeasured.returncode, server.requests) == (2, [])
        assert "needs --labelled FILE" in unmeasured.stderr
        refused = _run("-", *options, "--labelled", str(labelled), text=_text(rows))
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "accepts 80 of 80 pairs labelled different (100.0%, 95 % interval 95.5% to 100.0%)" in refused.stderr
    labelled.write_text(_text(rows))
    assert "line 1: no field expected" in _run("-", *options, "--labelled", str(labelled), text=_text(rows)).stderr


# Conventions

# name: pairs on which the policy and the convention differ, then pairs that it leaves alone
SWITCHES = {
    "base": ([("52_8", "52")], [("52_8", "53"), ("52_8", "42"), ("52", "53")]),
    "percent": ([(r"28\%", "28")], [(r"28\%", "0.28"), (r"28\%", "29")]),
    "rounded": (
        [(r"\sqrt{2}", "1.414"), (r"\frac{1}{3}", "0.33")],
        [(r"\sqrt{2}", "1.415"), (r"\sqrt{2}", "1.4"), ("2", "x")],
    ),
    "left-side": ([("5", "m+n=5"), ("6", "xy=6")], [("5", "m+n=6"), ("x+y=5", "x-y=5")]),
    "ordered": ([("1, 3", "3, 1")], [("1, 3", "1, 3"), (r"\{1,3\}", r"\{3,1\}"), ("(1,3)", "(1,3)"), ("1, 3", "1, 4")]),
}  # fmt: skip


def test_every_convention_changes_what_it_says_and_nothing_else() -> None:
    assert SWITCHES.keys() == CONVENTIONS.keys()
    for name, (changed, left_alone) in SWITCHES.items():
        for gold, answer in (*changed, *left_alone):
            policy = grade(gold, answer, kind="answer")
            under = grade(gold, answer, kind="answer", conventions=[name])
            assert (under.verdict != policy.verdict) == ((gold, answer) in changed), (name, gold, answer)
            assert (under.rung == f"convention: {name}") == ((gold, answer) in changed)
    with pytest.raises(MathbError, match="Unknown convention 'loose'"):
        grade("1", "1", conventions=["loose"])


# Reading a text


def test_a_stop_string_that_is_thought_of_does_not_end_the_text() -> None:
    text = r"<think>Question: ends here?</think> \boxed{3} Question: more \boxed{4}"
    assert extract(text, stop=["Question:"]).answer == "3"
    assert extract("first Question: </think> \\boxed{3}", stop=["Question:"]).answer == "3"  # opened by the prompt
    assert extract(r"\boxed{3} Question: <think>no</think> \boxed{4}", stop=["Question:"]).answer == "3"
    assert extract("<think>Question: and no end", stop=["Question:"]).how == "unfinished thinking"


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "\\boxed{" * n + "7" + "}" * n, lambda n: "\\boxed{x = " * n + "7" + "}" * n,
        lambda n: "\\boxed{1} " * n,
        lambda n: "\\boxed{1}, " * n, lambda n: "\\boxed{" * n, lambda n: "\\boxed{\\boxed{}" * n + "}" * n,
        lambda n: "The answer is $1$.\n" * n, lambda n: "answer \\[" * n, lambda n: "(a) \\boxed{2}\n" * n,
    ],
)  # fmt: skip
def test_twice_the_text_is_at_most_about_twice_the_work(text) -> None:
    """Lines of Python executed, counted, not timed; 8 kB and 16 kB."""

    def work(size: int) -> int:
        lines: Counter[str] = Counter()

        def count(frame, event, argument):
            if "mathb_kit" not in frame.f_code.co_filename:
                return None
            lines[event] += 1
            return count

        completion = text(size // len(text(1)))
        sys.settrace(count)
        try:
            extract(completion)
        finally:
            sys.settrace(None)
        return lines["line"]

    assert work(16_000) <= 2.3 * work(8_000) + 500


# Versions

SOURCE = '''
"""What it does."""
LIMIT = 3


def double(x):
    """Twice x."""
    return 2 * x  # not x + x
'''


def test_a_version_follows_what_the_code_means_and_not_what_it_says() -> None:
    version = code_version([SOURCE], ["sympy==1.14"])
    told = SOURCE.replace("What it does.", "Something else").replace("Twice x.", "x, twice").replace("not x", "no x")
    laid_out = told.replace("LIMIT = 3", "LIMIT = (\n    3  # three\n)\n\n# the end")
    without = "\n".join(line for line in SOURCE.split("\n") if '"""' not in line)
    assert {code_version([text], ["sympy==1.14"]) for text in (told, laid_out, without)} == {version}
    changed = [SOURCE.replace(*words) for words in (("3", "4"), ("2 * x", "x * 2"), ("LIMIT", "LEAST"))]
    changed.append(SOURCE + "f = 0")
    others = {code_version([text], ["sympy==1.14"]) for text in changed} | {code_version([SOURCE], ["sympy==1.15"])}
    assert version not in others and len(others) == 5


def test_the_extractors_version_covers_every_source_that_extraction_imports() -> None:
    folder = Path(versions.__file__).parent
    waiting, reached = ["extraction.py"], set()
    while waiting:
        reached.add(file := waiting.pop())
        for imported in re.findall(r"^ *from mathb_kit\.grading\.(\w+) import", (folder / file).read_text(), re.M):
            if f"{imported}.py" not in reached:
                waiting.append(f"{imported}.py")
    assert reached == set(versions._EXTRACTOR)
