"""Failure modes graded as declared; other people's verifiers run apart, killed when they hang, and counted right."""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from engines import CoinEngine
from typer.testing import CliRunner

from mathb_kit import verifiers
from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import extract, extract_all, grade
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.profiles import load_profile
from mathb_kit.sampling import Completion
from mathb_kit.store import Store
from mathb_kit.verifiers import environments
from mathb_kit.verifiers.catalogue import Environment, load_catalogue
from mathb_kit.verifiers.failure_modes import load_failure_modes, mode_titles
from mathb_kit.verifiers.runner import ADAPTER, Adapter, grade_rows, read_results, row_key

CASES = load_failure_modes()

# -- Failure modes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[f"{case.mode}-{i}" for i, case in enumerate(CASES)])
def test_every_failure_case_is_graded_as_declared_under_every_policy(case):
    assert grade(case.gold, case.completion).verdict == case.expected, case.why
    first = extract(case.completion, policy="first_box").answer
    said = "no_answer" if first is None else grade(case.gold, first, kind="answer").verdict
    assert said == case.first_box
    any_box = [grade(case.gold, answer, kind="answer").verdict for answer in extract_all(case.completion)]
    assert ("correct" if "correct" in any_box else "wrong" if any_box else "no_answer") == case.any_box


def test_every_failure_mode_of_the_paper_has_several_cases_and_the_policies_differ_on_some():
    modes = [case.mode for case in CASES]
    assert list(mode_titles()) == [f"F{i}" for i in range(1, 8)]
    assert all(modes.count(mode) >= 2 for mode in mode_titles())
    for mode in ("F1", "F3", "F4"):
        assert any(case.mode == mode and case.first_box != case.expected for case in CASES)


