"""From (gold, answer) pairs to verdicts, each distinct pair once."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from decimal import Decimal
from fractions import Fraction
from functools import cache, partial
from numbers import Integral, Real
from typing import NamedTuple, Protocol

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.grading.conventions import checked, under
from mathb_kit.grading.equivalence import decide
from mathb_kit.grading.extraction import extract
from mathb_kit.grading.versions import GRADER_VERSION
from mathb_kit.grading.workers import INTERRUPTED, Workers
from mathb_kit.progress import Progress, progress
from mathb_kit.verdicts import Verdict

_SHORT = 100  # characters; the ladder is climbed in a worker, under its clock and memory limit, if a text is longer
_MANY = 10_000  # pairs; deciding fewer takes no time worth a progress bar


class Grade(NamedTuple):
    """A verdict, the answer that the text committed to (None: none), and the rung that decided."""

    verdict: str
    answer: str | None
    rung: str


class GradeStore(Protocol):
    """Where verdicts are kept from run to run; frames have the columns gold, answer, verdict, rung."""

    def read_grades(self, grader_version: str, golds: Collection[str] | None = None) -> pd.DataFrame: ...

    def write_grades(self, grader_version: str, frame: pd.DataFrame) -> None: ...


class Grader:
    """Grades answers; a context manager that ends its workers.

    A short pair that a cheap rung can decide never starts a worker. Verdicts are remembered, and kept in ``store`` if
    one is given, so that a pair is graded once ever under one ``GRADER_VERSION`` (but for one whose worker the machine
    interrupted: it is ``grader_failed`` this once, and graded again when it is next asked about). Of the store's
    verdicts only those on golds that were asked about are held in memory. Two graders at work at once may both grade a
    pair: in the store the first verdict holds.

    Args:
        store: keeps verdicts across runs.
        workers: processes for all other pairs; by default one per core.
    """

    def __init__(self, store: GradeStore | None = None, *, workers: int | None = None) -> None:
        self._store = store
        self._workers = Workers(workers)
        self._known: dict[str, dict[str, tuple[str, str]]] = {}  # gold -> answer -> (verdict, rung)
        self._decisions: dict[tuple[str, str], tuple[str, str]] = {}  # one object for each (verdict, rung) that occurs

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; the next undecided pair would start new ones."""
        self._workers.close()

    def grade_pairs(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Verdicts for pairs.

        Args:
            pairs: columns gold and answer (null: no answer); duplicates welcome.

        Returns:
            One row per distinct pair, in order of appearance: gold, answer, verdict, rung.
        """
        distinct = _as_texts(pairs)[["gold", "answer"]].drop_duplicates(ignore_index=True)
        answered = distinct["answer"].notna()
        keys = list(zip(distinct.loc[answered, "gold"].tolist(), distinct.loc[answered, "answer"].tolist()))
        decisions = self.grade_all(keys)
        verdict = pd.Series(Verdict.NO_ANSWER, index=distinct.index)
        rung = pd.Series("extraction", index=distinct.index)
        verdict[answered] = [decisions[key][0] for key in keys]
        rung[answered] = [decisions[key][1] for key in keys]
        return distinct.assign(verdict=verdict, rung=rung)

    def grade_answers(self, answers: pd.DataFrame) -> pd.DataFrame:
        """``answers`` (columns gold, answer, any others) with the columns verdict and rung; rows and index as given."""
        texts = _as_texts(answers)[["gold", "answer"]]
        merged = texts.merge(self.grade_pairs(texts), on=["gold", "answer"], how="left").set_index(answers.index)
        return answers.assign(verdict=merged["verdict"], rung=merged["rung"])

    def grade_all(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
        """(verdict, rung) of each pair of texts."""
        wanted = dict.fromkeys(pairs)
        self._recall({gold for gold, _ in wanted})
        new = [(gold, answer) for gold, answer in wanted if answer not in self._known[gold]]
        undecided = []
        with self._remembering() as decided, _bar(len(new), "grading", _MANY) as bar:
            for pair in new:
                if (decision := self._cheap(*pair)) is not None:
                    decided[pair] = decision
                else:
                    undecided.append(pair)
                if bar:
                    bar.update(1)
        with (
            self._remembering() as decided,
            _bar(len(undecided), "grading in workers", 2) as bar,
            closing(self._workers.judge(undecided)) as judgements,
        ):
            for position, (equal, rung) in judgements:
                decided[undecided[position]] = _verdict(equal), rung
                if bar:
                    bar.update(1)
        graded = {(gold, answer): self._known[gold][answer] for gold, answer in wanted}
        for (gold, answer), (_, rung) in graded.items():
            if rung == INTERRUPTED:
                del self._known[gold][answer]
        return graded

    def _recall(self, golds: set[str]) -> None:
        """Load what the store knows about golds that were not asked about before."""
        unasked = golds - self._known.keys()
        self._known.update((gold, {}) for gold in unasked)
        if self._store is not None and unasked:
            kept = self._store.read_grades(GRADER_VERSION, unasked)
            columns = (kept[name].tolist() for name in ("gold", "answer", "verdict", "rung"))
            for gold, answer, *decision in zip(*columns):
                self._know(gold, answer, tuple(decision))

    @contextmanager
    def _remembering(self) -> Iterator[dict[tuple[str, str], tuple[str, str]]]:
        """A table to put decisions in; what it holds at the end, or on Ctrl-C, is kept."""
        decided: dict[tuple[str, str], tuple[str, str]] = {}
        try:
            yield decided
        finally:
            for pair, decision in decided.items():
                self._know(*pair, decision)
            rows = [(*pair, *decision) for pair, decision in decided.items() if decision[1] != INTERRUPTED]
            if self._store is not None and rows:
                columns = ["gold", "answer", "verdict", "rung"]
                self._store.write_grades(GRADER_VERSION, pd.DataFrame(rows, columns=columns))

    def _know(self, gold: str, answer: str, decision: tuple[str, str]) -> None:
        self._known.setdefault(gold, {})[answer] = self._decisions.setdefault(decision, decision)

    @staticmethod
    def _cheap(gold: str, answer: str) -> tuple[str, str] | None:
        if max(len(gold), len(answer)) > _SHORT:
            return None
        equal, rung = decide(gold, answer)
        return None if equal is None else (_verdict(equal), rung)


def _as_texts(pairs: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers, as golds of AIME are, as texts."""
    kinds = {name: pd.api.types.infer_dtype(pairs[name], skipna=True) for name in ("gold", "answer")}
    columns = {
        name: pairs[name].astype(object).map(partial(as_text, name=name), na_action="ignore")
        for name, kind in kinds.items()
        if kind not in ("string", "empty")
    }
    return pairs.assign(**columns) if columns else pairs


def _verdict(equal: bool | None) -> str:
    return Verdict.GRADER_FAILED if equal is None else Verdict.CORRECT if equal else Verdict.WRONG


def _bar(count: int, label: str, least: int) -> AbstractContextManager[Progress | None]:
    return progress(count, label, "pairs") if count >= least else nullcontext()


def as_text(value: str | float, name: str) -> str:
    """A text as it is, a number (of numpy's too) as it is written.

    Raises:
        MathbError: neither; ``name`` says what it was to be.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        return str(value) if isinstance(value, (Fraction, Decimal)) else repr(float(value))
    raise MathbError(f"The {name} is {value!r}, of type {type(value).__name__}; give a text or a number.")


def grade(
    gold: str | float,
    prediction: str | float,
    kind: str = "response",
    *,
    stop: Iterable[str] = (),
    conventions: Iterable[str] = (),
) -> Grade:
    """Grade one text; workers are shared by all calls and end with the interpreter.

    Args:
        gold: reference answer, bare LaTeX or a number.
        prediction: a completion, or with ``kind="answer"`` a bare answer.
        kind: ``response`` or ``answer``.
        stop: the model's stop strings.
        conventions: switches where users differ, see `mathb_kit.grading.conventions`.

    Raises:
        MathbError: an unknown kind or convention, or what is neither a text nor a number.
    """
    gold, prediction, conventions = as_text(gold, "gold"), as_text(prediction, "prediction"), checked(conventions)
    answer = extract(prediction, kind=kind, stop=stop).answer
    if answer is None:
        return Grade(Verdict.NO_ANSWER, None, "extraction")
    verdict, rung = under(conventions, gold, answer, _shared().grade_all([(gold, answer)])[gold, answer])
    return Grade(verdict, answer, rung)


_shared_lock = threading.Lock()


def _shared() -> Grader:
    with _shared_lock:
        return _shared_grader()


@cache
def _shared_grader() -> Grader:
    grader = Grader(workers=1)
    atexit.register(grader.close)
    return grader
