r"""What two spellings of one problem share: keys that are equal, and a sequence of tokens that is alike.

Numbers and signs carry the meaning in mathematics: "$2n - 1$" and "$2n + 1$" are two problems. ``folded`` keeps
both and is what duplicates are judged by. ``letters_and_digits`` drops the signs; it finds what was typed anew, but on
short statements it takes two problems for one.

Tokens are the numbers, signs and symbols of a statement's formulas, and its words. Its figure, its options, its number
in a list and the boiler-plate about the form of the answer ("where m and n are relatively prime positive integers,
find m + n") are left out: hundreds of problems share them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from mathb_kit.grading.latex import normalise, plain

INSTRUCTION = re.compile(
    r"(?i)\b(?:find|determine|compute|calculate|evaluate|what(?: is|'s))\b(?: the (?:exact |numerical )?value of\b)?"
)
_TIMES = re.compile(r"(?<=\d)\s*(?:\\times|\\cdot|\*)\s*(?=\d)")
# Punctuation of sentences; a colon or a full stop between two characters may be a ratio or a decimal point.
_PUNCTUATION = re.compile(r"[,;?\"`]|[.:](?!\S)|(?<!\d)\.|\.(?!\d)")
_BRACED = re.compile(r"\{\s*(\d+|[a-z]|\\[a-z]+)\s*\}")
_SPACE_IN_NUMBERS = re.compile(r"(?<=\d)\s+(?=\d)")

# With fewer different tokens outside its figure and options, these may be what tells one problem from another.
SHORT = 12

_FIGURE = re.compile(
    r"\[asy\].*?(?:\[/asy\]|\Z)|!\[[^\]]*\]\([^)]*\)|\[img[^\]]*\].*?\[/img\]|\\includegraphics(?:\[[^\]]*\])?\{[^}]*\}"
    r"|https?://\S+",
    re.DOTALL | re.IGNORECASE,
)
_OPTIONS = re.compile(
    r"(?:\\(?:textbf|text|mathrm|mathbf|bf|rm)\s*\{?\s*)?\(\s*A\s*\).*?\(\s*B\s*\).*?\(\s*C\s*\).*", re.DOTALL
)
_LIST_MARK = re.compile(r"^[ \t]*(?:\*+|-|\u2022|\\bullet|\\item|\(?(?:\d{1,2}|[ivx]{1,4})[.)])[ \t]+", re.MULTILINE)
_LABEL = re.compile(r"^\s*(?:item|problem|question|exercise|example|no\.?)\s*[A-Z]?\d{1,4}(?:\.\d+)*\s*[:.)]", re.I)
# What surrounds a problem when it is put to somebody.
_PUT = re.compile(
    r"\banswer the (?:following )?question(?: below)?[^.\n]{0,40}\.|\b(?:show|explain|justify) (?:all )?(?:of )?your"
    r" (?:work(?:ing)?|steps|reasoning|answer)[^.\n]{0,20}\."
    r"|\b(?:please )?(?:reason|think|solve it)? ?step[- ]by[- ]step\b[^.\n]{0,80}"
    r"|\b(?:question|problem)\s*:|\banswer\s*:\s*$",
    re.I,
)
_BOUND = re.compile(r"\bat\s+(?:the\s+)?(least|most)\b|\b(?:no|not)\s+(less|fewer|more)\s+than\b", re.I)
_SCORE = re.compile(r"[\[(]\s*\d+\s*(?:points?|pts?|marks?)\s*[\])]|^\s*\[\d+\]", re.IGNORECASE)
_DELIMITER = re.compile(r"\\?\$|(?<!\\)\\[()\[\]]")
_EMPTY_GROUP = re.compile(r"[_^]\s*\{\s*\}")

_SUM = r"[a-z](?:\s*\+\s*[a-z])+(?![\w^({])"
_ANSWER_FORM = re.compile(
    rf"""\b(?:the|if\sthe|given\sthe)\s(?:original\s|final\s)?answer\b[^.?]{{0,40}}\s(?:is|can\sbe)\b[^?]*\b(?:form|format)\b.*$
    |,?\s*\b(?:where|for|with)\b[^.?]{{0,90}}?(?:\b(?:relatively\sprime|co-?prime|square-?free|lowest\sterms
        |square\sof\s(?:any|a)\sprime)\b|\\?gcd\s*\([a-z,\s]*\)\s*=\s*1)[^.?]*
    |\b(?:can|may)\s(?:then\s)?be\s(?:uniquely\s)?(?:written|expressed|represented)\s(?:uniquely\s)?(?:in\sthe\sform|as)\b
    |\b(?:find|provide|give|compute|calculate|enter|express|report)\s(?:your|the)\s(?:final\s)?answers?\b[^.?]*
    |\b(?:find|provide|give|compute|calculate|determine|what\sis)\s(?:the\s(?:final\s)?value\sof\s)?{_SUM}""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
