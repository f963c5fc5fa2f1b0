"""The numbers of a model's draw on a set: the same functions as a study's, on what the store has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import outcomes_from_verdicts
from mathb_kit.plan import Plan
from mathb_kit.profiles import load_profile, profile_names
from mathb_kit.sentences import intervals_of
from mathb_kit.statistics import pass_at_k_curve
from mathb_kit.store.texts import read_source
from mathb_kit.viewer.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

# The rounds and stop counts that this project samples by where nobody asks otherwise, those that keep most first.
_STOPS = (4, 2, 1)
_ROUNDS = (16, 64, 256, 1024)
_LARGEST_TRIED = 3  # of the numbers of attempts that problems have, as the end of a plan


class Cell(NamedTuple):
    """A model's draw on a set."""

    model: str
    draw: str
    set: str


class PassAtK(NamedTuple):
    """pass@k with its 95 % interval; NaN where the plan does not reach k."""

    k: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Numbers:
    """What is known of a cell.

    Attributes:
        cell: which.
        attempts, problems, tokens: in the store; ``truncated`` and so on are counts of attempts.
        solved: problems with a correct attempt.
        plan: the plan under which the estimates hold (`plans_of`); None where not all is graded.
        one, most: pass@1, and pass@k at the plan's last attempt; None likewise.
        interval: name of the interval.
    """

    cell: Cell
    problems: int
    attempts: int
    tokens: int
    solved: int
    truncated: int
    no_answer: int
    grader_failed: int
    ungraded: int
    plan: Plan | None
    one: PassAtK | None
    most: PassAtK | None
    interval: str


def cells(snapshot: Snapshot) -> list[Cell]:
    """All of them: sets with the most attempts first; in a set the draw main first, whoever met most of it first."""
    return snapshot.keep("cells", lambda: _cells(snapshot))


def _cells(snapshot: Snapshot) -> list[Cell]:
    table = snapshot.ask('SELECT model, draw, "set", sum(n)::BIGINT AS n, count(*) AS met FROM tried GROUP BY ALL')
    sizes = table.groupby("set")["n"].sum()
    met = {Cell(row.model, row.draw, row.set): row.met for row in table.itertuples()}

    def place(cell: Cell) -> tuple[object, ...]:
        label = snapshot.label(cell.model).lower()
        return -sizes[cell.set], cell.set, cell.draw != "main", cell.draw, -met[cell], label, cell.model

    return sorted(met, key=place)


def numbers_of(snapshot: Snapshot, cell: Cell) -> Numbers:
    """Counts and estimates of one cell, made once for a snapshot."""
    return snapshot.keep(("numbers", cell), lambda: _numbers(snapshot, cell))


def _numbers(snapshot: Snapshot, cell: Cell) -> Numbers:
    totals = snapshot.ask(
        "SELECT count(*) AS problems, sum(n)::BIGINT AS attempts, sum(tokens)::BIGINT AS tokens, "
        "count(*) FILTER (c > 0) AS solved, sum(truncated)::BIGINT AS truncated, sum(no_answer)::BIGINT AS no_answer, "
        "sum(grader_failed)::BIGINT AS grader_failed, sum(ungraded)::BIGINT AS ungraded FROM tried "
        'WHERE model = ? AND draw = ? AND "set" = ?', *cell,
    ).iloc[0]  # fmt: skip
    counted = {name: int(value) for name, value in totals.items()}
    outcomes = outcomes_of(snapshot, cell)
    if outcomes is None:
        return Numbers(cell, **counted, plan=None, one=None, most=None, interval="")
    plan = Plan.parse(outcomes["plan"].iloc[0])
    curve = pass_at_k_curve(outcomes, [1, plan.n_max])
    one, most = (PassAtK(int(row.k), row.estimate, row.low, row.high) for row in curve.itertuples())
    return Numbers(cell, **counted, plan=plan, one=one, most=most, interval=intervals_of(curve))


def outcomes_of(snapshot: Snapshot, cell: Cell) -> pd.DataFrame | None:
    """Outcomes by problem under one of `plans_of` the cell, with ``name`` and ``set``; None where they cannot be had.

    Attempts whose texts were not read yet, and those at the same problem that come after them, are left out: they are
    new. Where answers were read and not all of them graded there are no outcomes, for which are graded hangs on what
    they say.
    """
    return snapshot.keep(("outcomes", cell), lambda: _outcomes(snapshot, cell))


def _outcomes(snapshot: Snapshot, cell: Cell) -> pd.DataFrame | None:
    rows = snapshot.ask(
        'SELECT model, draw, problem, "index", verdict, truncated, tokens FROM attempts '
        'WHERE model = ? AND draw = ? AND "set" = ? AND is_read ORDER BY problem, "index"', *cell,
    )  # fmt: skip
    if rows.empty or rows["verdict"].isna().any():
        return None
    grader = snapshot.versions[cell.model, cell.draw].grader or ""
    plans, asked = plans_of(rows, snapshot.models.get(cell.model, {}).get("name"), cell.set), _asked(snapshot, cell)
    if asked:  # nothing is known of attempts that nobody asked for
        plans = chain([asked], (plan for plan in plans if plan.n_max <= asked.n_max))
    for plan in plans:
        outcomes = outcomes_from_verdicts(rows, plan, grader)
        if outcomes["complete"].all():
            outcomes.insert(0, "name", snapshot.label(cell.model))
            outcomes.insert(1, "set", cell.set)
            return outcomes
    return None


def _asked(snapshot: Snapshot, cell: Cell) -> Plan | None:
    """The plan that asked for the last attempts, as their shard has it; None of attempts without a record."""
    last = snapshot.ask(
        'SELECT shard FROM attempts WHERE model = ? AND draw = ? AND "set" = ? ORDER BY "index" DESC LIMIT 1', *cell
    )
    text = read_source(snapshot.store, cell.model, cell.draw, last["shard"].iloc[0]).get("plan")
    return Plan.parse(text) if text else None


def plans_of(rows: pd.DataFrame, model: str | None, name: str) -> Iterator[Plan]:
    """Plans under which these attempts may have been made, those that keep most of them first.

    Which plan a problem's attempts ended under the store does not hold. A plan that would have gone on where a problem
    ends is none of them, and the last one, as many attempts at every problem as the least tried one has, always is one.

    Args:
        rows: problem and index of the graded attempts, sorted by both.
        model: name of the model.
        name: name of the set.
    """
    counts = (rows["index"] == rows.groupby("problem", sort=False).cumcount()).groupby(rows["problem"]).sum()
    least, largest = int(counts.min()), sorted(counts.unique(), reverse=True)[:_LARGEST_TRIED]
    yield from sorted(_of_studies(model, name), key=lambda plan: -plan.n_max)
    if largest[0] > least:
        for n in map(int, largest):
            for stop in _STOPS:
                yield Plan.up_to(n, stop)
                if n in _ROUNDS[1:]:
                    yield Plan(_ROUNDS[: _ROUNDS.index(n) + 1], stop)
    if least:
        yield Plan.fixed(least)


@cache
def _studies() -> tuple[tuple[frozenset[tuple[str, str]], Plan], ...]:
    studies = []
    for name in profile_names():
        for quick in (False, True):
            try:
                profile = load_profile(name, quick=quick)
            except MathbError:  # it has no quick form
                continue
            studies.append((frozenset(profile.evaluations), profile.plan))
    return tuple(studies)


def _of_studies(model: str | None, name: str) -> set[Plan]:
    """Plans of the studies in which this model meets this set."""
    return {plan for evaluations, plan in _studies() if (model, name) in evaluations and not plan.is_fixed}
