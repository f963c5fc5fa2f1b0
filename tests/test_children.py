"""Children are heard in time, end with all that they started, and say why they did not start."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from mathb_kit.children import Child, Died, NotReady, wait_for_any

SAY = "import json, os, sys, time; say = lambda text: (sys.stdout.write(text), sys.stdout.flush()); "


def child(script: str, **options) -> Child:
    return Child([sys.executable, "-c", SAY + script], {}, **options)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_lines_come_whole_and_in_order_however_they_were_written():
    one = child(
        r"""say('{"ready": 1}\n[1]\n[2'); time.sleep(0.2); say('2]\n'); say(json.dumps("x" * 300_000) + '\n')"""
    )
    assert one.ready(60) == 1
    wait_for_any([one], 0)  # the second line came with the first: nothing more is on its way
    assert [one.receive(60) for _ in range(3)] == [[1], [22], "x" * 300_000]
    with pytest.raises(Died, match="exit status 0"):
        one.receive(60)
    one.end()


def test_a_deadline_holds_within_a_line_too():
    one = child("say('[1'); time.sleep(600)")
    with pytest.raises(TimeoutError):
        one.receive(0.5)
    one.end()
    assert not one.alive and one.process.returncode == -signal.SIGKILL


def test_a_child_that_closed_its_output_and_lives_on_is_ended(monkeypatch):
    monkeypatch.setattr("mathb_kit.children._LAST_SECONDS", 0.1)
    one = child("os.close(1); time.sleep(600)")
    with pytest.raises(Died, match="killed by SIGKILL"):
        one.receive(60)
    assert not one.alive


@pytest.mark.parametrize(
    ("script", "why"),
    [("raise RuntimeError('no luck')", "RuntimeError: no luck"), ("say('hello\\n')", "no message"), ("", "no message")],
)
def test_a_child_that_does_not_start_says_why(script, why):
    one = child(script)
    with pytest.raises(NotReady, match=f"^{why}$"):
        one.ready(60)
    one.end()


def test_the_end_is_orderly_where_there_is_patience_and_takes_the_whole_group_along(tmp_path):
    script = """
pid = os.fork()
if not pid:
    time.sleep(600)
say(json.dumps({"ready": pid}) + '\\n')
time.sleep(600) if sys.argv[1].endswith("forced") else sys.stdin.read()
open(sys.argv[1], "w").close()
"""
    for name, patience in (("orderly", 60.0), ("forced", 0.0)):
        one = Child([sys.executable, "-c", SAY + script, str(tmp_path / name)], {}, patience=patience)
        grandchild = one.ready(60)
        one.end()
        until = time.monotonic() + 60
        while is_alive(grandchild):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert (tmp_path / name).exists() == (name == "orderly")
        assert one.process.returncode == (0 if name == "orderly" else -signal.SIGKILL)


def test_a_forked_copy_of_the_parent_ends_no_child():
    one = child("say('{\"ready\": 1}\\n'); say(sys.stdin.readline())")
    one.ready(60)
    if not (pid := os.fork()):
        one.end()
        os._exit(0)
    os.waitpid(pid, 0)
    one.send([7])
    assert one.receive(60) == [7]
    one.end()


def test_sending_to_a_dead_child_is_found_out_by_receiving():
    one = child("")
    one.process.wait()
    one.send("x" * 1_000_000)
    with pytest.raises(Died):
        one.receive(60)
    one.end()


def test_a_child_that_was_stopped_and_reads_nothing_is_killed_when_its_time_is_over():
    one = child("say('{\"ready\": 1}\\n'); time.sleep(600)")
    one.ready(60)
    os.kill(one.process.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        one.send("x" * 1_000_000, 0.5)  # more than a pipe holds
    with pytest.raises(Died, match="killed by SIGKILL"):
        one.receive(60)
    one.end()
