r"""Options of a multiple choice with their value: ``\textbf{(E)}\ 12`` states the letter E and the value 12."""

from __future__ import annotations

import re
from collections.abc import Callable

from mathb_kit.grading.latex import plain

_LETTER = r"[A-J]"
_LABELLED = re.compile(
    rf"(?:(?:option|choice|answer)\s+)?(?:\(\s*(?P<round>{_LETTER})\s*\)|(?P<marked>{_LETTER})\s*[).:](?=\s|$|[^\w\s]))"
    r"\s*[:.,\-\u2013]?\s*(?P<value>\S.*)",
    re.S | re.I,
)
_TRAILING = re.compile(rf"(?P<value>\S.*?)\s*,?\s*\(\s*(?:(?:option|choice)\s+)?(?P<letter>{_LETTER})\s*\)", re.S)
_ALONE = re.compile(rf"(?:(?:option|choice)\s+)?\(?\s*(?P<letter>{_LETTER})\s*\)?[.:]?", re.I)
# What follows a letter that is no label: another letter, an operation, a joint.
_NO_VALUE = re.compile(rf"(?:and|or|[-+*/^=<>!,;&_])|.*\b{_LETTER}\s*[:.]\s|\(?\s*{_LETTER}\s*\)|[([{{]|[a-z]\s*$")
_SET_OF_LETTERS = re.compile(rf"(?:{_LETTER}(?:\s*(?:,|;|and|&|\s)\s*(?:and\s+)?)?){{2,8}}")
_JOINTS = re.compile(r"[,;&]|and|\s")


def choice_rung(gold: str, answer: str, same: Callable[[str, str], bool | None]) -> bool | None:
    """A letter against a letter with its value, by the letter; a value against it, by the value; ``ACD`` as a set."""
    g, a = (" ".join(plain(text).split()) for text in (gold, answer))
    if (letters := _letter_sets(g, a)) is not None:
        return letters
    if (one := _ALONE.fullmatch(g)) and (other := _ALONE.fullmatch(a)) and len(g) + len(a) > 2:
        return one["letter"].upper() == other["letter"].upper()
    gold_label, answer_label = _labelled(g), _labelled(a)
    if gold_label is None and answer_label is None:
        return None
    if gold_label and answer_label:
        if gold_label[0] != answer_label[0]:
            return False
        return same(gold_label[1], answer_label[1]) is not False or None
    (letter, value), other = (gold_label, a) if gold_label else (answer_label, g)
    if alone := _ALONE.fullmatch(other):
        return alone["letter"].upper() == letter
    return same(other, value) if answer_label else same(value, other)


def _labelled(text: str) -> tuple[str, str] | None:
    """(letter, value); None for a text that is no option with its value."""
    if found := _LABELLED.fullmatch(text):
        letter = found["round"] or found["marked"]
        if not letter.isupper() or _NO_VALUE.match(found["value"]):
            return None
        return letter, found["value"]
    found = _TRAILING.fullmatch(text) if text.endswith(")") else None
    return (found["letter"], found["value"]) if found and re.search(r"[\d\s]$", found["value"] + " ") else None


def _letter_sets(gold: str, answer: str) -> bool | None:
    """``A, C and D`` beside ``ACD``; None unless one is a list of single letters and the other a word of them."""
    if "," not in gold + answer and " and " not in gold + answer and " " not in gold + answer:
        return None
    if not (_SET_OF_LETTERS.fullmatch(gold) and _SET_OF_LETTERS.fullmatch(answer)):
        return None
    one, other = (_JOINTS.sub("", text) for text in (gold, answer))
    if (one == gold) == (other == answer):
        return None
    return set(one) == set(other) and len(one) == len(other) == len(set(one))
