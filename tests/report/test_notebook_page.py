"""Pages and slides of notebooks: what is folded away, what is left out, where links lead, by day and by night."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mathb_kit.report.notebook_page import write_notebook_page, write_slides

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def code(source: str, *outputs: nbformat.NotebookNode, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """An executed notebook in a folder of a run, beside a folder of notebooks with one more."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "words.md").touch()
    for name in ("one", "two"):
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    cells = [
        new_markdown_cell("# One\n$p^k$, [words](../docs/words.md#k), [gone](../docs/gone.md), [two](two.ipynb)."),
        new_markdown_cell("**Before you look.** How many?", metadata={"tags": ["prediction"]}),
        code("seen = 1", new_output("stream", name="stderr", text="12 of 64 attempts\n")),
        code("table", new_output("execute_result", data={"text/html": "<table><tr><td>7</td></tr></table>"})),
        code("figure", new_output("display_data", data={"image/png": PNG}, metadata={"image/png": {"alt": "A dot."}})),
        code("plumbing()", new_output("stream", name="stdout", text="kept\n"), tags=("hide-input",)),
        code("secret()", new_output("stream", name="stdout", text="never shown\n"), tags=("remove-cell",)),
        code("1 / 0", new_output("error", ename="ZeroDivisionError", evalue="by zero", traceback=["at 1 / 0"])),
        new_markdown_cell("## Next\n[two](two.ipynb)"),
    ]  # fmt: skip
    path = tmp_path / "run" / "one.ipynb"
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=cells), path)
    return path


def page_of(executed: Path) -> str:
    return write_notebook_page(executed, executed.parents[1] / "notebooks").read_text(encoding="utf-8")


def test_code_that_is_tagged_is_folded_or_left_out_and_what_came_out_is_shown(executed):
    page = page_of(executed)
    assert re.search(r'<details class="source"><summary>code</summary>.*?plumbing', page, re.S) and "kept" in page
    assert page.count('<details class="source">') == 1 and '<div class="source">' in page
    assert "secret" not in page and "never shown" not in page
    assert "<td>7</td>" in page and 'alt="A dot."' in page and "ZeroDivisionError" not in page and "at 1 / 0" in page
    assert '<section class="text tag-prediction">' in page and "<msup>" in page


def test_progress_is_folded_away_and_no_error(executed):
    page = page_of(executed)
    (folded,) = re.findall(r'<details class="progress">.*?</details>', page, re.S)
    assert "12 of 64 attempts" in folded
    assert page.count("12 of 64 attempts") == 1 and page.count('class="error"') == 1


def test_links_lead_to_pages_where_there_are_some_to_notebooks_where_not_and_never_nowhere(executed):
    folder = executed.parent
    page = page_of(executed)
    assert 'href="../docs/words.md#k"' in page and "gone.md" not in page and "gone" in page
    assert page.count('href="../notebooks/two.ipynb"') == 2
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Two\n[one](one.ipynb)")]), folder / "two.ipynb")
    two = write_notebook_page(folder / "two.ipynb", folder.parent / "notebooks").read_text(encoding="utf-8")
    assert 'href="one.html"' in two
    assert (folder / "one.html").read_text(encoding="utf-8").count('href="two.html"') == 2


def test_a_page_has_a_style_for_the_night_and_for_paper_and_loads_nothing(executed):
    page = page_of(executed)
    assert "@media screen and (prefers-color-scheme: dark)" in page and "@media print" in page
    assert "color-scheme: light dark" in page and "<title>One</title>" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page) and "<script" not in page


def test_slides_begin_with_what_is_said_and_a_prediction_is_one_of_its_own(executed, tmp_path):
    slides = write_slides(executed, tmp_path / "slides").read_text(encoding="utf-8")
    parts = [re.sub(r"<[^>]+>", " ", part) for part in slides.split("<article>")[1:]]
    parts = [part for part in parts if part.strip()]
    assert [("One" in part, "Before you look" in part, "7" in part, "Next" in part) for part in parts] == [
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
    ]  # fmt: skip
    assert slides.count("<article>") == slides.count("</article>")
    assert "ArrowRight" in slides and "two.ipynb" not in slides
