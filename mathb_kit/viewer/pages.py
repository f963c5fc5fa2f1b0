"""The pages themselves: from a snapshot of the store to HTML, the same for the server and for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from markupsafe import Markup, escape

from mathb_kit.errors import MathbError
from mathb_kit.grading import GRADER_VERSION, explain
from mathb_kit.report.html import templates
from mathb_kit.report.maths import with_maths
from mathb_kit.viewer import asked, conditions, reading
from mathb_kit.viewer.beyond import base_cell
from mathb_kit.viewer.comparison import chosen, comparison, ks_of
from mathb_kit.viewer.numbers import Cell, cells, numbers_of
from mathb_kit.viewer.reading import Choice, Wanted, parts_of_completion
from mathb_kit.viewer.runs import find_runs
from mathb_kit.viewer.search import search
from mathb_kit.viewer.sets import set_of
from mathb_kit.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment

    from mathb_kit.viewer.runs import LoggedRun

CHARACTERS = 12_000  # of a completion on a page with several; the attempt's own page has all
BESIDE = 6  # attempts of each model side by side
LISTED = 400  # characters of a statement in a list


class Missing(MathbError):
    """A page about something that the store does not have."""


class Link(Protocol):
    """The address of a page, relative to every other; empty where there is no such page."""

    def __call__(self, page: str, /, **parameters: object) -> str: ...


@dataclass(frozen=True)
class Pages:
    """Every page, each a method that returns HTML.

    Args:
        snapshot: what they are about.
        link: addresses of the others.
        served: whether a server answers: forms and orders by header then, tables that sort by script in files.
        attempts: on a page of a problem.
        note: above every page.
    """

    snapshot: Snapshot
    link: Link
    served: bool = True
    attempts: int = reading.ATTEMPTS_A_PAGE
    note: str = ""

    def overview(self) -> str:
        """Models by set, with their numbers."""
        rows = [numbers_of(self.snapshot, cell) for cell in cells(self.snapshot)]
        by_set: dict[str, list[Any]] = {}
        for row in rows:
            by_set.setdefault(row.cell.set, []).append(row)
        sizes = {name: len(self.snapshot.sets.get(name) or ()) for name in by_set}
        return self._page("overview.html", title="What is in the store", by_set=by_set, sizes=sizes, here="overview")

    def problems(self, cell: Cell, choice: Choice = Choice(), size: int = reading.PROBLEMS_A_PAGE) -> str:
        """Problems of one model's draw on a set."""
        self._there(cell)
        fault = conditions.fault(choice.where, conditions.OF_PROBLEMS)
        page = reading.problems(self.snapshot, cell, replace(choice, where="") if fault else choice, size)
        return self._page(
            "problems.html", title=f"{self._label(cell)} on {cell.set}", cell=cell, choice=choice, page=page,
            numbers=numbers_of(self.snapshot, cell), shown=reading.SHOWN, here="",
            asked=asked.settings(self.snapshot, cell), version=self.snapshot.versions[cell.model, cell.draw],
            listed=LISTED, fault=fault, up=self.link("overview"), prev=self._turned(page, -1, "problems", cell, choice),
            next=self._turned(page, 1, "problems", cell, choice),
        )  # fmt: skip

    def problem(self, cell: Cell, key: str, choice: Choice = Choice(), wanted: Wanted = Wanted()) -> str:
        """One problem with a model's attempts at it."""
        row = self._problem(cell, key)
        fault = conditions.fault(wanted.where, conditions.OF_ATTEMPTS)
        page = reading.attempts(self.snapshot, cell, key, replace(wanted, where="") if fault else wanted, self.attempts)
        place, of, before, after = reading.place_among(self.snapshot, cell, choice, key)
        answers, more = reading.answers(self.snapshot, cell, key)
        others = self._others(key)
        base = base_cell(self.snapshot, cell)
        near = base if base in others else None
        given = {**cell._asdict(), **choice.parameters}
        steps = {name: self.link("problem", **given, problem=each, **wanted.parameters) if each else ""
                 for name, each in (("prev", before), ("next", after))}  # fmt: skip
        return self._page(
            "problem.html", title=f"{row['id']}: {self._label(cell)}", cell=cell, row=row, choice=choice, page=page,
            wanted=wanted, rows=self._attempts(cell, page), place=place, of=of, answers=answers, more_answers=more,
            others=[each for each in others if each != cell], near=near, near_is="its base", given=given, here="",
            fault=fault,
            sampled=asked.sampled(self.snapshot, cell, page.rows[0]["shard"], row["statement"]) if page.rows else None,
            up=self.link("problems", **given), **steps,
        )  # fmt: skip

    def search(self, cell: Cell, wanted: Wanted) -> str:
        """Attempts of one model's draw on a set, at whatever problem, with a text in them."""
        self._there(cell)
        fault = conditions.fault(wanted.where, conditions.OF_ATTEMPTS)
        read = replace(wanted, where="") if fault else wanted
        page, damaged = search(self.snapshot, cell, read) if wanted.text else (None, ())
        turned = [self._turned(page, by, "search", cell, wanted) if page else "" for by in (-1, 1)]
        return self._page(
            "search.html", title=f"Search: {self._label(cell)} on {cell.set}", cell=cell, wanted=wanted, page=page,
            damaged=damaged, fault=fault, here="", up=self.link("problems", **cell._asdict()), prev=turned[0],
            next=turned[1],
        )  # fmt: skip

    def attempt(self, cell: Cell, key: str, index: int) -> str:
        """One attempt whole, and why its verdict is what it is."""
        row = self._problem(cell, key)
        rows = self.snapshot.rows(
            'SELECT * FROM attempts WHERE model = ? AND draw = ? AND problem = ? AND "index" = ?',
            cell.model, cell.draw, key, index,
        )  # fmt: skip
        if not rows:
            raise Missing(f"{self._label(cell)} has no attempt {index + 1:,} at {row['id']} of {cell.set}.")
        attempt = self._shown(cell, reading.with_texts(self.snapshot, cell, rows)[0], whole=True)
        neighbours = [self.link("attempt", **cell._asdict(), problem=key, index=index + step)
                      if 0 <= index + step < row["n"] else "" for step in (-1, 1)]  # fmt: skip
        stop = self._stop(cell)
        why = str(explain(row["gold"], attempt["text"], stop=stop)) if row["gold"] and attempt["text"] else ""
        return self._page(
            "attempt.html", title=f"Attempt {index + 1:,} at {row['id']}: {self._label(cell)}", cell=cell, row=row,
            attempt=attempt, why=why, grader=GRADER_VERSION, here="", prev=neighbours[0], next=neighbours[1],
            up=self.link("problem", **cell._asdict(), problem=key),
            version=self.snapshot.versions[cell.model, cell.draw],
            sampled=asked.sampled(self.snapshot, cell, attempt["shard"], row["statement"]),
        )  # fmt: skip

    def beside(self, key: str, left: Cell, right: Cell, page: int = 1, verdict: str = "") -> str:
        """Two models on one problem."""
        sides = []
        for cell in (left, right):
            row = self._problem(cell, key)
            shown = reading.attempts(self.snapshot, cell, key, Wanted(verdict=verdict, page=page), BESIDE)
            answers, more = reading.answers(self.snapshot, cell, key, 5)
            rows = self._attempts(cell, shown) if shown.number == page else []
            sides.append({"cell": cell, "row": row, "page": shown, "rows": rows, "answers": answers, "more": more})
        last = max(side["page"].last for side in sides)

        def turned(to: int) -> str:
            if not 1 <= to <= last:
                return ""
            return self.link("beside", problem=key, left=_joined(left), right=_joined(right), page=to, verdict=verdict)

        row = sides[0]["row"]
        return self._page(
            "beside.html", title=f"{row['id']}: {self._label(left)} beside {self._label(right)}", key=key, row=row,
            sides=sides, others=self._others(key), left=_joined(left), right=_joined(right), joined=_joined,
            number_page=page, last=last, verdict=verdict, here="", prev=turned(page - 1), next=turned(page + 1),
            up=self.link("problem", **left._asdict(), problem=key),
        )  # fmt: skip

    def compare(self, name: str = "", draw: str = "", k: int = 0) -> str:
        """Many checkpoints on one set."""
        name, draw = chosen(self.snapshot, name, draw)
        ks = ks_of(self.snapshot, name, draw)
        k = k or (ks[-1] if ks else 1)
        if k < 1:
            raise MathbError(f"k is a number of attempts, so {k} is none; choose one of {', '.join(map(str, ks))}.")
        table = comparison(self.snapshot, name, draw, k)
        there = cells(self.snapshot)
        compared = table[table["beyond_k"].notna()]
        beyond_ks = compared["beyond_k"].unique()
        return self._page(
            "compare.html", title=f"Checkpoints on {name}", name=name, draw=draw, k=k, ks=ks,
            rows=table.astype(object).where(table.notna(), None).to_dict("records"),
            notes=sorted(compared["how"].unique()), one_k=int(beyond_ks[0]) if len(beyond_ks) == 1 else 0,
            sets=list(dict.fromkeys(cell.set for cell in there)),
            draws=list(dict.fromkeys(cell.draw for cell in there if cell.set == name)), here="compare",
            uneven=table["problems"].nunique() > 1, cell=lambda row: Cell(row["model_key"], draw, name),
        )  # fmt: skip

    def runs(self) -> str:
        """Training runs of the lab."""
        rows = find_runs(self.snapshot.runs)
        return self._page("runs.html", title="Training runs", rows=rows, here="runs")

    def run(self, name: str) -> str:
        """One training run."""
        run = run_named(self.snapshot.runs, name)
        return self._page("run.html", title=name, run=run, here="runs", up=self.link("runs"))

    def fault(self, message: str, title: str = "That cannot be shown") -> str:
        """One sentence in place of a page."""
        return self._page("fault.html", title=title, message=message, here="")

    # Helpers

    def _page(self, template: str, **values: Any) -> str:
        values = {"prev": "", "next": "", "up": "", **values}
        damaged = dict.fromkeys([*self.snapshot.damaged, *values.get("damaged", ())])
        here = cell.set if isinstance(cell := values.get("cell"), Cell) else None
        absent = {name: why for name, why in self.snapshot.sets.notes.items() if here in (None, name)}
        return _templates().get_template(template).render(
            to=self.link, label=self.snapshot.label, served=self.served, taken=self.snapshot.taken,
            faults=list(damaged), absent=absent, note=self.note, store=self.snapshot.store.root, **values,
        )  # fmt: skip

    def _label(self, cell: Cell) -> str:
        draw = "" if cell.draw == "main" else f", draw {cell.draw}"
        return self.snapshot.label(cell.model) + draw

    def _there(self, cell: Cell) -> None:
        if cell not in cells(self.snapshot):
            raise Missing(f"The store has no draw {cell.draw} of {self.snapshot.label(cell.model)} on {cell.set}.")

    def _problem(self, cell: Cell, key: str) -> dict[str, Any]:
        rows = self.snapshot.rows(
            'SELECT * FROM tried JOIN problems USING (problem, "set") WHERE model = ? AND draw = ? AND problem = ?',
            cell.model, cell.draw, key,
        )  # fmt: skip
        if not rows:
            raise Missing(f"The store has no attempt of {self._label(cell)} at {key}.")
        return rows[0]

    def _others(self, key: str) -> list[Cell]:
        rows = self.snapshot.rows('SELECT model, draw, "set" FROM tried WHERE problem = ?', key)
        met = {Cell(**row) for row in rows}
        return [cell for cell in cells(self.snapshot) if cell in met]

    def _stop(self, cell: Cell) -> tuple[str, ...]:
        return tuple(self.snapshot.models.get(cell.model, {}).get("sampling", {}).get("stop") or ())

    def _turned(self, page: reading.Page, by: int, name: str, cell: Cell, choice: Choice | Wanted) -> str:
        if not 1 <= page.number + by <= page.last:
            return ""
        return self.link(name, **cell._asdict(), **choice.parameters, page=page.number + by)

    def _attempts(self, cell: Cell, page: reading.Page) -> list[dict[str, Any]]:
        return [self._shown(cell, row) for row in page.rows]

    def _shown(self, cell: Cell, row: Mapping[str, Any], whole: bool = False) -> dict[str, Any]:
        """An attempt with its text in parts, cut where it is longer than a page with several can bear."""
        text = row["text"]
        if text is None:
            return {**row, "parts": None, "cut": 0}
        shown = text if whole else text[:CHARACTERS]
        parts = parts_of_completion(shown, self._stop(cell))
        if len(shown) < len(text) and not parts.is_finished and parts_of_completion(text, self._stop(cell)).is_finished:
            # The answer would be behind the cut: thinking is what can be spared.
            uncut = parts_of_completion(text, self._stop(cell))
            parts = reading.CompletionParts(uncut.thinking[: CHARACTERS // 2], uncut.counted[:CHARACTERS], "")
            shown = parts.thinking + parts.counted
        return {**row, "parts": parts, "cut": len(text) - len(shown)}


def run_named(root: Path, name: str) -> LoggedRun:
    """A training run by its path under a runs folder. Raises Missing."""
    for run in find_runs(root):
        if run.name == name:
            return run
    raise Missing(f"There is no training run {name!r} in {root}.")


def _joined(cell: Cell) -> str:
    return f"{cell.model}:{cell.draw}"


def parted(text: str, key: str) -> Cell:
    """The cell that ``model:draw`` names, for a problem. Raises Missing."""
    model, mark, draw = text.partition(":")
    if not mark:
        raise Missing(f"{text!r} names no model and draw; it is written key:draw.")
    return Cell(model, draw, set_of(key))


@cache
def _templates() -> Environment:
    environment = templates("mathb_kit.viewer")
    environment.tests["latex"] = _is_latex
    environment.filters |= {"formula": _formula, "percent": _percent, "words": _words}
    return environment


def _formula(text: str) -> Markup:
    """An answer as mathematics where it is written as such."""
    return with_maths(f"${text}$") if _is_latex(text) else escape(text)


def _is_latex(text: str) -> bool:
    return "$" not in text and bool(set("\\^_{") & set(text))


def _percent(share: float | None) -> str:
    return "" if share is None or share != share else f"{100 * share:.1f}"


def _words(verdict: str | None) -> str:
    """A verdict as words."""
    return "not graded" if verdict is None else verdict.replace("_", " ")
