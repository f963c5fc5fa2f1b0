"""Notebooks that are published with what came out: today's sources, the same bytes every time, nothing of a machine."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from mathb_kit.errors import MathbError
from mathb_kit.places import run_root
from mathb_kit.report import executed
from mathb_kit.report.executed import PUBLISHED, publish_executed, with_outputs

ROOT = Path(__file__).resolve().parents[2]
EXECUTED = sorted((ROOT / "notebooks" / "executed").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
_OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:tmp|home|root|work|Users|var|private|mnt|opt)/|\b0x[0-9a-f]{8,}|papermill")
_LARGEST = 500_000  # bytes; a repository's page is slow with larger ones, or leaves them out


def drawing() -> str:
    """A small picture, red and white."""
    picture, stream = Image.new("RGB", (2, 1), "white"), io.BytesIO()
    picture.putpixel((0, 0), (200, 0, 0))
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


PNG = drawing()
PICTURE = f'<img alt="a &lt; b" style="width: 90px" src="data:image/png;base64,{PNG}">'


def cells_of(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def led(cell: dict, folder: Path) -> str:
    """Text or code of a cell, in its text every link as the file it leads to; a published notebook is its source."""

    def lead(link: re.Match[str]) -> str:
        return f"]({str((folder / link[1]).resolve()).replace('/executed/', '/')}"

    text = "".join(cell["source"])
    return text if cell["cell_type"] == "code" else _LINK.sub(lead, text)


def test_all_that_are_to_be_published_are_there_and_the_readme_leads_to_each():
    assert {path.name for path in EXECUTED} == {f"{name}.ipynb" for name in PUBLISHED}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in PUBLISHED if f"](notebooks/executed/{name}.ipynb)" not in readme] == []


@EACH
def test_code_and_text_are_those_of_the_source_of_today(path):
    source = ROOT / "notebooks" / path.name
    old = [led(cell, path.parent) for cell in cells_of(path)]
    assert old == [led(cell, source.parent) for cell in cells_of(source)], f"{source.name} has changed: run .ci/publish"


@EACH
def test_links_lead_to_files(path):
    texts = ["".join(cell["source"]) for cell in cells_of(path) if cell["cell_type"] == "markdown"]
    links = [link for text in texts for link in _LINK.findall(text)]
    assert links and [link for link in links if not (path.parent / link).exists()] == []


@EACH
def test_what_came_out_can_be_shown_by_a_repositorys_page_and_says_nothing_of_a_machine(path):
    assert path.stat().st_size < _LARGEST
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))
    outputs = [output for cell in cells_of(path) for output in cell.get("outputs", [])]
    assert len(outputs) > 3
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data"}
    for output in outputs:
        kinds = output.get("data", {"text": output.get("text")})
        (kind,) = kinds  # the one form that is shown
        shown = "".join(kinds[kind])
        if kind != "image/png":
            assert not _OF_A_MACHINE.search(shown), shown[:300]
            assert not re.search(r"<script|<iframe|\bon\w+=|src=", shown)


def code(source: str, *tags: str) -> dict:
    cell = {"cell_type": "code", "id": source[:5].strip(), "metadata": {"tags": [*tags]}, "source": [source]}
    return cell | {"outputs": [], "execution_count": None}


def output(kind: str, **data: str) -> dict:
    return {"output_type": kind, "metadata": {}, "data": {name.replace("_", "/"): text for name, text in data.items()}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A notebook with two more beside it."""
    text = {"cell_type": "markdown", "id": "text", "metadata": {}, "source": ["[n](next.ipynb), [o](other.ipynb#x)"]}
    cells = [text, code("a"), code("b"), code("c", "measured")]
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("demo", "next", "other"):
        notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        (folder / f"{name}.ipynb").write_text(notebook, encoding="utf-8")
    return folder / "demo.ipynb"