# A hyphen in a word, an article, the apostrophe of a genitive: not a minus, a variable, a prime.
_NOT_A_FORMULA = re.compile(
    r"\b\s?-(?=[A-Za-z]{3}|by\b)|'s\b|(?<=[a-z]{2})'|\b(?:[aA]n?|the|The)\s+(?=(?!and\b|or\b|is\b|be\b|to\b)[a-z]{2})"
    r"|\^\s*\\circ|\bdegrees?\b|\\[{}]"
    r"|\\(?:(?:var)?triangle|angle|over(?:line|rightarrow)|[lc]?dots[cb]?|n|item|math(?:bf|bb|cal|op)|vec|bar|hfill|newline"
    r"|hline|q?quad|;)(?![A-Za-z])|\\(?:begin|end)\s*\{[^{}]*\}|-{2,}|(?:\\?_\s*){2,}"
)
_BOUNDS = re.compile(r"(\\(?:sum|prod|int))\s*(\^\s*(?:\{[^{}]*\}|\w))\s*(_\s*(?:\{[^{}]*\}|\w))")
_FRACTION = re.compile(r"(?<![\w.}^])(\d+|[a-z])\s*/\s*(\d+|[a-z])(?![\w.])")
_SINGLE_BRACED = re.compile(r"\{\s*(\d+|[a-z]|[A-Z]+|\\[A-Za-z]+)?\s*\}")
# Braces that belong to no command (group 1) and no script.
_IDLE_BRACES = re.compile(r"(\\(?:frac|sqrt|binom|pmod|bmod)\s*)?(?<![\^_}\]])(?<![\^_}\]]\s)\{([^{}]*)\}")
# Two small letters are a product, unless they are a word.
_WORDS_OF_TWO = "am|as|at|be|by|do|go|he|if|in|is|it|ln|me|my|no|of|on|or|so|to|up|us|we"
_PRODUCT = rf"(?<![^\W\d_])(?!(?:{_WORDS_OF_TWO})\b)[a-z](?=[a-z]\b)"
_TOKEN = re.compile(
    rf"\d+(?:,\d{{3}})+(?!\d)|\d+(?:\.\d+)?|\\[A-Za-z]+|{_PRODUCT}|[^\W\d_]+"
    r"|[-+*/^_=<>|%(){}]|(?<=[\d)])!|(?<=\b[A-Za-z])[!']"
)

_NUMBER_WORDS = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen twenty thirty forty fifty sixty hundred thousand".split(),
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 30 40 50 60 100 1000".split(),
    )
)
_SYNONYMS = {
    **dict.fromkeys(("maximal", "largest", "greatest", "biggest", "highest"), "maximum"),
    **dict.fromkeys(("minimal", "smallest", "lowest", "fewest", "least"), "minimum"),
    **{"one": "unit", "vertice": "vertex", "precisely": "exactly"},  # a spelt number is "#1" by then
    **{name: "\\" + name for name in "sin cos tan cot sec csc log ln gcd lcm max min".split()},
    **{r"\times": "*", r"\cdot": "*", r"\ast": "*", r"\mid": "|", r"\prime": "'", r"\to": r"\rightarrow"},
}
# Words that must stand in both statements or in neither.
_DECIDING = frozenset(
    "maximum minimum odd even not no none neither never less fewer greater more nonzero nonnegative negative without"
    " increasing decreasing inscribed circumscribed clockwise counterclockwise distinguishable indistinguishable"
    " consecutive atleast atmost imaginary irrational"
    r" \sin \cos \tan \cot \sec \csc \log \ln \max \min \cup \cap \sum \prod \gcd \lcm".split()
)
# In Chinese words are not parted: such a word is looked for in the text.
_DECIDING_CHINESE = (
    "最大 最小 最多 最少 奇数 偶数 至少 至多 不超过 不少于 恰好 恰有 递增 递减 正弦 余弦 正切 实部 虚部 顶点 棱"
    " 面积 周长 体积 表面积 之前 之后 有放回 不放回 个位 十位 百位 平行 垂直 内切 外接 充分 必要"
    " 长轴 短轴 无理 有理 质数 合数 负 之和 之积 之差 平均数 中位数 众数 男 女 顺时针 逆时针"
).split()
_STOP = frozenset(
    "已知 求 的值 若 且 则 等于多少 等于 设 满足 如果 那么 是多少 为 的 和 与 计算 试求 值 多少 求值 有 其中 当"
    " 时".split()
) | frozenset(
    "a an the of is are be to in on at by for and that which this these those it its as with from so such if then let"
    " suppose given find determine compute calculate evaluate what how many there please value where each all any has"
    " have can who when into their they he she his her your answer do does i we you but will also equal shown figure"
    " below diagram following assume consider".split()
)
_FIRST_CHINESE = "\u2e80"  # and of what else is written without letters: one character may be a word
BRACKETS = frozenset("(){}_")


def letters_and_digits(statement: str) -> str:
    """Letters and digits of any script, case apart; LaTeX commands stay as their letters."""
    return "".join(filter(str.isalnum, statement.casefold()))


