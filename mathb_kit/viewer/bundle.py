"""The viewer as files: pages that open from a disk or any web space, bounded in size, and that say what is left out."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.progress import progress
from mathb_kit.viewer import reading
from mathb_kit.viewer.beyond import base_cell
from mathb_kit.viewer.comparison import chosen, comparison, ks_of, to_csv
from mathb_kit.viewer.numbers import Cell, cells
from mathb_kit.viewer.pages import Pages
from mathb_kit.viewer.runs import find_runs
from mathb_kit.viewer.server import script, style_sheet
from mathb_kit.viewer.sets import ProblemSets
from mathb_kit.viewer.snapshot import Snapshot, store_of, take_snapshot

ATTEMPTS = 16  # of a problem
LIST = 2000  # problems in a list
_FILES = {"overview": "index", "compare": "compare", "compare.csv": "compare", "runs": "runs", "problems": "list"}
# What tells one page from another; a link with anything more is to a page that only a server has.
_IDENTITY = {
    "overview": (), "compare": ("set",), "compare.csv": ("set",), "runs": (), "run": ("run",),
    "problems": ("model", "draw", "set"), "problem": ("model", "draw", "set", "problem"),
    "beside": ("problem", "left", "right"),
}  # fmt: skip
_IMPLIED = {"compare.csv": {"draw", "k"}}

Key = tuple[str, ...]


def write_bundle(folder: Path, *, of: Path | None = None, megabytes: int = 50, problems: Sequence[Path] = ()) -> str:
    """Write a store's pages into a new folder; ``index.html`` is the first.

    Overview, comparisons, lists and training runs are always there; then problems with their first attempts, of all
    models and sets in turn, and the base beside the tuned model, as far as the size allows.

    Args:
        folder: where; it must not exist, or be empty.
        of: the store or the runs folder around it; the common one by default.
        megabytes: at most.
        problems: files of problem sets that have no registered name.

    Returns:
        What was written and what was left out, in a sentence.

    Raises:
        MathbError: no store or an empty one, a folder with something in it, or a place that cannot be written.
    """
    folder = Path(folder)
    if folder.is_file() or folder.is_dir() and any(folder.iterdir()):
        raise MathbError(f"{folder} has something in it already; name a new folder.")
    store = store_of(of)
    snapshot = take_snapshot(store, ProblemSets(problems, store.root.parent))
    if snapshot.is_empty:
        raise MathbError(f"The store {store.root} is empty, so there is nothing to write; sample something first.")
    bundle = _Bundle(snapshot, megabytes * 10**6)
    bundle.make()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            pages = Path(temporary, "pages")
            pages.mkdir()
            for name, text in bundle.files.items():
                (pages / name).write_text(text, encoding="utf-8")
            if folder.is_dir():
                folder.rmdir()
            shutil.move(pages, folder)
    except OSError as error:
        raise MathbError(f"Cannot write {folder} ({error.strerror or error}); name another place.") from error
    return f"{folder / 'index.html'}: {bundle.note}"


@dataclass
class _Bundle:
    """Pages being made, by file name.

    Attributes:
        snapshot: what they are about.
        size: bytes at most.
        files: the pages so far.
        note: what is here and what is not.
    """

    snapshot: Snapshot
    size: int
    files: dict[str, str] = field(default_factory=dict)
    note: str = ""
    _made: dict[Key, set[Key]] = field(default_factory=dict)  # by page, those that it leads to
    _asked: set[Key] = field(default_factory=set)
    _final: bool = False

    def make(self) -> None:
        """Fill `files` and `note`."""
        self.files |= {"view.css": style_sheet(), "view.js": script()}
        frame = list(self._frame())
        for key in frame:
            self._put(key)
        wanted = list(self._readings())
        used, read = sum(map(_bytes, self.files.values())), 0
        with progress(len(wanted), "writing pages", "pages") as bar:
            for key in wanted:
                page = self._render(key)
                if used + _bytes(page) > self.size:
                    break
                self.files[self._name(key)] = page
                used += _bytes(page)
                read += key[0] == "problem"
                bar.update(1)
        of = sum(key[0] == "problem" for key in wanted)
        there = f"All {of:,}" if read == of else f"{read:,} of {of:,}"
        self.note = (
            f"{there} pages of a model's attempts at a problem are in these files, with at most {ATTEMPTS} attempts "
            f"each{'' if read == of else f'; the rest would be more than {self.size // 10**6} MB'}. mathb view shows "
            "everything."
        )
        # Now it is known what there is: pages that lead to what is not are made again, and those with the note.
        there_is = {key for key in self._made if self._name(key) in self.files}
        self._final = True
        for key in [*frame, *(key for key in there_is if not self._made[key] <= there_is)]:
            self._put(key)

    def _frame(self) -> Iterator[Key]:
        there = cells(self.snapshot)
        yield ("overview",)
        for name in dict.fromkeys(cell.set for cell in there):
            yield from (("compare", name), ("compare.csv", name))
        yield ("runs",)
        yield from (("run", run.name) for run in find_runs(self.snapshot.runs))
        yield from (("problems", *cell) for cell in there)

    def _readings(self) -> Iterator[Key]:
        """Pages of problems, of every cell in turn, each followed by the two models side by side."""
        lists = {}
        for cell in cells(self.snapshot):
            page = reading.problems(self.snapshot, cell, reading.Choice(), LIST)
            lists[cell] = [row["problem"] for row in page.rows], base_cell(self.snapshot, cell)
        for place in range(max(len(keys) for keys, _ in lists.values())):
            for cell, (keys, base) in lists.items():
                if place < len(keys):
                    yield ("problem", *cell, keys[place])
                    if base and keys[place] in lists[base][0]:
                        yield ("beside", keys[place], f"{base.model}:{base.draw}", f"{cell.model}:{cell.draw}")

    def _put(self, key: Key) -> None:
        self.files[self._name(key)] = self._render(key)

    def _render(self, key: Key) -> str:
        self._asked = set()
        text = self._page(key)
        self._made[key] = self._asked
        return text

    def _page(self, key: Key) -> str:
        page, *of = key
        note = self.note if page in _FILES else ""
        pages = Pages(self.snapshot, self._link, served=False, attempts=ATTEMPTS, note=note)
        if page == "compare.csv":
            name, draw = chosen(self.snapshot, of[0])
            return to_csv(comparison(self.snapshot, name, draw, (ks_of(self.snapshot, name, draw) or [1])[-1]))
        if page == "problems":
            return pages.problems(Cell(*of), size=LIST)
        if page == "problem":
            return pages.problem(Cell(*of[:3]), of[3])
        if page == "beside":
            set_name = of[0].partition("/")[0]
            left, right = (Cell(*side.rpartition(":")[::2], set_name) for side in of[1:])
            return pages.beside(of[0], left, right)
        return getattr(pages, page)(*of)

    def _link(self, page: str, /, **parameters: Any) -> str:
        given = {name: str(value) for name, value in parameters.items() if value not in ("", None, False)}
        if page == "compare" and "set" not in given:
            given["set"] = chosen(self.snapshot)[0]
        if page == "beside" and given.get("page") == "1":
            given.pop("page")
        names = _IDENTITY.get(page)
        if names is None or set(given) - _IMPLIED.get(page, set()) != set(names):
            return ""
        key = (page, *(given[name] for name in names))
        self._asked.add(key)
        name = self._name(key)
        return name if not self._final or name in self.files else ""

    @staticmethod
    def _name(key: Key) -> str:
        """The file of a page: readable as far as that goes, and the same every time."""
        page, *of = key
        stem = _FILES.get(page, page)
        if of:
            words = re.sub(r"[^a-z0-9]+", "-", of[-1].rpartition("@")[0].lower() or of[-1].lower()).strip("-")[:40]
            digest = hashlib.sha256("\0".join(of).encode("utf-8", "surrogatepass")).hexdigest()[:10]
            stem = f"{stem}-{words}-{digest}" if words else f"{stem}-{digest}"
        return f"{stem}.{'csv' if page == 'compare.csv' else 'html'}"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
