"""A store that was damaged, moved about or written by another tool gives the same rows, or one sentence with a file."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.store import Store, shards
from mathb_kit.store.compaction import compact
from mathb_kit.store.export import export
from mathb_kit.store.tables import ATTEMPTS, GRADES
from mathb_kit.store.views import counts

GOLDS = {"p": "1", "q": "5"}


def rows(problem: str, first: int, size: int = 40, text: str = "x") -> pd.DataFrame:
    index = range(first, first + size)
    texts = [f"{text}{i} so the answer is {i % 7}" for i in index]
    own = {"index": index, "text": texts, "tokens": [10 + i for i in index], "finish": "stop"}
    return pd.DataFrame({"problem": problem, "first": first, "seed": first, **own})


def fill(root: Path) -> Store:
    """Two draws of a model with answers and verdicts; some shards lie in packs, some do not."""
    store = Store(root)
    store.describe_model("m", {"name": "tiny"})
    for packed in (True, False):
        for draw in ("main", "retest"):
            for problem in ("p", "q"):
                store.commit_attempts("m", draw, rows(problem, 0 if packed else 40), {"engine": {"engine": "coin"}})
            for shard, frame in store.pending_answers("e", "m", draw):
                answers = frame["text"].str[-1:].where(frame["index"] % 5 > 0)
                store.commit_answers("e", "m", draw, shard, frame.assign(answer=answers, truncated=False))
        answers = range(4) if packed else range(4, 7)
        pairs = [(gold, str(answer), "integer") for gold in GOLDS.values() for answer in answers]
        grades = pd.DataFrame(pairs, columns=["gold", "answer", "rung"])
        right = grades["gold"] == grades["answer"]
        store.write_grades("g", grades.assign(verdict=right.map({True: "correct", False: "wrong"})))
        if packed:
            compact(store)
    return store


def everything(root: Path, target: Path) -> str:
    """All that readers of a store see, as one text."""
    store = Store(root)
    told = [counts(store, extractor="e", grader="g", golds=GOLDS).to_csv()]
    told += [store.read_attempts("m", draw).to_csv() for draw in ("main", "retest")]
    told += [store.read_answers("e", "m", draw).to_csv() for draw in ("main", "retest")]
    told += [store.read_grades("g").sort_values(["gold", "answer"]).to_csv(index=False), str(store.totals())]
    told += [json.dumps(sorted(map(str, store.engines("m", draw).items()))) for draw in ("main", "retest")]
    target.unlink(missing_ok=True)
    export(store, target, extractor="e", grader="g", golds=GOLDS)
    return "\n".join([*told, target.read_text()])


@pytest.mark.slow
def test_a_flipped_bit_changes_nothing_or_is_a_sentence_that_names_the_file(tmp_path):
    fill(tmp_path / "store")
    whole = everything(tmp_path / "store", tmp_path / "all.jsonl")
    files = sorted((tmp_path / "store").rglob("*.parquet"))
    assert any(file.name.startswith("pack-") for file in files)
    chance, caught = random.Random(7), 0
    for _ in range(400):
        file = chance.choice(files)
        content = file.read_bytes()
        # Half of them in the footer, which no checksum of Parquet's covers.
        footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        place = chance.randrange(*((footer, len(content)) if chance.random() < 0.5 else (0, len(content))))
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        try:
            assert everything(tmp_path / "store", tmp_path / "all.jsonl") == whole, (file, place)
        except MathbError as error:
            assert file.name in str(error) and "\n" not in str(error), error
            caught += 1
        file.write_bytes(content)
    assert caught > 350  # the rest fell on what nobody reads
    assert everything(tmp_path / "store", tmp_path / "all.jsonl") == whole


def reading(root: Path) -> list:
    target = root.parent / "read.jsonl"
    calls = [
        lambda: counts(Store(root)), lambda: export(Store(root), target, extractor="e", grader="g"),
        lambda: compact(Store(root)),
    ]  # fmt: skip
    return [lambda call=call: (target.unlink(missing_ok=True), call()) for call in calls]


@pytest.mark.parametrize("kind", ["attempts/m", "answers/e/m"])
@pytest.mark.parametrize("level", ["draw", "model"])
def test_a_shard_in_the_folder_of_another_draw_or_model_is_noticed(tmp_path, kind, level):
    store = fill(tmp_path / "store")
    folder = store.root / kind / "main"
    target = folder.with_name("null-1") if level == "draw" else folder.parent.with_name("n") / "main"
    shutil.copytree(folder, target)
    read = store.read_attempts if kind.startswith("attempts") else lambda *names: store.read_answers("e", *names)
    if kind.startswith("answers"):  # answers count only where their attempts are
        attempts = store.root / "attempts" / Path(*target.parts[-2:])
        shutil.copytree(store.root / "attempts/m/main", attempts)
    own = target.name if level == "draw" else "n"
    for call in (*reading(store.root)[:2], lambda: read(*target.parts[-2:])):
        with pytest.raises(MathbError, match=rf"holds rows of the {level} '(main|m)', not of its folder's '{own}'"):
            call()


def test_a_folder_above_the_store_that_looks_like_a_column_is_none(tmp_path):
    store = fill(tmp_path / "draw=7" / "model=x" / "text=y" / "store")
    assert len(counts(store)) == 4 and counts(store)["attempts"].sum() == 320
    assert set(counts(store)["draw"]) == {"main", "retest"}
    assert export(store, tmp_path / "all.jsonl", extractor="e", grader="g") == 320


@pytest.mark.parametrize("wide", ["wide", "dictionary"])
def test_numbers_and_texts_of_other_widths_are_read_by_every_reader(tmp_path, wide):
    whole = everything(fill(tmp_path / "store").root, tmp_path / "all.jsonl")
    files = sorted((tmp_path / "store").rglob("*.parquet"))
    for file in files[::2]:
        table = pq.read_table(file)
        text = pa.large_string() if wide == "wide" else pa.dictionary(pa.int32(), pa.string())
        types = {pa.int32(): pa.int64(), pa.string(): text}
        fields = [field.with_type(types.get(field.type, field.type)) for field in table.schema]
        footer = pq.read_metadata(file).metadata
        kept = {key: footer[key] for key in (b"mathb_shards", b"provenance") if key in footer}
        pq.write_table(table.cast(pa.schema(fields, kept)), file)
    assert everything(tmp_path / "store", tmp_path / "all.jsonl") == whole
    compact(Store(tmp_path / "store"))
    assert everything(tmp_path / "store", tmp_path / "all.jsonl") == whole


def test_compaction_keeps_columns_that_it_does_not_know(tmp_path):
    store = Store(tmp_path / "store")
    for number, more in enumerate(({}, {"logprob": [0.5] * 40}, {"note": ["n"] * 40, "logprob": [1.5] * 40})):
        store.commit_attempts("m", "main", rows("p", 40 * number))
        file = max((store.root / "attempts/m/main").iterdir())
        table = pq.read_table(file)
        for name, values in more.items():
            table = table.append_column(name, pa.array(values))
        pq.write_table(table, file)
    before = store.read_attempts("m", "main")
    assert compact(store) == (3, 1)
    (pack,) = (store.root / "attempts/m/main").iterdir()
    packed = pq.ParquetFile(pack).read().to_pandas()
    assert packed["logprob"].fillna(-1).tolist() == [-1] * 40 + [0.5] * 40 + [1.5] * 40
    assert packed["note"].fillna("-").tolist() == ["-"] * 80 + ["n"] * 40
    store.commit_attempts("m", "main", rows("p", 120))
    assert compact(store) == (2, 1)  # a pack is packed again with what it holds
    packed = pq.ParquetFile(next((store.root / "attempts/m/main").iterdir())).read()
    assert {"logprob", "note"} <= set(packed.column_names)
    pd.testing.assert_frame_equal(store.read_attempts("m", "main").query("index < 120"), before)


def test_a_text_that_is_no_utf_8_is_a_damaged_shard(tmp_path):
    store = Store(tmp_path / "store")
    name = store.commit_attempts("m", "main", rows("p", 0))
    file = store.root / "attempts/m/main" / name
    table = pq.read_table(file)
    bad = pa.Array.from_buffers(pa.string(), 40, pa.array([b"\xff\xfe"] * 40, pa.binary()).buffers())
    pq.write_table(table.set_column(table.schema.get_field_index("text"), ATTEMPTS.field("text"), bad), file)
    for call in (lambda: store.read_attempts("m", "main"), reading(store.root)[1]):
        with pytest.raises(MathbError, match=f"{name} is damaged"):
            call()


def test_a_link_to_nothing_is_named_and_nobody_waits_for_it(tmp_path):
    store = fill(tmp_path / "store")
    link = store.root / "attempts/m/main" / shards.new_shard_name(store.root / "attempts/m/main")
    os.symlink(tmp_path / "gone", link)
    calls = [lambda: list(store.pending_answers("f", "m", "main")), lambda: store.done("m", "main")]
    for call in (*calls, *reading(store.root)[:2]):
        with pytest.raises(MathbError, match=f"{link.name} is a link to a file that is not there"):
            call()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_nobody_waits_for_it(tmp_path, make):
    store = Store(tmp_path / "store")
    store.commit_attempts("m", "main", rows("p", 0))
    odd = store.root / "attempts/m/main" / shards.new_shard_name(store.root / "attempts/m/main")
    make(odd)
    for call in (lambda: list(store.pending_answers("f", "m", "main")), lambda: store.done("m", "main"),
                 *reading(store.root)[:2]):  # fmt: skip
        with pytest.raises(MathbError, match=f"{odd.name} is damaged or was not written by mathb_kit"):
            call()


def test_an_odd_record_of_a_model_is_one_sentence_or_its_name(tmp_path):
    store = Store(tmp_path / "store")
    store.commit_attempts("m", "main", rows("p", 0))
    assert counts(store)["name"].isna().all()  # killed before the record was written
    (store.root / "models").mkdir()
    record = store.root / "models" / "m.json"
    record.write_text('{"name": "half \\ud800"}')
    assert counts(store)["name"].tolist() == ["half \ufffd"]
    for content in ('{"name": {"a": 1}}', "[1]", "{", "[" * 100_000, ""):
        record.write_text(content)
        with pytest.raises(MathbError, match="m.json .*; delete it, the next run writes it again"):
            counts(store)


def test_of_two_writers_the_earlier_wins_though_the_clock_was_set_back(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.commit_attempts("m", "main", rows("p", 0, text="early"))
    store.write_grades("g", {name: [value] for name, value in zip(GRADES.names, ("1", "1", "correct", None))})
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    store.commit_attempts("m", "main", rows("p", 0, text="late"))
    store.write_grades("g", {name: [value] for name, value in zip(GRADES.names, ("1", "1", "wrong", None))})
    for packed in (False, True):
        assert store.read_attempts("m", "main")["text"].str.startswith("early").all()
        assert store.read_grades("g")["verdict"].tolist() == ["correct"]
        if not packed:
            compact(store)
    store.commit_attempts("m", "main", rows("p", 0, text="later"))
    assert store.read_attempts("m", "main")["text"].str.startswith("early").all()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_disk_that_cannot_sync_folders_is_written_to_all_the_same(tmp_path, monkeypatch, call, number):
    real = getattr(os, call)

    def refuse_folders(what: int | str, *arguments: int) -> Any:
        if os.path.isdir(f"/proc/self/fd/{what}" if call == "fsync" else what):
            raise OSError(number, os.strerror(number))
        return real(what, *arguments)

    store = Store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse_folders)
        store.commit_attempts("m", "main", rows("p", 0))
    assert len(store.read_attempts("m", "main")) == 40


def test_a_shard_that_says_it_is_larger_than_the_memory_is_not_read(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.commit_attempts("m", "main", rows("p", 0))
    monkeypatch.setattr(os, "sysconf", lambda name: 1)
    for call in (lambda: store.done("m", "main"), *reading(tmp_path)[:2]):
        with pytest.raises(MathbError, match=r"The shard .*parquet says that it unpacks to .*more than this machine"):
            call()
