"""An executed notebook as a page: one file that needs no network, light and dark, to read and to print."""

from __future__ import annotations

import html
import os
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from mathb_kit.report.html import own_text
from mathb_kit.report.maths import with_maths

_HREF = re.compile(r'<a\b[^>]*?\bhref="(?!\w+:|#)([^"#]+)(#[^"]*)?"[^>]*>(.*?)</a>', re.S)


def write_notebook_page(executed: Path, sources: Path) -> Path:
    """Write ``<name>.html`` beside an executed notebook.

    Formulas in its text become MathML. A link to a notebook leads to that one's page where it lies beside this one,
    else to the notebook in ``sources``; pages that are there already are led to this one. A link to a file that is not
    there becomes plain text.

    Args:
        executed: the executed notebook.
        sources: the folder of the notebooks as they ship.
    """
    page = executed.with_suffix(".html")
    page.write_text(notebook_html(executed), encoding="utf-8")  # first, so that its links to itself lead somewhere
    for each in executed.parent.glob("*.html"):
        text = each.read_text(encoding="utf-8")
        if (led := _led(text, each.parent, sources)) != text:
            each.write_text(led, encoding="utf-8")
    return page


def write_slides(notebook: Path, folder: Path) -> Path:
    """Write a notebook as slides to page through with the arrow keys: ``<name>.html`` in the folder, one file.

    A slide begins with a heading, and with what is said after something was run; a prediction is one of its own. Cells
    with the tag ``skip`` are left out. A link that leads nowhere from the folder becomes plain text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = (folder / notebook.name).with_suffix(".html")
    page.write_text(_led(notebook_html(notebook, slides=True), folder, folder), encoding="utf-8")
    return page


def notebook_html(executed: Path, slides: bool = False) -> str:
    """The page's text, links as they stand in the notebook."""
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def block_math(self, body: str) -> str:
            return str(with_maths(f"$${body}$$"))  # a str: what it is joined to is not to be escaped once more

        def inline_math(self, body: str) -> str:
            return str(with_maths(f"${body}$"))

    def markdown(source: str) -> str:
        return MarkdownWithMath(renderer=Renderer(escape=False)).render(source)

    exporter = HTMLExporter(raw_template=own_text("templates/notebook.html"), filters={"markdown2html": markdown})
    notebook = nbformat.read(executed, as_version=4)
    title = notebook.cells[0].source.split("\n")[0].lstrip("# ") if notebook.cells else executed.stem
    if slides:
        for before, cell in pairwise(notebook.cells):
            asks = "prediction" in [*cell.metadata.get("tags", []), *before.metadata.get("tags", [])]
            says = cell.cell_type == "markdown" and (before.cell_type == "code" or cell.source.startswith("## "))
            cell.metadata["begins_slide"] = asks or says
    texts = {"title": title, "style": _style(), "script": own_text("slides.js") if slides else "", "slides": slides}
    text, _ = exporter.from_notebook_node(notebook, resources=texts)
    return text


@cache
def _style() -> str:
    """Of the page, of code by day and of code by night."""
    from pygments.formatters import HtmlFormatter

    by_day, by_night = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "github-dark"))
    ground = ".highlight, .highlight pre { background: none; }"
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{by_night}\n}}"
    return "\n".join([own_text("page.css"), by_day, dark, own_text("notebook.css"), ground])


def _led(text: str, folder: Path, sources: Path) -> str:
    """The page's text with every relative link leading to a page, a file, or nowhere."""

    def led(match: re.Match[str]) -> str:
        target, anchor, said = html.unescape(match[1]), match[2] or "", match[3]
        if target.endswith(".ipynb"):
            page, source = Path(target).with_suffix(".html").name, sources / Path(target).name
            if (folder / page).is_file():
                return f'<a href="{html.escape(page)}{anchor}">{said}</a>'
            target = Path(os.path.relpath(source, folder)).as_posix() if source.is_file() else target
        if not (folder / target).exists():
            return said
        return f'<a href="{html.escape(target)}{anchor}">{said}</a>'

    return _HREF.sub(led, text)
