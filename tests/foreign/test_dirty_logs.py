"""Files of other people, whatever is in them: one sentence or what they say, within bounds; and an import is whole."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import resource
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.foreign import import_files, load_samples, read_foreign_counts

PLAIN = {"id": "p", "gold": "5", "text": r"\boxed{5}"}
LM = {"doc_id": 0, "doc": {}, "resps": [["a"]], "target": "5"}
VERL = {"input": "q", "output": "a", "gts": "5", "score": 1.0, "step": 1}
TRL = {"prompt": "q", "completion": "a", "gold": "5"}
LIGHT = {"doc": '{"choices": ["5"], "gold_index": 0, "id": "a"}', "model_response": '{"text": ["a"]}', "metric": "{}"}
SAMPLE = {"id": 1, "epoch": 1, "target": "5", "output": {"completion": "5"}, "scores": {"s": {"value": "C"}}}
HEAD = {"version": 2, "eval": {"task": "t", "model": "m", "dataset": {"name": "d"}}}
DEEP = "[" * 100_000


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))


def log(*samples: Any, **header: Any) -> dict[str, Any]:
    return {**HEAD, "samples": list(samples), **header}


ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "a number for a text": (PLAIN | {"text": 5}, "its completion is 5, no text"),
    "texts of numbers": ({"id": "p", "gold": "5", "completions": [1, 2]}, "its completion is 1, no text"),
    "an index of words": (PLAIN | {"index": "b"}, "invalid literal for int"),
    "an index of lists": (PLAIN | {"index": [1]}, "int.. argument must be"),
    "tokens of words": (PLAIN | {"tokens": "many"}, "tokens is 'many', no number of tokens"),
    "tokens beyond all": (PLAIN | {"tokens": 10**30}, "no number of tokens"),
    "tokens below none": (PLAIN | {"tokens": -3}, "tokens is -3, no number of tokens"),
    "truncated in words": (PLAIN | {"truncated": "yes"}, "truncated is 'yes', neither true nor false"),
    "a gold of a table": (PLAIN | {"gold": {"a": 1}}, "neither a text nor a number"),
    "no name": (PLAIN | {"id": " "}, "it names no problem"),
    "responses of null": (LM | {"resps": None}, "is not as lm-eval writes it"),
    "responses of letters": (LM | {"resps": "abc"}, "its resps are 'abc', no list"),
    "a list as document": (LM | {"doc_id": [0]}, "unhashable"),
    "no document": (LM | {"doc_id": None}, "it names no problem"),
    "a target of a table": (LM | {"target": {"a": 1}}, "neither a text nor a number"),
    "no prompt": (VERL | {"input": None}, "is not as verl or TRL writes it"),
    "an output of lists": (VERL | {"output": ["a"]}, r"its completion is \['a'\], no text"),
    "a prompt of numbers": (TRL | {"prompt": 5}, "is not as verl or TRL writes it"),
    "turns that are none": (TRL | {"prompt": ["a", "b"]}, "is not as verl or TRL writes it"),
    "an empty prompt": (VERL | {"input": " "}, "its prompt is empty"),
    "a position in words": (LIGHT | {"doc": '{"choices": ["5"], "gold_index": "x"}'}, "invalid literal for int"),
    "lighteval's text of numbers": (LIGHT | {"model_response": '{"text": [5]}'}, "its completion is 5, no text"),
}  # fmt: skip
LOGS: dict[str, tuple[Any, str]] = {
    "samples in a table": (log(samples={"a": 1}), "its samples are a dict"),
    "no sample": (log(None), "sample 1, is not as Inspect writes it"),
    "an epoch of words": (log(SAMPLE, SAMPLE | {"epoch": "b"}), "sample 2, .*invalid literal"),
    "scores of a list": (log(SAMPLE | {"scores": [1]}), "sample 1, is not as Inspect"),
    "an output of a list": (log(SAMPLE | {"output": [1]}), "sample 1, is not as Inspect"),
    "no names": (log({"target": "5"}, {"target": "6"}), "it names no problem"),
    "a completion of numbers": (log(SAMPLE | {"output": {"completion": 5}}), "its completion is 5, no text"),
    "a model of a table": (log(SAMPLE, eval={"model": {"a": 1}}), "its model is .*, no name"),
    "a set of a list": (log(SAMPLE, eval=HEAD["eval"] | {"dataset": [1]}), "its header, is not as Inspect"),
    "a plan of a list": (log(SAMPLE, plan=[1]), "its header, is not as Inspect"),
    "deep": ('{"eval": ' + DEEP, "nested too deeply"),
    "another tool's": ({"results": {}}, "is no log known here"),
}  # fmt: skip


def refused(path: Path, message: str, *more: str) -> None:
    done = CliRunner().invoke(app, ["import", str(path), *more])
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("mathb: ") and len(line) < 1000 and re.search(message, line) and path.name in line, line


@pytest.mark.parametrize("what", ROWS)
def test_a_row_of_another_layout_is_named(tmp_path, what):
    row, message = ROWS[what]
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row) + "\n")
    refused(path, f"line 1.*{message}")


@pytest.mark.parametrize("what", LOGS)
def test_a_log_of_another_layout_is_named(tmp_path, what):
    content, message = LOGS[what]
    path = tmp_path / "x.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    refused(path, message)


def dictionary(path: Path) -> None:
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"id": [str(i) for i in range(20_000)], "gold": ["5"] * 20_000, "text": once}), path)


def nested(path: Path) -> None:
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"completions": pa.ListArray.from_arrays([0, 10_000, 20_000], once)}), path)


def zeros(path: Path) -> None:
    junk = pa.array([bytes(50_000)] * 20_000)
    pq.write_table(pa.table({"problem": range(20_000), "n": range(20_000), "c": range(20_000), "junk": junk}), path,
                   use_dictionary=False, compression="zstd")  # fmt: skip


def archived(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(HEAD))
        for number in range(2):
            archive.writestr(f"samples/{number}.json", b'"' + b" " * (100 << 20) + b'"')


def zst_member(told: int, packed: bytes) -> bytes:
    """An archive with a member packed by Zstandard, which Python does not write yet."""
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("header.json", json.dumps(HEAD))
    whole, name = plain.getvalue(), b"samples/1.json"
    start, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    sizes = (0, len(packed), told, len(name), 0)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 93, 0, 0, *sizes) + name + packed
    listed = whole[start:end] + struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 93, 0, 0, *sizes, 0, 0, 0, 0,
                                            start) + name  # fmt: skip
    body = whole[:start] + local
    return body + listed + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2, 2, len(listed), len(body), 0)


SPACES = zstandard.compress(b" " * (300 << 20))
BOMBS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text.parquet": (dictionary, "unpacks to more than 1,000 times its size"),
    "nested.parquet": (nested, "unpacks to more than 1,000 times its size"),
    "zeros.parquet": (zeros, "unpacks to more than 1,000 times its size"),
    "deflate.eval": (archived, "unpacks to more than 1,000 times its size|is damaged|is not JSON"),
    "told.eval": (lambda path: path.write_bytes(zst_member(300 << 20, SPACES)), "unpacks to more than 1,000 times"),
    "untold.eval": (lambda path: path.write_bytes(zst_member(10, SPACES)), "samples/1.json in .* is damaged"),
    "letters.csv.gz": (lambda path: path.write_bytes(gzip.compress(b"problem,n,c\n" + b"a" * (300 << 20))),
                       "unpacks to more than 100 times its size"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_left_before_it_fills_the_memory(tmp_path, name):
    make, message = BOMBS[name]
    make(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / name, message)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # kB


def test_what_is_meant_often_is_read_where_it_is_no_bomb(tmp_path):
    """A prompt that many rows share, plain and in lists, comes back in every row."""
    rows = [{"problem": str(i), "n": 4, "c": i % 5, "shared": "q" * 100, "turns": [{"role": "user"}]} for i in range(9)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    samples = read_foreign_counts(tmp_path / "x.parquet")
    assert samples.outcomes["c"].tolist() == [i % 5 for i in range(9)]


def test_half_pairs_of_surrogates_and_nan_of_other_tools_are_read(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"id": "p\\udc00", "gold": "5", "text": "\\ud800 \\\\boxed{5}", "score": NaN, "model": "m\\ud83d"}\n'
        '{"id": "q", "gold": "5", "text": "\\ud83d\\ude00 \\\\boxed{6}", "score": 0, "model": "m\\ud83d"}\n'
    )
    done = CliRunner().invoke(app, ["import", str(path), "--name", "mine"])
    assert done.exit_code == 0, done.output
    again = load_samples("mine")
    assert again.outcomes["problem"].tolist() == ["p\ufffd", "q"] and again.models == ["m\ufffd"]
    assert again.outcomes["c"].tolist() == [1, 0] and again.verdicts["their_verdict"].isna().tolist() == [True, False]
    counts = tmp_path / "c.jsonl"
    counts.write_text('{"problem": "\\ud800", "n": 4, "c": 1}\n')
    assert read_foreign_counts(counts).outcomes["problem"].tolist() == ["\ufffd"]
    (tmp_path / "nan.json").write_text(json.dumps(log(SAMPLE, plan={"config": {"temperature": float("nan")}})))
    import_files([tmp_path / "nan.json"]).save("nan")
    assert load_samples("nan").models == ["m"]


@pytest.mark.parametrize("name", ["a/b", "..", ".x", "", "a\nb", "x" * 300, "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_graded(tmp_path, monkeypatch, name):
    monkeypatch.setattr("mathb_kit.foreign.import_files", lambda *_, **__: pytest.fail("read the files"))
    (tmp_path / "x.csv").write_text("problem,n,c\na,4,1\n")
    done = CliRunner().invoke(app, ["import", str(tmp_path / "x.csv"), "--name", name])
    assert done.exit_code == 2 and "cannot name an import" in done.stderr and len(done.stderr) < 300, done.output


VERSIONS = [pd.DataFrame({"problem": ["p", "q"], "n": 4, "c": [i, 4 - i]}) for i in range(3)]


def imported(tmp_path: Path, number: int):
    VERSIONS[number].to_csv(tmp_path / f"{number}.csv", index=False)
    return import_files([tmp_path / f"{number}.csv"])


def there() -> int:
    """Which version the import is, all of it."""
    samples = load_samples("mine")
    number = int(samples.outcomes["c"].iloc[0])
    assert samples.outcomes["c"].tolist() == VERSIONS[number]["c"].tolist()
    assert samples.origin["files"][0]["name"] == f"{number}.csv"
    return number


def test_an_import_that_ends_anywhere_leaves_the_old_one_or_the_new_one_whole(tmp_path, monkeypatch):
    """Every rename and every removal may be the last thing that a process does."""
    imported(tmp_path, 0).save("mine")
    steps = 0
    for last in range(20):
        calls, new = [], imported(tmp_path, 1)

        def dies(do):
            def call(*arguments, **options):
                calls.append(1)
                if len(calls) > last:
                    raise KeyboardInterrupt
                return do(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dies(os.replace))
            patch.setattr(Path, "unlink", dies(Path.unlink))
            try:
                new.save("mine")
            except KeyboardInterrupt:
                steps += 1
        assert there() in (0, 1)
        if len(calls) <= last:
            break
        imported(tmp_path, 0).save("mine")
        assert there() == 0
    assert steps >= 3 and there() == 1
    for file in (tmp_path / "runs" / "imports" / "mine").iterdir():
        os.utime(file, (0, 0))
    imported(tmp_path, 2).save("mine")
    names = sorted(re.sub("-.*", "", file.name) for file in (tmp_path / "runs" / "imports" / "mine").iterdir())
    assert names == ["origin.json", "outcomes"]  # what the killed ones left went with time


def test_two_who_import_under_one_name_leave_one_of_the_two_and_no_reader_sees_a_mixture(tmp_path):
    samples = [imported(tmp_path, 0), imported(tmp_path, 1)]
    samples[0].save("mine")
    threads = [threading.Thread(target=lambda own=own: [own.save("mine") for _ in range(30)]) for own in samples]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        seen.add(there())
    assert seen <= {0, 1} and there() in (0, 1)


def test_a_damaged_import_is_named_with_the_remedy(tmp_path):
    imported(tmp_path, 0).save("mine")
    folder = tmp_path / "runs" / "imports" / "mine"
    whole = {file: file.read_bytes() for file in folder.iterdir()}
    table, record = next(folder.glob("*.parquet")), folder / "origin.json"
    flipped = bytearray(whole[table])
    flipped[len(flipped) // 2] ^= 1
    spoilt = {table: [b"", whole[table][:100], bytes(flipped), None],
              record: [b"", b"[]", b"{}", b"{", b'{"tables": [1]}', b'{"tables": {"outcomes": 5}}']}  # fmt: skip
    for file, contents in spoilt.items():
        for content in contents:
            file.unlink()
            if content is not None:
                file.write_bytes(content)
            with pytest.raises(MathbError, match="mine.* import it again") as said:
                load_samples("mine")
            assert "\n" not in str(said.value)
            file.write_bytes(whole[file])
    assert there() == 0


def test_an_import_of_before_tables_had_names_is_read(tmp_path):
    samples = imported(tmp_path, 0)
    folder = samples.save("mine")
    record = json.loads((folder / "origin.json").read_text())
    next(folder.glob("outcomes-*.parquet")).rename(folder / "outcomes.parquet")
    record.pop("tables")
    (folder / "origin.json").write_text(json.dumps(record))
    assert there() == 0
    imported(tmp_path, 1).save("mine")
    assert there() == 1 and not (folder / "outcomes.parquet").exists()


def test_a_report_goes_to_a_device_through_a_link_and_into_a_new_folder_and_a_full_disk_is_said(tmp_path):
    """What is there already and is no file is written to, never replaced by one."""
    table = pd.DataFrame([(m, f"p{i}", 4, i % k) for m, k in (("a", 2), ("b", 4)) for i in range(6)])
    table.to_csv(tmp_path / "x.csv", index=False, header=["model", "problem", "n", "c"])
    words = ["compare", "a", "b", "--in", str(tmp_path / "x.csv"), "--report"]
    os.mkfifo(tmp_path / "pipe")
    read = []
    thread = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    thread.start()
    (tmp_path / "link.tex").symlink_to(tmp_path / "target.tex")
    for name in ("pipe", "link.tex", "new/folder/r.tex"):
        done = CliRunner().invoke(app, [*words, str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    thread.join()
    whole = (tmp_path / "new/folder/r.tex").read_text()
    assert read == [whole] and (tmp_path / "target.tex").read_text() == whole and whole.startswith("% made by")
    assert (tmp_path / "link.tex").is_symlink() and (tmp_path / "pipe").is_fifo()
    done = CliRunner().invoke(app, [*words, str(tmp_path)])
    assert done.exit_code == 2 and f"{tmp_path} cannot be used" in done.stderr
    if Path("/dev/full").is_char_device():
        done = CliRunner().invoke(app, [*words, "/dev/full"])
        assert done.exit_code == 2 and "no space left on the disk" in done.stderr
        assert Path("/dev/full").is_char_device()
