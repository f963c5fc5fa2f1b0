"""Self-contained pages from the templates beside this file: no network, light and dark, printable, readable by a
screen reader.

Everything that a template is given is escaped, whoever wrote it: a model, a problem, a server, a log. Markup is only
what the templates themselves say and formulas, which `maths` rebuilds from a list of harmless elements.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from mathb_kit.report.maths import with_markdown, with_maths
from mathb_kit.report.terminal import NUMBER

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from matplotlib.figure import Figure

_HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)</h2>')


def render(template: str, **values: object) -> str:
    """A template with its values, which are escaped."""
    return templates().get_template(template).render(values)


@cache
def templates(*packages: str) -> Environment:
    """The templates of these packages and of this one: everything that they are given is escaped."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(package) for package in (*packages, "mathb_kit.report")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"anchor": _anchor, "contents": _contents, "own_file": _own_file}
    environment.filters |= {"maths": with_maths, "markdown": with_markdown}
    return environment


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _contents(body: Markup) -> list[tuple[str, Markup]]:
    """Anchors and texts of a rendered page's headings; what it escaped holds none."""
    return [(anchor, Markup(text)) for anchor, text in _HEADING.findall(body)]


def _own_file(name: str) -> Markup:
    """Style and script of a page, as they stand in the package."""
    return Markup(own_text(name))


def own_text(name: str) -> str:
    """A file of this package, e.g. ``page.css``."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Picture:
    """A figure inside the page: the base64 of its PNG, and a caption that says what it shows."""

    data: str
    caption: str

    @classmethod
    def of(cls, source: Path | Figure, caption: str) -> Picture:
        """From a PNG file or from matplotlib."""
        if isinstance(source, Path):
            png = source.read_bytes()
        else:
            stream = io.BytesIO()
            source.savefig(stream, format="png", metadata={"Software": None}, bbox_inches="tight", dpi=130)
            png = stream.getvalue()
        return cls(base64.b64encode(png).decode(), caption)


class _Cell(NamedTuple):
    shown: str
    sorted_by: str | None  # the number behind a rounded one


class _Column(NamedTuple):
    name: str
    kind: str
    cells: list[_Cell]


@dataclass(frozen=True)
class PageTable:
    """A table with headers that a screen reader finds; the first column names the rows."""

    columns: list[_Column]
    caption: str
    sortable: bool

    @classmethod
    def of(
        cls, frame: pd.DataFrame, caption: str, *, digits: int = 3, sortable: bool = False, maths: Collection[str] = ()
    ) -> PageTable:
        """A table of a frame without its index.

        Args:
            frame: columns with fractions get ``digits`` decimals.
            caption: above it.
            digits: decimals.
            sortable: it sorts by its headers and filters by text and, where the first column says ``set/id``, by set.
            maths: columns whose texts hold formulas to be drawn.
        """
        columns = []
        for name in frame:
            exact = [_exactly(value) for value in frame[name]]
            shown = [_shown(value, digits if any(exact) else 0) for value in frame[name]]
            kind = "maths text" if name in maths else "" if all(map(NUMBER.fullmatch, shown)) else "text"
            columns.append(_Column(str(name), kind, list(map(_Cell, shown, exact))))
        return cls(columns, caption, sortable)

    @property
    def rows(self) -> list[tuple[_Cell, ...]]:
        return list(zip(*(column.cells for column in self.columns)))


def _shown(value: object, digits: int) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    return f"{value:,.{digits}f}"


def _exactly(value: object) -> str | None:
    """What a rounded cell sorts by."""
    return repr(float(value)) if isinstance(value, float) and value % 1 > 0 else None
