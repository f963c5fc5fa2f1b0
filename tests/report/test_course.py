"""The notebooks are a course: each opens, teaches and ends in the same way, and what it says to see comes from data."""

from __future__ import annotations

import ast
import builtins
import json
import re
from pathlib import Path

import jupytext
import pandas as pd
import pytest

from mathb_kit import sentences
from mathb_kit.errors import MathbError
from mathb_kit.plots import course
from mathb_kit.report.course import copy_course, course_notebooks, course_slides

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.py"))
EACH = pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda path: path.stem)
_ANSWER = re.compile(r"<details><summary>Answer</summary>\n\n(.+?)\n</details>", re.S)
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def cells(script: Path, kind: str) -> list[str]:
    return [cell.source for cell in jupytext.read(script, fmt="py:percent").cells if cell.cell_type == kind]


@EACH
def test_a_notebook_opens_with_its_question_what_will_be_seen_the_time_and_the_profile(script):
    opening = cells(script, "markdown")[0]
    assert opening.startswith(f"# {script.stem[:2]} · ")
    marks = [opening.index(f"**{word}** ") for word in ("You will see", "Time", "Profile")]
    assert marks == sorted(marks)


@EACH
def test_a_notebook_has_an_exercise_with_a_folded_answer_and_ends_with_the_way_on(script):
    texts = cells(script, "markdown")
    assert any(_ANSWER.search(text) for text in texts)
    last = jupytext.read(script, fmt="py:percent").cells[-1]
    assert last.cell_type == "markdown" and last.source.startswith("## Next\n") and ".ipynb)" in last.source


@EACH
def test_links_of_a_notebook_lead_to_files(script):
    for text in cells(script, "markdown"):
        for target in _LINK.findall(re.sub(r"\$[^$]+\$", "", text)):
            assert ":" in target or (script.parent / target).exists(), target


@EACH
def test_code_in_an_answer_uses_only_names_that_the_notebook_or_the_answer_itself_makes(script):
    known = {*dir(builtins), *(name for source in cells(script, "code") for name in made(source))}
    answers = [code for text in cells(script, "markdown") for answer in _ANSWER.findall(text)
               for code in re.findall(r"```python\n(.+?)```", answer, re.S)]  # fmt: skip
    for code in answers:
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        assert used <= known | made(code), used - known - made(code)


