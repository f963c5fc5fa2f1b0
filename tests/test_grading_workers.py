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

from mathb_kit.grading import grade
from mathb_kit.grading.grader import Grader
from mathb_kit.grading.workers import Workers

ROOT = Path(__file__).parents[1]

MONSTERS = [
    "10^{10^{10}}",
    "9^{9^{9}}",
    "2^{2^{2^{49}}}",
    r"\binom{10000000}{5000000}",
    "1000000!",
    "(" * 3000 + "x" + ")" * 3000,
    r"\frac{1}{" * 200 + "2" + "}" * 200,
    "x" * 100_000,
    "\ud800\x00\u202e",
    "__import__('os').system('touch marker') or 5",
]


def _run(script: str, *, stdin: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable] + (["-"] if stdin else ["-c", script])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, input=script if stdin else None, capture_output=True, text=True, env=environment, timeout=120
    )


def test_monsters_get_a_verdict_and_leave_the_pool_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Grader(workers=1) as grader:
        verdicts = {answer: grader.grade_all([("5", answer)])["5", answer][0] for answer in MONSTERS}
        assert "correct" not in verdicts.values()
        assert verdicts["10^{10^{10}}"] == "grader_failed"
        assert grader.grade_all([(r"\sqrt{8}", r"2\sqrt{2}")]) == {(r"\sqrt{8}", r"2\sqrt{2}"): ("correct", "symbolic")}
    assert not list(tmp_path.iterdir())


def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    workers = Workers(1, seconds=0.5)
    pairs = [("10^{10^{10}}", "5"), (r"\sqrt{8}", r"2\sqrt{2}"), ("2", r"\binom{10000000}{5000000}"), ("x", "x+1")]
    outcomes = dict(workers.compare(pairs))
    workers.close()
    assert outcomes == {0: "timeout", 1: "equal", 2: "timeout", 3: "different"}


def test_a_worker_that_dies_is_replaced() -> None:
    workers = Workers(1)
    assert dict(workers.compare([("x", "x+1")])) == {0: "different"}
    os.kill(workers._pool[0].process.pid, signal.SIGKILL)
    assert dict(workers.compare([("x", "x+1"), ("2x", "x+x")])) == {0: "crash", 1: "equal"}
    workers.close()


def test_grading_works_from_any_thread() -> None:
    graded = []
    threads = [
        threading.Thread(target=lambda n=n: graded.append(grade(rf"{n}\sqrt{{2}}", rf"\boxed{{\sqrt{{{2 * n * n}}}}}")))
        for n in (3, 5)
    ]
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
        "print(grade(r'\\sqrt{8}', r'\\boxed{2\\sqrt{2}}').verdict)\n"
        "print(_shared()._workers._pool[0].process.pid)\n"
    )
    done = _run(script, stdin=stdin)
    verdict, pid = done.stdout.split()
    assert (verdict, done.returncode, done.stderr) == ("correct", 0, "")
    assert not _alive(int(pid))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(how: signal.Signals) -> None:
    script = (
        "import time, threading\n"
        "from mathb_kit.grading.workers import Workers\n"
        "workers = Workers(2, seconds=2)\n"
        "list(workers.compare([('x', 'x+1'), ('y', 'y+1')]))\n"
        "print(*(w.process.pid for w in workers._pool), flush=True)\n"
        "list(workers.compare([('10^{10^{10}}', '5')] * 9))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(0.3)
    parent.send_signal(how)
    parent.wait(timeout=30)
    parent.stdout.close()
    assert pids
    until = time.monotonic() + (0 if how == signal.SIGINT else 15)  # without its parent a busy worker ends by its alarm
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
