"""Logs that the tools themselves wrote come in without loss: each runs a canned model in an environment of its own.

Where an environment variable names no Python with the tool, its test is skipped; `.ci/run` makes all of them.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mathb_kit.foreign import Samples, compare_verdicts, import_files
from mathb_kit.miniature import CHECKPOINTS

MAKERS = Path(__file__).parent / "makers"
sys.path.insert(0, str(MAKERS))
import canned  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def logs(tmp_path):
    """Makes the logs of a tool: its name to the folder they are in."""

    def make(tool: str, *arguments: str | Path, python: str | None = None) -> Path:
        variable = f"MATHB_{tool.upper()}_PYTHON"
        if not (python := python or os.environ.get(variable)):
            pytest.skip(f"{variable} names no Python that has {tool}")
        command = [python, str(MAKERS / f"with_{tool}.py"), str(tmp_path / "logs"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-4000:]
        return tmp_path / "logs"

    return make


def counted(samples: Samples) -> list[tuple[str, int, int, int]]:
    """As `canned.counted`, from what was imported."""
    rows = samples.outcomes.sort_values("gold")
    return list(rows[["gold", "n", "c", "no_answer"]].itertuples(index=False, name=None))


def agree(samples: Samples) -> bool:
    """Whether the log has a verdict on every attempt, and all are ours."""
    (row,) = compare_verdicts(samples.verdicts).to_dict("records")
    return row["only_ours"] == row["only_theirs"] == row["one_sided"] == 0


def agree_where_known(samples: Samples) -> bool:
    (row,) = compare_verdicts(samples.verdicts).to_dict("records")
    return row["only_ours"] == row["only_theirs"] == 0


def first_attempts() -> list[tuple[str, int, int, int]]:
    said = [row[0] for row in canned.SAID]
    return [(gold, 1, int(what == "right"), int(what in ("cut", "empty"))) for gold, what in zip(canned.GOLDS, said)]


def test_inspect(logs):
    paths = sorted(logs("inspect").iterdir())
    assert sorted(path.suffix for path in paths) == [".eval", ".json"]
    for path in paths:
        samples = import_files([path])
        assert samples.on == "sums" and samples.models == ["mockllm/canned"]
        assert counted(samples) == canned.counted() and agree(samples)
        assert samples.outcomes["truncated"].sum() == sum(row.count("cut") for row in canned.SAID)
        assert samples.origin["settings"]["temperature"] == 0.7
        assert samples.origin["settings"]["tool"].startswith("inspect_ai 0.")


def test_lm_eval(logs):
    folder = logs("lm_eval")
    (path,) = (folder / "sums").rglob("samples_sums_*.jsonl")
    samples = import_files([path])
    assert samples.on == "sums" and counted(samples) == canned.counted()
    assert samples.origin["settings"]["tool"].startswith("lm-eval 0.")
    assert samples.origin["settings"]["temperature"] == 0.7
    (path,) = (folder / "sums_once").rglob("samples_sums_once_*.jsonl")
    once = import_files([path])
    assert counted(once) == first_attempts() and agree(once)


def test_lighteval(logs):
    folder = logs("lighteval")
    (path,) = folder.glob("details/**/details_sums|*.parquet")
    samples = import_files([path])
    assert samples.on == "sums|0" and samples.models == ["maker/canned"]
    assert counted(samples) == canned.counted() and samples.origin["settings"]["temperature"] == 0
    # lighteval scores a document: of its attempts all or none were right, or nobody knows which.
    whole = samples.verdicts["their_verdict"].notna()
    assert whole.sum() == 2 * canned.ATTEMPTS and agree_where_known(samples)
    words = sum(len(canned.text(i, j).split()) for i in range(len(canned.PROBLEMS)) for j in range(canned.ATTEMPTS))
    assert samples.outcomes["tokens"].sum() == words
    (path,) = folder.glob("details/**/details_sums_once|*.parquet")
    once = import_files([path])
    assert counted(once) == first_attempts() and agree(once)


def test_verl(logs):
    samples = import_files([logs("verl") / "7.jsonl"])
    assert counted(samples) == canned.counted() and agree(samples)
    assert samples.draws(samples.models[0]) == ["step-7"]


@pytest.mark.skipif(not importlib.util.find_spec("trl"), reason="TRL is not installed")
def test_trl(logs):
    """The model is the miniature's, and what it says is its own: what is counted is what the log has."""
    import pandas as pd

    paths = sorted(logs("trl", CHECKPOINTS / "mini-base-1", python=sys.executable).rglob("completions_*.parquet"))
    assert [path.name for path in paths] == ["completions_00001.parquet", "completions_00002.parquet"]
    tables = [pd.read_parquet(path) for path in paths]
    samples = import_files(paths)
    assert samples.models == ["grpo-run"] and samples.draws("grpo-run") == ["step-1", "step-2"]
    assert samples.outcomes["n"].sum() == sum(map(len, tables)) and (samples.outcomes["n"] % 4 == 0).all()
    assert set(samples.outcomes["gold"]) <= set(canned.GOLDS)
    theirs = [bool(reward) for table in tables for reward in table["right"]]
    assert samples.verdicts["their_verdict"].tolist() == theirs