GOOD = """
[modes]
F1 = "several boxes"
[[case]]
mode = "F1"
problem = "?"
gold = "1"
completion = 'It is \\boxed{1}.'
expected = "correct"
first_box = "correct"
any_box = "correct"
why = "One box."
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('mode = "F1"', 'mode = "F9"'), "case 1: the mode 'F9' has no title.* F1"),
        (('gold = "1"', ""), "case 1 lacks the key 'gold'"),
        (('gold = "1"', 'gold = "1"\nanswer = "1"'), "case 1 has the unknown key 'answer'"),
        (('expected = "correct"', 'expected = "right"'), "case 1: 'expected' is 'right'"),
        (("[[case]]", "[[cases]]"), "has no .*case.* tables"),
        (("[[case]]", "[[case"), "not a TOML file"),
        (('why = "One box."\n', 'why = "One box."\n' + GOOD[GOOD.index("[[case") :]), "case 2 repeats case 1"),
    ],
)
def test_a_bad_file_of_failure_modes_is_named_with_the_case(tmp_path, change, message):
    path = tmp_path / "modes.toml"
    path.write_text(GOOD)
    assert [case.is_right for case in load_failure_modes(path)] == [True]
    path.write_text(GOOD.replace(*change, 1))
    with pytest.raises(MathbError, match=f"modes.toml.*{message}"):
        load_failure_modes(path)


# -- Catalogue and adapter ---------------------------------------------------------------------------------------------


def test_each_verifier_has_an_adapter_and_the_eight_frameworks_of_the_paper_are_accounted_for():
    catalogue = load_catalogue()
    functions = {node.name for node in ast.parse(ADAPTER.read_text()).body if isinstance(node, ast.FunctionDef)}
    names = {verifier.name for verifier in catalogue.verifiers}
    assert {name.replace("-", "_") for name in names - {"mathb_kit"}} <= functions
    families = {name.split("-")[0] for name in names} | {absent.name for absent in catalogue.not_run}
    assert {"trl", "verl", "lm", "lighteval", "score", "evalchemy", "hmmt", "math"} <= families


def test_the_adapter_needs_nothing_of_mathb_kit_and_loads_a_framework_only_when_asked():
    tree = ast.parse(ADAPTER.read_text())
    everywhere = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(module.startswith("mathb_kit") for module in everywhere)
    at_the_top = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    assert {name.split(".")[0] for name in at_the_top} <= set(sys.stdlib_module_names)


X = '\n[[verifiers]]\nname="x"\nenvironment="trl"\nfunction=""'
PINNED = 'install = [["trl==1.0"]]'
BAD_CATALOGUES = [
    ('install = [["trl>=1"]]' + X, "environment 'trl': give 'trl>=1' its version"),
    (PINNED + X.replace("trl", "tlr"), "no environment 'tlr'"),
    (PINNED + X + X, "'x' is there twice"),
    ("install = []\npython = 3" + X, "unknown key 'environments.trl.python'"),
]


@pytest.mark.parametrize(("lines", "message"), BAD_CATALOGUES)
def test_a_bad_catalogue_is_named_with_its_remedy(tmp_path, lines, message):
    head = '[environments.trl]\ndependencies = false\nnote = ""\nmegabytes = 1\n'
    (tmp_path / "environments.toml").write_text(head + lines)
    with pytest.raises(MathbError, match=message):
        load_catalogue(tmp_path / "environments.toml")


STRING_MATCHES = [
    ("7", r"so \boxed{7}", True),
    ("7", r"so \boxed{ 7 }.", True),
    ("7", r"\boxed{7} and then \boxed{8}", False),
    (r"\frac{1}{2}", r"\boxed{\frac{1}{2}}", True),
    ("0.5", r"\boxed{\frac{1}{2}}", False),
    ("7", "first\n7\n", True),
    ("7", "the answer is 7", False),
    ("7", r"\boxed{7", False),
    ("7", "", False),
]
MATH_VERIFY = [("7", r"so $\boxed{7}$", True), ("7", r"so $\boxed{8}$", False), (r"\frac{1}{2}", r"\boxed{0.5}", True)]


@pytest.mark.parametrize(("name", "rows"), [("string-match", STRING_MATCHES), ("math-verify", MATH_VERIFY)])
def test_an_adapter_answers_row_by_row_from_another_process(name, rows):
    adapter = Adapter(sys.executable, name)
    try:
        for gold, completion, correct in rows:
            answer = adapter.ask(gold, completion)
            assert (answer["correct"], answer["error"]) == (correct, None), completion
            assert 0 <= answer["seconds"] < 30
    finally:
        adapter.close()


ROGUE = """
import json, os, subprocess, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    row = json.loads(line)
    if row["completion"] == "hang":
        child = subprocess.Popen(["sleep", "600"])
        open(row["gold"], "w").write(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    if row["completion"] == "die":
        os._exit(3)
    print(json.dumps({"correct": True, "error": None, "seconds": 0.0}), flush=True)
"""


def test_a_hang_is_killed_with_all_its_processes_and_the_next_row_gets_a_fresh_child(tmp_path):
    script, pids = tmp_path / "rogue.py", tmp_path / "pids"
    script.write_text(ROGUE)
    adapter = Adapter(sys.executable, "rogue", seconds=1.0, script=script)
    assert adapter.ask("1", "fine")["correct"] is True
    assert adapter.ask(str(pids), "hang")["error"] == "hang"
    for pid in map(int, pids.read_text().split()):
        for _ in range(100):  # a killed grandchild is reaped by init a little later
            if not _runs(pid):
                break
            time.sleep(0.05)
        assert not _runs(pid)
    assert adapter.ask("1", "die") | {"seconds": 0} == {"correct": None, "error": "died", "seconds": 0}
    assert adapter.ask("1", "fine")["correct"] is True
    adapter.close()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def test_a_framework_that_does_not_load_says_why(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("import a_framework_that_is_not_there")
    with pytest.raises(MathbError, match="broken does not load: .*a_framework_that_is_not_there"):
        Adapter(sys.executable, "broken", script=script).ask("1", "1")


def test_the_call_says_its_price_and_refuses_options_of_other_calls():
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["reproduce", *words])
        return f"{done.exit_code} {done.output}"

    said = run("verifiers", "--plan", "--only", "trl", "--only", "main")
    assert said.startswith("0 verifiers:") and "4 verifiers: mathb_kit, string-match, math-verify, trl" in said
    assert "environments: trl;" in said
    assert "did you mean trl" in run("verifiers", "--only", "trll")
    assert "--only, --quick and --plan" in run("verifiers", "--from-scratch")
    assert "--only chooses among the rows of verifiers" in run("mini", "--only", "trl")


# -- Results that survive ----------------------------------------------------------------------------------------------


class Fake:
    """Right if gold and completion are equal; stops like Ctrl-C after some rows."""

    def __init__(self, patience: int = 1000) -> None:
        self.patience, self.asked = patience, []

    def ask(self, gold: str, completion: str) -> dict:
        if len(self.asked) == self.patience:
            raise KeyboardInterrupt
        self.asked.append((gold, completion))
        return {"correct": gold == completion, "error": None, "seconds": 0.5}

    def close(self) -> None:
        pass


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "results" / "fake.jsonl"
    rows = [(str(i % 10), str(i // 10)) for i in range(100)] * 2
    with pytest.raises(KeyboardInterrupt):
        grade_rows("fake", Fake(30), rows, path)
    path.write_bytes(path.read_bytes()[:-9])  # killed while writing: the last line is not whole
    second = Fake()
    results = grade_rows("fake", second, rows, path)
    assert len(second.asked) == 100 - 29 and not set(second.asked) & set(rows[:29])
    assert results == read_results(path)
    assert {row_key(*row): row[0] == row[1] for row in rows} == {key: r["correct"] for key, r in results.items()}
    assert len(path.read_text().splitlines()) == 100


CATALOGUE = """
[environments.absent]
install = [["mathb-kit-no-such-package==1.0"]]
dependencies = true
note = "cannot be made"
megabytes = 1
[[verifiers]]
name = "absent"
environment = "absent"
function = "-"
[[verifiers]]
name = "string-match"
environment = "main"
function = "-"
[[not_run]]
name = "elsewhere"
reason = "not published"
"""


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_is_reported_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "c.toml").write_text(CATALOGUE)
    catalogue = load_catalogue(tmp_path / "c.toml")
    rows = pd.DataFrame([("s", "7", r"\boxed{7}", True), ("s", "7", r"\boxed{8}", False)],
                        columns=["source", "gold", "completion", "label"])  # fmt: skip
    rows.insert(0, "row", [row_key(*pair) for pair in zip(rows["gold"], rows["completion"])])
    verifiers.run_verifiers(rows, catalogue=catalogue)
    verdicts, reasons = verifiers.read_comparison(rows, catalogue=catalogue)
    assert list(verdicts["verifier"]) == ["string-match"] * 2 and list(verdicts["correct"]) == [True, False]
    assert "No matching distribution found for mathb-kit-no-such-package==1.0" in reasons["absent"]
    assert reasons["elsewhere"] == "not published"
    assert "absent: not run; the environment of absent cannot be made" in capsys.readouterr().out
    with pytest.raises(MathbError, match="no verifier 'string'.*did you mean string-match"):
        verifiers.run_verifiers(rows, ["string"], catalogue=catalogue)


def test_an_environment_is_made_once_in_the_order_given_and_again_only_for_other_packages(tmp_path, monkeypatch):
    commands = []

    def pretend(name: str, command: list[str]) -> str:
        commands.append(command[1:])
        if "venv" in command:
            (tmp_path / "venv" / "bin").mkdir(parents=True)
            (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
        return "torch==1.0\n"

    monkeypatch.setattr(environments, "_run", pretend)
    wanted = Environment(install=(("torch==1.0",), ("a==2", "b==3")), dependencies=True, note="", megabytes=1)
    for _ in range(2):
        python = environments.make_environment("pretended", wanted, tmp_path)
        assert python == tmp_path / "venv" / "bin" / "python"
    assert [command[-2:] for command in commands] == [
        ["venv", str(tmp_path / "venv")], ["install", "torch==1.0"], ["a==2", "b==3"], ["--quiet", "freeze"]
    ]  # fmt: skip
    assert (tmp_path / "freeze.txt").read_text() == "torch==1.0\n"
    (tmp_path / "venv" / "left-over").touch()
    environments.make_environment("pretended", wanted.model_copy(update={"dependencies": False}), tmp_path)
    assert len(commands) == 8 and not (tmp_path / "venv" / "left-over").exists()
    assert all("--no-deps" in command for command in commands[5:7])
    assert not any("--no-deps" in command for command in commands[:4])


# -- Tables ------------------------------------------------------------------------------------------------------------


def said_of_cases(verifier: str, says) -> pd.DataFrame:
    rows = [
        (row_key(case.gold, case.completion), "failure modes", case.gold, case.completion, case.is_right, verifier)
        for case in CASES
    ]
    frame = pd.DataFrame(rows, columns=["row", "source", "gold", "completion", "label", "verifier"])
    answers = [says(case) for case in CASES]
    frame["correct"] = pd.Series([correct for correct, _ in answers], dtype=object)
    frame["error"] = pd.Series([error for _, error in answers], dtype=object)
    return frame.assign(seconds=1.0)


def test_a_perfect_verifier_is_clean_and_one_that_accepts_everything_fails_where_readers_say_wrong():
    verdicts = pd.concat(
        [
            said_of_cases("perfect", lambda case: (case.is_right, None)),
            said_of_cases("yes", lambda case: (True, None)),
            said_of_cases("silent", lambda case: (None, "hang" if case.mode == "F1" else None)),
        ]
    )
    table = verifiers.framework_table(verdicts, {"missing": "nobody has it"})
    cells = table.pivot(index="verifier", columns="mode", values="cell")
    for mode in mode_titles():
        right = sum(case.is_right for case in CASES if case.mode == mode)
        count = sum(case.mode == mode for case in CASES)
        assert list(cells[mode][["perfect", "yes", "silent", "missing"]]) == [
            f"{count}/{count}", f"{right}/{count}", f"0/{count}", "not run"
        ]  # fmt: skip
    said = verifiers.failure_table(verdicts, {"missing": "nobody has it"})
    assert set(said.loc[said["mode"] == "F1", "silent"]) == {"hang"}
    assert set(said.loc[said["mode"] == "F2", "silent"]) == {"no verdict"}
    wrong = sum(not case.is_right for case in CASES)
    rows = verifiers.label_agreement(verdicts).set_index("verifier")
    assert rows.loc["perfect", "agree"] == 1 and rows.loc["yes", "false_equals"] == wrong
    assert rows.loc["yes", "agree"] == pytest.approx(1 - wrong / len(CASES))
    assert rows.loc["silent", ["agree", "false_equals", "false_differences"]].tolist() == [0, 0, len(CASES) - wrong]
    assert rows.loc["silent", "hangs"] + rows.loc["silent", "no_verdict"] == len(CASES) == rows.loc["silent", "seconds"]
    faults = verifiers.disagreements(verdicts)
    assert faults.groupby("verifier").size().to_dict() == {"yes": wrong, "silent": len(CASES) - wrong}


def test_rows_of_real_data_carry_labels_and_no_dangerous_ones(data_folder, monkeypatch):
    monkeypatch.setenv("MATHB_DATA_DIR", str(data_folder))
    rows = verifiers.comparison_rows({}, few=True)
    assert set(rows["source"]) == {"failure modes", "public test cases", "real completions", "monsters"}
    assert (rows["source"] == "real completions").sum() <= 200 and rows["label"].notna().all()
    lines = (data_folder / "grader_cases_dev.jsonl").read_text().split("\n")
    cases = [json.loads(line) for line in lines if line.strip()]
    dangerous = {case["prediction"] for case in cases if case["convention"] == "security"}
    assert dangerous and not rows["completion"].isin(dangerous).any()
    counts = verifiers.rows_by_source(rows).set_index("source")
    assert counts.loc["failure modes", ["right", "wrong"]].tolist() == [
        sum(case.is_right for case in CASES), sum(not case.is_right for case in CASES)
    ]  # fmt: skip


# -- Sensitivity -------------------------------------------------------------------------------------------------------


class Scripted(CoinEngine):
    """Always the same four texts in turn."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        super().__init__()
        self.texts = texts

    def sample(self, chunks):
        for chunk in chunks:
            texts = self.texts[chunk.problem_key]
            numbers = range(chunk.first, chunk.first + chunk.size)
            yield chunk, [Completion(texts[i % len(texts)], 5, "stop") for i in numbers]


def test_a_partial_model_meets_only_what_its_base_left_unsolved_of_the_hard_set():
    study = load_profile("mini")
    partial, hard = study.partial[0], list(study.problems(study.hard_set))
    base = study.tuned[partial]
    left = [problem for problem in hard if problem.meta[f"{base}_unsolved"]]
    assert 0 < len(left) < len(hard)
    assert study.problems_met(partial, study.hard_set).problems == tuple(left)
    assert list(study.problems_met(base, study.hard_set)) == hard
    assert list(study.problems_met(partial, study.sets[0])) == list(study.problems(study.sets[0]))


def test_what_rests_on_one_completion_and_on_the_rule_for_boxes_is_counted(tmp_path):
    once, first, never = (Problem("set", name, f"{name}?", "7") for name in ("once", "first", "never"))
    texts = {
        once.key: [r"\boxed{1}", r"\boxed{7}", r"\boxed{x+1}", "none"],
        first.key: [r"It is \boxed{7}. As a check of the sign I also put in minus one, and find \boxed{2}"],
        never.key: [r"\boxed{9}"],
    }
    evaluation = evaluate(
        Model("m", "hub/m", sampling=Sampling(max_tokens=8)), [once, first, never], Plan.fixed(4, chunk=4),
        store=Store(tmp_path), engine=Scripted(texts),
    )  # fmt: skip
    evaluations = {("m", "set"): evaluation}
    counts, completions = verifiers.resting_on_one(evaluations)
    assert counts.iloc[0].tolist() == ["m", "set", 3, 1, 1, 1.0]
    assert completions[["problem", "text"]].values.tolist() == [[once.key, r"\boxed{7}"]]
    reached = verifiers.reach_by_policy(evaluations, 4).set_index("policy")[["reached", "gained", "lost", "open"]]
    assert reached.loc["last_box"].tolist() == [1, 0, 0, 0]
    assert reached.loc["first_box"].tolist() == reached.loc["any_box"].tolist() == [2, 1, 0, 0]
    shares = verifiers.rung_shares(evaluations).set_index("rung")
    assert shares["attempts"].sum() == 12 and shares.loc["extraction", "attempts"] == 1
    symbolic = verifiers.decided_symbolically(evaluations)
    assert set(symbolic["answer"]) <= {"x+1"}
