"""Why a verdict is what it is: what was read from the text, by which rule, and what each rung of the ladder said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mathb_kit.grading.equivalence import LADDER, read
from mathb_kit.grading.extraction import EXTRACTION_RULES, extract, visible_text
from mathb_kit.grading.grader import as_text, grade

_SHOWN = 200  # characters of a text
_WORKER = {
    "symbolic": "math-verify compares, and exact arithmetic at points may refute its \"equal\"",
    "values": "two closed forms agree to 400 digits",
    "positive names": "two forms agree where all names are positive",
    "numeric veto": "math-verify said equal, exact arithmetic at a point refuted it",
    "unreadable": "one of the two is no expression that could be read",
    "limit": "more than may be asked of SymPy: no verdict",
    "timeout": "more processor time than a pair may take: no verdict",
    "interrupted": "the machine held a worker up or killed it: no verdict, and the next run asks again",
    "crash": "a worker died: no verdict",
}


@dataclass(frozen=True)
class Explanation:
    """One graded text, step by step; printed, it is what ``mathb grade --explain`` shows.

    Attributes:
        gold: as given.
        characters: of the prediction, and how many of them count.
        rule: by which rule of the extraction policy the answer was read.
        answer: as written; None for none.
        read: gold and answer as they are compared.
        rungs: (rung, "equal", "different" or "cannot tell") in the order asked, up to the one that decided.
        verdict: see `mathb_kit.verdicts.Verdict`.
        rung: the rung that decided.
    """

    gold: str
    characters: tuple[int, int]
    rule: str
    answer: str | None
    read: tuple[str, str] | None
    rungs: tuple[tuple[str, str], ...]
    verdict: str
    rung: str

    def __str__(self) -> str:
        whole, counted = self.characters
        lines = [f"gold      {_short(self.gold)}"]
        if counted < whole:
            cut = "thinking, what follows a stop string, a new turn or problem do not"
            lines.append(f"text      {counted:,} of {whole:,} characters count; {cut}")
        lines.append(f"answer    {'none' if self.answer is None else _short(self.answer)}")
        lines.append(f"rule      {self.rule}: {EXTRACTION_RULES.get(self.rule, 'a phrase that declares an answer')}")
        if self.read and self.read != (self.gold, self.answer):
            lines.append(f"compared  {_short(self.read[0])}  with  {_short(self.read[1])}")
        told = ", ".join(name for name, said in self.rungs if said == "cannot tell")
        if told:
            lines.append(f"undecided {told}")
        lines.append(f"verdict   {self.verdict}, decided by {self.rung}" + (
            f" ({_WORKER[self.rung]})" if self.rung in _WORKER else ""
        ))  # fmt: skip
        return "\n".join(lines)


def explain(
    gold: str | float, prediction: str | float, kind: str = "response", *, stop: Iterable[str] = ()
) -> Explanation:
    """Grade one text and say how.

    Args:
        gold: reference answer, bare LaTeX or a number.
        prediction: a completion, or with ``kind="answer"`` a bare answer.
        kind: ``response`` or ``answer``.
        stop: the model's stop strings.

    Raises:
        MathbError: an unknown kind, or what is neither a text nor a number.
    """
    gold, prediction, stop = as_text(gold, "gold"), as_text(prediction, "prediction"), tuple(stop)
    found = extract(prediction, kind=kind, stop=stop)
    characters = len(prediction), len(visible_text(prediction, stop) or "")
    if found.answer is None:
        return Explanation(gold, characters, found.how, None, None, (), "no_answer", "extraction")
    graded = grade(gold, prediction, kind, stop=stop)
    rungs, texts = [], (read(gold), read(found.answer))
    for name, rung in LADDER if max(map(len, texts)) <= _SHOWN * 5 else ():
        equal = rung(*texts)
        rungs.append((name, {True: "equal", False: "different", None: "cannot tell"}[equal]))
        if equal is not None:
            break
    return Explanation(gold, characters, found.how, found.answer, texts, tuple(rungs), graded.verdict, graded.rung)


def _short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} ... {text[-_SHOWN // 2 :]}"
