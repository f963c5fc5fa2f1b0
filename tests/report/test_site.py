"""The static site: every page is there, no link is dead, nothing comes from a network."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import mathb_kit
from mathb_kit.errors import MathbError
from mathb_kit.places import run_root
from mathb_kit.report import site
from mathb_kit.report.api_pages import api_pages
from mathb_kit.report.course import last_executed

ROOT = Path(mathb_kit.__file__).parents[1]
_CODE = re.compile(r"```.*?```|`[^`\n]+`|<pre.*?</pre>", re.S)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.write_sources(folder)
    return folder / "docs"


def test_links_of_the_sources_lead_to_files(sources):
    pages = sorted(sources.rglob("*.md"))
    links = [(page, link) for page in pages for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))]
    assert len(links) > 150
    assert [(page.name, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_every_notebook_page_figure_and_room_is_there(sources):
    for kind, folder in (("docs/*.md", "guide"), ("notebooks/*.ipynb", "notebooks")):
        assert {path.stem for path in ROOT.glob(kind)} == {page.stem for page in (sources / folder).glob("*.md")}
    gallery = (sources / "gallery.md").read_text(encoding="utf-8")
    pictures = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("figures/*/*.png")]
    assert len(pictures) > 20 and all(f"]({picture})" in gallery for picture in pictures)
    # A small picture leads to the figure, and the figure to the cell that draws it.
    leads = re.findall(r'<a href="#([^"]+)"', gallery)
    assert len(leads) == len(pictures) and sorted(leads) == sorted(re.findall(r"^### .* \{#(.+)\}$", gallery, re.M))
    tuned = gallery.split("{#real-10_pair_beside_null}")[1].split("###")[0]
    assert "[Code](notebooks/10_real_models.md#10_pair_beside_null)" in tuned
    assert gallery.count("[Code](notebooks/") == len(pictures)
    drawn = (sources / "notebooks" / "08_what_expands.md").read_text(encoding="utf-8").split('<span id="08_plane">')[1]
    assert drawn.split("```")[1].strip().splitlines()[-1].startswith("figure = plot_plane(")
    assert "![A real RL-tuned model" in (sources / "index.md").read_text(encoding="utf-8")


def test_the_navigation_names_every_page(sources):
    settings = (sources.parent / "mkdocs.yml").read_text(encoding="utf-8")
    for page in sources.rglob("*.md"):
        assert f'"{page.relative_to(sources).as_posix()}"' in settings


def test_the_reference_has_every_public_name_with_its_signature_and_parts():
    pages = api_pages()
    face = {name for name in mathb_kit.__all__ if callable(getattr(mathb_kit, name))}
    assert {name for name in face if f"\n## {name}\n" not in pages["mathb_kit"]} == set()
    assert "pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> float | np.ndarray" in pages["statistics"]
    assert "\n**Args**\n\n- `n`: attempts, any shape" in pages["statistics"]
    assert pages["statistics"].count("\n## ") > 40


def test_formulas_are_drawn_and_code_is_left_alone(sources):
    page = (sources / "notebooks" / "05_pass_at_k_from_first_principles.md").read_text(encoding="utf-8")
    assert "<math" in page and r"\binom" not in _CODE.sub("", page)
    assert "print(f\"{name}: {circular" in page  # within a folded answer


def test_a_notebook_shows_what_came_out_unless_its_code_has_changed_since_or_a_cell_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path))
    source = ROOT / "notebooks" / "00_start_here.ipynb"
    assert last_executed(source) is None
    notebook = json.loads(source.read_text(encoding="utf-8"))
    tags = {"tags": ["injected-parameters"]}
    given = {"cell_type": "code", "source": "quick = True", "metadata": tags, "outputs": []}
    path = run_root("course-quick") / "notebooks" / source.name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook | {"cells": [given, *notebook["cells"]]}))
    assert last_executed(source) == path
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    for changed in ({"source": "other = 1"}, {"outputs": [{"output_type": "error"}]}):
        cells = [cell | changed if cell is code else cell for cell in notebook["cells"]]
        path.write_text(json.dumps(notebook | {"cells": cells}))
        assert last_executed(source) is None


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "need", lambda *_: None)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(MathbError, match="holds something else than a site; name another folder"):
        site.build_site(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra 'site' is not installed")
def test_a_dead_link_ends_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "_gallery", lambda *_: "# Gallery\n\n[nothing](no_such_page.md)\n")
    with pytest.raises(MathbError, match="no_such_page.md"):
        site.build_site(tmp_path / "site")
