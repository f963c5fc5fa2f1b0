"""Answers in words: spelling decides, case apart, and a few phrases mean the same."""

from __future__ import annotations

import re

from mathb_kit.grading.latex import plain
from mathb_kit.grading.sides import SEPARATOR, value_of

_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*[.!]?")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_LETTER_RUN = re.compile(r"[^\W\d_]+")

# What means the same in any problem. Not here: 0, which is a number, and "undefined", which is not "no solution".
_MEANINGS = tuple(
    (name, re.compile(pattern, re.I))
    for name, pattern in {
        "empty": r"(?:there (?:is|are|exists?) )?no (?:(?:real|integer|such|valid|positive|possible) )*"
        r"(?:solutions?|roots?|values?|numbers?|answers?|integers?)(?: exists?)?|(?:the )?(?:empty|null) set"
        r"|\\emptyset|none|无解|空集|无实数解"
        r"|keine lösung(?:en)?|(?:pas de|aucune) solutions?|sin solución|no hay solución|нет решений",
        "undefined": r"(?:it |the limit )?(?:does not|doesn't) exist|d\.?n\.?e\.?|undefined|not defined|不存在",
        "endless": r"infinite(?:ly many)?(?: solutions?| values?)?|(?:an )?infinite number of (?:solutions|values)"
        r"|无数(?:个|解)?|无穷多(?:个|解)?",
        "impossible": r"(?:it is )?(?:impossible|not possible)",
    }.items()
)


def word_rung(gold: str, answer: str) -> bool | None:
    """Words: spelling decides, case apart. Unlike a product, a word has an order: ``HT`` is not ``TH``."""
    g, a = (" ".join(plain(value_of(text)).split()) for text in (gold, answer))
    meanings = _meaning(g), _meaning(a)
    if all(meanings):
        return meanings[0] == meanings[1]
    for one, other in ((g, a), (a, g)):
        if _WORDS.fullmatch(one) and not SEPARATOR.search(one) and max(map(len, _LETTER_RUN.findall(one))) >= 4:
            return one.rstrip(".!").casefold() == other.rstrip(".!").casefold()
    if not (_LETTERS.fullmatch(g) and _LETTERS.fullmatch(a)):
        return None
    if len(g) == 2 and g.islower() and a.islower() and "no" not in (g, a):
        return None  # ab and ba
    return g.casefold() == a.casefold() and (g[1:] == a[1:] or {g.casefold()} <= {"no", "yes"})


def _meaning(text: str) -> str | None:
    if not text or text[0].isdigit() or len(text) > 60:
        return None
    text = text.rstrip(".!")
    return next((name for name, pattern in _MEANINGS if pattern.fullmatch(text)), None)
