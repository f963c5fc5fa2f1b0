"""Dirty files through the command line: one clear sentence that names the file, exit code 2, and nothing is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from foreign_logs import inspect_log, write_lighteval
from typer.testing import CliRunner

from mathb_kit.cli import app

COUNTS = "model,problem,n,c\na,p1,4,0\na,p2,4,3\nb,p1,4,1\nb,p2,4,4\n"
ROWS = [{"problem": "p", "gold": "5", "text": r"\boxed{5}", "model": "m", "verdict": "correct", "index": 0,
         "finish": "stop", "tokens": 4}]  # fmt: skip


def text(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_text(content, encoding=encoding)
        return path

    return write


def log(name: str, **more) -> Callable[[Path], Path]:
    return lambda folder: text(name, json.dumps(inspect_log(ROWS, **more)))(folder)


def other_lighteval(folder: Path) -> Path:
    path = write_lighteval(ROWS, folder)
    pd.read_parquet(path).rename(columns={"model_response": "predictions", "doc": "full_prompt"}).to_parquet(path)
    return path


def cut_parquet(folder: Path) -> Path:
    path = write_lighteval(ROWS, folder)
    path.write_bytes(path.read_bytes()[:-30])
    return path


DIRTY = {
    "missing column": (text("d.csv", "model,problem,n\na,p1,4\n"),
                       "has no column 'c' (how many were correct); it has model, problem"),
    "n below c": (text("d.csv", "problem,n,c\np1,4,5\n"),
                  "row 1 (problem 'p1', 5 of 4) has more correct attempts than attempts; mend the row"),
    "a problem twice": (text("d.csv", "problem,n,c\np1,4,1\np1,4,2\n"), "row 2 (problem 'p1', 2 of 4) is there twice"),
    "empty gold in counts": (text("d.csv", "problem,n,c,gold\np1,4,1,\n"),
                             "row 1 (problem 'p1', 1 of 4) has an empty gold"),
    "empty gold in a log": (text("d.jsonl", '{"id": "p", "gold": " ", "completions": ["5"]}\n'
                                            '{"id": "q", "gold": "5", "completions": ["5"]}\n'),
                            "Problem 'p' of d has an empty gold"),
    "truncated JSON lines": (text("d.jsonl", '{"problem": "p1", "n": 4, "c": 1}\n{"problem": "p2", "n": 4'),
                             "d.jsonl, line 2 is not a JSON object"),
    "semicolons": (text("d.csv", "problem;n;c\np1;4;1\n"), "separates its columns by semicolons; save it with commas"),
    "tabs": (text("d.csv", "problem\tn\tc\np1\t4\t1\n"), "separates its columns by tabs; save it with commas"),
    "commas in a .tsv": (text("d.tsv", "problem,n,c\np1,4,1\n"), "separates its columns by commas"),
    "UTF-16": (text("d.csv", COUNTS, "utf-16"), "d.csv is in UTF-16; save it as UTF-8"),
    "UTF-16 JSON lines": (text("d.jsonl", '{"problem": "p"}\n', "utf-16"), "d.jsonl is in UTF-16; save it as UTF-8"),
    "Latin-1": (text("d.csv", "problem,n,c\ncafé,4,1\n", "latin-1"), "d.csv is not a whole CSV file"),
    "an Inspect log of another version": (log("d.json", version=9),
                                          "d.json is an Inspect log of version 9; this reads 1 and 2"),
    "an Inspect log without samples": (text("d.json", json.dumps({**inspect_log(ROWS), "samples": []})),
                                       "d.json holds no samples, only a header"),
    "samples of lm-eval before 0.4": (text("samples_t_2024-01-01T00.jsonl", '{"doc_id": 0, "doc": {}, "logit_0": 1}\n'),
                                      "line 1 has no 'resps', which lm-eval's samples have since version 0.4"),
    "lighteval of another layout": (other_lighteval, "is no details file of a known version of lighteval"),
    "a Parquet file cut short": (cut_parquet, "is not a readable Parquet file"),
    "no number": (text("d.csv", "problem,n,c\np1,4,many\n"), "row 1: c is 'many', not a whole number"),
    "no rows": (text("d.csv", "problem,n,c\n"), "d.csv has no rows"),
    "an empty file": (text("d.csv", ""), "d.csv is not a whole CSV file with a header"),
    "no problem": (text("d.csv", "problem,n,c\n,4,1\n"), "row 1 (problem '', 1 of 4) names no problem"),
    "no such file": (lambda folder: folder / "absent.csv", "There is no file"),
}  # fmt: skip


def refusal(*arguments: str) -> str:
    """The one sentence of a refused command."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 2 and not done.stdout, done.output
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("fault", DIRTY)
def test_a_dirty_file_is_refused_in_one_sentence_and_nothing_is_kept(fault, tmp_path):
    write, said = DIRTY[fault]
    path = write(tmp_path)
    sentence = refusal("import", str(path))
    assert said in sentence and path.name.partition(".")[0] in sentence
    assert not (tmp_path / "runs" / "imports").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    {
        COUNTS.replace("b,p2,4,4", "b,p2,8,4"): "b, the tuned model, has between 4 and 8 attempts at a problem; reach",
        COUNTS.replace("b,p2,4,4\n", ""): "a and b were not asked the same problems: 1 are in one of them only",
        COUNTS.replace("a,p2,4,3\n", "a,p2,4,3\na,p2,4,2\n"): "row 3 (problem 'p2', 2 of 4) is there twice",
        COUNTS.replace("b,", "c,"): "There is no model 'b'; there are a, c",
    }.items(),
)
def test_arms_that_do_not_fit_are_refused_in_one_sentence(content, said, tmp_path):
    path = text("d.csv", content)(tmp_path)
    assert said in refusal("compare", "a", "b", "--in", str(path))
    assert not (tmp_path / "runs" / "cards").exists()


