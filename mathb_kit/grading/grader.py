"""From (gold, answer) pairs to verdicts, each distinct pair once."""

from __future__ import annotations

import atexit
import hashlib
import threading
from collections.abc import Iterable
from contextlib import closing, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.grading.equivalence import decide, read
from mathb_kit.grading.extraction import extract
from mathb_kit.grading.limits import over_limit
from mathb_kit.grading.workers import Workers
from mathb_kit.progress import progress

CORRECT, WRONG, NO_ANSWER, GRADER_FAILED = VERDICTS = ("correct", "wrong", "no_answer", "grader_failed")

_SOURCES = (
    "equivalence.py", "extraction.py", "grader.py", "latex.py", "limits.py", "numerals.py", "symbolic.py", "workers.py"
)  # fmt: skip
_PINS = ("math-verify", "latex2sympy2_extended", "sympy", "antlr4-python3-runtime")


def _version() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for name in _PINS:
        try:
            digest.update(f"{name}=={version(name)}".encode())
        except PackageNotFoundError:
            raise MathbError(f"Grading needs the package {name}; install what constraints.txt names.") from None
    return digest.hexdigest()[:12]


GRADER_VERSION = _version()
"""12 hex digits over the grading sources and the versions of the libraries that the symbolic rung asks."""

# What the symbolic rung says -> (verdict, rung).
_SYMBOLIC = {
    "equal": (CORRECT, "symbolic"),
    "different": (WRONG, "symbolic"),
    "vetoed": (WRONG, "numeric veto"),
    "unreadable": (WRONG, "unreadable"),
    "timeout": (GRADER_FAILED, "timeout"),
    "crash": (GRADER_FAILED, "crash"),
}


class Grade(NamedTuple):
    """A verdict, the answer that the text committed to (None: none), and the rung that decided."""

    verdict: str
    answer: str | None
    rung: str


class GradeStore(Protocol):
    """Where verdicts are kept from run to run; frames have the columns gold, answer, verdict, rung."""

    def read_grades(self, grader_version: str) -> pd.DataFrame: ...

    def write_grades(self, grader_version: str, frame: pd.DataFrame) -> None: ...


class Grader:
    """Grades answers; a context manager that ends its workers.

    A pair that a cheap rung can decide never starts a worker. Verdicts are remembered, and kept in ``store`` if one
    is given, so that a pair is graded once ever under one ``GRADER_VERSION``.

    Args:
        store: keeps verdicts across runs.
        workers: processes for the symbolic rung; by default one per core.
    """

    def __init__(self, store: GradeStore | None = None, *, workers: int | None = None) -> None:
        self._store = store
        self._workers = Workers(workers)
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        if store is not None:
            kept = store.read_grades(GRADER_VERSION)
            self._known.update(zip(zip(kept["gold"], kept["answer"]), zip(kept["verdict"], kept["rung"])))

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
        distinct = pairs[["gold", "answer"]].drop_duplicates(ignore_index=True)
        answered = distinct["answer"].notna()
        keys = list(zip(distinct.loc[answered, "gold"], distinct.loc[answered, "answer"]))
        decisions = self.grade_all(keys)
        verdict = pd.Series(NO_ANSWER, index=distinct.index)
        rung = pd.Series("extraction", index=distinct.index)
        verdict[answered] = [decisions[key][0] for key in keys]
        rung[answered] = [decisions[key][1] for key in keys]
        return distinct.assign(verdict=verdict, rung=rung)

    def grade_answers(self, answers: pd.DataFrame) -> pd.DataFrame:
        """``answers`` (columns gold, answer, any others) with the columns verdict and rung; rows and index as given."""
        merged = answers.merge(self.grade_pairs(answers), on=["gold", "answer"], how="left")
        return merged.set_index(answers.index)

    def grade_all(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
        """(verdict, rung) of each pair of texts."""
        wanted = dict.fromkeys(pairs)
        new = {pair: self._cheap(*pair) for pair in wanted if pair not in self._known}
        undecided = [pair for pair, decision in new.items() if decision is None]
        shown = progress(len(undecided), "grading", "pairs") if len(undecided) > 1 else nullcontext()
        try:
            texts = ((read(gold), read(answer)) for gold, answer in undecided)
            with shown as bar, closing(self._workers.compare(texts)) as outcomes:
                for position, outcome in outcomes:
                    new[undecided[position]] = _SYMBOLIC[outcome]
                    if bar:
                        bar.update(1)
        finally:  # Ctrl-C keeps what is decided
            self._remember({pair: decision for pair, decision in new.items() if decision is not None})
        return {pair: self._known[pair] for pair in wanted}

    def _remember(self, decisions: dict[tuple[str, str], tuple[str, str]]) -> None:
        self._known.update(decisions)
        if self._store is not None and decisions:
            rows = [(*pair, *decision) for pair, decision in decisions.items()]
            self._store.write_grades(GRADER_VERSION, pd.DataFrame(rows, columns=["gold", "answer", "verdict", "rung"]))

    @staticmethod
    def _cheap(gold: str, answer: str) -> tuple[str, str] | None:
        equal, rung = decide(gold, answer)
        if equal is not None:
            return (CORRECT if equal else WRONG), rung
        return (GRADER_FAILED, "limit") if over_limit(read(gold)) or over_limit(read(answer)) else None


def grade(gold: str, prediction: str, kind: str = "response", *, stop: Iterable[str] = ()) -> Grade:
    """Grade one text; workers are shared by all calls and end with the interpreter.

    Args:
        gold: reference answer, bare LaTeX.
        prediction: a completion, or with ``kind="answer"`` a bare answer.
        kind: ``response`` or ``answer``.
        stop: the model's stop strings.
    """
    answer = extract(prediction, kind=kind, stop=stop).answer
    if answer is None:
        return Grade(NO_ANSWER, None, "extraction")
    verdict, rung = _shared().grade_all([(gold, answer)])[gold, answer]
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
