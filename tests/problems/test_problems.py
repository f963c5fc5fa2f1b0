from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from mathb_kit.errors import MathbError
from mathb_kit.miniature import shipped_sets
from mathb_kit.problems import Problem, files, load_problems, loader, problem_sets, set_and_id, write_problems


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


# (set, rows, note, id and gold of the first row) as data/README and the files themselves state them
REAL = [
    ("math-test", 5000, "23 golds from solutions with boxes that differ", "0", "2"),
    ("math-500", 500, "", "test/precalculus/807.json", r"\left( 3, \frac{\pi}{2} \right)"),
    ("aime-2024", 30, "", "2024-I-1", "204"),
    ("aime-2025", 30, "", "2025-I-1", "70"),
    ("amc-23", 40, "", "0", "27"),
    ("dapo-math-17k", 17_917, "", "0", "34"),
    ("deepscaler", 11_658, "11,658 of 40,315; 3 without a gold", "math-0", "0"),
    ("math-500-level-1", 43, "", "test/precalculus/1303.json", r"\sqrt{51}"),
    ("gsm8k", 1319, "", "1", "18"),
    ("gsm8k-train", 7473, "", "1", "72"),
    ("mawps", 2065, "", "0", "43"),
    ("asdiv", 2215, "", "0", "9"),
    ("svamp", 1000, "", "chal-777", "145"),
]


@pytest.mark.parametrize(("name", "rows", "note", "id", "gold"), REAL)
def test_real_files_load_whole_or_say_what_is_missing(data_folder, monkeypatch, name, rows, note, id, gold):
    monkeypatch.setenv("MATHB_DATA_DIR", str(data_folder))
    problems = load_problems(name)
    assert (len(problems), problems.note) == (rows, note)
    assert (problems[0].id, problems[0].gold) == (id, gold)
    assert all(problem.statement.strip() for problem in problems)


def test_every_miniature_set_is_registered_and_loads():
    assert set(shipped_sets()) == {name for name, entry in loader.registry().items() if entry.builtin}
    for name in shipped_sets():
        problems = load_problems(name)
        assert problems.source == "built in" and all(p.gold for p in problems)