@lru_cache(maxsize=1 << 16)  # several stages ask for the same statements
def folded(statement: str) -> str:
    r"""The statement without case, spacing, sentence punctuation, LaTeX variants and the wording of the instruction.

    Digits, operators and their order stay, so statements that differ in a number have different keys: "1 2" is not
    "12" and "10^{3}5" is not "10^{35}". ``\times`` and ``\cdot`` are the same between two numbers only (they
    are not between vectors).
    """
    text = plain(normalise(statement)).casefold()
    text = _TIMES.sub("*", text)
    text = INSTRUCTION.sub("find", text)
    text = _PUNCTUATION.sub(" ", text)
    text = _BRACED.sub(r" \1 ", text)
    return "".join(_SPACE_IN_NUMBERS.sub("|", text).split())


@dataclass(frozen=True)
class Statement:
    """A statement as it is compared.

    Attributes:
        tokens: numbers, signs, symbols and words in order, boiler-plate left out; a number that was spelt out is "#2".
        numbers: values typed in digits.
        spelt: values typed in digits or spelt out.
        deciding: words that turn a problem round.
        asked: the words among the first tokens after the last "find"; empty if nothing is asked in such words.
        extra: tokens of figure and options, where there are few others.
        content: tokens with their counts, without brackets and stop words, numbers by their value.
    """

    tokens: tuple[str, ...]
    numbers: frozenset[str]
    spelt: frozenset[str]
    deciding: frozenset[str]
    asked: frozenset[str]
    extra: tuple[str, ...]
    content: Counter[str]


@lru_cache(maxsize=1 << 17)  # one search asks for a statement as often as it has candidates
def parse_statement(statement: str) -> Statement:
    """The statement as tokens, for `same_problem`."""
    left_out: list[str] = []
    rest = statement
    for pattern in (_FIGURE, _OPTIONS):
        left_out += pattern.findall(rest)
        rest = pattern.sub(" ", rest)
    tokens = _tokens(rest)
    if not _content(tokens):  # all is in the figure
        tokens = _tokens(statement)
    content = _content(tokens)
    last = len(tokens) - tokens[::-1].index("find") if "find" in tokens else len(tokens)
    asked = frozenset(token for token in _content(tokens[last : last + 8]) if is_prose(token))
    numbers, deciding = frozenset(filter(is_number, tokens)), _DECIDING & content.keys()
    deciding |= frozenset(word for word in _DECIDING_CHINESE if word in rest) if not rest.isascii() else frozenset()
    extra = _tokens(" ".join(left_out)) if len(content) < SHORT else ()
    return Statement(tokens, numbers, frozenset(filter(is_number, content)), deciding, asked, extra, content)


def _tokens(text: str) -> tuple[str, ...]:
    text = _PUT.sub(" ", _LABEL.sub(" ", text))
    text = _EMPTY_GROUP.sub("", _DELIMITER.sub(" ", _SCORE.sub(" ", _LIST_MARK.sub(" ", text))))
    text = _BOUND.sub(_bound, text)
    text = _NOT_A_FORMULA.sub(" ", _ANSWER_FORM.sub(" ", plain(normalise(text))))
    text = _FRACTION.sub(r"\\frac{\1}{\2}", _BOUNDS.sub(r"\1\3\2", text))
    text = _SINGLE_BRACED.sub(r" \1 ", text)
    for _ in range(2):  # braces within braces
        text = _IDLE_BRACES.sub(lambda match: match[0] if match[1] else f" {match[2]} ", text)
    return tuple(map(_settled, _TOKEN.findall(INSTRUCTION.sub("find", text))))


def _bound(found: re.Match[str]) -> str:
    """"At least" and "at most" as one word each."""
    return " atmost " if found[0].lower().endswith("most") or "more" in found[0].lower() else " atleast "


@lru_cache(maxsize=1 << 16)  # spares memory, too: equal tokens are one object
def _settled(token: str) -> str:
    """One spelling of a number or a word."""
    if token[0].isdigit():
        token = token.replace(",", "")
        return token.rstrip("0").rstrip(".") if "." in token else token.lstrip("0") or "0"
    if len(token) > 1 and token[0].isalpha() and not token.isupper():
        token = token.casefold()
        if token in _NUMBER_WORDS:
            return "#" + _NUMBER_WORDS[token]
        if len(token) > 3 and token[-1] == "s" and token[-2] not in "isu":
            token = token[:-1]
    return _SYNONYMS.get(token, token)


def _content(tokens: tuple[str, ...]) -> Counter[str]:
    return Counter(token.lstrip("#") for token in tokens if token not in _STOP and token not in BRACKETS)


def is_number(token: str) -> bool:
    return token[0].isdigit()


def is_prose(token: str) -> bool:
    if token[0] == "#" or token[0] >= _FIRST_CHINESE:
        return True
    return len(token) > 1 and token[0] != "\\" and token[0].isalpha() and not token.isupper()
