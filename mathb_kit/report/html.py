"""Pieces of a self-contained page: no network, light and dark, printable, readable by a screen reader.

Everything that comes from a model is data: it is escaped, and mathematics is rebuilt from a list of harmless elements.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Collection, Iterable, Mapping
from html import escape
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.report.maths import with_maths

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_HEADING = re.compile(r"<h2 id='([^']*)'>(.*?)</h2>")
_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?(e[+-]\d+)?( ?%)?|")


def page(title: str, *parts: str) -> str:
    """A whole page with its contents at the top; ``parts`` are HTML from the functions below."""
    body = "\n".join(parts)
    contents = "".join(f"<li><a href='#{anchor}'>{text}</a></li>" for anchor, text in _HEADING.findall(body))
    style, script = (Path(__file__).with_name(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<link rel='icon' href='data:,'>\n"
        f"<style>\n{style}</style></head>\n<body>\n<a class='skip' href='#main'>Skip the contents</a>\n"
        f"<header><h1>{escape(title)}</h1></header>\n<nav aria-label='Contents'><ul>{contents}</ul></nav>\n"
        f"<main id='main'>\n{body}\n</main>\n<script>\n{script}</script>\n</body></html>\n"
    )


def heading(text: str) -> str:
    """A heading, which the contents of the page will name; no two of a page may be equal."""
    anchor = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return f"<h2 id='{anchor}'>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; ``kind`` is ``finding``, ``null``, ``warning``, ``note`` or nothing."""
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>"


def bullets(texts: Iterable[str], kind: str = "") -> str:
    """A list, or a paragraph where there is one text; ``kind`` as for a paragraph."""
    texts = list(texts)
    if len(texts) == 1:
        return paragraph(texts[0], kind)
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul{f' class={kind!r}' if kind else ''}>{items}</ul>"


def details(summary: str, *parts: str) -> str:
    """Something to open; ``parts`` are HTML."""
    return f"<details><summary>{escape(summary)}</summary>\n" + "\n".join(parts) + "</details>"


def side_by_side(*parts: str) -> str:
    """``parts``, HTML, beside each other where there is room."""
    return "<div class='pair'>" + "\n".join(f"<div>{part}</div>" for part in parts) + "</div>"


def links(targets: Mapping[str, Path]) -> str:
    """A list of links to files beside or below the page."""
    rows = [f"<li><a href='{escape(path.as_posix())}'>{escape(name)}</a></li>" for name, path in targets.items()]
    return f"<ul>{''.join(rows)}</ul>"


def preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def completion(text: str) -> str:
    """A completion to read."""
    return f"<div class='completion'>{with_maths(text)}</div>"


def picture(source: Path | Figure, caption: str) -> str:
    """A figure inside the page, from a PNG or from matplotlib; the caption says what it shows."""
    if isinstance(source, Path):
        data = source.read_bytes()
    else:
        stream = io.BytesIO()
        source.savefig(stream, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=130)
        data = stream.getvalue()
    encoded = base64.b64encode(data).decode()
    return (
        f"<figure><div class='card'><img alt='{escape(caption)}' src='data:image/png;base64,{encoded}'></div>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(
    frame: pd.DataFrame, caption: str, *, digits: int = 3, sortable: bool = False, maths: Collection[str] = ()
) -> str:
    """A table with headers that a screen reader finds; the first column names the rows.

    Args:
        frame: shown without its index; columns with fractions get ``digits`` decimals.
        caption: above it.
        digits: decimals.
        sortable: it sorts by its headers and filters by text and, where the first column says ``set/id``, by set.
        maths: columns whose texts hold formulas to be drawn.
    """
    columns = {}
    for name in frame:
        fractions = any(map(_exactly, frame[name]))
        shown = [_shown(value, digits if fractions else 0) for value in frame[name]]
        kind = "maths text" if name in maths else "" if all(map(_NUMBER.fullmatch, shown)) else "text"
        cells = map(with_maths, shown) if name in maths else map(escape, shown)
        columns[str(name)] = kind, [f"{_exactly(value)}>{cell}" for value, cell in zip(frame[name], cells)]
    heads = "".join(f"<th scope='col'{_class(kind)}>{escape(name)}</th>" for name, (kind, _) in columns.items())
    rows = []
    for cells in zip(*(cells for _, cells in columns.values())):
        first, *others = (f"{_class(kind)}{cell}" for (kind, _), cell in zip(columns.values(), cells))
        rows.append(f"<tr><th scope='row'{first}</th>" + "".join(f"<td{cell}</td>" for cell in others) + "</tr>")
    return (
        f"<div class='scroll'><table{_class('sortable' if sortable else '')}>"
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{heads}</tr></thead>\n<tbody>"
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def _class(kind: str) -> str:
    return f" class='{kind}'" if kind else ""


def _shown(value: object, digits: int) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    return f"{value:,.{digits}f}"


def _exactly(value: object) -> str:
    """What a rounded cell sorts by."""
    return f" data-value='{float(value)!r}'" if isinstance(value, float) and value % 1 > 0 else ""