def made(source: str) -> set[str]:
    """Names that a piece of code assigns, defines or imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def test_the_map_shows_every_notebook_and_every_one_can_be_reached_from_the_first():
    numbers = [script.stem[:2] for script in NOTEBOOKS]
    assert [number for number, *_ in course.STATIONS] == numbers
    reached = {"00"}
    for start, end in course.PATHS:  # listed so that a way is known before it is gone on
        assert start in reached
        reached.add(end)
    assert reached == set(numbers)
    table = "".join(text for text in cells(NOTEBOOKS[0], "markdown") if "| notebook |" in text)
    assert all(f"]({script.stem}.ipynb)" in table for script in NOTEBOOKS[1:])


def test_the_ends_of_curves_are_told_panel_by_panel_and_apart_where_they_end_apart():
    curves = pd.DataFrame(
        [("easy", "a", 1, 0.5), ("easy", "a", 4, 1.0), ("hard", "a", 1, 0.0), ("hard", "a", 4, 0.034),
         ("hard", "b", 1, 0.25), ("hard", "b", 2, 0.5), ("hard", "b", 4, float("nan"))],
        columns=["set", "name", "k", "estimate"],
    )  # fmt: skip
    assert sentences.ends_sentence(curves, "name", "set").split("\n") == [
        "easy: from k = 1 to 4, a 50 % to 100 %.",
        "hard: a 0 % to 3.4 % (k = 1 to 4); b 25 % to 50 % (k = 1 to 2).",
    ]
    easy = curves[curves["set"] == "easy"]
    assert sentences.last_step_sentence(easy, "name") == (
        "The step from k = 1 to 4 still brings at most 50.0 points (a)."
    )


def test_a_difference_counts_as_one_only_where_its_interval_leaves_out_zero():
    table = pd.DataFrame(
        [("a", 1, 0.1, 0.2), ("b", 1, -0.1, 0.2), ("a", 8, -0.2, -0.1), ("b", 8, -0.3, -0.1), ("a", 64, 0.0, 0.0),
         ("b", 64, -1.0, 0.0)],
        columns=["tuned", "k", "low", "high"],
    )  # fmt: skip
    assert sentences.differences_sentence(table).split("\n") == [
        "At k = 1 the interval lies above 0 for a, around 0 for 1 of 2.",
        "At k = 8 the interval lies below 0 for a, b.",
        "At k = 64 the interval lies around 0 for all.",
    ]


def test_a_prediction_that_failed_is_named():
    table = pd.DataFrame(
        {"model": ["a", "b"], "low": [0.0, 2.0], "high": [3.0, 4.0], "solved by a fresh draw": [3.0, 1.0]}
    )
    assert sentences.foreseen_sentence(table) == (
        "The fresh draw solves 3 for a, 1 for b. It lies in the predicted interval for 1 of 2 models (not for b)."
    )


def test_attempts_saved_are_those_of_both_plans_together():
    saved = pd.DataFrame(
        [("easy", "a", 10, 100, 10.0), ("hard", "a", 40, 100, 2.5)],
        columns=["set", "name", "attempts", "fixed_attempts", "ratio"],
    )
    told = sentences.saved_sentence(saved)
    assert "50 attempts in place of 200: 4.0 times fewer" in told and "least by a on hard (2.5 times)" in told


def test_sets_that_differ_are_told_apart_by_both_sides():
    assert "again: the same 2 problems" in sentences.overlap_sentence({"x", "y"}, ["y", "x"])
    assert "2 problems are unsolved in this run only, 1 in the shipped" in sentences.overlap_sentence("xy", "yzw")


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (1e-5, "below 0.1 %"), (0.034, "3.4 %"), (0.48, "48 %"), (0.977, "97.7 %"), (0.9999, "100 %")],
)
def test_shares_are_told_with_a_decimal_near_the_ends(share, told):
    assert sentences.percent(share) == told


def test_what_you_should_see_is_a_list_where_it_has_lines_and_makes_no_formula_of_two_dollars(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda each: shown.append(each.data))
    sentences.you_should_see("One.")
    sentences.you_should_see("a costs $1", "b\nc costs $2")
    assert shown[0] == "**What you should see.** One."
    assert shown[1] == "**What you should see.** \n\n- a costs \\$1\n- b\n- c costs \\$2"


def test_copies_of_the_course_lead_to_each_other_and_write_over_nothing(tmp_path):
    copies = copy_course(tmp_path / "mine")
    assert {copy.stem for copy in copies} == {path.stem for path in NOTEBOOKS} | {"quick_experiment"}
    pages = sorted((tmp_path / "mine" / "docs").glob("*.md"))
    links = []
    for file in [*copies, *pages]:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".ipynb":
            sources = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
            text = "\n".join("".join(source) for source in sources)
        links += [(file, link) for link in _LINK.findall(re.sub(r"\$[^$]+\$", "", text)) if ":" not in link]
    assert len(links) > 30
    assert not [(file.name, link) for file, link in links if not (file.parent / link).is_file()]
    work = copies[0].read_bytes()
    with pytest.raises(MathbError, match=r"00_start_here\.ipynb is there already .*name another folder"):
        copy_course(tmp_path / "mine")
    assert copies[0].read_bytes() == work


def test_code_cells_of_copies_are_those_of_the_notebooks(tmp_path):
    for copy in copy_course(tmp_path):
        cells = {name: json.loads(path.read_text(encoding="utf-8"))["cells"]
                 for name, path in (("copy", copy), ("source", NOTEBOOKS[0].with_name(copy.name)))}  # fmt: skip
        code = {name: [cell for cell in each if cell["cell_type"] == "code"] for name, each in cells.items()}
        assert [cell["source"] for cell in code["copy"]] == [cell["source"] for cell in code["source"]] != []
        for cell in code["copy"]:
            hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
            assert hidden == ("hide-input" in cell["metadata"].get("tags", []))


def test_slides_of_every_notebook_are_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    slides = course_slides(tmp_path / "slides")
    assert {path.stem for path in slides} == {path.stem for path in NOTEBOOKS} | {"quick_experiment"}
    assert all(path.read_text(encoding="utf-8").count("<article>") > 3 for path in slides)


def test_the_list_of_the_course_has_every_notebook_by_its_own_heading():
    titles = dict(course_notebooks().values)
    assert [name for name in titles if name[0].isdigit()] == [path.stem for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        assert cells(path, "markdown")[0].startswith(f"# {titles[path.stem]}\n")
