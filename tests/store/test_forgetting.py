"""`store forget --cut`: whole chunks with cut attempts go, all else stays, and the next run fills the gap."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact
from mathb_kit.store.forgetting import forget_cut


def commit(store: Store, problem: str, first: int, cut: int = 0, draw: str = "main", word: str = "text") -> None:
    """A chunk of four, of which the last ``cut`` are cut."""
    indices = range(first, first + 4)
    finish = ["stop"] * (4 - cut) + ["cut"] * cut
    store.commit_attempts(
        "modelkey", draw,
        {"problem": [problem] * 4, "index": indices, "first": [first] * 4, "seed": [7] * 4,
         "text": [f"{word} {problem} {i}" for i in indices], "tokens": [2] * 4, "finish": finish},
        {"engine": {"engine": "server"}},
    )  # fmt: skip


def indices(store: Store, draw: str = "main") -> dict[str, set[int]]:
    return store.done("modelkey", draw)


@pytest.mark.parametrize("packed", [False, True])
def test_chunks_with_cut_attempts_go_and_nothing_else_does(tmp_path, packed):
    store = Store(tmp_path)
    commit(store, "s/a", 0)
    commit(store, "s/a", 4, cut=1)
    commit(store, "s/b", 0, cut=4)
    commit(store, "s/b", 4)
    commit(store, "s/b", 0, cut=2, draw="other")
    if packed:
        compact(store)
    before = store.read_attempts("modelkey", "main")
    assert sum(record["attempts"] for record in forget_cut(store, dry_run=True)) == 12
    assert len(store.read_attempts("modelkey", "main")) == len(before)
    gone = forget_cut(store, draw="main")
    assert sorted(chunk for record in gone for chunk in record["chunks"]) == [["s/a", 4], ["s/b", 0]]
    assert sum(record["cut"] for record in gone) == 5
    assert indices(store) == {"s/a": {0, 1, 2, 3}, "s/b": {4, 5, 6, 7}} and indices(store, "other") == {"s/b": {0, 1, 2, 3}}  # noqa: E501
    after = store.read_attempts("modelkey", "main")
    kept = before.merge(after[["problem", "index"]])
    assert after.equals(kept) and store.engines("modelkey", "main") == {"server": 8}
    [record] = [json.loads(file.read_text()) for file in (tmp_path / "forgotten").iterdir()][:1]
    assert record["forgotten"][0]["provenance"]["engine"] == {"engine": "server"} and record["time"]
    compact(store)
    assert indices(store) == {"s/a": {0, 1, 2, 3}, "s/b": {4, 5, 6, 7}}
    assert forget_cut(store, draw="main") == []


def test_of_two_writers_rows_the_older_ones_go_on_to_count(tmp_path):
    store = Store(tmp_path)
    rows = {"first": [0] * 4 + [4] * 4, "index": range(8), "seed": [1] * 8, "tokens": [2] * 8, "problem": ["s/a"] * 8}
    store.commit_attempts("modelkey", "main", rows | {"text": ["old"] * 8, "finish": ["stop"] * 4 + ["cut"] * 4})
    commit(store, "s/a", 0, word="new")
    forget_cut(store)
    assert store.read_attempts("modelkey", "main")["text"].tolist() == ["old"] * 4


def test_only_what_is_named_is_forgotten(tmp_path):
    store = Store(tmp_path)
    commit(store, "s/a", 0, cut=1)
    commit(store, "s/b", 0, cut=1)
    store.describe_model("modelkey", {"name": "tiny"})
    forget_cut(store, model="tiny", problems={"s/b"})
    assert indices(store) == {"s/a": {0, 1, 2, 3}}
    with pytest.raises(MathbError, match="no attempts of nobody"):
        forget_cut(store, model="nobody")


def test_the_verb_says_what_goes_and_wants_to_be_told_what(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path))
    commit(Store(), "s/a", 0, cut=1)
    run = CliRunner().invoke
    assert "--cut takes chunks" in run(app, ["store", "forget"]).stderr
    told = json.loads(run(app, ["store", "forget", "--cut", "--dry-run", "--json"]).stdout)
    assert told["dry_run"] and told["shards"][0]["attempts"] == 4
    assert "4 attempts in 1 chunks (1 of them cut) and 0 kept replies are forgotten." in run(
        app, ["store", "forget", "--cut"]
    ).stdout.replace("\n", " ")
    assert indices(Store()) == {}
