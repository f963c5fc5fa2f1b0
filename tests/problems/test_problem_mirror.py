from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from hub_copies import COPIES, stand_in

from mathb_kit.construction import answer_type
from mathb_kit.errors import MathbError
from mathb_kit.problems import ProblemSet, fetch, load_problems, loader, quirks
from mathb_kit.problems.quirks import boxes, integer

HUB_SETS = [name for name, entry in loader.registry().items() if entry.hub and not entry.of]


def triples(problems: ProblemSet) -> list[tuple[str, str, str]]:
    return [(problem.id, problem.statement, problem.gold) for problem in problems]


def contents(problems: ProblemSet) -> list[tuple]:
    return [(p.key, p.id, p.statement, p.gold, p.meta) for p in problems]


def test_every_set_of_the_hub_is_pinned_and_has_an_invented_copy():
    assert set(COPIES) == set(HUB_SETS)
    for name in HUB_SETS:
        assert re.fullmatch(r"[0-9a-f]{40}", loader.registry()[name].hub.revision), name
    assert {entry.quirk for entry in loader.registry().values()} - {None} == set(quirks.QUIRKS)


@pytest.mark.parametrize("name", HUB_SETS)
def test_the_real_columns_give_the_problems_that_their_rows_mean(tmp_path, monkeypatch, name):
    copy = stand_in(name, tmp_path, monkeypatch)
    problems = load_problems(name)
    assert triples(problems) == copy.problems
    assert problems.note == copy.note
    assert problems[0].meta == copy.meta
    assert problems.source == f"hub:{tmp_path / f'hub-{name}'}"


@pytest.mark.parametrize("name", HUB_SETS)
def test_a_mirror_gives_the_same_problems_as_the_hub_and_says_where_it_came_from(tmp_path, monkeypatch, name):
    copy = stand_in(name, tmp_path, monkeypatch)
    from_hub, folder, entry = load_problems(name), tmp_path / "mirror", loader.registry()[name]
    [path] = fetch(name, folder)
    assert path == folder / f"{entry.files[0]}.jsonl.zst"
    assert sorted(os.listdir(folder)) == [path.name, f"{entry.files[0]}.source.json"]
    told = json.loads((folder / f"{entry.files[0]}.source.json").read_text())
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (told["hub"], told["config"], told["split"]) == (entry.hub.path, entry.hub.config, entry.hub.split)
    assert told["rows"] == (3 if name == "dapo-math-17k" else len(copy.rows))
    assert told["note"] in copy.note and re.fullmatch(r"[0-9a-f]+", told["revision"])
    assert {entry.fields.statement, entry.fields.gold} <= set(told["columns"])
    monkeypatch.setenv("MATHB_DATA_DIR", str(folder))
    mirrored = load_problems(name)
    assert mirrored.source == str(path)
    assert contents(mirrored) == contents(from_hub)


def test_a_whole_copy_is_left_alone_and_any_other_is_fetched_again(tmp_path, monkeypatch):
    stand_in("aime-2025", tmp_path, monkeypatch)
    [path] = fetch(["aime-2025"], tmp_path)
    good, first = path.read_bytes(), path.stat().st_mtime_ns
    assert fetch("aime-2025", tmp_path) == [path] and path.stat().st_mtime_ns == first
    for spoil in (
        lambda: path.write_bytes(good[:-5]),
        lambda: (tmp_path / "aime25.source.json").write_text('{"sha256": '),
        lambda: path.unlink(),
    ):
        spoil()
        fetch("aime-2025", tmp_path)
        assert path.read_bytes() == good
    record = tmp_path / "aime25.source.json"
    before = record.stat().st_mtime_ns
    fetch("aime-2025", tmp_path, revision=json.loads(record.read_text())["revision"])
    assert record.stat().st_mtime_ns == before
    fetch("aime-2025", tmp_path, revision="another")
    assert record.stat().st_mtime_ns > before
    # The registry names another repository by now.
    stand_in("aime-2025", tmp_path / "2", monkeypatch, replace(COPIES["aime-2025"], rows=[("Find $1$.", "1", "9")]))
    fetch("aime-2025", tmp_path)
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    assert triples(load_problems("aime-2025")) == [("9", "Find $1$.", "1")]


def test_a_file_that_was_not_fetched_is_never_overwritten(tmp_path, monkeypatch):
    stand_in("aime-2025", tmp_path, monkeypatch)
    for own in ("aime-2025.parquet", "aime25.jsonl.zst"):
        (tmp_path / own).write_bytes(b"mine")
        assert fetch("aime-2025", tmp_path) == [tmp_path / own]
        assert (tmp_path / own).read_bytes() == b"mine"
        (tmp_path / own).unlink()