def run_of(source: Path, path: Path, *, second: str) -> Path:
    """The notebook as a run leaves it whose clock said so."""
    notebook = json.loads(source.read_text(encoding="utf-8"))
    notebook["metadata"]["papermill"] = {"duration": second}
    progress = {"output_type": "stream", "name": "stderr", "text": [f"{second} s\n"]}
    at = int(second) % 5  # where the kernel parts a text is chance
    parts = "7 of 9\n"[:at], "7 of 9\n"[at:]
    said, more = ({"output_type": "stream", "name": "stdout", "text": [part]} for part in parts)
    table = output("execute_result", text_plain=f"<object at 0x{second}>", text_html="<b>7</b>")
    outputs = [
        [said, more, progress, table],
        [output("display_data", text_html=f"{PICTURE}\n<p>a</p>")],
        [output("execute_result", text_plain=f"{second} s")],
    ]
    for cell, came_out in zip([cell for cell in notebook["cells"] if cell["cell_type"] == "code"], outputs):
        cell |= {"id": f"run{second}", "execution_count": 8, "outputs": came_out}
        cell["metadata"]["papermill"] = {"duration": second}
    notebook["cells"].insert(0, code("quick = True", "injected-parameters"))
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_two_runs_that_differ_in_time_and_ids_only_are_published_as_the_same_bytes(source, tmp_path):
    copies = {source: source.parent / "executed" / source.name}
    texts = [
        with_outputs(source, run_of(source, tmp_path / f"{second}.ipynb", second=second), copies)
        for second in ("123456789", "987654321")
    ]
    assert texts[0] == texts[1]
    assert not re.search("123456789|papermill|injected", texts[0])


def test_kept_is_what_is_shown_with_pictures_of_their_own_and_no_progress(source, tmp_path):
    copies = {source.with_name(name): source.parent / "executed" / name for name in ("demo.ipynb", "next.ipynb")}
    notebook = json.loads(with_outputs(source, run_of(source, tmp_path / "run.ipynb", second="1"), copies))
    nbformat.validate(notebook)
    text, *cells = notebook["cells"]
    assert "".join(text["source"]) == "[n](next.ipynb), [o](../other.ipynb#x)"
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3]
    (said, table), (picture, words), (measured,) = (cell["outputs"] for cell in cells)
    assert said["text"] == ["7 of 9\n"] and table["data"] == {"text/html": ["<b>7</b>"]}
    assert [*picture["data"]] == ["image/png"] and picture["metadata"] == {"image/png": {"alt": "a < b", "width": 90}}
    shown = Image.open(io.BytesIO(base64.b64decode(picture["data"]["image/png"]))).convert("RGB")
    assert [shown.getpixel((x, 0)) for x in (0, 1)] == [(200, 0, 0), (255, 255, 255)]
    assert words["data"] == {"text/html": ["<p>a</p>"]}
    assert measured["data"] == {"text/markdown": ["*Measured on the machine that runs it, so it is not kept here.*"]}


def test_a_notebook_that_was_not_run_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    with pytest.raises(MathbError, match="^00_start_here has not been run to its end with the profile course"):
        publish_executed(tmp_path / "to")
    done = run_root("course") / "notebooks" / "00_start_here.ipynb"
    done.parent.mkdir(parents=True)
    done.write_bytes((ROOT / "notebooks" / done.name).read_bytes())
    with pytest.raises(MathbError, match="^01_base_model_saturation has not been run to its end with the profile mini"):
        publish_executed(tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_where_only_text_has_changed_what_came_out_stays_and_changed_code_is_named(source, tmp_path, monkeypatch):
    monkeypatch.setattr(executed, "beside_package", lambda: tmp_path)
    monkeypatch.setattr(executed, "PUBLISHED", {"demo": "mini"})
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    folder, place = source.parent / "executed", run_root("mini") / "notebooks" / "demo.ipynb"
    place.parent.mkdir(parents=True)
    run_of(source, place, second="1")
    (copy,) = publish_executed(folder, ["demo"])
    before = copy.read_bytes()
    place.unlink()
    assert publish_executed(folder, []) == [copy] and copy.read_bytes() == before
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("[n]", "[the next]"), encoding="utf-8")
    publish_executed(folder, [])
    assert copy.read_bytes() == before.replace(b"[n]", b"[the next]")
    source.write_text(text.replace('"source": ["b"]', '"source": ["b + 1"]'), encoding="utf-8")
    with pytest.raises(MathbError, match=r"^demo has not been run .* since its code changed; run \.ci/publish demo\.$"):
        publish_executed(folder, [])