def test_a_million_rows_are_imported(tmp_path):
    c = np.random.default_rng(0).integers(0, 17, 1_000_000)
    path = tmp_path / "big.csv"
    pd.DataFrame({"problem": np.arange(len(c)), "n": 16, "c": c}).to_csv(path, index=False)
    done = CliRunner().invoke(app, ["import", str(path), "--json"])
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)["models"]
    assert (row["problems"], row["correct"], row["solved"]) == (1_000_000, c.sum(), (c > 0).sum())


def test_formulas_in_names_of_others_stay_texts_and_come_back_as_they_were(tmp_path):
    """What a spreadsheet would run gets an apostrophe; numbers, also negative and as texts, get none."""
    from mathb_kit.csv_files import write_csv
    from mathb_kit.foreign import read_counts_table

    names = ['=HYPERLINK("http://x")', "+1+cmd", "-2-3", "@SUM(A1)", "'=quoted", "\tx", "-5", "+1.5e3", "3 %", "plain"]
    table = pd.DataFrame({"problem": names, "n": 4, "c": [-1.5, *range(9)], "=model": "m"})
    write_csv(table, tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    begun = [line.lstrip('"')[0] for line in lines[1:]]
    assert begun == ["'"] * 6 + ["-", "+", "3", "p"] and lines[0].endswith(",'=model")
    assert lines[1].split(",")[-2:] == ["-1.5", "m"]
    back = read_counts_table(tmp_path / "t.csv")
    assert back["problem"].tolist() == names and list(back) == list(table)


def test_two_logs_of_one_model_that_was_asked_differently_are_no_one_sample(tmp_path):
    first, second = (inspect_log(ROWS) for _ in range(2))
    for each, heat in ((first, 0.6), (second, 1.0)):
        each["plan"] = {"config": {"temperature": heat}}
    paths = [str(text(f"{name}.json", json.dumps(each))(tmp_path)) for name, each in (("a", first), ("b", second))]
    assert f"{paths[0]} and {paths[1]} hold attempts of" in refusal("import", *paths)
    assert "temperature: 0.6 and 1.0" in refusal("import", *paths)
    second["eval"]["model"] = "another"
    Path(paths[1]).write_text(json.dumps(second))
    assert CliRunner().invoke(app, ["import", *paths, "--name", "both"]).exit_code == 0
    from mathb_kit.foreign import load_samples

    samples = load_samples("both")
    assert [samples.settings(name)["temperature"] for name in samples.models] == [0.6, 1.0]


def test_runs_of_one_base_that_came_in_one_by_one_are_its_re_draws(tmp_path):
    """a's two draws and b in three imports: of what the first missed, the second draw is the null at k = n."""
    for name, c in (("a", [0, 0, 2]), ("again", [1, 0, 3]), ("b", [2, 1, 4])):
        rows = "".join(f"{name.replace('again', 'a')},p{i},4,{each}\n" for i, each in enumerate(c))
        path = text(f"{name}.csv", f"model,problem,n,c\n{rows}")(tmp_path)
        assert CliRunner().invoke(app, ["import", str(path), "--grader", "g", "--draw", name]).exit_code == 0
    sources = [word for name in ("a", "again", "b") for word in ("--in", name)]
    done = CliRunner().invoke(app, ["compare", "a:a", "b", *sources, "--redraw", "again", "--json"])
    assert done.exit_code == 0, done.stderr
    redrawn = json.loads(done.stdout)["redrawn"]
    rates = {(row["tuned"], row["metric"]): (row["count"], row["of"]) for row in redrawn}
    assert rates["b", "expansion"] == (2, 2) and rates["a re-drawn", "expansion"] == (1, 2)
    assert "a is in 2 of the sources" in refusal("compare", "a", "b", *sources)