def test_an_unknown_name_is_answered_with_the_closest_one():
    with pytest.raises(MathbError, match=r"math500.*did you mean math-500\?.*aime-2024"):
        load_problems("math500")


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_lines_end_at_newlines_only(tmp_path, monkeypatch, block):
    monkeypatch.setattr(files, "_BLOCK", block)
    statement = "first\u2028second\x0bthird\x85fourth"
    row = json.dumps({"problem": statement, "answer": 7}, ensure_ascii=False)
    text = b"\xef\xbb\xbf" + f"{row}\r\n\n{row}".encode()
    for path, content in (("own.jsonl", text), ("own.jsonl.zst", zstandard.compress(text))):
        (tmp_path / path).write_bytes(content)
        problems = load_problems(tmp_path / path)
        assert [(p.set, p.id, p.statement, p.gold) for p in problems] == [
            ("own", "1", statement, "7"),
            ("own", "2", statement, "7"),
        ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"problem": "a", "answer": "1"}, {"problem": "b"}], r"bad\.jsonl, line 2 has no 'answer'"),
        ([{"problem": "a", "answer": "1"}, {"problem": "b", "answer": " "}], r"line 2 has no 'answer'"),
        ([{"problem": "a", "answer": "1"}, "\n", {"answer": "2"}], r"line 3 has no 'problem'"),
        ([{"problem": "a", "answer": ["1"]}], r"line 1: 'answer' must be text or a number, not list"),
        ([{"problem": "a", "answer": True}], r"line 1: 'answer' must be text or a number, not bool"),
        ([{"problem": "a"}], r"line 1 has none of the fields answer, gold"),
        ([{"problem": "a", "answer": "1"}, '{"problem": "b", "ans'], r"line 2 is not a JSON object"),
        (["[1]\n"], r"line 1 is not a JSON object but list"),
        (
            [{"id": 3, "problem": "a", "answer": "1"}, {"id": "3", "problem": "b", "answer": 1}],
            r"line 2 .*'3' of .*line 1",
        ),
        ([], r"bad\.jsonl is empty"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_field(tmp_path, lines, message):
    with pytest.raises(MathbError, match=message):
        load_problems(write(tmp_path / "bad.jsonl", *lines))


def test_a_local_copy_is_read_in_any_format_and_a_partial_one_says_so(tmp_path, monkeypatch):
    import pandas as pd

    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    rows = [{"id": str(i), "problem": f"p{i}", "answer": str(i), "year": 2024} for i in range(3)]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    frames = zstandard.compress(text[:50]) + zstandard.compress(text[50:])
    for file in ("aime24.jsonl", "aime24.jsonl.zst", "aime24.parquet"):
        path = tmp_path / file
        if file.endswith(".parquet"):
            pd.DataFrame(rows).to_parquet(path)
        else:
            path.write_bytes(frames if file.endswith(".zst") else text)
        problems = load_problems("aime-2024")
        assert problems.source == str(path)
        assert problems.note == "3 of 30"
        assert [(p.id, p.statement, p.gold, p.meta) for p in problems][2] == ("2", "p2", "2", {"year": 2024})
        path.unlink()


@pytest.mark.parametrize("name", ["aime24.jsonl.zst", "aime24.parquet"])
def test_a_truncated_file_is_an_error_not_a_shorter_set(tmp_path, monkeypatch, name):
    import pandas as pd

    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    rows = [{"id": str(i), "problem": f"p{i}" * 50, "answer": str(i)} for i in range(30)]
    path = tmp_path / name
    if name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_bytes(zstandard.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert len(load_problems("aime-2024")) == 30
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MathbError, match=f"{name}.*fetch it again"):
        load_problems("aime-2024")


def test_a_data_folder_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("MATHB_DATA_DIR", "no/such/folder")
    with pytest.raises(MathbError, match="MATHB_DATA_DIR is 'no/such/folder'"):
        load_problems("aime-2024")


def test_without_a_network_the_sentence_names_both_remedies(tmp_path):
    script = (
        "from mathb_kit.problems import load_problems\n"
        "from mathb_kit.errors import MathbError\n"
        "try: load_problems('math-500')\n"
        "except MathbError as error: print(error)\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert all(
        words in done.stdout
        for words in ("go online", "mathb problems fetch math-500 --to", "MATHB_DATA_DIR", "math500.jsonl")
    ), done.stderr


def test_written_problems_are_read_back_whatever_else_their_source_says(tmp_path):
    meta = {"id": "7", "problem": "other", "answer": "other", "level": 3}
    (again,) = load_problems(write_problems([Problem("mine", "a", "Find $1$.", "1", meta)], tmp_path / "mine.jsonl"))
    assert (again.id, again.statement, again.gold, again.meta) == ("a", "Find $1$.", "1", {"level": 3})


def test_the_list_says_where_a_set_would_come_from(tmp_path, monkeypatch):
    write(tmp_path / "math-500.jsonl", {})
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    where = problem_sets().set_index("name")["where"]
    assert (where["mini-math"], where["math-500"], where["aime-2024"]) == ("built in", "local", "hub")


def test_a_sieved_file_says_in_how_many_attempts_its_problems_were_left_unsolved(tmp_path):
    row = {"problem": "Find $1+1$.", "answer": "2", "base_unsolved": True}
    variants = {"plain": row, "column": row | {"selected_in": 256}, "rates": row | {"base_pass@64": 0.0, "other": 1}}
    for name, each in variants.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(each) + "\n")
    (tmp_path / "released.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "released.provenance.json").write_text(json.dumps({"plan": "16/64/512 stop 1"}))
    known = {name: load_problems(tmp_path / f"{name}.jsonl").selected_in for name in (*variants, "released")}
    assert known == {"plain": None, "column": 256, "rates": 64, "released": 512}
    shipped = load_problems("mini-math-b")
    assert shipped.selected_in == 1024 == shipped.unsolved_by("mini-base-1").selected_in == shipped[:3].selected_in


def test_the_parts_of_a_set_are_disjoint_and_together_the_whole(data_folder, monkeypatch):
    monkeypatch.setenv("MATHB_DATA_DIR", str(data_folder))
    parts = [load_problems(f"math-500-level-{level}") for level in range(1, 6)]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in load_problems("math-500"))
    assert [{p.meta["level"] for p in part} for part in parts] == [{1}, {2}, {3}, {4}, {5}]


def test_a_part_needs_the_column_that_parts_it(tmp_path, monkeypatch):
    rows = [{"unique_id": str(n), "problem": f"p{n}", "answer": "1", "level": level} for n, level in enumerate("121")]
    write(tmp_path / "math500.jsonl", *rows)
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    assert [p.id for p in load_problems("math-500-level-1")] == ["0", "2"]
    write(tmp_path / "math500.jsonl", {"unique_id": "0", "problem": "p", "answer": "1"})
    with pytest.raises(MathbError, match="line 1 has no column 'level'"):
        load_problems("math-500-level-1")


def test_a_set_on_no_hub_says_where_a_copy_comes_from(monkeypatch):
    monkeypatch.delenv("MATHB_DATA_DIR", raising=False)
    with pytest.raises(MathbError, match=r"put svamp.jsonl \(from .*svamp\) into a folder and let MATHB_DATA_DIR"):
        load_problems("svamp")


def test_a_story_and_its_question_become_one_statement_and_units_leave_the_gold(tmp_path, monkeypatch):
    row = {"idx": 1, "body": "Ann has 2 pens", "question": "How many (in all)?", "answer": "2 (pens)"}
    write(tmp_path / "asdiv.jsonl", row, row | {"idx": 2, "body": "Well!", "answer": "3:4"})
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    one, two = load_problems("asdiv")
    assert (one.statement, one.gold) == ("Ann has 2 pens. How many (in all)?", "2")
    assert (two.statement, two.gold) == ("Well! How many (in all)?", "3:4")


def test_set_and_id_are_read_off_a_key_whatever_the_id_is():
    assert set_and_id(Problem("mine", "a@b/c", "Find $1$.", "1").key) == "mine/a@b/c"
    assert set_and_id("a row of somebody's counts") == "a row of somebody's counts"
