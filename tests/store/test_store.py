"""The store: whole shards or none, no duplicates on read, one clear sentence when the disk lies or is full."""

from __future__ import annotations

import errno
import json
import os

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.places import store_root
from mathb_kit.store import Store


def chunk_rows(problem: str, first: int, size: int = 4, text: str = "x") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [problem] * size,
            "index": range(first, first + size),
            "first": [first] * size,
            "seed": [2**63 - 1 - first] * size,
            "text": [f"{text}{i}" for i in range(size)],
            "tokens": range(size),
            "finish": ["stop"] * size,
        }
    )


def files(store: Store) -> set[str]:
    return {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()}


def test_what_is_committed_is_read_back_sorted_and_typed(tmp_path):
    store = Store(tmp_path / "a" / "b")
    assert store.read_attempts("m", "main").empty and store.done("m", "main") == {}
    store.commit_attempts("m", "main", chunk_rows("q", 4))
    store.commit_attempts("m", "main", pd.concat([chunk_rows("q", 0), chunk_rows("p", 0)]))
    store.commit_attempts("m", "retest", chunk_rows("z", 0))

    got = store.read_attempts("m", "main")
    want = pd.concat([chunk_rows("p", 0), chunk_rows("q", 0), chunk_rows("q", 4)], ignore_index=True)
    want.insert(0, "model", "m")
    want.insert(2, "draw", "main")
    pd.testing.assert_frame_equal(got, want, check_dtype=False)
    text = str(pd.Series(["a"]).dtype)  # str, in pandas 2 object
    assert got.dtypes.astype(str).to_dict() == {
        "model": text, "problem": text, "draw": text, "index": "int32", "first": "int32", "seed": "int64",
        "text": text, "tokens": "int32", "finish": text,
    }  # fmt: skip
    assert store.read_attempts("none", "main").dtypes.equals(got.dtypes)
    assert store.done("m", "main") == {"p": {0, 1, 2, 3}, "q": set(range(8))}
    part = store.read_attempts("m", "main", problems=["q"], columns=["tokens", "index"])
    assert list(part.columns) == ["tokens", "index"] and list(part["index"]) == list(range(8))
    with pytest.raises(MathbError, match="no column 'txt'.*finish"):
        store.read_attempts("m", "main", columns=["txt"])


def test_of_two_writers_with_the_same_chunk_the_first_holds_in_attempts_and_in_answers(tmp_path):
    store = Store(tmp_path)
    shards = [store.commit_attempts("m", "main", chunk_rows("p", 0, text=who)) for who in ("early", "late")]
    assert shards == sorted(shards)
    assert list(store.read_attempts("m", "main")["text"]) == ["early0", "early1", "early2", "early3"]
    for shard, frame in reversed(list(store.pending_answers("v1", "m", "main"))):
        rows = frame.assign(answer=frame["text"].where(frame["index"] > 0), truncated=False)
        store.commit_answers("v1", "m", "main", shard, rows)
    answers = store.read_answers("v1", "m", "main")
    assert list(answers.columns) == ["model", "problem", "draw", "index", "answer", "truncated", "tokens"]
    assert list(answers["answer"].fillna("-")) == ["-", "early1", "early2", "early3"]
    assert answers["truncated"].dtype == bool


def test_each_attempts_shard_is_pending_until_this_extractor_has_seen_it(tmp_path):
    store = Store(tmp_path)
    store.commit_attempts("m", "main", chunk_rows("p", 0))
    store.commit_attempts("m", "main", chunk_rows("p", 4))
    (first, frame), (second, _) = store.pending_answers("v1", "m", "main")
    assert list(frame["index"]) == [0, 1, 2, 3]
    store.commit_answers("v1", "m", "main", first, frame.assign(answer=None, truncated=True))
    assert [name for name, _ in store.pending_answers("v1", "m", "main")] == [second]
    assert [name for name, _ in store.pending_answers("v2", "m", "main")] == [first, second]
    assert len(store.read_answers("v1", "m", "main", problems=["p"])) == 4
    # A damaged attempts shard that was deleted takes its answers with it, or its new attempts would contradict them.
    (tmp_path / "attempts/m/main" / first).unlink()
    assert store.read_answers("v1", "m", "main").empty


def test_grades_are_append_only_and_the_first_verdict_holds(tmp_path):
    store = Store(tmp_path)
    assert list(store.read_grades("g1").columns) == ["gold", "answer", "verdict", "rung"]

    def write(*rows):
        store.write_grades("g1", pd.DataFrame(rows, columns=["gold", "answer", "verdict", "rung"]))

    write(["1", "1", "correct", "integer"], ["1", "x", "wrong", None])
    write(["1", "1", "wrong", "symbolic"], ["1", "2", "wrong", "integer"])
    grades = store.read_grades("g1")
    assert grades[["answer", "verdict"]].values.tolist() == [["1", "correct"], ["x", "wrong"], ["2", "wrong"]]
    assert store.read_grades("g2").empty
    with pytest.raises(MathbError, match="'verdict' has 1 empty"):
        write(["1", "3", None, None])


