"""One HTML page per run: every figure with its caption, links to the executed notebooks, and provenance."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mathb_kit.provenance import provenance

_STYLE = """
body { font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.45;
       color-scheme: light dark; }
figure { margin: 2rem 0; } img { max-width: 100%; background: white; } figcaption, pre { font-size: 0.85rem; }
"""


def write_page(title: str, figures: Path, notebooks: Sequence[Path], path: Path) -> Path:
    """Write a self-contained page (figures are embedded; only the notebooks are linked, relative to the page).

    Args:
        title: heading, e.g. the profile and what it is.
        figures: folder with ``name.png`` and ``name.txt`` (caption) files.
        notebooks: executed notebooks whose ``.html`` lies beside them, under the page's folder.
        path: where to write.
    """
    parts = [f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"]
    parts.append(f"<style>{_STYLE}</style><h1>{escape(title)}</h1><ul>")
    for notebook in notebooks:
        link = notebook.with_suffix(".html").relative_to(path.parent.resolve())
        parts.append(f"<li><a href='{escape(str(link))}'>{escape(notebook.stem)}</a></li>")
    parts.append("</ul>")
    for picture in sorted(figures.glob("*.png")):
        note = picture.with_suffix(".txt")
        caption = escape(note.read_text(encoding="utf-8").strip() if note.is_file() else picture.stem)
        data = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'>")
        parts.append(f"<figcaption>{caption}</figcaption></figure>")
    parts.append(f"<h2>Provenance</h2><pre>{escape(json.dumps(provenance(), indent=1))}</pre></html>")
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path
