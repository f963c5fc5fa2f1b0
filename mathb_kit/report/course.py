"""The course as a folder of your own: its notebooks, and the pages that they link to."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.places import beside_package

_LINK = re.compile(r"!?\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def course_notebooks() -> pd.DataFrame:
    """One row per notebook in the order of the course: name, title."""
    rows = [(each.stem, _title(each)) for each in _files("notebooks", "*.ipynb")]
    return pd.DataFrame(rows, columns=["name", "title"])


def copy_course(folder: Path) -> list[Path]:
    """Write the notebooks into a folder, and under ``docs`` the pages that they link to.

    Links lead from the copies to the copies; one to a file of the repository that is not copied becomes plain text.

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
                    cell["source"] = _relinked("".join(cell["source"]), source, copies).splitlines(keepends=True)
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        else:
            text = _relinked(text, source, copies)
        copy.write_text(text, encoding="utf-8")
    return [copies[each] for each in notebooks]


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted((beside_package() / folder).glob(pattern))


def _relinked(text: str, source: Path, copies: dict[Path, Path]) -> str:
    """The text with its links leading from the copy of ``source`` to copies, and the rest of them as plain text."""

    def link(match: re.Match[str]) -> str:
        said, target, anchor = match.groups()
        file = (source.parent / target).resolve()
        # A link to a notebook's script means the notebook.
        copy = copies.get(file) or (copies.get(file.with_suffix(".ipynb")) if file.suffix == ".py" else None)
        if copy is None:
            return said
        return f"[{said}]({Path(os.path.relpath(copy, copies[source].parent)).as_posix()}{anchor or ''})"

    return _LINK.sub(link, text)


def _title(notebook: Path) -> str:
    """The first heading of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = (line for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"])
    return next((line.lstrip("# ").rstrip() for line in lines if line.startswith("# ")), notebook.stem)