@pytest.mark.parametrize("as_frame", [False, True])
def test_any_text_can_be_stored(tmp_path, as_frame):
    store = Store(tmp_path)
    texts = ["lone \ud83d half", None, "nul \x00 char", "whole \U0001f600"]
    rows = chunk_rows("p", 0).to_dict("list") | {"text": texts}
    if as_frame:
        rows = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in rows.items()})
    store.commit_attempts("m", "main", rows)
    got = store.read_attempts("m", "main")["text"]
    assert [None if pd.isna(t) else t for t in got] == ["lone \ufffd half", None, "nul \x00 char", "whole \U0001f600"]


def test_a_damaged_shard_is_named_with_the_remedy(tmp_path):
    store = Store(tmp_path)
    store.commit_attempts("m", "main", chunk_rows("p", 0))
    shard = store.commit_attempts("m", "main", chunk_rows("p", 4, size=200, text="some longer text "))
    path = tmp_path / "attempts/m/main" / shard
    whole = path.read_bytes()
    texts = pq.read_metadata(path).row_group(0).column(6)
    flipped = bytearray(whole)
    flipped[texts.dictionary_page_offset + texts.total_compressed_size - 10] ^= 1
    other = tmp_path / "other.parquet"
    pd.DataFrame({"problem": ["p"], "index": ["not a number"]}).to_parquet(other)
    for damaged in (b"", whole[:100], whole[:-1], bytes(flipped), other.read_bytes()):
        path.write_bytes(damaged)
        for read in (store.read_attempts, lambda m, d: list(store.pending_answers("v", m, d))):
            with pytest.raises(MathbError, match=f"{shard} is damaged.*delete this file and run again"):
                read("m", "main")
    path.unlink()
    assert store.done("m", "main") == {"p": {0, 1, 2, 3}}


def test_a_full_disk_leaves_neither_half_a_shard_nor_a_temporary_file(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.commit_attempts("m", "main", chunk_rows("p", 0))
    before = files(store)
    real = pq.ParquetWriter.write_table

    def half_then_full(writer, table):
        real(writer, table.slice(0, 2))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pq.ParquetWriter, "write_table", half_then_full)
    with pytest.raises(MathbError, match=r"attempts/m/main/\S+ \(No space left on device\); free space.*MATHB_RUNS"):
        store.commit_attempts("m", "main", chunk_rows("p", 4))
    monkeypatch.undo()
    assert files(store) == before
    store.commit_attempts("m", "main", chunk_rows("p", 4))
    assert store.done("m", "main") == {"p": set(range(8))}


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "attempts").write_text("a file in the way")
    with pytest.raises(MathbError, match="Cannot write .*attempts/m/main"):
        Store(tmp_path).commit_attempts("m", "main", chunk_rows("p", 0))


def test_leftover_temporary_files_are_never_read(tmp_path):
    store = Store(tmp_path)
    shard = store.commit_attempts("m", "main", chunk_rows("p", 0))
    (tmp_path / "attempts/m/main" / f".{shard}.0123.tmp").write_bytes(b"half a shard")
    assert len(store.read_attempts("m", "main")) == 4


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../x", "a b", "é", "x" * 101, "main\n"])
def test_names_that_are_no_plain_folder_name_are_refused(tmp_path, name):
    for call in (
        lambda: Store(tmp_path).commit_attempts("m", name, chunk_rows("p", 0)),
        lambda: Store(tmp_path).read_grades(name),
        lambda: Store(tmp_path).describe_model(name, {}),
    ):
        with pytest.raises(MathbError, match="cannot name"):
            call()
    assert files(Store(tmp_path)) == set()


def test_models_and_shards_say_where_they_came_from(tmp_path):
    store = Store(tmp_path)
    store.describe_model("m2", {"name": "old"})
    store.describe_model("m2", {"name": "tiny", "provenance": {"gpu": None}})
    store.describe_model("m1", {"name": "é \ud800"})
    assert list(store.models()) == ["m1", "m2"] and store.models()["m2"]["provenance"] == {"gpu": None}
    shard = store.commit_attempts("m2", "main", chunk_rows("p", 0), provenance={"engine": "coin"})
    metadata = pq.read_schema(tmp_path / "attempts/m2/main" / shard).metadata
    assert json.loads(metadata[b"provenance"]) == {"engine": "coin"}
    (tmp_path / "models/m1.json").write_text("{")
    with pytest.raises(MathbError, match="m1.json is not JSON .*; delete it"):
        store.models()


def test_the_store_lies_in_the_runs_folder_that_MATHB_RUNS_moves(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "elsewhere"))
    assert Store().root == store_root() == tmp_path / "elsewhere" / "store"
    monkeypatch.delenv("MATHB_RUNS")
    monkeypatch.chdir(tmp_path)
    assert store_root().parts[-2:] == ("runs", "store")


def test_totals_count_attempts_and_tokens_of_every_model_and_draw(tmp_path):
    store = Store(tmp_path)
    assert store.totals() == (0, 0)
    store.commit_attempts("m", "main", chunk_rows("p", 0))
    store.commit_attempts("m", "retest", chunk_rows("p", 0))
    store.commit_attempts("other", "main", chunk_rows("q", 4))
    assert store.totals() == (12, 3 * (0 + 1 + 2 + 3))
