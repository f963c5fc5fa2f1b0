r"""Names of figures: points have an order that a product has not.

An angle and a segment read the same from both ends, a triangle from any vertex, a polygon round either way; a vector
and a ray have a direction. Of ``AB \parallel CD`` either line may come first; in a similarity vertices correspond.
"""

from __future__ import annotations

import re
from itertools import permutations

_BOTH_WAYS = r"\\(?:angle|measuredangle|overline|overleftrightarrow|widehat|overarc|wideparen|bar)(?![A-Za-z])"
_ONE_WAY = r"\\(?:overrightarrow|vec|overset\s*\{\s*\\(?:long)?rightarrow\s*\})"
_POINT = r"[A-Z](?:_\{?\d\}?|')*"
_FIGURE = re.compile(
    rf"(?P<kind>{_BOTH_WAYS}|{_ONE_WAY}|\\(?:var)?triangle|\\Delta(?![A-Za-z])|\\square|\\odot)?"
    rf"\s*\{{?\s*(?P<points>(?:{_POINT}\s*){{1,8}})\}}?"
)
_RELATION = re.compile(r"\\(parallel|perp|cong|sim|simeq)(?![A-Za-z])")
_OF_TWO = {"widehat": "arc", "overarc": "arc", "wideparen": "arc", "overleftrightarrow": "line", "": "unmarked"}
_UNMARKED = ({"unmarked", "segment"}, {"unmarked", "line"})
_TELLING = re.compile(
    r"\\(?:[a-z]*angle|over[a-z]+|wide[a-z]+|bar|vec|Delta|square|odot|parallel|perp|cong|sim)(?![A-Za-z])"
)


def geometry_rung(gold: str, answer: str) -> bool | None:
    """Angles, segments, polygons and relations of lines or triangles by the order of their points."""
    if not (_TELLING.search(gold) or _TELLING.search(answer)):
        return None
    relations = _RELATION.findall(gold), _RELATION.findall(answer)
    if not any(relations):
        g, a = _figure(gold), _figure(answer)
        if g is None or a is None:
            return None
        if len(g[2]) == 1 and not g[0] and a[0]:
            return False  # A is an option or a point, and no angle
        kinds = {g[0], a[0]}
        return (len(kinds) == 1 or "" in kinds or kinds in _UNMARKED) and not g[1].isdisjoint(a[1])
    if list(map(len, relations)) != [1, 1] or relations[0] != relations[1]:
        return None if not all(relations) else False
    sides = [tuple(_figure(side.strip()) for side in _RELATION.split(text)[::2]) for text in (gold, answer)]
    if None in (*sides[0], *sides[1]):
        return None
    if relations[0][0] in ("parallel", "perp") or len(min(sides[0][0][1])) == 2:
        (one, two), (other, another) = ([figure[1] for figure in side] for side in sides)
        return not (one.isdisjoint(other) or two.isdisjoint(another)) or not (
            one.isdisjoint(another) or two.isdisjoint(other)
        )
    return _correspondence(sides[0]) in (_correspondence(sides[1]), _correspondence(sides[1][::-1]))


def _correspondence(sides: tuple) -> frozenset[tuple[str, str]]:
    """Which vertex of the first triangle goes with which of the second, as written."""
    return frozenset(zip(sides[0][2], sides[1][2]))


def _figure(text: str) -> tuple[str, set[tuple[str, ...]], tuple[str, ...]] | None:
    """Its kind, every reading of its points that names the same figure, and the points as written."""
    found = _FIGURE.fullmatch(text.strip())
    if not found:
        return None
    points = tuple(re.findall(_POINT, found["points"]))
    kind = (found["kind"] or "").lstrip("\\")
    if kind in ("triangle", "vartriangle", "Delta"):
        return "triangle", set(permutations(points)) if len(points) <= 4 else {points}, points
    if kind and re.fullmatch(_ONE_WAY, "\\" + kind):
        return "vector", {points}, points
    if kind in ("angle", "measuredangle"):
        return "angle", {points, points[::-1]}, points
    if len(points) == 2:
        return _OF_TWO.get(kind, "segment"), {points, points[::-1]}, points
    if kind != "square":
        return kind, {points}, points
    turned = [points[i:] + points[:i] for i in range(len(points))]
    return "polygon", {*turned, *(one[::-1] for one in turned)}, points
