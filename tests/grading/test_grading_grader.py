"""Distinct pairs once, verdicts joined back, files, and agreement with labelled real cases."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pytest
import zstandard

import mathb_kit.grading.grader as module
from mathb_kit.errors import MathbError
from mathb_kit.grading import GRADER_VERSION, Grader, extract, grade, grade_file
from mathb_kit.grading.equivalence import decide, read
from mathb_kit.grading.limits import over_limit
from mathb_kit.store import Store

DATA = Path(os.environ.get("MATHB_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")


class DictStore:
    def __init__(self) -> None:
        self.frames: dict[str, list[pd.DataFrame]] = {}

    def read_grades(self, grader_version: str, golds: Collection[str] | None = None) -> pd.DataFrame:
        frames = self.frames.get(grader_version)
        return pd.concat(frames) if frames else pd.DataFrame(columns=["gold", "answer", "verdict", "rung"], dtype=str)

    def write_grades(self, grader_version: str, frame: pd.DataFrame) -> None:
        self.frames.setdefault(grader_version, []).append(frame)


def test_distinct_pairs_are_graded_once_in_memory_and_across_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[tuple[str, str]] = Counter()
    decide = module.decide
    monkeypatch.setattr(module, "decide", lambda gold, answer: calls.update([(gold, answer)]) or decide(gold, answer))
    answers = pd.DataFrame({"gold": ["7"] * 1000, "answer": [str(n % 10) for n in range(1000)]})
    store = DictStore()
    for _ in range(2):
        with Grader(store) as grader:
            for _ in range(2):
                graded = grader.grade_answers(answers)
                assert (graded["verdict"] == "correct").sum() == 100
    assert calls == {("7", str(n)): 1 for n in range(10)}
    assert len(store.frames[GRADER_VERSION]) == 1


def test_only_verdicts_on_golds_that_are_asked_about_are_held_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pairs = pd.DataFrame({"gold": ["1", "1", "2"], "answer": ["1", "3", "3"]})
    store.write_grades(GRADER_VERSION, pairs.assign(verdict="wrong", rung="by hand"))
    with Grader(store) as grader:
        graded = grader.grade_all([("1", "3"), ("1", "4")])
        assert graded == {("1", "3"): ("wrong", "by hand"), ("1", "4"): ("wrong", "number")}
        assert list(grader._known) == ["1"]
    assert len(store.read_grades(GRADER_VERSION)) == 4
    assert list(store.read_grades(GRADER_VERSION, ["2", "\ud800"])["gold"]) == ["2"]


def test_two_processes_that_grade_at_once_leave_one_verdict_on_each_pair(tmp_path: Path) -> None:
    script = (
        "from mathb_kit.grading import Grader\n"
        "from mathb_kit.store import Store\n"
        "with Grader(Store('.'), workers=1) as grader:\n"
        "    for n in range(20):\n"
        "        grader.grade_all([('7', str(n)), (str(n), '7'), (r'\\sqrt{8}', rf'{n}\\sqrt{{2}}')])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    writers = [subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment) for _ in range(2)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    grades = Store(tmp_path).read_grades(GRADER_VERSION)
    expected = [("7", "7"), (r"\sqrt{8}", r"2\sqrt{2}")]
    assert len(grades) == len(grades.drop_duplicates(["gold", "answer"])) == 20 + 19 + 20
    correct = grades[grades["verdict"] == "correct"]
    assert sorted(zip(correct["gold"], correct["answer"])) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "decision"),
    [
        ("7", "so, it seems, we should try this once more " * 60, ("wrong", "prose")),
        ("7", "so, it seems, we should try 35 of them again " * 60, ("wrong", "prose")),
        ("7", "so, it seems, we should try 7 of them again " * 60, ("grader_failed", "limit")),  # may say 7
        ("7", "so, it seems, we should try 3 + 4 of them " * 60, ("grader_failed", "limit")),  # may mean 7
        ("7", "7, " * 600 + "8", ("wrong", "list")),
        ("7", "7, " * 600 + "7", ("grader_failed", "limit")),
        ("7", "1 + " * 600 + "1", ("grader_failed", "limit")),
        (r"\frac{1}{2}", "so, it seems, we should try this once more " * 60, ("grader_failed", "limit")),
    ],
)
def test_an_over_long_answer_is_wrong_only_if_it_cannot_be_the_integer(gold, answer, decision) -> None:
    with Grader() as grader:
        assert grader.grade_all([(gold, answer.strip())]) == {(gold, answer.strip()): decision}


@pytest.mark.parametrize(
    "monster",
    [
        r"{10}^{(10)^{10}}", r"(10^{6})!", "{10}^{6}!", r"\exp(\exp(\exp(13)))",
        "e^{e^{e^{79}}}", r"\exp(\exp(1000000))", r"\log(" * 25 + "10" + ")" * 25,
    ],
)  # fmt: skip
def test_common_monsters_are_refused_before_they_cost_a_workers_clock(monster: str) -> None:
    assert over_limit(read(monster)) == "magnitude"
    assert decide("7", monster).equal is None


@pytest.mark.parametrize(
    "harmless",
    [r"(3^2)! + \sin 2", r"2^{3} \cdot 5^{2}", r"\binom{2^{30}}{5}", "e^{e^{e}}", r"\log(\log(\log(10^5)))", "(10^5)!"],
)
def test_what_sympy_does_in_time_is_not_refused(harmless: str) -> None:
    assert over_limit(read(harmless)) is None


def test_verdicts_come_back_in_the_rows_and_index_given() -> None:
    answers = pd.DataFrame(
        {"gold": ["1", "2", "1", "2"], "answer": ["1", None, "2", "2.0"], "problem": list("abab")}, index=[9, 3, 3, 1]
    )
    with Grader() as grader:
        graded = grader.grade_answers(answers)
        assert grader.grade_answers(answers.iloc[:0]).columns.tolist() == graded.columns.tolist()
    assert graded["verdict"].tolist() == ["correct", "no_answer", "wrong", "correct"]
    assert graded["rung"].tolist() == ["text", "extraction", "number", "number"]
    pd.testing.assert_frame_equal(graded[["gold", "answer", "problem"]], answers)


def test_one_text_is_graded_with_its_answer() -> None:
    assert grade("12", r"so \boxed{12.0}") == ("correct", "12.0", "number")
    assert grade("12", "no idea") == ("no_answer", None, "extraction")
    assert grade("12", "12", kind="answer").verdict == "correct"
    with pytest.raises(MathbError, match="essay"):
        grade("12", "12", kind="essay")


ROWS = [
    {"gold": "1/2", "prediction": "\\boxed{0.5}", "id": 1},
    {"gold": "3", "prediction": "line\u2028separator \\boxed{4}"},
    {"gold": "3", "prediction": "3", "kind": "answer"},
    {"gold": "3", "prediction": "3"},
    {"gold": 7, "prediction": "\\boxed{7} \ud800"},
]
VERDICTS = ["correct", "wrong", "correct", "no_answer", "correct"]


def _lines(rows: list[dict]) -> bytes:
    # U+2028 as itself (it ends no line), the surrogate as the escape that JSON has for it.
    return b"".join(json.dumps(row, ensure_ascii="\ud800" in str(row["prediction"])).encode() + b"\n" for row in rows)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst"])
def test_a_file_is_graded_row_by_row(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    content = _lines(ROWS)
    source.write_bytes(zstandard.compress(content) if suffix.endswith("zst") else content)
    assert grade_file(source, target) == {"correct": 3, "wrong": 1, "no_answer": 1}
    output = target.read_bytes()
    if suffix.endswith("zst"):
        output = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(output)).read()
    rows = [json.loads(line) for line in output.decode().split("\n")[:-1]]
    assert [row["verdict"] for row in rows] == VERDICTS
    assert [{key: row[key] for key in given} for row, given in zip(rows, ROWS)] == ROWS
    assert sorted(tmp_path.iterdir()) == sorted([source, target])


def test_a_file_goes_to_standard_output_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(_lines(ROWS))
    grade_file(source)
    assert [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()] == VERDICTS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "JSON object"),
        (b"[1]", "JSON object"),
        (b'{"gold": "1"}', "prediction"),
        (b'{"prediction": "1"}', "gold"),
        (b'{"gold": null, "prediction": "1"}', "gold"),
        (b'{"gold": "", "prediction": "1"}', "gold is empty"),
        (b'{"gold": "1", "prediction": "1", "kind": "essay"}', "kind"),
        (b'{"gold": "\xff", "prediction": "1"}', "UTF-8"),
        (b"[" * 100_000, "JSON object"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path: Path, line: bytes, said: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(_lines(ROWS) + line + b"\n")
    with pytest.raises(MathbError, match=f"in.jsonl, line 6.*{said}"):
        grade_file(source, target)
    assert list(tmp_path.iterdir()) == [source]


def test_a_compressed_file_that_was_cut_short_is_not_graded_as_a_shorter_one(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.zst"
    frames = [zstandard.compress(_lines([row])) for row in ROWS]  # as written by something that appends
    source.write_bytes(b"".join(frames[:-1]) + frames[-1][:8])
    with pytest.raises(MathbError, match="in.jsonl.zst is cut short"):
        grade_file(source, tmp_path / "out.jsonl")


def test_a_file_is_never_graded_over_itself(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(_lines(ROWS))
    (tmp_path / "symbolic").symlink_to(source)
    os.link(source, tmp_path / "hard")
    for name in ("in.jsonl", "symbolic", "hard", "../" + tmp_path.name + "/in.jsonl"):
        with pytest.raises(MathbError, match="input file itself"):
            grade_file(source, tmp_path / name)
    assert source.read_bytes() == _lines(ROWS)
    with pytest.raises(MathbError, match="folder"):
        grade_file(source, tmp_path / "nowhere" / "out.jsonl")
    with pytest.raises(MathbError, match="cannot be read"):
        grade_file(tmp_path / "absent.jsonl")


@pytest.fixture(scope="module")
def real_data() -> Path:
    if not (DATA / "grader_cases_dev.jsonl").exists():
        pytest.skip(f"the labelled cases are not in {DATA}; set MATHB_DATA_DIR")
    return DATA


def _read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def test_verdicts_agree_with_labelled_cases(real_data: Path) -> None:
    cases = _read(real_data / "grader_cases_dev.jsonl")
    answers = [extract(case["prediction"], kind=case["prediction_kind"]).answer for case in cases]
    with Grader() as grader:
        frame = pd.DataFrame({"gold": [case["gold"] for case in cases], "answer": answers})
        cases = pd.DataFrame(cases).assign(verdict=grader.grade_answers(frame)["verdict"])
    correct = cases["verdict"] == "correct"
    assert not (correct & (cases["convention"] == "security")).any()
    scored = cases["convention"] == "math"
    false_equals = cases[scored & correct & ~cases["expected"]]
    assert false_equals.empty, false_equals[["gold", "prediction"]]
    assert (correct == cases["expected"])[scored].mean() >= 0.97
    assert (cases["verdict"] == "grader_failed")[scored].mean() <= 0.01


def test_verdicts_agree_with_labelled_completions(real_data: Path) -> None:
    problems = _read(real_data / "samples_dev.jsonl")
    samples = [(problem["gold"], sample) for problem in problems for sample in problem["samples"]]
    frame = pd.DataFrame(
        {"gold": [g for g, _ in samples], "answer": [extract(s["response"]).answer for _, s in samples]}
    )
    with Grader() as grader:
        verdicts = grader.grade_answers(frame)["verdict"]
    disagree = [
        (gold, answer, sample["label"])
        for (gold, sample), answer, verdict in zip(samples, frame["answer"], verdicts)
        if (verdict == "correct") != sample["label"] and not sample.get("label_suspect")
    ]
    assert disagree == []
