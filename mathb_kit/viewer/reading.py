"""Problems and attempts to read: sorted, filtered, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.grading import extraction
from mathb_kit.store.texts import read_texts
from mathb_kit.verdicts import Verdict
from mathb_kit.viewer.conditions import OF_ATTEMPTS, OF_PROBLEMS, as_sql
from mathb_kit.viewer.numbers import Cell
from mathb_kit.viewer.snapshot import Snapshot

PROBLEMS_A_PAGE, ATTEMPTS_A_PAGE = 50, 20
NOT_GRADED = "not_graded"

SORTS = {
    "place": "place", "rate": "c / n", "n": "n", "c": "c", "truncated": "truncated", "no_answer": "no_answer",
    "tokens": "tokens / n", "id": "id",
}  # fmt: skip
# What a problem may be chosen by: the words on the page, and the condition.
SHOWN = {
    "": ("all problems", "true"),
    "never": ("never correct", "c = 0"),
    "sometimes": ("sometimes correct", "c > 0 AND c < n"),
    "always": ("always correct", "c = n"),
    "wrong": ("with a wrong answer", "wrong > 0"),
    "no_answer": ("with no answer", "no_answer > 0"),
    "grader_failed": ("where the grader failed", "grader_failed > 0"),
    "truncated": ("with truncated attempts", "truncated > 0"),
    "ungraded": ("with attempts not graded", "ungraded > 0"),
}


@dataclass(frozen=True)
class Choice:
    """Which problems, and in which order.

    Attributes:
        show: a key of `SHOWN`.
        sort: a key of `SORTS`.
        descending: the other way round.
        text: in the statement, the gold or the id.
        page: from 1.
        where: conditions (`mathb_kit.viewer.conditions`).

    Raises:
        MathbError: an unknown key.
    """

    show: str = ""
    sort: str = "place"
    descending: bool = False
    text: str = ""
    page: int = 1
    where: str = ""

    def __post_init__(self) -> None:
        for value, known, what in ((self.show, SHOWN, "choice"), (self.sort, SORTS, "order")):
            if value not in known:
                raise MathbError(f"There is no {what} {value!r}; choose one of {', '.join(filter(None, known))}.")

    @property
    def parameters(self) -> dict[str, str]:
        """What differs from the default, for links."""
        given = {"show": self.show, "sort": self.sort * (self.sort != "place"), "down": "1" * self.descending,
                 "q": self.text, "where": self.where}  # fmt: skip
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Page:
    """Rows of one page out of ``of`` in all, each by column.

    Attributes:
        rows: of this page.
        of: in all.
        number, last: of the page, from 1.
    """

    rows: list[dict[str, Any]]
    of: int
    number: int
    last: int


def problems(snapshot: Snapshot, cell: Cell, choice: Choice, size: int = PROBLEMS_A_PAGE) -> Page:
    """Problems of a cell: the columns of the snapshot's ``tried`` and ``problems``."""
    query, values = _chosen(cell, choice)
    of = snapshot.rows(f"SELECT count(*) AS n FROM ({query})", *values)[0]["n"]
    last = max(1, -(-of // size))
    number = min(max(1, choice.page), last)
    rows = snapshot.rows(f"{query} LIMIT {size} OFFSET {(number - 1) * size}", *values)
    return Page(rows, of, number, last)


def place_among(
    snapshot: Snapshot, cell: Cell, choice: Choice, problem: str
) -> tuple[int, int, str | None, str | None]:
    """Place (from 1) of a problem among those chosen, how many these are, and the keys before and after it.

    The place is 0 where it is not among them.
    """
    query, values = _chosen(cell, replace(choice, page=1))
    keys = [row["problem"] for row in snapshot.rows(f"SELECT problem FROM ({query})", *values)]
    if problem not in keys:
        return 0, len(keys), None, None
    at = keys.index(problem)
    return at + 1, len(keys), keys[at - 1] if at else None, keys[at + 1] if at + 1 < len(keys) else None


def _chosen(cell: Cell, choice: Choice) -> tuple[str, list[Any]]:
    order = f"{SORTS[choice.sort]} {'DESC' if choice.descending else 'ASC'} NULLS LAST, place, problem"
    where, values = f"({SHOWN[choice.show][1]})", [*cell]
    if choice.text:
        where += " AND (contains(lower(concat_ws(' ', id, statement, gold)), lower(?)))"
        values.append(choice.text)
    condition, numbers = as_sql(choice.where, OF_PROBLEMS)
    where, values = f"{where} AND {condition}", [*values, *numbers]
    return (
        f'SELECT * FROM tried JOIN problems USING (problem, "set") WHERE model = ? AND draw = ? AND "set" = ? '
        f"AND {where} ORDER BY {order}"
    ), values


@dataclass(frozen=True)
class Wanted:
    """Which attempts.

    Attributes:
        verdict: a verdict or `NOT_GRADED`; all by default.
        truncated: only these.
        answer: only those with this very answer.
        text: in the completion, whatever its case.
        page: from 1.
        where: conditions (`mathb_kit.viewer.conditions`).

    Raises:
        MathbError: an unknown verdict.
    """

    verdict: str = ""
    truncated: bool = False
    answer: str | None = None
    text: str = ""
    page: int = 1
    where: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in ("", NOT_GRADED, *Verdict):
            raise MathbError(f"There is no verdict {self.verdict!r}; choose one of {', '.join(Verdict)}.")

    @property
    def parameters(self) -> dict[str, str]:
        """What differs from the default, for links."""
        given = {"verdict": self.verdict, "truncated": "1" * self.truncated, "text": self.text,
                 "with": self.where}  # fmt: skip
        chosen = {name: value for name, value in given.items() if value}
        return chosen if self.answer is None else chosen | {"answer": self.answer}

    @property
    def condition(self) -> tuple[str, list[Any]]:
        """All but the text and the page as SQL, with its values."""
        where, values = ["true"], []
        if self.verdict == NOT_GRADED:
            where.append("verdict IS NULL")
        elif self.verdict:
            where.append("verdict = ?")
            values.append(self.verdict)
        if self.truncated:
            where.append("truncated")
        if self.answer is not None:
            where.append("answer = ?")
            values.append(self.answer)
        condition, numbers = as_sql(self.where, OF_ATTEMPTS)
        where, values = [*where, condition], [*values, *numbers]
        return " AND ".join(where), values


def attempts(snapshot: Snapshot, cell: Cell, problem: str, wanted: Wanted, size: int = ATTEMPTS_A_PAGE) -> Page:
    """Attempts at a problem with their texts: index, answer, verdict, rung, truncated, finish, tokens, text."""
    where, more = wanted.condition
    chosen = f"FROM attempts WHERE model = ? AND draw = ? AND problem = ? AND {where}"
    values = [cell.model, cell.draw, problem, *more]
    if wanted.text:
        everything = with_texts(snapshot, cell, snapshot.rows(f'SELECT * {chosen} ORDER BY "index"', *values))
        found = [row for row in everything if wanted.text.lower() in (row["text"] or "").lower()]
        of = len(found)
    else:
        of = snapshot.rows(f"SELECT count(*) AS n {chosen}", *values)[0]["n"]
    last = max(1, -(-of // size))
    number = min(max(1, wanted.page), last)
    skipped = (number - 1) * size
    if wanted.text:
        return Page(found[skipped : skipped + size], of, number, last)
    shown = snapshot.rows(f'SELECT * {chosen} ORDER BY "index" LIMIT {size} OFFSET {skipped}', *values)
    return Page(with_texts(snapshot, cell, shown), of, number, last)


def with_texts(snapshot: Snapshot, cell: Cell, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the snapshot's ``attempts`` with their completions."""
    attempts = [(row["shard"], row["problem"], row["index"]) for row in rows]
    texts = read_texts(snapshot.store, cell.model, cell.draw, attempts)
    return [row | {"text": text} for row, text in zip(rows, texts)]


def answers(snapshot: Snapshot, cell: Cell, problem: str, most: int = 8) -> tuple[list[dict[str, Any]], int]:
    """The most frequent answers to a problem: answer, verdict, count; and how many others there are."""
    rows = snapshot.rows(
        "SELECT answer, verdict, count(*) AS count FROM attempts WHERE model = ? AND draw = ? AND problem = ? "
        "AND answer IS NOT NULL GROUP BY ALL ORDER BY count DESC, answer", cell.model, cell.draw, problem,
    )  # fmt: skip
    return rows[:most], max(0, len(rows) - most)


@dataclass(frozen=True)
class CompletionParts:
    """A completion by what counts of it.

    Attributes:
        thinking: what comes before the last end-of-thinking mark, this included; the whole of a text that never
            leaves its thinking.
        counted: where the answer is looked for.
        after: what follows a stop string, a new turn or a new problem.
        is_finished: whether it leaves its thinking.
    """

    thinking: str
    counted: str
    after: str
    is_finished: bool = True


def parts_of_completion(text: str, stop: Sequence[str] = ()) -> CompletionParts:
    """Cut a completion where the extraction policy does (`mathb_kit.grading.extraction`)."""
    counted = extraction.visible_text(text, stop)
    if counted is None:
        return CompletionParts(text, "", "", is_finished=False)
    start = next(start for start in _starts(text) if text.startswith(counted, start))
    return CompletionParts(text[:start], counted, text[start + len(counted) :])


def _starts(text: str) -> Iterator[int]:
    """Where thinking may end, the last place first: a stop string may have cut off later marks."""
    ends = {text.rfind(mark, 0, at) + len(mark) for mark in extraction._END_THINKING for at in _places(text, mark)}
    yield from sorted(ends | {0}, reverse=True)


def _places(text: str, mark: str) -> Iterator[int]:
    at = text.find(mark)
    while at >= 0:
        yield at + len(mark)
        at = text.find(mark, at + 1)
