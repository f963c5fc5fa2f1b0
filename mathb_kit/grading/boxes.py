r"""The boxes of a text, and the answer that they hold together.

Boxes are found in one scan, nested ones with their parents, so that a text of nothing but boxes costs no more than any
other. Boxes beside each other are one answer where only a joint stands between them ("and", a comma, "(b)"). What
stands right beside a box belongs to it where it changes the value: a minus sign, a percent or degree sign, a power, a
unit; and the rest of a term that the box is a part of (`mathb_kit.grading.box_terms`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from mathb_kit.grading.box_terms import brackets_around, put_together, term_around

# A backslash run with what it escapes, or a bare brace. Possessive quantifiers keep the scan linear.
_TOKEN = re.compile(r"\{|\}|\\(?P<slashes>\\*+)(?:(?P<box>boxed|fbox)(?![A-Za-z])\s*+|(?P<escaped>[{}]))?")
_UNBRACED = re.compile(r"-?\\(?!boxed|fbox)[A-Za-z]+(?:\s*\{[^{}]{0,200}\}|\s*\d){1,2}|[^\s${}\\]{1,100}")
# What may stand between boxes that are read as one answer: joints, and the name of what comes next ("and y =", "(b)").
_JOINT = re.compile(
    r"(?:\s|[,;&$]|\\[,;:!()\[\] ]|\\q?quad\b|\\(?:text|mbox|textrm|mathrm)\s*\{\s*,?\s*(?:and|or)?\s*,?\s*\}"
    r"|\b(?:and|or|for|part)\b|(?:\\?[A-Za-z]+(?:_\{?\w{1,3}\}?)?\s*=)|\*\*"
    r"|(?<=\n)[ \t]*[-*\u2022][ \t]|\(?(?<![\w\\])(?:[a-hA-H]|[1-9]|i{1,3}|iv|v)(?:\)[.:]?|[.:](?=[\s*])))*+",
    re.I,
)
_MAX_JOINT = 60
_MOST_TERMS = 100  # boxes of a text that are looked at as parts of a term
_UNIT = (
    r"(?:(?:square|sq\.?|cubic)\s+)?(?:mm|cm|km|kg|mi|ft|feet|foot|inch(?:es)?|yards?|miles?|pounds?|grams?|kilograms?"
    r"|(?:centi|milli|kilo)?met(?:er|re)s?|lit(?:er|re)s?|seconds?|minutes?|hours?|days?|weeks?|months?|years?|dollars?"
    r"|cents?|degrees?)\b(?:\s*(?:/|per)\s*[A-Za-z]+)?"
)
_AFTER = re.compile(
    r"\s*\$?(?P<percent>(?:\s|\\[,;: ]|~)*\\?%|\s*(?:\\text\s*\{\s*)?\\?(?<![A-Za-z])(?:percent(?:age)?|pct)\b\s*\}?)"
    r"|\s*(?P<raised>\^\s*(?:\\circ|\{\s*\\circ\s*\}|\d(?![\d.])|\{\s*-?\d{1,3}\s*\})|\\pi(?![A-Za-z])"
    r"|\\sqrt\s*\{[^{}]{1,20}\}|\\times\s*10\s*\^\s*(?:\d|\{\s*-?\d{1,3}\s*\}))"
    rf"|(?:\s|\\[,;: ])*(?P<unit>\\(?:text|mathrm|textrm|mbox)\s*\{{\s*(?:m|g|in|{_UNIT})\s*\}}"
    r"(?:\s*\^\s*\{?[23]\}?)?)"
    rf"|\s*\$?(?P<word>\s+{_UNIT})"
)
_BEFORE = re.compile(
    r"(?:(?:[${=(,:]|\\\(|\\\[)\s*|\b(?:is|are|equals|be)\s+\$?|^(?=\S$))(?P<sign>[-\u2212]|\\pm(?![A-Za-z]))\s*$"
)

# Cheap looks that spare most boxes the search for either.
_MAY_FOLLOW = re.compile(r"[ \t]*+\$?[ \t]*+(?:[%^A-Za-z]|\\[%tmps,;: ])")
_SIGNS = ("-", "\u2212", "m")
_SAYS, _UNIT_INSIDE = re.compile(r"\w"), re.compile(r"[%A-Za-z]")
_COMMAND, _SUM = re.compile(r"\\[A-Za-z]+"), re.compile(r"[-+]")


@dataclass(slots=True)
class Box:
    """Offsets of a box and of its content, and the boxes inside it in order of appearance.

    ``holds``: there is more in it than empty boxes.
    """

    start: int
    content: int
    content_end: int = -1
    end: int = -1
    inner: Sequence[Box] = ()
    holds: bool = True


def boxes_of(text: str) -> list[Box]:
    """The outermost balanced boxes in order of appearance; of an unbalanced one only what is balanced inside it."""
    if (at := text.find("box")) < 0:
        return []
    first = len(text[:at].rstrip("\\f"))  # braces before the first box close nothing
    stack: list[Box | None] = []  # None for an ordinary brace
    waiting: list[Box] = []  # balanced boxes; a box that closes later takes those that began after it
    for token in _TOKEN.finditer(text, first):
        kind = token.lastgroup  # None: a bare brace; slashes: they escape something else
        if kind == "slashes":
            continue
        end = token.end()
        if kind == "box":
            if text[end : end + 1] == "{":
                stack.append(Box(token.start(), end + 1))
            elif bare := _UNBRACED.match(text, end):
                held = bare[0].rstrip(".,;:")
                waiting.append(Box(token.start(), end, end + len(held), bare.end(), holds=bool(held)))
            continue
        if kind == "escaped" and (end - token.start()) % 2 == 0:
            continue  # an odd number of backslashes escapes the brace
        if text[end - 1] == "{":
            # The brace that opens a box is on the stack already.
            if not (stack and stack[-1] is not None and stack[-1].content == end):
                stack.append(None)
        elif stack and (box := stack.pop()) is not None:
            box.content_end, box.end = token.start(), end
            if not (waiting and waiting[-1].start > box.start):
                box.holds = not text[box.content : box.content_end].isspace() and box.content < box.content_end
            else:
                _take_in(text, box, waiting)
            waiting.append(box)
    return waiting


def _take_in(text: str, box: Box, waiting: list[Box]) -> None:
    """Move the boxes that began after ``box`` into it, and see whether it holds more than empty boxes."""
    first = len(waiting)
    while first and waiting[first - 1].start > box.start:
        first -= 1
    box.inner = waiting[first:]
    del waiting[first:]
    ends = [box.content, *(inner.end for inner in box.inner)]
    starts = [*(inner.start for inner in box.inner), box.content_end]
    own = any(text[i:j].strip() for i, j in zip(ends, starts))
    box.holds = own or any(inner.holds for inner in box.inner)


def answer_in_boxes(text: str, *, first: bool = False) -> str | None:
    """What the last boxes of a text hold together, or the first box alone; None where no box holds anything."""
    boxes = filled(text)
    while boxes:
        box = boxes[0]
        if len(boxes) > 1 and not first:
            chosen = _joined(text, boxes)
            if len(chosen) > 1:
                if around := brackets_around(text, chosen[0].start, chosen[-1].end):
                    return _without_boxes(text, *around, boxes)
                told = [_in_place(text, box, boxes) for box in chosen[:_MOST_TERMS]]
                told += [text[box.content : box.content_end].strip() for box in chosen[_MOST_TERMS:]]
                return ", ".join(dict.fromkeys(told))
            box = chosen[0]
        if not box.inner or not (boxes := [inner for inner in box.inner if inner.holds]):
            return _term(text, box, boxes) or _with_neighbours(text, box)
        first = False  # a box in an answer holds the answer
    return None


def filled(text: str) -> list[Box]:
    """The outermost boxes that hold something."""
    return [box for box in boxes_of(text) if box.holds]


def single_answers(text: str) -> list[str]:
    """What every outermost box holds, one by one."""
    boxes = filled(text)
    told = [_term(text, box, boxes) or _with_neighbours(text, box) for box in boxes[:_MOST_TERMS]]
    return told + [_with_neighbours(text, box) for box in boxes[_MOST_TERMS:]]


def _joined(text: str, boxes: list[Box]) -> list[Box]:
    """The last box, with those before it from which only joints part it."""
    chosen = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        between = text[box.end : min(chosen[-1].start, box.end + _MAX_JOINT + 1)]
        # Boxes on lines of their own, without any joint, are restatements rather than a list.
        bare_lines = "\n" in between and not between.strip()
        if len(between) > _MAX_JOINT or bare_lines or not _JOINT.fullmatch(between):
            break
        chosen.append(box)
    return chosen[::-1]


def _in_place(text: str, box: Box, boxes: Sequence[Box]) -> str:
    return _term(text, box, boxes) or text[box.content : box.content_end].strip()


def _term(text: str, box: Box, boxes: Sequence[Box]) -> str | None:
    """The term round a box, without any box; None where there is none, or an equation goes on behind it."""
    term = term_around(text, box.start, box.end)
    return None if term is None or term.goes_on else _without_boxes(text, term.start, term.end, boxes)


def _without_boxes(text: str, start: int, end: int, boxes: Sequence[Box]) -> str:
    """What stands there, with the content of each box in its place."""
    parts, at = [], start
    for box in boxes[bisect_left(boxes, start, key=lambda each: each.start) :]:
        if box.end > end:
            break
        parts += [(text[at : box.start], False), (text[box.content : box.content_end], True)]
        at = box.end
    return put_together([*parts, (text[at:end], False)])


def _with_neighbours(text: str, box: Box) -> str:
    r"""``-\boxed{5}`` is -5, ``\boxed{30}\%`` 30 percent, ``\boxed{5}\text{ cm}`` 5 cm."""
    answer = text[box.content : box.content_end].strip()
    after = before = None
    if _MAY_FOLLOW.match(text, box.end):
        after = _AFTER.match(text, box.end)
    if text[max(box.start - 4, 0) : box.start].rstrip().endswith(_SIGNS):
        before = _BEFORE.search(text, max(box.start - 20, 0), box.start)
    if not (after or before) or "\\boxed" in answer or "\\fbox" in answer or not _SAYS.search(answer):
        return answer
    if after and not _UNIT_INSIDE.search(_COMMAND.sub("", answer)):
        more = next(part for part in after.groupdict().values() if part)
        is_power = more[0] == "^" and "circ" not in more and not answer.isdigit()
        answer = f"({answer}){more}" if is_power else answer + more
    if before:
        sign = "-" if before["sign"] != r"\pm" else before["sign"]
        answer = f"{sign}({answer})" if _SUM.search(answer) else f"{sign}{answer}"
    return answer
