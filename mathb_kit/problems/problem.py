"""One problem with its gold, and an ordered set of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from mathb_kit.errors import MathbError

if TYPE_CHECKING:
    import pandas as pd


def unsolved_column(model: str) -> str:
    """Name of the column of a sieved set that says which problems a model left unsolved (as on the hub)."""
    return f"{model}_unsolved"


def statement_hash(statement: str) -> str:
    """64-bit hexadecimal hash of a statement, whitespace runs collapsed."""
    return hashlib.sha256(" ".join(statement.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def set_and_id(key: str) -> str:
    """``set/id`` of a problem's key, for readers; a name that is no key stays as it is."""
    return str(key).rpartition("@")[0] or str(key)


@dataclass(frozen=True)
class Problem:
    """A statement in LaTeX and its gold answer (bare LaTeX, no dollar signs needed).

    Attributes:
        set: name of the problem set, e.g. ``mini-math``.
        id: identity within the set.
        statement: text shown to the model.
        gold: reference answer.
        meta: anything else the source says (level, family, source, ...).
    """

    set: str
    id: str
    statement: str
    gold: str
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def key(self) -> str:
        """``set/id@hash``: a changed statement is another problem, so old attempts never count for it."""
        return f"{self.set}/{self.id}@{statement_hash(self.statement)}"


@dataclass(frozen=True)
class ProblemSet(Sequence[Problem]):
    """An ordered set of problems, with a remark where it is not the whole set.

    Attributes:
        name: the registry name.
        problems: the rows, in the source's order.
        note: e.g. ``"11,658 of 40,315"`` where only a part could be read, else empty.
        source: where the rows came from, for provenance.
        selected_in: of a sieved set, in how many attempts a model had left unsolved what its column says; None if that
            is not known.
    """

    name: str
    problems: tuple[Problem, ...]
    note: str = ""
    source: str = ""
    selected_in: int | None = None

    def __len__(self) -> int:
        return len(self.problems)

    @overload
    def __getitem__(self, index: int) -> Problem: ...
    @overload
    def __getitem__(self, index: slice) -> ProblemSet: ...
    def __getitem__(self, index: int | slice) -> Problem | ProblemSet:
        if isinstance(index, slice):
            return self._part(self.problems[index])
        return self.problems[index]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def where(self, keep: Callable[[Problem], bool]) -> ProblemSet:
        """The problems that ``keep`` accepts, e.g. by what the source says in ``meta``.

        DeepMath's algebra of medium difficulty:
        ``pool.where(lambda p: 5 <= p.meta["difficulty"] < 7 and p.meta["topic"].startswith("Mathematics -> Algebra"))``
        """
        return self._part(tuple(problem for problem in self.problems if keep(problem)))

    def is_sieved_with(self, model: str) -> bool:
        """Whether every problem says if this model left it unsolved at selection."""
        return all(unsolved_column(model) in problem.meta for problem in self.problems)

    def unsolved_by(self, model: str) -> ProblemSet:
        """The problems that a model left unsolved at selection (column ``<model>_unsolved``).

        Raises:
            MathbError: the set was not sieved with that model.
        """
        column = unsolved_column(model)
        if not self.is_sieved_with(model):
            raise MathbError(
                f"{self.name} has no column {column!r}, so it was not sieved with {model}; judge on a set that was, or "
                "make one with mathb construct."
            )
        return self.where(lambda problem: problem.meta[column])

    def attempts_at_selection(self, model: str) -> int:
        """In how many attempts a model had left unsolved what its column says.

        Raises:
            MathbError: the set does not say.
        """
        if self.selected_in is None:
            raise MathbError(
                f"{self.name} does not say in how many attempts {model} left its problems unsolved; write the number "
                "into a column selected_in."
            )
        return self.selected_in

    def _part(self, problems: tuple[Problem, ...]) -> ProblemSet:
        return replace(self, problems=problems, note=f"{len(problems):,} of {len(self):,}")

    def to_frame(self) -> pd.DataFrame:
        """One row per problem: key, set, id, statement, gold and one column per meta field."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"problem": p.key, "set": p.set, "id": p.id, "statement": p.statement, "gold": p.gold, **p.meta}
                for p in self.problems
            ]
        )
