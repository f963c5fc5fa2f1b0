r"""What answer a completion commits to.

The policy, in order: nothing before the last end-of-thinking mark counts, and a completion that never leaves its
thinking has no answer; text after a stop string, or after the start of another problem (base models run on), does not
count; then the last balanced ``\boxed{}`` or ``\fbox{}``, taken together with the boxes beside it where only "and", a
comma or the like stands between; then the declared phrases of ``_DECLARED`` in their order. No last-number guess.

Everything is a linear scan without recursion: texts of 10 MB end in seconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mathb_kit.errors import MathbError

EXTRACTOR_VERSION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]

POLICIES = ("last_box", "first_box")
KINDS = ("response", "answer")

_OPEN_THINKING = ("<think>", "<thinking>", "<|begin_of_thought|>", "◁think▷")
_END_THINKING = ("</think>", "</thinking>", "<|end_of_thought|>", "◁/think▷")

# Where a completion starts on something else: an end-of-turn token, or a new problem that it poses to itself.
_NEW_PROBLEM = re.compile(
    r"<\|(?:im_start|im_end|endoftext|end_of_text|eot_id)\|>|</s>"
    r"|\n[ \t]*(?:#+[ \t]*|\*\*)?(?:(?:New |Next )?(?:Problem|Question|Exercise)(?:[ \t]+\d{1,4})?(?:\*\*)?[ \t]*[:.]"
    r"|(?:Human|User|Instruction):|\[?INST\]?\b)"
    r"|\n[ \t]*\n[ \t]*Q:"
)

# The last match of the first pattern that matches at all declares the answer.
_ANSWER_WORD = r"(?:answer|réponse|respuesta|antwort|ответ|答案)"
_IS = r"[ \t]*+(?:\*\*)?[ \t]*+(?:(?:is|are|est|es|ist)\b[ \t]*+:?|[:：=]|是|为)"
_DECLARED = (
    ("tag", re.compile(r"<answer>|<\|begin_of_box\|>")),
    ("final answer", re.compile(rf"\bfinal[ \t]+{_ANSWER_WORD}(?:{_IS}|[ \t]*+(?:\*\*)?[ \t]*+\n)", re.I)),
    ("answer", re.compile(rf"\b{_ANSWER_WORD}(?:[ \t]+(?:to|for)\b[^.\n]{{0,80}}?)?{_IS}|答案[是为：:]", re.I)),
    ("hash marks", re.compile(r"(?m)^[ \t]*####[ \t]+")),
    ("A:", re.compile(r"(?m)^[ \t]*A:")),
)
_IS_THE_ANSWER = re.compile(r"(?<![ \t])[ \t]++is[ \t]+(?:our|the|my)[ \t]+(?:final[ \t]+)?answer\b", re.I)
_CLOSING_TAG = re.compile(r"</answer>|<\|end_of_box\|>")

# A backslash run with what it escapes, or a bare brace. Possessive quantifiers keep the scan linear.
_TOKEN = re.compile(r"(?P<slashes>\\++)(?:(?P<box>boxed|fbox)(?![A-Za-z])\s*+|(?P<escaped>[{}]))?|(?P<brace>[{}])")
_UNBRACED = re.compile(r"[^\s${}\\]{1,100}")
# What may stand between boxes that are read as one answer: joints, and the name of what comes next ("and y =").
_JOINT = re.compile(
    r"(?:\s|[,;&$]|\\[,;:!()\[\] ]|\\q?quad\b|\\(?:text|mbox|textrm|mathrm)\s*\{\s*,?\s*(?:and|or)?\s*,?\s*\}"
    r"|\b(?:and|or)\b|(?:\\?[A-Za-z]+(?:_\{?\w{1,3}\}?)?\s*=))*+"
)
_MATH_SPAN = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$([^$]+?)(?<!\\)\$", re.S)


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
        stop: the model's stop strings; the text is cut before the first one.
        policy: ``last_box``, or ``first_box`` to see how much hangs on the rule.

    Returns:
        The answer as written (LaTeX, box removed, white space at its ends removed), and one of ``box``, the name of
        a declared phrase, ``whole text``, ``unfinished thinking`` or ``nothing declared``.
    """
    if policy not in POLICIES:
        raise MathbError(f"Unknown extraction policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    if kind not in KINDS:
        raise MathbError(f"Unknown kind of prediction {kind!r}; choose one of {', '.join(KINDS)}.")
    text = _visible(completion, stop)
    if text is None:
        return Extraction(None, "unfinished thinking")
    if boxed := _boxed(text, policy):
        return Extraction(boxed, "box")
    if (declared := _declared(text)) is not None:
        return declared
    if kind == "answer" and text.strip():
        return Extraction(_without_lead_in(text), "whole text")
    return Extraction(None, "nothing declared")


def _visible(text: str, stop: Iterable[str]) -> str | None:
    """The part of a completion that counts, None where it never leaves its thinking."""
    cuts = [at for mark in stop if mark and (at := text.find(mark)) >= 0]
    text = text[: min(cuts)] if cuts else text
    end, mark = max((text.rfind(mark), mark) for mark in _END_THINKING)
    if end >= 0:
        text = text[end + len(mark) :]
    if any(mark in text for mark in _OPEN_THINKING):
        return None
    start = len(text) - len(text.lstrip())  # a marker before any other text restates the problem at hand
    cut = _NEW_PROBLEM.search(text, start)
    return text[: cut.start()] if cut else text


def _boxed(text: str, policy: str) -> str | None:
    boxes = _boxes(text)
    if not boxes:
        return None
    chosen = boxes[-1:] if policy == "last_box" else boxes[:1]
    if policy == "last_box":
        for box in reversed(boxes[:-1]):
            between = text[box.end : chosen[0].start]
            # Boxes on lines of their own, without any joint, are restatements rather than a list.
            bare_lines = "\n" in between and not between.strip()
            if len(between) > 60 or bare_lines or not _JOINT.fullmatch(between):
                break
            chosen.insert(0, box)
    contents = list(
        dict.fromkeys(content for box in chosen if (content := _unboxed(text[box.content : box.content_end])))
    )
    return ", ".join(contents) or None


class _Box(NamedTuple):
    """Offsets of a box and of its content."""

    start: int
    content: int
    content_end: int
    end: int


def _boxes(text: str) -> list[_Box]:
    """Balanced boxes in order of appearance; of nested ones the outermost."""
    first = min((at for mark in ("\\boxed", "\\fbox") if (at := text.find(mark)) >= 0), default=len(text))
    done: list[_Box] = []
    stack: list[tuple[int, int] | None] = []  # (start of box, start of content), None for an ordinary brace
    for token in _TOKEN.finditer(text, first):  # braces before the first box close nothing
        if token["box"]:
            after = token.end()
            if text[after : after + 1] == "{":
                stack.append((token.start(), after + 1))
            elif bare := _UNBRACED.match(text, after):
                done.append(_Box(token.start(), after, after + len(bare[0].rstrip(".,;:")), bare.end()))
            continue
        brace = token["brace"] or token["escaped"]
        if brace is None or (token["slashes"] and len(token["slashes"]) % 2):
            continue
        if brace == "{":
            # The brace that opens a box is on the stack already.
            if not (stack and stack[-1] is not None and stack[-1][1] == token.end()):
                stack.append(None)
        elif stack and (opened := stack.pop()) is not None:
            start, content = opened
            while done and done[-1].start > start:
                done.pop()
            done.append(_Box(start, content, token.end() - 1 - len(token["slashes"] or ""), token.end()))
    return done


def _unboxed(content: str) -> str:
    r"""The content of a box without further boxes that wrap all of it."""
    content = content.strip()
    for _ in range(4):
        match _boxes(content):
            case [box] if box.start == 0 and box.end == len(content):
                content = content[box.content : box.content_end].strip()
            case _:
                break
    return content


def _declared(text: str) -> Extraction | None:
    for name, pattern in _DECLARED:
        last = None
        for last in pattern.finditer(text):
            pass
        if last is not None and (answer := _statement(text[last.end() : last.end() + 4000])):
            return Extraction(answer, name)
    last = None
    for last in _IS_THE_ANSWER.finditer(text):
        pass
    if last is not None:
        sentence = re.split(
            r"\n|(?<=[.!?])\s|\b(?:so|thus|hence|therefore)\b", text[: last.start()][-4000:], flags=re.I
        )[-1]
        if sentence.strip(" ,:*"):
            return Extraction(_without_lead_in(sentence.strip(" ,:")), "is the answer")
    return None


def _statement(rest: str) -> str | None:
    """The declared answer at the head of what follows a phrase: a math span, or the rest of that line or sentence."""
    rest = rest.lstrip(" \t\r\n*:_")
    if closing := _CLOSING_TAG.search(rest):
        return rest[: closing.start()].strip() or None
    if span := _MATH_SPAN.match(rest):
        tail = rest[span.end() :].split("\n", 1)[0]
        if not re.match(r"\s*(?:\\?%|percent|pct|,|;|and\b|or\b|\\)", tail):
            return next(group for group in span.groups() if group is not None).strip() or None
    line = rest.split("\n", 1)[0]
    sentence = re.split(r"(?<=[^\s.])\.(?=\s|$)|(?<=。)", line, maxsplit=1)[0]
    return _without_lead_in(sentence) or None


def _without_lead_in(text: str) -> str:
    """``The largest n is 34`` -> ``34``; ``We find that $x > 3$.`` -> ``x > 3``; anything else as it is."""
    text = text.strip().strip("*").strip()
    spans = list(_MATH_SPAN.finditer(text)) if len(text) <= 4000 else []
    if len(spans) == 1 and re.fullmatch(r"[^\d\\$=<>]*[A-Za-z]{2}[^\d\\$=<>]*", text[: spans[0].start()]):
        if re.fullmatch(r"[\s.*]*", text[spans[0].end() :]):
            return next(group for group in spans[0].groups() if group is not None).strip()
    lead_in = re.match(
        r"[A-Za-z](?:[^=]{0,300})\b(?:is|are|equals)\b(?:[ \t]+(?:equal[ \t]+to|given[ \t]+by))?[ \t]*:?(?=.)", text
    )
    return (text[lead_in.end() :] if lead_in else text).strip().strip("*").strip()
