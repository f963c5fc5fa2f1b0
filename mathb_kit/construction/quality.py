r"""Problems that no grader of integers can use: broken, unreadable, or asking for something else than a number.

The rules are the paper's (integer golds; no multiple choice, Chinese text or picture; arXiv 2510.11653, section
3.2.2) plus damage that its pools carry: ``\frac`` turned into a form feed and ``rac`` by a careless unescaping
(`mathb_kit.construction.repair` mends what it can), left-over prompts that ask for "Answer: \boxed{...}", and rows
without a gold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mathb_kit.construction.filters import Filtered, drop_with_reason
from mathb_kit.grading.equivalence import decide
from mathb_kit.miniature import evaluate_statement
from mathb_kit.problems.problem import Problem

_CHINESE = re.compile("[\u4e00-\u9fff]")

# Control characters are LaTeX commands (or ligatures) that lost a letter; a tab or a line break may have cost one, too.
_BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|\t(?:imes|ext|riangle|heta|an)\b|\n(?:abla|eq|otin)\b")

# The noun alone does not do: "significant figures", "takes pictures", "the image of A under a rotation".
_NOUN = r"(?:figures?|diagrams?|pictures?|drawings?|sketch)"
_PICTURE = re.compile(
    rf"""\[asy\]|\\begin\{{asy\}}|\\includegraphics|\[img|!\[|https?://|\.(?:png|jpe?g|gif)\b
    |\b(?:(?:in|on|to|at)\s(?:the|this)|see|adjoining|accompanying|provided|following)\s(?:\w+\s)?{_NOUN}\b
    |\b(?:{_NOUN}|image|map|grid)\s(?:below|above|shown|shows?)\b
    |\bnot\s(?:drawn\s)?to\sscale\b""",
    re.IGNORECASE | re.VERBOSE,
)
# What is shown may also be a table or a formula that is there as text.
_SHOWN = re.compile(
    r"\b(?:shown|pictured|illustrated|depicted)(?:\s(?:below|above|here|has|have|is|are)\b|\s*(?:[,.;:?)]|$))",
    re.IGNORECASE,
)
_SHOWN_AS_TEXT = re.compile(r"\\begin\{(?:array|tabular|\w*matrix|align)|\|\s*:?-{2,}|\$\$|\\\[")

_OPTIONS_IN_PARENTHESES = re.compile(
    r"\\(?:text|textbf|mathrm|mathbf|bf|rm)\s*\{?\s*\(?A\s*\).*?\(?B\s*\)|(?<![\w)])\(A\).*?(?<!\w)\(B\).*?(?<!\w)\(C\)",
    re.DOTALL,
)
_OPTIONS_IN_LINES = re.compile(r"^[^\w\n]*A\s?[).].*^[^\w\n]*B\s?[).].*^[^\w\n]*C\s?[).]", re.DOTALL | re.MULTILINE)
_ASKS_FOR_A_LETTER = re.compile(r"\bwhich (?:one )?of the (?:following|above)\b|\bthe letter of the\b", re.IGNORECASE)

# What asked a model for its answer, left over by whoever took the statement out of a prompt.
_PROMPT = re.compile(r"\bAnswer:\s*(?:\\?\$?\s*\\boxed|$)")

_THOUSANDS = re.compile(r"\{,\}|,(?:\\!)?")
_INTEGER = re.compile(rf"[+-]?(?:\d+|\d{{1,3}}(?:(?:{_THOUSANDS.pattern})\d{{3}})+)")


def quality(problems: Sequence[Problem]) -> Filtered:
    """Drop empty statements and golds, Chinese text, broken LaTeX, prompts, multiple choice, and pictures."""
    return drop_with_reason("quality", problems, map(_fault, problems))


def integer_golds(problems: Sequence[Problem]) -> Filtered:
    r"""Keep integer golds: a sign, digits, and at most separators of thousands (``1{,}024``)."""
    reasons = (None if is_integer(problem.gold) else "gold not an integer" for problem in problems)
    return drop_with_reason("integer golds", problems, reasons)


def is_integer(gold: str) -> bool:
    """Whether a gold is an integer as it stands."""
    return _INTEGER.fullmatch(gold.strip().strip("$").strip()) is not None


def refers_to_a_picture(statement: str) -> bool:
    """Whether a statement holds drawing code or points at a picture."""
    if _PICTURE.search(statement):
        return True
    return bool(_SHOWN.search(statement)) and not _SHOWN_AS_TEXT.search(statement)


def is_multiple_choice(statement: str) -> bool:
    """Whether a statement lists lettered options or asks to choose."""
    patterns = (_OPTIONS_IN_PARENTHESES, _OPTIONS_IN_LINES, _ASKS_FOR_A_LETTER)
    return any(pattern.search(statement) for pattern in patterns)


def _fault(problem: Problem) -> str | None:
    """The first of the faults that a problem has."""
    text = problem.statement
    if not text.strip():
        return "no statement"
    if not problem.gold.strip():
        return "no gold"
    if _CHINESE.search(text):
        return "Chinese text"
    if _BROKEN.search(text):
        return "broken LaTeX"
    if _PROMPT.search(text):
        return "left-over prompt"
    if refers_to_a_picture(text):
        return "needs a picture"
    if is_multiple_choice(text):
        return "multiple choice"
    return None


def check_answers(problems: Sequence[Problem]) -> Filtered:
    """Keep the problems whose statement has exactly the gold for its value.

    A statement that the evaluator cannot read is dropped: its gold is not known to be right.
    """
    return drop_with_reason("answers", problems, map(_wrong_gold, problems))


def _wrong_gold(problem: Problem) -> str | None:
    value = evaluate_statement(problem.statement)
    if value is None:
        return "unreadable statement"
    if decide(problem.gold, str(value)).equal is True:
        return None
    return f"wrong gold: {problem.gold}, the statement gives {value}"
