"""The course as a folder of your own: its notebooks, and the pages that they link to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.places import beside_package, run_root
from mathb_kit.report.notebook_page import write_slides
from mathb_kit.report.notebooks import need_notebooks

# Calls of ``mathb reproduce`` that run notebooks, the most thorough first.
_CALLS = ("mini", "course", "released", "real", "scoreboard", "verifiers", "mini-quick", "course-quick")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def course_notebooks() -> pd.DataFrame:
    """One row per notebook in the order of the course: name, title."""
    rows = [(each.stem, _title(each)) for each in _files("notebooks", "*.ipynb")]
    return pd.DataFrame(rows, columns=["name", "title"])


def copy_course(folder: Path) -> list[Path]:
    """Write the notebooks into a folder, and under ``docs`` the pages that they link to.

    Links lead from the copies to the copies; one to a file of the repository that is not copied becomes plain text.
    Code that only keeps files and says what is to be seen is folded away; the notebooks' scripts are not copied.

    Args:
        folder: where they go; made if absent. What else is in it stays.

    Returns:
        The notebooks.

    Raises:
        MathbError: one of the files is there already: somebody may have worked in it.
    """
    notebooks, pages = _files("notebooks", "*.ipynb"), _files("docs", "*.md")
    copies = {each: folder / each.name for each in notebooks} | {each: folder / "docs" / each.name for each in pages}
    if there := next((copy for copy in copies.values() if copy.exists()), None):
        raise MathbError(f"{there} is there already and may hold work of yours; name another folder, or move it away.")
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    for source, copy in copies.items():
        text = source.read_text(encoding="utf-8")
        if source.suffix == ".ipynb":
            notebook = json.loads(text)
            for cell in notebook["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = relinked("".join(cell["source"]), source, copies).splitlines(keepends=True)
                elif "hide-input" in cell["metadata"].get("tags", []):
                    cell["metadata"]["jupyter"] = {"source_hidden": True}  # folded away, a click away
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        else:
            text = relinked(text, source, copies)
        copy.write_text(text, encoding="utf-8")
    return [copies[each] for each in notebooks]


def course_slides(folder: Path) -> list[Path]:
    """Write every notebook as slides, with what came out of it where it was executed.

    Raises:
        MathbError: a package of the extra ``notebooks`` is missing.
    """
    need_notebooks()
    return [write_slides(last_executed(each) or each, folder) for each in _files("notebooks", "*.ipynb")]


def last_executed(source: Path, calls: Sequence[str] = _CALLS) -> Path | None:
    """A notebook as a call of ``mathb reproduce`` left it, from the first of these calls that did.

    None where none ran it to its end, or where its code has changed since.
    """
    paths = (run_root(call) / "notebooks" / source.name for call in calls)
    return next((path for path in paths if ran_as(source, path)), None)


def ran_as(source: Path, executed: Path) -> bool:
    """Whether an executed notebook is there, has the code of its source, and was run to its end."""
    return executed.is_file() and _code(executed) == _code(source)


def _code(notebook: Path) -> list[str] | None:
    """The code of a notebook without the parameters that a run put in; None if a cell failed."""
    cells = code_cells(json.loads(notebook.read_text(encoding="utf-8")))
    if any(output["output_type"] == "error" for cell in cells for output in cell["outputs"]):
        return None
    return ["".join(cell["source"]) for cell in cells]


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Its cells that hold code, without the parameters that a run put in."""
    return [
        cell for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
        and "injected-parameters" not in cell["metadata"].get("tags", [])
    ]  # fmt: skip


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted((beside_package() / folder).glob(pattern))


def linked_files(text: str, source: Path) -> list[Path]:
    """Files that a page's text links to."""
    files = ((source.parent / match[3]).resolve() for match in _LINK.finditer(text))
    return [file for file in files if file.exists()]


def relinked(text: str, source: Path, copies: Mapping[Path, Path]) -> str:
    """The text with its links leading from the copy of ``source`` to copies, and the rest of them as plain text."""

    def link(match: re.Match[str]) -> str:
        picture, said, target, anchor = match.groups()
        file = (source.parent / target).resolve()
        # A link to a notebook's script, or to what came out of it, means the notebook.
        meant = {".py": file.with_suffix(".ipynb"), ".ipynb": file.parent.parent / file.name}.get(file.suffix, file)
        copy = copies.get(file) or copies.get(meant)
        if copy is None:
            return said
        return f"{picture}[{said}]({Path(os.path.relpath(copy, copies[source].parent)).as_posix()}{anchor or ''})"

    return _LINK.sub(link, text)


def _title(notebook: Path) -> str:
    """The first heading of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = (line for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"])
    return next((line.lstrip("# ").rstrip() for line in lines if line.startswith("# ")), notebook.stem)
