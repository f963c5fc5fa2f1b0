r"""What answer a completion commits to.

The policy, in order: nothing before the last end-of-thinking mark counts, and a completion that never leaves its
thinking has no answer; text after a stop string, or after the start of another problem (base models run on), does not
count; then the last balanced ``\boxed{}`` or ``\fbox{}`` that is not empty, taken together with the boxes beside it
where only "and", a comma, "(b)" or the like stands between, and with the sign or unit right beside it (``boxes``);
then the declaring phrases in their order (``declared``). No last-number guess. An answer that itself boxes or
declares one is read again, so an extracted answer gives itself.

Two other policies show how much hangs on the rule: ``first_box`` reads the first box alone, ``any_box`` accepts what
``last_box`` reads and every single box.

Everything is a linear scan without recursion: texts of 10 MB end in seconds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from mathb_kit.errors import MathbError
from mathb_kit.grading.boxes import answer_in_boxes, single_answers
from mathb_kit.grading.declared import BARE, LONGEST, declared_answer, without_lead_in

POLICIES = ("last_box", "first_box", "any_box")
KINDS = ("response", "answer")

_OPEN_THINKING = ("<think>", "<thinking>", "<|begin_of_thought|>", "◁think▷")
_END_THINKING = ("</think>", "</thinking>", "<|end_of_thought|>", "◁/think▷")

_THINKING = re.compile("|".join(map(re.escape, (*_OPEN_THINKING, *_END_THINKING))))

# Where a completion starts on something else: an end-of-turn token, or a new problem that it poses to itself. Each
# pattern begins with one literal character, which the engine jumps to.
_END_OF_TURN = re.compile(
    r"<(?:\|(?:im_start|im_end|endoftext|end_of_text|eot_id|eot|eom_id|start_header_id|user|assistant|system|end|return"
    r"|start|START_OF_TURN_TOKEN|END_OF_TURN_TOKEN)\|>|/s>|(?:start|end)_of_turn>|｜(?:User|Assistant|end▁of▁sentence)｜>)"
)
_NEW_PROBLEM = re.compile(
    r"\n[ \t#*\[]*+(?=[NPQEHUI\n])(?:(?:Problem|Question|Exercise|(?:New|Next) (?i:problem|question|exercise))"
    r"(?:(?:[ \t]+\d{1,4})?(?:\*\*)?[ \t]*[:.]|[ \t]+\d{1,4}(?:\*\*)?[ \t]*\n)"
    r"|(?:Human|User|Instruction):|INST\b|\n[ \t]*Q:)"
)
# "Let me restate. **Problem:** ..." before any solution is the problem at hand; a number above 1, or a turn, is not.
_RESTATES = re.compile(r"\n[ \t#*\[]*+(?:Problem|Question|Exercise)(?:[ \t]+1)?(?:\*\*)?[ \t]*[:.]")
_SOLVES = re.compile(r"=|(?m:^)[ \t#*]*(?:Solution|Answer|Step|Proof|Reasoning|Explanation)\b")
_LONGEST_LEAD_IN = 600


EXTRACTION_RULES = {
    "box": "the last boxes of the text",
    "whole text": "a bare answer that declares nothing",
    "unfinished thinking": "the text never leaves its thinking",
    "nothing declared": "no box, and no phrase that declares an answer",
    "conclusion": "a weaker phrase, on the last line",
}


class Extraction(NamedTuple):
    """An answer (None where the text commits to none) and how it was found."""

    answer: str | None
    how: str


def extract(
    completion: str, *, kind: str = "response", stop: Iterable[str] = (), policy: str = "last_box"
) -> Extraction:
    r"""The answer that a text commits to.

    Args:
        completion: sampled text; with ``kind="answer"`` a bare answer, whose whole text is the answer unless it
            boxes or declares one.
        kind: ``response`` or ``answer``.
        stop: the model's stop strings; the text is cut before the first one outside thinking.
        policy: ``last_box`` or ``first_box``; for ``any_box`` see `extract_all`.

    Returns:
        The answer as written (LaTeX, box removed, white space at its ends removed), and one of ``box``, the name of
        a declared phrase, ``whole text``, ``unfinished thinking`` or ``nothing declared``.
    """
    if policy not in ("last_box", "first_box"):
        raise MathbError(f"{policy!r} does not give one answer; choose last_box or first_box.")
    if kind not in KINDS:
        raise MathbError(f"Unknown kind of prediction {kind!r}; choose one of {', '.join(KINDS)}.")
    found = _commitment(visible_text(completion, stop), kind, policy)
    if found.answer is None or (answer := _settled(found.answer)) == found.answer:
        return found
    return Extraction(answer, found.how if answer else "nothing declared")


def extract_all(completion: str, *, stop: Iterable[str] = ()) -> tuple[str, ...]:
    """Every answer that ``any_box`` accepts: what the text commits to, then each of its boxes; no answer twice."""
    text = visible_text(completion, stop)
    found = [_commitment(text, "response", "last_box").answer, *single_answers(text or "")]
    return tuple(dict.fromkeys(answer for content in found if (answer := _settled(content)) is not None))


def _commitment(text: str | None, kind: str, policy: str) -> Extraction:
    if text is None:
        return Extraction(None, "unfinished thinking")
    if boxed := answer_in_boxes(text, first=policy == "first_box"):
        return Extraction(boxed, "box")
    if (declared := declared_answer(text)) is not None:
        return Extraction(*declared)
    if kind == "answer" and (whole := without_lead_in(text)):
        return Extraction(whole, "whole text")
    return Extraction(None, "nothing declared")


def _settled(answer: str | None) -> str | None:
    """What an answer stands for that itself boxes or declares one, for example "The answer is 7" in a box."""
    while answer is not None and len(answer) <= LONGEST and not BARE.fullmatch(answer):
        again = _commitment(visible_text(answer, ()), "answer", "last_box").answer
        if again == answer:
            break
        answer = again  # always shorter
    return answer


def visible_text(text: str, stop: Iterable[str]) -> str | None:
    """The part of a completion that counts, None where it never leaves its thinking."""
    if stop:
        text = _before_stop(text, stop)
    marked = "<" in text or "◁" in text  # one of them begins every mark below but that of a new problem
    if marked and ("think" in text or "_of_thought" in text):
        end, mark = max((text.rfind(mark), mark) for mark in _END_THINKING)
        if end >= 0:
            text = text[end + len(mark) :]
        if any(mark in text for mark in _OPEN_THINKING):
            return None
    start = len(text) - len(text.lstrip())  # a marker before any other text restates the problem at hand
    if marked and (cut := _END_OF_TURN.search(text, start)):
        text = text[: cut.start()]
    for cut in _NEW_PROBLEM.finditer(text, start):
        if not (_RESTATES.match(text, cut.start()) and _leads_in(text[start : cut.start()])):
            return text[: cut.start()]
    return text


def _leads_in(text: str) -> bool:
    """Whether nothing is solved or committed to yet in what stands before a problem."""
    short = len(text) <= _LONGEST_LEAD_IN and not _SOLVES.search(text)
    return short and _commitment(text, "response", "last_box").answer is None


def _before_stop(text: str, stop: Iterable[str]) -> str:
    """The text before its first stop string outside thinking: what is thought may quote one."""
    stop = [mark for mark in stop if mark and mark in text]
    if not stop:
        return text
    marks = [(found.start(), found[0] in _END_THINKING) for found in _THINKING.finditer(text)]
    cut = len(text)
    for mark in stop:
        at = text.find(mark)
        while at >= 0:
            following = bisect_right(marks, (at, True))
            if following == len(marks) or not marks[following][1]:
                cut = min(cut, at)
                break
            at = text.find(mark, marks[following][0])
    return text[:cut]
