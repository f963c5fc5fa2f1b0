r"""LaTeX commands that lost their backslash to a careless unescaping, put back where only one reading makes sense.

In a JSON or Python string ``\f`` is a form feed, ``\t`` a tab, ``\b`` a backspace; so ``\frac`` became a form feed and
``rac``. A repaired statement is another problem (its key changes with its text), which is why this is no filter: it
comes before the funnel and says what it changed. What has no single reading stays as it is, for `quality` to drop.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mathb_kit.problems.problem import Problem

# What a control character leaves of a command, by the letter that it swallowed. After a tab, a line break or a carriage
# return, which may be meant, only remains that are no words.
_REMAINS = {
    "\x07": ("a", "lpha|ngle|pprox|rcsin|rccos|rctan|st"),
    "\x08": ("b", "egin|eta|inom|ar|oxed|oldsymbol|ullet|mod|igcup|igcap|igoplus|ig[lr]?"),
    "\x0b": ("v", "ec|ert|ee|arphi|arepsilon|dots"),
    "\x0c": ("f", "rac|orall|loor"),
    "\t": ("t", r"imes|ext(?:bf|it|rm)?(?=\s*\{)|heta|riangle|frac(?=\s*[\d{])|binom(?=\s*\{)|ilde(?=\s*\{)"),
    "\n": ("n", "abla|eq|otin|exists"),
    "\r": ("r", "ight(?:arrow)?(?=[^A-Za-z])|floor|ceil|angle"),
}
_LOST = re.compile("|".join(f"{re.escape(mark)}(?:{rest})(?![A-Za-z])" for mark, (_, rest) in _REMAINS.items()))


@dataclass(frozen=True)
class Repaired:
    """Problems after repair.

    Attributes:
        problems: all of them, in their order; those repaired have a new statement and key.
        table: one row per repaired problem: problem (key before), repaired (key after), id, repairs ("2 \\frac").
    """

    problems: tuple[Problem, ...]
    table: pd.DataFrame


def repair(problems: Sequence[Problem]) -> Repaired:
    """Put the backslashes of known LaTeX commands back; what is ambiguous is left alone."""
    after, rows = [], []
    for problem in problems:
        commands: Counter[str] = Counter()

        def restored(match: re.Match[str]) -> str:
            command = "\\" + _REMAINS[match[0][0]][0] + match[0][1:]
            commands[command] += 1
            return command

        statement = _LOST.sub(restored, problem.statement)
        if commands:
            mended = replace(problem, statement=statement)
            summary = ", ".join(f"{count} {command}" for command, count in commands.items())
            rows.append((problem.key, mended.key, problem.id, summary))
            problem = mended
        after.append(problem)
    return Repaired(tuple(after), pd.DataFrame(rows, columns=["problem", "repaired", "id", "repairs"], dtype=str))
