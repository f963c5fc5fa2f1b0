"""Counts of others: read as they stand, refused in one sentence where they cannot be what they say."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest

from mathb_kit.errors import MathbError
from mathb_kit.foreign import arms_of, import_files, load_samples, open_samples, read_foreign_counts, require_comparable

ROWS = [("a", "p1", 4, 0), ("a", "p2", 4, 3), ("b", "p1", 4, 1), ("b", "p2", 4, 4)]
CSV = "model,problem,n,c\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))


def counts_of(samples) -> list[tuple]:
    return list(samples.outcomes[["model", "problem", "n", "c"]].itertuples(index=False, name=None))


def test_csv_tsv_gzip_jsonl_and_parquet_give_the_same_counts(tmp_path):
    table = pd.DataFrame(ROWS, columns=["model", "problem", "n", "c"])
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.tsv").write_text(CSV.replace(",", "\t"))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")))
    table.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.parquet"):
        samples = read_foreign_counts(tmp_path / name)
        assert counts_of(samples) == ROWS and samples.on == "a", name
        assert samples.note.startswith("sampled elsewhere")


def test_a_column_per_model_and_a_row_per_model_are_the_same(tmp_path):
    (tmp_path / "wide.csv").write_text("problem,n,c_a,c_b\np1,4,0,1\np2,4,3,4\n")
    assert counts_of(read_foreign_counts(tmp_path / "wide.csv")) == ROWS


def test_columns_of_other_names_and_chosen_rows(tmp_path):
    (tmp_path / "x.csv").write_text("bench,run,task,tries,good\nM,a,1,4,0\nM,b,1,4,1\nG,a,1,9,9\n")
    names = {"model": "run", "problem": "task", "n": "tries", "c": "good"}
    samples = read_foreign_counts(tmp_path / "x.csv", columns=names, where={"bench": "M"})
    assert counts_of(samples) == [("a", "1", 4, 0), ("b", "1", 4, 1)]


def test_an_import_comes_back_as_it_was_kept(tmp_path):
    (tmp_path / "x.csv").write_text(CSV)
    samples = import_files([tmp_path / "x.csv"], source="somebody", licence="MIT", grader="exact match")
    samples.save("mine")
    again = load_samples("mine")
    pd.testing.assert_frame_equal(again.outcomes, samples.outcomes, check_dtype=False)
    assert again.origin == samples.origin and len(again.origin["files"][0]["sha256"]) == 64
    assert again.note == "sampled elsewhere: somebody; MIT; verdicts exact match"
    assert str(tmp_path) not in json.dumps(again.origin)


def test_arms_are_never_compared_in_silence(tmp_path):
    (tmp_path / "x.csv").write_text(CSV)
    (tmp_path / "y.csv").write_text(CSV.replace("b,", "z,"))
    first, second = (open_samples(str(tmp_path / name)) for name in ("x.csv", "y.csv"))
    base = first.arm("a")
    require_comparable(base, first.arm("b"))
    with pytest.raises(MathbError, match="a difference may be the graders'"):
        require_comparable(base, second.arm("z"))
    require_comparable(base, second.arm("z"), mixed_graders=True)
    other = first.arm("b").assign(n=[4, 8], plan=["fixed 4", "fixed 8"])
    with pytest.raises(MathbError, match="b, the tuned model, has between 4 and 8 attempts at a problem"):
        require_comparable(base, other)
    with pytest.raises(MathbError, match="1 are in one of them only, the first being 'p2'"):
        require_comparable(base, first.arm("b").iloc[:1])
    golds = base.assign(gold=["1", "2"]), first.arm("b").assign(gold=["1", "3"])
    with pytest.raises(MathbError, match="The golds of a and b differ at 1 problems: 'p2' has '2' and '3'"):
        require_comparable(*golds)
    with pytest.raises(MathbError, match="There is no model 'c'"):
        arms_of([first], ["a", "c"])
