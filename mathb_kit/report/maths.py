"""Mathematics on a page without a network: what a model wrote becomes text and MathML, and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.etree import ElementTree

from markupsafe import Markup, escape

# Between marks, or what models often write without any: a box, a product of numbers. Every alternative stops where it
# might begin anew, so that a long text without an end mark is not searched from every begin mark of it.
_MATHS = re.compile(
    r"\$\$(?P<a>[^$]++(?:\$(?!\$)[^$]++)*+)\$\$"
    r"|(?<!\\)\\\[(?P<b>(?:\\\\|[^\\]|\\(?![\\\[\]]))++)\\\]"
    r"|(?<!\\)\\\((?P<c>(?:\\\\|[^\\]|\\(?![\\()]))++)\\\)"
    r"|(?<![\\$])\$(?!\s)(?P<d>[^$\n]++)(?<![\\\s])\$"
    r"|(?P<e>\\boxed\{(?:[^{}]|\{[^{}]*+\})*+\}|(?<!\d)\d++(?:\\(?:cdot|times) ?\d++)+)",
    re.DOTALL,
)


def with_maths(text: str) -> Markup:
    """Text of a problem or a completion: escaped, line breaks kept, formulas drawn."""
    parts, end = [], 0
    for match in _MATHS.finditer(text):
        latex, is_block = match[match.lastgroup], match.lastgroup in "ab"
        parts += [escape(text[end : match.start()]), _mathml(latex, is_block)]
        end = match.end() + (is_block and text.startswith("\n", match.end()))  # a block ends its line by itself
    return Markup("").join([*parts, escape(text[end:])])


# What models write of Markdown: fences, code, bold, headings. No links and no emphasis by single stars, which would eat
# the products of 2*3*4; all other marks stay as they were written.
_CODE = re.compile(r"^```[^\n`]*\n(?P<fence>.*?)^```[ \t]*$|`(?P<code>[^`\n]+)`", re.DOTALL | re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)(?P<bold>[^*\n]+?)(?<=\S)\*\*|^#{1,6} +(?P<head>[^\n]+)$", re.MULTILINE)
_FORMULA = re.compile("\ue000(\\d+)\ue001")


def with_markdown(text: str) -> Markup:
    """`with_maths` of what a model wrote, with its Markdown drawn as far as that hides none of the text."""
    if "\ue000" in text:  # the mark that stands for a formula below
        return with_maths(text)
    parts, end = [], 0
    for match in _CODE.finditer(text):
        parts.append(_prose(text[end : match.start()]))
        code = Markup("<pre>{}</pre>") if match["fence"] is not None else Markup("<code>{}</code>")
        parts.append(code.format(match["fence"] or match["code"] or ""))
        end = match.end()
    return Markup("").join([*parts, _prose(text[end:])])


def _prose(text: str) -> Markup:
    formulas: list[Markup] = []

    def kept(match: re.Match[str]) -> str:
        formulas.append(with_maths(match[0]))
        return f"\ue000{len(formulas) - 1}\ue001"

    escaped = str(escape(_MATHS.sub(kept, text)))
    bold = _BOLD.sub(lambda match: f"<strong>{match['bold'] or match['head']}</strong>", escaped)
    return Markup(_FORMULA.sub(lambda match: formulas[int(match[1])], bold))


# MathML Core and the box. The converter passes markup on from the text it is given, so nothing else is let through.
_ELEMENTS = frozenset(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup munder mover "
    "munderover mmultiscripts mprescripts mtable mtr mtd".split()
)
_ATTRIBUTES = frozenset(
    "display notation stretchy fence separator accent accentunder mathvariant columnalign rowspacing columnspacing "
    "linethickness width height depth minsize maxsize form largeop movablelimits displaystyle scriptlevel".split()
)
_LONGEST, _DEEPEST = 4000, 60


@lru_cache(maxsize=1 << 12)
def _mathml(latex: str, block: bool) -> Markup:
    """MathML of a formula, or its source where the converter cannot read it."""
    source = Markup("<code>{}</code>").format(latex)
    if len(latex) > _LONGEST or _depth(latex) > _DEEPEST:
        return source
    from latex2mathml.converter import convert

    try:
        tree = ElementTree.fromstring(convert(latex, display="block" if block else "inline"))
    except Exception:  # whatever the converter stumbles over is shown as it was written
        return source
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.tag not in _ELEMENTS:
            return source
        for name in set(element.attrib) - _ATTRIBUTES:
            del element.attrib[name]
        if element.tag == "menclose":  # not in MathML Core: browsers draw no box by themselves
            element.tag = "mrow"
            element.set("class", "boxed")  # no style of its own: pages that are served allow none
    return Markup(ElementTree.tostring(tree, encoding="unicode"))


def _depth(latex: str) -> int:
    deepest = depth = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    return deepest
