r"""Answers that a text declares in words: the phrases that do so, and where the declared answer ends.

A phrase is followed by a math span or by the rest of its line or sentence. What a writer adds to an answer without
changing it is left out: a lead-in ("the largest n is"), an afterthought (", since 3 + 4 = 7"), quotes, a copula.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 4000  # characters after a declaring phrase, or of an answer that is read again

# The last match of the first pattern that matches at all declares the answer. No match spans lines, and each holds one
# of the words beside its pattern (in lower case), so most texts, and most lines of the others, need no search.
_ANSWER_WORDS = (
    "answer", "réponse", "respuesta", "resposta", "risposta", "antwort", "antwoord", "svar", "jawaban", "ответ", "答案",
    "答え", "答：", "답", "odpowiedź", "odpověď", "cevap", "válasz", "đáp án", "đáp số",
    "ans:", "ans =", "ans=", "ans.",
)  # fmt: skip
_ANSWER_WORD = (
    r"(?:answers?|réponse|respuesta|resposta|risposta|antwort|antwoord|svar|jawaban|ответ|odpowiedź|odpověď|cevap|válasz"
    r"|đáp án|đáp số|ans(?=\.?[ \t]*[:=])\.?)"
    r"(?:[ \t]+(?:finale?|correcta?|correcte))?"
)
# What a typeface or a bracket round the word ends with: **Answer**: 352, \text{ANSWER}: 352, "answer": 352.
_SHUT = r"(?:\*{1,2}|_{1,2}|[}\])】`\"]|</[A-Za-z]{1,8}>){0,2}"
_IS = (
    rf"[ \t]*+{_SHUT}[ \t]*+(?:(?:is|are|(?:would|should|must|will)[ \t]+be|(?:turns|comes|works)[ \t]+out[ \t]+"
    r"(?:to(?:[ \t]+be)?|as)|comes[ \t]+to|equals|est|es|ist|lautet|è|é)"
    r"(?![^\W\d_])[ \t]*+[:：]?|[:：=＝](?:[ \t]*</[A-Za-z]{1,8}>)?|→|⇒|[-=]>|(?:应该|应)?(?:是|为))"
)
_MATH_AHEAD = r"(?=\$|\\\(|\\\[)"
_CJK_ANSWER = (
    r"答案[}*】]{0,2}(?:应该|应当|应|就|即)?[是为选：:=＝]|【(?:答案|Answer)】|答[：:]|答え?(?:は|[：:])|답[은:：]"
)
_DECLARED = (
    ("tag", ("<answer>", "<|begin_of_box|>", "[answer]"), re.compile(r"<answer>|<\|begin_of_box\|>|\[ANSWER\](?!:)")),
    ("final answer", ("final",), re.compile(rf"\bfinal[ \t]+{_ANSWER_WORD}(?:{_IS}|[ \t]*+(?:\*\*)?[ \t]*+\n)", re.I)),
    (
        "answer",
        _ANSWER_WORDS,
        re.compile(
            rf"(?<![^\W_]){_ANSWER_WORD}(?:[ \t]+(?:to|for)\b[^.\n]{{0,80}}?(?![A-Za-z\d]))?{_IS}|{_CJK_ANSWER}"
            rf"|^[ \t#*]*(?:\\(?:sub)*(?:section|paragraph)\*?\{{)?{_ANSWER_WORD}\.?{_SHUT}[ \t*]*"
            rf"(?:\n|{_MATH_AHEAD}|[ \t](?=[-+]?[\d.,/]+[ \t.]*$))",
            re.I | re.M,
        ),
    ),
    ("hash marks", ("####",), re.compile(r"(?m)^[ \t]*####[ \t]+")),
    ("A:", ("a:",), re.compile(r"(?m)^[ \t]*A:(?!.*\b[B-H]:)")),
    (
        "choice",
        ("故选", "option", "choice"),
        re.compile(r"故选[：:]?[ \t]*(?=\W*[A-H])|\b(?:correct|right)[ \t]+(?:option|choice)[ \t]*(?:is\b|:)", re.I),
    ),
)
# These declare an answer below a heading "Final answer" once more, and the later word holds.
_INLINE = tuple(kind for kind in _DECLARED if kind[0] in ("answer", "hash marks"))
_HEADING = re.compile(r"[\s*:：_]*(?:\n|$)")  # what is left of a heading's line
# Weaker phrases, which declare an answer on the last line alone.
_CONCLUSION = re.compile(r"\b(?:the[ \t]+)?(?:only[ \t]+)?(?:solutions?|result)(?:[ \t]+set)?[ \t]+(?:is|are)\b:?"
                         r"|\b(?:lösung|solution|solución|soluzione|solução)[ \t]+(?:ist|est|es|è|é)\b:?"
                         r"|(?:结果|解)[是为][：:]?", re.I)  # fmt: skip
_COPULA = re.compile(
    r"(?P<value>[^\s\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3](?:[ -~]|\\.)*?)[ \t]*(?:입니다|이다|です)[.。!]?$"
)
_ENDING = re.compile(r"[ \t]*(?:입니다|이다|です|である)[.。!]?$")

_IS_THE_ANSWER = re.compile(r"(?<![ \t])[ \t]++is[ \t]+(?:our|the|my)[ \t]+(?:final[ \t]+)?answer\b", re.I)
_CLAUSE_START = re.compile(r"\n|(?<=[.!?])\s|\b(?:so|thus|hence|therefore)\b", re.I)
_END_OF_SENTENCE = re.compile(r"(?<=[^\s.])\.(?=\s|$)|(?<=。)")
_BEFORE = " \t\r\n*:：_}"  # what may stand between phrase and answer; a brace: of \text{The answer is }
_LEAD_IN_LINES = 3  # "The value of x is:" says nothing, the line below it does
_CLOSER = re.compile(r"(?P<mark>\\\]|\\\)|(?<!\\)\$\$?|(?<!\\)\})[.\s]*$")
_CLOSING_TAG = re.compile(r"</answer>|<\|end_of_box\|>|\[/ANSWER\]")
# A formula without words, delimiters or boxes: it declares nothing beyond itself, and most answers are of this kind.
BARE = re.compile(r"(?:[-+\d.,/%(){}^_=!|]| (?=[^ ])|\\(?!boxed|fbox)[A-Za-z]++|[A-Za-z](?![A-Za-z]))++")

_MATH_SPAN = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$([^$]+?)(?<!\\)\$", re.S)
# After a math span: it is not the whole answer. Alternatives in the languages in which answers are declared, too.
_GOES_ON = re.compile(
    r"\s*(?:\\?%|percent|pct|[,;，；、]|(?:and|or|oder|und|ou|et|o|u|y|e|и|или|to|by|times|mod|remainder|R|but)(?![^\W\d_])"
    r"|[-/:+*=<>^×·]\s*\\?[$\d(]"
    r"|[或和与及且到]|또는|または|\\"
    # A word between two formulas joins them, in whatever language, unless it begins a remark on the first.
    r"|(?!(?:when|where|while|since|as|for|because|with|if|at|in|on|of|from|which|that|so|after|before|using|via|not|giving"
    r"|pour|car|si|avec|für|denn|weil|wenn|bei|mit|para|con|cuando|per|se|como|siendo|dla|bo|для|при|если)(?![^\W\d_]))"
    r"[^\W\d_]{1,7}\s+\\?[$(]"
    r"|(?:hours?|minutes?|days?|weeks?|years?|months?|dollars?|feet|foot|ft|inch(?:es)?|pounds?|yards?|m|cm|kg|degrees?)"
    r"[,\s]+(?:and\s+)?\\?[$\d])"
)
_LEAD_WORDS = re.compile(r"[^\d\\$=<>]*[A-Za-z]{2}[^\d\\$=<>]*")
_LEAD_IN = re.compile(
    r"[A-Za-z](?:[^=]{0,300})\b(?:is|are|equals)\b(?:[ \t]+(?:equal[ \t]+to|given[ \t]+by))?[ \t]*:?(?=.)"
)
_ADVERB = re.compile(
    r"^(?:therefore|thus|hence|then|simply|just|exactly|indeed|donc|somit|daher|entonces),?[ \t]+", re.I
)
_STATES = re.compile(r"\b(?:is|are|equals)\s+[$\\-]*\d")  # "x is 3 and y is 5" states more than its last part
_CJK_LEAD_IN = re.compile(r"[^\d\\$=<>]{0,100}[\u4e00-\u9fff][^\d\\$=<>]{0,100}(?:[是为]|等于)[：:]?\s*(?=[^\s：:。])")
_QUOTED = re.compile(
    r"""`+([^`]+)`+|"([^"]+)"|＂([^＂]+)＂|“([^”]+)”|«([^»]+)»|「([^」]+)」|『([^』]+)』|‘([^’]+)’|'([^']+)'"""
)
# What follows an answer and adds nothing to it. "Not" and "and not" after something with a digit or a formula only.
_AFTERTHOUGHT = re.compile(
    r"(?<=\S)(?:,?\s+(?:since|because|denn|weil|car|puisque|porque|ya que)\s"
    r"|\s*[,，]\s*(?:which|as|so|thus|therefore|hence|obviously|clearly|of course|indeed|certainly|exactly|as required"
    r"|as desired|right)(?![^\W\d_])"
    r"|\s*;\s*(?:this|that|which|it|we|here|so|thus|hence|see)\s"
    r"|\s*[,，]\s*(?:or[ \t]+(?:about|approximately|roughly)|approximately|i\.e\.?|that[ \t]+is)(?![^\W\d_])"
    r"|\s+[-\u2013\u2014]{1,3}\s+(?=(?:an?|the|[A-Za-z]{3,})\s)|\s*[,，；]?\s*(?:因为|而不是|而非)).*$",
    re.S | re.I,
)
_CONTRAST = re.compile(r"(?<=\S)(?:\s*,\s*|\s+and\s+|\s+but\s+|\s+)(?:not|rather than|instead of)\s.*$", re.S | re.I)
_NOT_BUT = re.compile(r"not\s+(?P<refused>.{1,60}?),?\s+but\s+(?P<meant>.+)", re.S | re.I)
_ASIDE = re.compile(
    r"(?<=\S)\s+\((?:since|because|as|by|i\.e\.|e\.g\.|that is|namely|which|not|approximately|approx|about|rounded"
    r"|simplified|using|see|see above)(?![^\W\d_])[^()]{0,200}(?:\([^()]*\)[^()]{0,200})*\)$"
    r"|(?<=[\d$}])\s+\((?!(?:mod|base|in|per|to|or|and)\b)[a-z]+(?:[ ,'-]+[a-z]+){1,8}\.?\)$",
    re.I,
)
_OPTION = re.compile(r"\W{0,3}[A-H]\.[ \t]+(?=[^\s.])")  # "B. 37": its dot ends no sentence
_RULE = re.compile(r"\s*[-_*=]{3,}[ \t]*\n")
_FORMULA = re.compile(r"[\d$]|\\(?!text|mathrm|mbox)|^\W*[A-Za-z]\W*$")


class Declared(NamedTuple):
    """An answer and the phrase that declares it."""

    answer: str
    phrase: str


def declared_answer(text: str) -> Declared | None:
    """What the last declaring phrase of the first kind that occurs declares, None where none does.

    Below a heading "Final answer" a whole explanation may stand; what it declares on a line of its own goes first.
    """
    lower = text.replace("\u0130", "i").lower()  # the one letter whose lower case is longer: offsets stay the same
    for name, words, pattern in _DECLARED:
        if last := _last_match(pattern, text, lower, words):
            if name == "final answer" and _HEADING.match(text, last.end() - last[0].endswith("\n")):
                if below := _inline(text[last.end() :], lower[last.end() :]):
                    return below
            if answer := _statement(_before_box(text[last.end() : last.end() + LONGEST])):
                return Declared(answer, name)
    if last := _last_match(_IS_THE_ANSWER, text, lower, ("answer",)):
        sentence = _CLAUSE_START.split(text[: last.start()][-LONGEST:])[-1]
        if sentence.strip(" ,:*"):
            return Declared(without_lead_in(sentence.strip(" ,:")), "is the answer")
    return _concluded(text.rstrip().rpartition("\n")[2][-LONGEST:])


def _inline(text: str, lower: str) -> Declared | None:
    """What the last phrase that has its answer on the same line declares."""
    found = [(last, name) for name, words, pattern in _INLINE if (last := _last_match(pattern, text, lower, words))]
    for last, name in sorted(found, key=lambda each: -each[0].start()):
        if not _HEADING.match(text, last.end() - last[0].endswith("\n")):
            if answer := _statement(_before_box(text[last.end() : last.end() + LONGEST])):
                return Declared(answer, name)
    return None


def _concluded(line: str) -> Declared | None:
    """What the last line of a text declares by a weaker phrase."""
    last = None
    for last in _CONCLUSION.finditer(line):
        pass
    if last and (answer := _statement(_before_box(line[last.end() :]))):
        return Declared(answer, "conclusion")
    if _ENDING.search(line) and (found := _COPULA.search(line)):
        return Declared(found["value"].strip(), "conclusion")
    return None


def _before_box(text: str) -> str:
    """What stands before a box, in a text whose boxes are empty or cut off: half a number is no answer."""
    at = min((at for mark in ("\\boxed", "\\fbox") if (at := text.find(mark)) >= 0), default=None)
    return text if at is None else text[:at].rstrip(" \t\r\n$\\([")


def _last_match(pattern: re.Pattern[str], text: str, lower: str, words: tuple[str, ...]) -> re.Match[str] | None:
    """The last match of a pattern within a line that holds one of the words; ``lower`` is the text in lower case."""
    present = [word for word in words if word in lower]
    if not present:
        return None
    end, first = len(text), present[0]
    for line in reversed(lower.split("\n")):
        start = end - len(line)
        if first in line or (len(present) > 1 and any(word in line for word in present)):
            last = None
            for last in pattern.finditer(text, start, end + 1):
                pass
            if last:
                return last
        end = start - 1
    return None


def _statement(rest: str) -> str | None:
    """The declared answer at the head of what follows a phrase: a math span, or the rest of that line or sentence."""
    for _ in range(_LEAD_IN_LINES):
        line, _, below = rest.lstrip(_BEFORE).partition("\n")
        if not below.strip() or without_lead_in(line).strip(" :：*") or _MATH_SPAN.match(rest.lstrip(_BEFORE)):
            break
        rest = below
    rest = _ADVERB.sub("", _RULE.sub("", rest, count=1).lstrip(_BEFORE))
    if closing := _CLOSING_TAG.search(rest):
        return rest[: closing.start()].strip() or None
    if span := _MATH_SPAN.match(rest):
        tail = rest[span.end() :].split("\n", 1)[0]
        if not _GOES_ON.match(tail):
            return _inside(span) or None
    line = rest.split("\n", 1)[0]
    option = _OPTION.match(line)
    end = _END_OF_SENTENCE.search(line, option.end() if option else 0)
    answer = without_lead_in(line[: end.start()] if end else line)
    return _without_closers(answer.removesuffix("__")) or None


def _without_closers(answer: str) -> str:
    r"""Without ends of groups and formulas that began before the phrase: ``\[ \text{The answer is 7} \]``."""
    while closer := _CLOSER.search(answer):
        head, mark = answer[: closer.start()], closer["mark"]
        if mark[0] == "$":
            opened = "$" in head.replace("\\$", "")
        else:
            opener = {"\\]": "\\[", "\\)": "\\(", "}": "{"}[mark]
            opened = head.count(opener) > head.count(mark)
        if opened:
            break
        answer = head.rstrip()
    return answer


def without_lead_in(text: str) -> str:
    """``The largest n is 34, since ...`` -> ``34``; ``We find that $x > 3$.`` -> ``x > 3``; anything else as it is."""
    text = text.strip().strip("*").strip()
    if BARE.fullmatch(text) or len(text) > LONGEST:
        return text
    text = _ENDING.sub("", _without_afterthought(text))
    spans = list(_MATH_SPAN.finditer(text))
    if len(spans) == 1 and _LEAD_WORDS.fullmatch(text, 0, spans[0].start()):
        if not text[spans[0].end() :].strip(" \t\r\n.*"):
            return _inside(spans[0])
    lead_in = _LEAD_IN.match(text) or _CJK_LEAD_IN.match(text)
    if lead_in and not _STATES.search(lead_in[0][:-1]):
        text = text[lead_in.end() :]
    if quoted := _QUOTED.fullmatch(text.strip(" .。")):
        text = next(group for group in quoted.groups() if group is not None)
    return text.strip().strip("*").strip()


def _without_afterthought(text: str) -> str:
    text = _ASIDE.sub("", _AFTERTHOUGHT.sub("", text.rstrip(" .。")))
    if meant := _NOT_BUT.fullmatch(text):
        return meant["meant"]
    contrast = _CONTRAST.search(text)
    return text[: contrast.start()] if contrast and _FORMULA.search(text[: contrast.start()]) else text


def _inside(span: re.Match[str]) -> str:
    return next(group for group in span.groups() if group is not None).strip()
