r"""Vectors by their unit vectors: ``\vec{i} + 2\vec{j}`` is the tuple (1, 2)."""

from __future__ import annotations

import re

from mathb_kit.grading.latex import split_top

_UNIT_VECTOR = re.compile(
    r"\\(?:vec|hat|mathbf|boldsymbol|overrightarrow|widehat)\s*\{?\s*\\?(?P<name>[ijk])(?:math)?\s*\}?"
)
_SIGN = re.compile(r"[+-]")
_BEFORE_SIGN = re.compile("\0")
_NOT_LINEAR = re.compile(r"[=<>,;&]|\\(?:cdot|times)\s*$")


def components(text: str) -> str:
    r"""A sum of multiples of i, j and k as a column; anything else as it is."""
    if "\\begin" in text or not _UNIT_VECTOR.search(text) or _NOT_LINEAR.search(text):
        return text
    found: dict[str, str] = {}
    for term in filter(None, (part.strip() for part in split_top(_SIGN.sub("\0\\g<0>", text), _BEFORE_SIGN))):
        vectors = list(_UNIT_VECTOR.finditer(term))
        if len(vectors) != 1 or vectors[0].end() != len(term) or vectors[0]["name"] in found:
            return text
        factor = term[: vectors[0].start()].strip().removesuffix(r"\cdot").strip()
        found[vectors[0]["name"]] = f"{factor}1" if factor in ("", "+", "-") else factor
    names = "ijk" if "k" in found else "ij"
    return r"\begin{pmatrix}" + r"\\".join(found.get(name, "0") for name in names) + r"\end{pmatrix}"
