"""Stdout is the result's: nothing of a library, of a child or of another thread, and nothing that a terminal obeys."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.cli.showing import harmless

NOISY = """
import os, subprocess, sys, threading, time
import mathb_kit as mb
from mathb_kit.cli import app

sample = mb.Draw.sample

def lines(over):  # as Ray's thread prints what its workers say, also when the run is over
    while not over.wait(0.01):
        print("(_Worker pid=7) a worker's line", flush=True)

def noisy(self, *arguments, **options):
    threading.Thread(target=lines, args=[threading.Event()], daemon=True).start()
    print("a library's line")
    os.write(1, b"a line of C\\n")
    subprocess.run([sys.executable, "-c", "print('a line of a child')"], check=True)
    report = sample(self, *arguments, **options)
    time.sleep(0.1)
    return report

mb.Draw.sample = noisy
app(sys.argv[1:])
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_what_libraries_children_and_threads_print_while_sampling_is_no_result(tmp_path, monkeypatch, as_json):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    problems = tmp_path / "x.jsonl"
    problems.write_text('{"problem": "1+1", "answer": "2"}\n')
    words = ["sample", "mini-base-1", "--on", str(problems), "--attempts", "2", "--max-tokens", "4"]
    done = subprocess.run(
        [sys.executable, "-c", NOISY, *words, *["--json"] * as_json], capture_output=True, text=True, check=True
    )
    for noise in ("a worker's line", "a library's line", "a line of C", "a line of a child"):
        assert noise in done.stderr
    if as_json:
        assert json.loads(done.stdout)["new_attempts"] == 2
    else:
        (line,) = done.stdout.splitlines()
        assert line.startswith("2 attempts sampled")


ESCAPES = "\x1b[2J\x1b]0;owned\x07 \x9b31m \x08\x08\x00\x7f"


def test_texts_of_others_cannot_command_a_terminal_or_break_its_encoding(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"problem": f"half \ud800 {ESCAPES}\nnext\tcell", "answer": ESCAPES}) + "\n")
    for words in (["problems", str(path)], ["grade", "--explain", str(path)]):
        if words[0] == "grade":
            path.write_text(json.dumps({"gold": "5", "prediction": f"\ud800 {ESCAPES} \\boxed{{6{ESCAPES}}}"}) + "\n")
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert not [c for c in done.stdout if (ord(c) < 32 and c not in "\n\t") or 126 < ord(c) < 160], done.stdout
        assert "\ufffd" in done.stdout
    assert harmless("a\r\nb\tc") == "a\nb\tc"


def test_an_error_that_quotes_others_cannot_either(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"id": ESCAPES, "problem": "a", "answer": "1"}) * 2 + "\n")
    done = CliRunner().invoke(app, ["problems", str(path) + ESCAPES.replace("\0", "")])
    assert done.exit_code == 2 and "\x1b" not in done.stderr and "\x9b" not in done.stderr


def test_a_file_that_goes_away_is_one_sentence(monkeypatch):
    def gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "x.jsonl")

    monkeypatch.setattr(mb, "load_problems", gone, raising=False)
    done = CliRunner().invoke(app, ["problems", "x"])
    assert done.exit_code == 2 and "x.jsonl cannot be used (No such file or directory)" in done.stderr
