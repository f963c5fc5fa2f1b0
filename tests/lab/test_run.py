"""A training run: what its folder says of it, in whatever state it is, and that one process at a time is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from mathb_kit.errors import MathbError
from mathb_kit.lab import run as run_module
from mathb_kit.lab.objectives import get_objective
from mathb_kit.lab.run import Run, train
from mathb_kit.lab.run_folder import RunFolder
from mathb_kit.lab.update import Policy
from mathb_kit.problems import load_problems

EASY = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 1]
SMALL = {"on": EASY, "prompts": 2, "group": 2, "max_tokens": 24, "steps": 4}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was stopped in its fourth step, three states kept."""
    folder = tmp_path_factory.mktemp("run") / "stopped"
    learn, calls = Policy.learn, []

    def stops(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Policy, "learn", stops)
        patch.setattr("mathb_kit.lab.run_folder._SAVING_SHARE", float("inf"))  # keep every step
        train("rloo", to=folder, **SMALL)
    assert {path.name for path in folder.iterdir()} == {"log.jsonl", "state.pt"}
    return folder


@pytest.fixture(scope="module")
def finished(stopped):
    return train("rloo", to=shutil.copytree(stopped, stopped.with_name("finished")), **SMALL)


def test_a_run_knows_from_its_folder_alone_whether_it_is_finished(stopped, finished, monkeypatch):
    monkeypatch.setattr(run_module, "load_checkpoint", lambda *_: pytest.fail("loaded a network"))
    assert Run.of("rloo", to=finished, **SMALL).finished()
    assert Run.of("rloo", to=finished, learning_rate=3e-4, updates=1, **SMALL).finished()  # the defaults, given
    assert Run.of(get_objective("rloo"), "mini-base-1", to=finished, **SMALL).finished()
    assert not Run.of("rloo", to=stopped, **SMALL).finished()
    for other in ({"seed": 1}, {"steps": 5}, {"learning_rate": 1e-4}, {"validate_on": "mini-train"},
                  {"base": "mini-base-2"}, {"objective": "raft"}):  # fmt: skip
        assert not Run.of(**{"objective": "rloo", "to": finished, **SMALL, **other}).finished(), other


def flip(file, member):
    """One bit of one number, where nothing but a checksum shows it."""
    with zipfile.ZipFile(file) as archive:
        info = next(each for each in archive.infolist() if each.filename.endswith(member))
        content = archive.read(info)
    whole = bytearray(file.read_bytes())
    whole[whole.index(content) + len(content) // 2] ^= 1
    file.write_bytes(whole)


ODD = {
    "wrong checksum": (lambda f: flip(f / "state.pt", "data/0"), r"state.pt is damaged \(wrong checksum"),
    "half a state": (lambda f: os.truncate(f / "state.pt", 50_000), "state.pt is damaged"),
    "no state at all": (lambda f: (f / "state.pt").unlink(), "log of 3 steps and no state.pt"),
    "half a log": (lambda f: os.truncate(f / "log.jsonl", 10), "log.jsonl is damaged"),
    "no log": (lambda f: (f / "log.jsonl").unlink(), "has 0 steps and state.pt was kept after 3"),
    "half a recipe": (lambda f: (f / "recipe.json").write_text('{"recipe": {'), "recipe.json cannot be read .*delete"),
    "another recipe": (lambda f: (f / "recipe.json").write_text('{"recipe": {"kind": "rl"}}'), "another run"),
}  # fmt: skip


@pytest.mark.parametrize("state", ODD)
def test_every_odd_state_of_a_folder_is_one_sentence_and_nothing_is_lost(stopped, tmp_path, state):
    folder = shutil.copytree(stopped, tmp_path / "run")
    spoil, sentence = ODD[state]
    spoil(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(MathbError, match=sentence) as told:
        train("rloo", to=folder, **SMALL)
    assert str(folder) in str(told.value) and "\n" not in str(told.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_row_whose_state_was_never_kept_is_made_again(stopped, finished, tmp_path):
    folder = shutil.copytree(stopped, tmp_path / "run")
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"step": 4, "rew')  # killed while it wrote
    again = train("rloo", to=folder, **SMALL)
    assert (again / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    first = tmp_path / "first"
    first.mkdir()
    (first / "log.jsonl").write_text('{"step": 1}\n')  # killed between the first row and the first state
    with RunFolder(first, {"kind": "rl"}) as fresh:
        assert fresh.saved_step == 0 and fresh.rows == []


def test_a_recipe_appears_whole_or_not_at_all(stopped, finished, tmp_path, monkeypatch):
    folder, replaced = shutil.copytree(stopped, tmp_path / "run"), os.replace

    def full(source, target):
        if str(target).endswith("recipe.json"):
            raise OSError(28, "No space left on device")
        replaced(source, target)

    with monkeypatch.context() as patch, pytest.raises(MathbError, match="recipe.json .*No space left"):
        patch.setattr(os, "replace", full)
        train("rloo", to=folder, **SMALL)
    assert not [path for path in folder.iterdir() if "recipe" in path.name] and (folder / "state.pt").is_file()
    made = [json.loads((train("rloo", to=folder, **SMALL) / "recipe.json").read_text()), json.loads(
        (finished / "recipe.json").read_text())]  # fmt: skip
    assert made[0]["recipe"] == made[1]["recipe"] and not (folder / "state.pt").exists()


def test_one_process_at_a_time_trains_in_a_folder_and_a_dead_one_holds_nothing(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from mathb_kit.lab.run_folder import RunFolder\n"
        f"with RunFolder(Path({str(tmp_path / 'run')!r}), {{}}): print('in', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"in\n"
        with pytest.raises(MathbError, match=f"in use: process {holder.pid} on "):
            RunFolder(tmp_path / "run", {}).__enter__()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / "run" / ".lock").exists()  # what the dead one left
    with RunFolder(tmp_path / "run", {}) as folder:
        with pytest.raises(MathbError, match=f"in use: process {os.getpid()} on "):
            RunFolder(tmp_path / "run", {}).__enter__()
        folder.log({"step": 1})
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"log.jsonl"}


def test_who_watches_a_run_sees_each_row_of_its_log_as_it_comes(tmp_path):
    seen = []
    run = Run.of("rloo", to=tmp_path / "watched", **(SMALL | {"steps": 2}))
    run.train(watch=seen.append)
    logged = [json.loads(line) for line in (tmp_path / "watched" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in seen] == [1, 2] and seen == logged
    run.train(watch=seen.append)  # finished: read, not trained
    assert len(seen) == 2
