"""Statements and golds of the problems in a store, which holds only their keys."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.places import runs_root
from mathb_kit.problems import ProblemSet, load_problems
from mathb_kit.problems.registry import registry

# Folders of the runs folder with thousands of files, none of them a problem set or a training run.
NOT_SEARCHED = {"store", "models", "replies", "logs", "cards", "imports", "figures", "notebooks"}


@dataclass
class ProblemSets:
    """Problem sets by the name that stands in problem keys, each loaded once.

    Args:
        files: sets of one's own, by path. Files ``<set>.jsonl`` in the runs folder are known anyway.
        runs: the runs folder; the common one by default.

    Attributes:
        notes: by name of a set whose problems are not to be had, a sentence about it.
    """

    files: Sequence[Path] = ()
    runs: Path = field(default_factory=runs_root)
    notes: dict[str, str] = field(default_factory=dict)
    _loaded: dict[str, ProblemSet] = field(default_factory=dict)
    _own: dict[str, ProblemSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.files:
            own = load_problems(path)
            self._own[own.name] = own

    def get(self, name: str) -> ProblemSet | None:
        """The set of that name; None, with a note, where it is not to be had."""
        if name not in self._loaded and name not in self.notes:
            try:
                self._loaded[name] = self._load(name)
            except MathbError as error:
                self.notes[name] = str(error)
        return self._loaded.get(name)

    def golds(self, keys: Iterable[str]) -> dict[str, str]:
        """Gold by key, of the problems that are to be had."""
        wanted = set(keys)
        found = (self.get(name) for name in sorted({set_of(key) for key in wanted}))
        return {each.key: each.gold for some in found if some for each in some if each.key in wanted}

    def _load(self, name: str) -> ProblemSet:
        if name in self._own:
            return self._own[name]
        if name in registry():
            return load_problems(name, ask_hub=False)  # who reads what is here need not wait for what may be far
        if path := next(find_files(self.runs, {f"{name}.jsonl"}), None):
            return load_problems(path)
        raise MathbError(
            f"The statements and golds of {name} are in no set that has a name here, so its completions are shown "
            f"without verdicts; name its file: mathb view --problems {name}.jsonl."
        )


def set_of(key: str) -> str:
    """The set's name in a problem key."""
    return key.partition("/")[0]


def find_files(root: Path, names: Collection[str]) -> Iterable[Path]:
    """Files of these names under a runs folder, the store and other large folders left out."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(set(below) - NOT_SEARCHED)
        yield from (Path(folder, name) for name in sorted(names) if name in files)