def test_all_fetches_one_file_for_each_repository(tmp_path, monkeypatch):
    for name in HUB_SETS:
        stand_in(name, tmp_path, monkeypatch)
    paths = fetch("all", tmp_path / "mirror")
    assert len(paths) == len(set(paths)) == len(HUB_SETS) - 1  # math-b and math-b-i are parts of one table
    assert fetch(["math-b-i", "math-b"], tmp_path / "mirror") == [tmp_path / "mirror" / "math_b.jsonl.zst"]


@pytest.mark.parametrize("end", ["error", "kill"])
def test_an_interrupted_fetch_leaves_no_half_copy(tmp_path, end):
    # The rows stop in the middle of the file: with an error, or with the process killed at once.
    script = f"""
import os, signal
from pathlib import Path
from mathb_kit.problems import fetch, mirror
class Rows:
    revision = "abc"
    def __init__(self, *_): pass
    def __iter__(self):
        for number in range(100_000):
            if number == 50_000:
                if {end!r} == "kill": os.kill(os.getpid(), signal.SIGKILL)
                raise RuntimeError("the network is gone")
            yield "here", {{"id": str(number), "problem": os.urandom(8).hex(), "answer": str(number)}}
mirror.HubRows = Rows
fetch("aime-2024", {str(tmp_path)!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == (-signal.SIGKILL if end == "kill" else 1), done.stderr
    visible = [name for name in os.listdir(tmp_path) if not name.startswith(".")]
    assert visible == []  # a killed process leaves at most a hidden file, which nothing reads
    assert end == "kill" or os.listdir(tmp_path) == []


def test_without_a_network_a_fetch_says_so_in_one_sentence_and_writes_nothing(tmp_path):
    script = (
        "from mathb_kit.problems import fetch\n"
        "from mathb_kit.errors import MathbError\n"
        f"try: fetch('deepmath-103k', {str(tmp_path / 'mirror')!r})\n"
        "except MathbError as error: print(error)\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert "deepmath-103k could not be fetched from the hub" in done.stdout, done.stderr
    assert "mathb problems fetch deepmath-103k --to FOLDER" in done.stdout and done.stdout.count("\n") == 1
    assert not (tmp_path / "mirror").exists()


def test_what_cannot_be_fetched_is_said(tmp_path, monkeypatch):
    with pytest.raises(MathbError, match="no folder to fetch into.*--to FOLDER.*MATHB_DATA_DIR"):
        fetch("math-500")
    with pytest.raises(MathbError, match="mini-math ships with mathb_kit"):
        fetch("mini-math", tmp_path)
    with pytest.raises(MathbError, match=r"math500.*did you mean math-500\?"):
        fetch("math500", tmp_path)
    stand_in("math-500", tmp_path, monkeypatch)
    (tmp_path / "file").write_text("")
    with pytest.raises(MathbError, match="Cannot write .*math500.*another folder"):
        fetch("math-500", tmp_path / "file")
    monkeypatch.setenv("MATHB_DATA_DIR", str(tmp_path))
    assert fetch("math-500") == fetch("math-500-level-3") == [tmp_path / "math500.jsonl.zst"]
    with pytest.raises(MathbError, match="svamp is on no hub known here but in .*src/data/svamp"):
        fetch("svamp", tmp_path)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("aime-2025", ("Find $1$.", "1/2", "3"), r"row 1: the answer '1/2' is not an integer"),
        ("aime-2025", ("Find $1$.", None, "3"), r"row 1 has no 'answer'"),
        ("math-test", ("Find $1$.", "Level 1", "It is $\\boxed{1$.", "Algebra"), r"row 1 has no complete \\boxed"),
        ("math-test", ("Find $1$.", "Level 1", None, "Algebra"), r"row 1 has no complete \\boxed"),
        ("dapo-math-17k", ("d", [], "MATH", {"ground_truth": "1"}, {"index": "u"}), "row 1: the prompt has 0 turns"),
        (
            "olympiadbench",
            (1, "See.", ["s"], ["$1$"], None, {"bytes": b"png", "path": None}, *[None] * 11),
            "row 1 needs the picture in 'image_1'",
        ),
        ("olympiadbench", (1, "See.", ["s"], [], None, *[None] * 12), "row 1 has no 'final_answer'"),
        ("gsm8k", ("How many?", "It is 3."), "row 1 has no #### before its gold"),
    ],
)
def test_a_row_that_breaks_the_rule_of_its_set_is_named(tmp_path, monkeypatch, name, row, message):
    stand_in(name, tmp_path, monkeypatch, replace(COPIES[name], rows=[row]))
    with pytest.raises(MathbError, match=message):
        load_problems(name)


def test_a_repository_without_a_column_says_which(tmp_path, monkeypatch):
    copy = COPIES["deepmath-103k"]
    columns = {name: kind for name, kind in copy.columns.items() if name != "topic"}
    rows = [(*row[:3], *row[4:]) for row in copy.rows]
    stand_in("deepmath-103k", tmp_path, monkeypatch, replace(copy, columns=columns, rows=rows))
    with pytest.raises(MathbError, match="hub-deepmath-103k has no column 'topic' at revision [0-9a-f]+; read it at"):
        load_problems("deepmath-103k")


def test_copies_of_a_dapo_row_that_disagree_are_refused_not_dropped(tmp_path, monkeypatch):
    copy = COPIES["dapo-math-17k"]
    other = (*copy.rows[0][:3], {"ground_truth": "3", "style": "rule"}, copy.rows[0][4])
    stand_in("dapo-math-17k", tmp_path, monkeypatch, replace(copy, rows=[*copy.rows, other]))
    with pytest.raises(MathbError, match=r"row 301 has the index 'u-1' of .*row 1; ids must be unique"):
        load_problems("dapo-math-17k")


def test_copies_are_dropped_while_reading():
    held = []

    def many():
        row = {"prompt": "p", "reward_model": {"ground_truth": "1"}}
        for number in range(100_000):
            yield f"row {number}", {**row, "extra_info": {"index": str(number % 2)}}

    fields, remarks = loader.registry()["dapo-math-17k"].fields, []
    for place, row in quirks.dapo_prompts(many(), fields, remarks):
        held.append((place, row["index"]))
        assert not remarks  # the rows come out while others are still to be read
    assert held == [("row 0", "0"), ("row 1", "1")]
    assert remarks == ["100,000 rows, 2 prompts"]


def test_the_data_folder_s_math_test_set_has_its_golds(data_folder, monkeypatch):
    monkeypatch.setenv("MATHB_DATA_DIR", str(data_folder))
    problems, known = load_problems("math-test"), load_problems("math-500")
    assert len(problems) == 5000 and all(problem.gold for problem in problems)
    # Counted with str.count on the file: 90 solutions have several boxes; in 23 these are different texts.
    assert sum(problem.meta["solution"].count("\\boxed") > 1 for problem in problems) == 90
    assert problems.note == "23 golds from solutions with boxes that differ"
    by_id = {problem.id: problem for problem in problems}
    # Read by hand. The eight whose problem wants its values "separated by commas" have a list for a gold.
    assert by_id["414"].gold == "-2, 1" and by_id["4562"].gold == "30^\\circ, 45^\\circ, 105^\\circ"
    assert by_id["3341"].gold == "\\frac{639}{40}" and by_id["3341"].meta["boxes"][0] == "15\\frac{39}{40}"
    lists = {p.id for p in problems if len(p.meta.get("boxes", ())) > 1 and p.gold == ", ".join(p.meta["boxes"])}
    assert lists == {"414", "2152", "2549", "2656", "2703", "4559", "4562", "4860"}
    # MATH-500 is a part of this set, with golds that others extracted.
    gold = {problem.statement: problem.gold for problem in problems}
    assert [gold[problem.statement] for problem in known] == [problem.gold for problem in known]


@pytest.mark.parametrize(
    ("solution", "contents"),
    [
        (r"so $x=\boxed{\frac{1}{2}}$", [r"\frac{1}{2}"]),
        (r"\boxed{1} then \fbox {2}", ["1", "2"]),
        (r"\boxed{\{1, 2\}}", [r"\{1, 2\}"]),
        (r"\boxed{a \boxed{b} c}", [r"a \boxed{b} c"]),
        (r"\boxed{\text{\textbf{(B)}}} \boxed{open", [r"\text{\textbf{(B)}}"]),
        ("no box, \\boxedx{1}", []),
        (r"\boxed{\\{}\\}", [r"\\{}\\"]),
    ],
)
def test_boxes_are_balanced(solution, contents):
    assert boxes(solution) == contents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("025", "25"), ("27.0", "27"), (r"336^\circ", "336"), (r"336^{\circ}", "336"), ("$12$", "12"), ("-3", "-3"),
        ("000", "0"), ("2.5", None), ("", None), ("12 cm", None), (r"\frac{4}{2}", None),
    ],
)  # fmt: skip
def test_integers_as_sources_write_them(text, value):
    assert integer(text) == value


def test_a_pool_is_narrowed_by_what_its_rows_say(tmp_path, monkeypatch):
    stand_in("deepmath-103k", tmp_path, monkeypatch)
    pool = load_problems("deepmath-103k")
    hard = pool.where(lambda p: p.meta["difficulty"] >= 5 and p.meta["topic"].startswith("Mathematics -> Algebra"))
    assert [p.id for p in hard] == ["1"] and hard.note == "1 of 2" and hard.name == pool.name
    assert [p.id for p in pool.where(lambda p: answer_type(p.gold) != "yes or no")] == ["2"]
