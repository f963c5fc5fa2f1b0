"""Workers end with a verdict, whatever they are given and wherever they are called from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mathb_kit.grading import GRADER_VERSION, grade
from mathb_kit.grading.grader import Grader
from mathb_kit.grading.workers import Workers
from mathb_kit.store import Store

ROOT = Path(__file__).parents[2]

MONSTERS = [
    "10^{10^{10}}",
    "9^{9^{9}}",
    "2^{2^{2^{49}}}",
    r"\binom{10000000}{5000000}",
    "1000000!",
    "(" * 3000 + "x" + ")" * 3000,
    r"\frac{1}{" * 200 + "2" + "}" * 200,
    "x" * 100_000,
    r"\log(" * 30 + "10" + ")" * 30,
    "1/" + "7" * 5000,
    "\ud800\x00\u202e",
]


# Equal to the root of 8, and too long to be judged outside a worker.
ROOT_OF_8 = r"2\sqrt{2}" + r" \cdot 1" * 20


def _run(script: str, *, stdin: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable] + (["-"] if stdin else ["-c", script])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, input=script if stdin else None, capture_output=True, text=True, env=environment, timeout=120
    )


def test_monsters_get_a_verdict_and_leave_the_pool_usable() -> None:
    with Grader(workers=1) as grader:
        verdicts = {answer: grader.grade_all([("5", answer)])["5", answer][0] for answer in MONSTERS}
        assert "correct" not in verdicts.values()
        assert verdicts["10^{10^{10}}"] == "grader_failed"
        ((verdict, _),) = grader.grade_all([(r"\sqrt{8}", ROOT_OF_8)]).values()
        assert verdict == "correct"


def test_code_like_text_is_compared_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"open('{marker}','w')"
    texts = [code, rf"\text{{{code}}}", f"__import__('os').system('touch {marker}')", f"5 or {code}", f"lambda: {code}"]
    with Grader(workers=1) as grader:
        graded = grader.grade_all([(gold, text) for text in texts for gold in ("5", "x", r"\text{None}")])
        assert {verdict for verdict, _ in graded.values()} <= {"wrong", "grader_failed"}
    workers = Workers(1)  # whatever the cheap rungs of the parent would have caught
    assert not any(equal for _, (equal, _) in workers.judge(("5", text) for text in texts))
    workers.close()
    assert not marker.exists()
    subprocess.run([sys.executable, "-c", f"import sympy; sympy.sympify({code!r})"], capture_output=True)
    assert marker.exists(), "the text is not live: SymPy's own parser should have run it"


def test_a_worker_that_hangs_dies_or_takes_too_much_memory_is_replaced() -> None:
    workers = Workers(2, seconds=1, function="judges:judge")
    answers = ["1", "hang", "2", "die", "1", "hang", "raise", "1", "eat memory", "2", "1"]
    judged = dict(workers.judge(("1", answer) for answer in answers))
    workers.close()
    outcome = {"1": (True, "spelling"), "2": (False, "spelling"), "hang": (None, "timeout")}
    # Eating may end at the memory limit or, on a slow machine, at the clock.
    assert {judged.pop(8)} <= {(None, "crash"), (None, "timeout")}
    assert judged == {n: outcome.get(answer, (None, "crash")) for n, answer in enumerate(answers) if n != 8}


def test_a_worker_that_dies_while_idle_is_replaced() -> None:
    workers = Workers(1, function="judges:judge")
    assert dict(workers.judge([("1", "1")])) == {0: (True, "spelling")}
    idle = workers._pool[0].process
    idle.kill()
    idle.wait()
    assert dict(workers.judge([("1", "1"), ("2", "2")])) == {0: (True, "spelling"), 1: (True, "spelling")}
    workers.close()


def test_grading_works_from_any_thread() -> None:
    graded = []

    def one(n: int) -> None:
        graded.append(grade(rf"{n}\sqrt{{8}}", rf"\boxed{{{n} \cdot {ROOT_OF_8}}}"))

    threads = [threading.Thread(target=one, args=(n,)) for n in (3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [g.verdict for g in graded] == ["correct", "correct"]


@pytest.mark.parametrize("stdin", [True, False])
def test_grading_works_in_a_script_without_a_main_guard_and_leaves_no_process(stdin: bool) -> None:
    script = (
        "from mathb_kit.grading import grade\n"
        "from mathb_kit.grading.grader import _shared\n"
        f"print(grade(r'\\sqrt{{8}}', r'\\boxed{{{ROOT_OF_8}}}').verdict)\n"
        "print(_shared()._workers._pool[0].process.pid)\n"
    )
    done = _run(script, stdin=stdin)
    verdict, pid = done.stdout.split()
    assert (verdict, done.returncode, done.stderr) == ("correct", 0, "")
    assert not _alive(int(pid))


@pytest.mark.slow
def test_grading_works_in_a_notebook_run_by_papermill(tmp_path: Path) -> None:
    from mathb_kit.report.notebooks import run_notebook

    script = tmp_path / "grading.py"
    script.write_text(
        "# %% tags=['parameters']\ngold = ''\n# %%\n"
        "from mathb_kit.grading import grade\n"
        f"assert grade(gold, r'\\boxed{{{ROOT_OF_8}}}').verdict == 'correct'\n"
        "assert grade('5', r'\\boxed{10^{10^{10}}}').verdict == 'grader_failed'\n"
    )
    run_notebook(script, {"gold": r"\sqrt{8}"}, tmp_path / "out")


@pytest.mark.parametrize("how", ["Ctrl-C", "kill -9"])
def test_no_worker_outlives_its_parent(how: str) -> None:
    script = (
        "from mathb_kit.grading.workers import Workers\n"
        "workers = Workers(2, seconds=1, function='judges:judge')\n"
        "list(workers.judge([('1', '1'), ('2', '2')]))\n"
        "print(*(w.process.pid for w in workers._pool), flush=True)\n"
        "list(workers.judge([('1', 'hang')] * 9))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(0.3)
    if how == "Ctrl-C":  # what a terminal does: to the whole process group
        os.killpg(parent.pid, signal.SIGINT)
    else:
        parent.kill()
    parent.wait(timeout=30)
    parent.stdout.close()
    assert len(pids) == 2
    until = time.monotonic() + (0 if how == "Ctrl-C" else 30)  # without its parent a busy worker ends by its clocks
    while any(map(_alive, pids)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_alive, pids))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # an orphan that nobody reaped is dead all the same
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_pair_gets_its_verdict_however_long_the_machine_keeps_its_worker_waiting() -> None:
    workers = Workers(1, seconds=1.0, function="judges:judge")
    list(workers.judge([("1", "1")]))
    pid = workers._pool[0].process.pid

    def hold_up() -> None:  # as a machine does that has other things to do; longer than the limit
        time.sleep(0.1)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(pid, signal.SIGCONT)

    busy = threading.Thread(target=hold_up)
    busy.start()
    assert dict(workers.judge([("work", "work")])) == {0: (True, "spelling")}
    assert dict(workers.judge([("1", "hang")])) == {0: (None, "timeout")}
    busy.join()
    workers.close()


def test_what_the_machine_interrupted_is_graded_again_and_not_kept(tmp_path: Path) -> None:
    pair, settled = ("1", "wait " * 40), ("1", "other " * 40)
    store = Store(tmp_path)
    with Grader(store) as grader:
        grader._workers = Workers(1, wall=0.5, function="judges:judge")
        expected = {pair: ("grader_failed", "interrupted"), settled: ("wrong", "spelling")}
        assert grader.grade_all([pair, settled]) == expected
        assert list(store.read_grades(GRADER_VERSION)["answer"]) == [settled[1]]
        grader._workers.close()
        grader._workers = Workers(1, function="judges:equal")
        assert grader.grade_all([pair])[pair] == ("correct", "by decree")
    assert len(store.read_grades(GRADER_VERSION)) == 2


def test_a_worker_that_was_killed_from_outside_is_no_fault_of_its_pair() -> None:
    workers = Workers(1, function="judges:judge")
    list(workers.judge([("1", "1")]))
    threading.Timer(0.2, workers._pool[0].process.kill).start()
    assert dict(workers.judge([("1", "wait")])) == {0: (None, "interrupted")}
    workers.close()


def test_a_worker_that_was_stopped_is_replaced_and_its_pair_is_not_to_blame() -> None:
    workers = Workers(1, wall=1.0)
    list(workers.judge([("1", "1")]))
    stopped = workers._pool[0]
    os.kill(stopped.process.pid, signal.SIGSTOP)
    long = "x" * 1_000_000  # more than a pipe holds, so that it cannot even be handed over
    assert dict(workers.judge([("1", long)])) == {0: (None, "interrupted")}
    assert not stopped.alive
    ((_, (equal, _)),) = workers.judge([(ROOT_OF_8, ROOT_OF_8)])
    assert equal is True
    workers.close()
