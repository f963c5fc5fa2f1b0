"""Which sources are worth a funnel: a table of sizes, golds, copies and overlaps with benchmarks, before any filter.

DeepMath-103K starts with such an analysis (arXiv 2504.11456): it counts for each benchmark the share of its problems
that stand in the raw pool, which is what the last columns are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

import pandas as pd

from mathb_kit.construction.contamination import overlaps
from mathb_kit.construction.quality import is_integer
from mathb_kit.construction.tokens import folded
from mathb_kit.errors import MathbError
from mathb_kit.problems.problem import Problem, ProblemSet

ANSWER_TYPES = ("integer", "fraction", "decimal", "expression", "tuple or list", "yes or no", "letter", "text", "none")

_FRACTION = re.compile(r"-?\s*(?:\\[dt]?frac\s*(?:\{-?\d+\}|\d)\s*(?:\{-?\d+\}|\d)|\d+\s*/\s*\d+)")
_DECIMAL = re.compile(r"-?\d*\.\d+")
_LETTER = re.compile(r"(?:\\(?:text|textbf|mathrm)\s*\{)?\s*\(?[A-F]\)?\s*\}?")
_WORD = re.compile(r"(?:\\(?:text|mathrm)\s*\{)?([^{}]*)\}?")


def answer_type(gold: str) -> str:
    """What kind of answer a gold is, by its form: one of ``ANSWER_TYPES``."""
    text = gold.strip().removesuffix(".").strip("$").strip()
    word = _WORD.fullmatch(text)
    if not text:
        return "none"
    if is_integer(text):
        return "integer"
    if _FRACTION.fullmatch(text):
        return "fraction"
    if _DECIMAL.fullmatch(text):
        return "decimal"
    if _LETTER.fullmatch(text):
        return "letter"
    if word and word[1].strip(" .").casefold() in ("yes", "no", "true", "false"):
        return "yes or no"
    if "," in text or r"\cup" in text or r"\text{ and }" in text:
        return "tuple or list"
    return "text" if re.fullmatch(r"[A-Za-z][A-Za-z '\-]+", word[1] if word else "") else "expression"


def source_analysis(
    pools: Sequence[ProblemSet], benchmarks: Sequence[ProblemSet], by: str | None = None
) -> pd.DataFrame:
    """One row per source, sources in their order, nothing dropped.

    Args:
        pools: raw pools of different names.
        benchmarks: sets to look for in them.
        by: a field of the pools' rows that names a row's source (``component`` in DeepScaleR). Rows without it, and all
            rows without ``by``, have their pool for a source.

    Returns:
        pool, source, rows, characters (median length of a statement), one column per answer type with its share of rows
        (0 to 1), copies (rows whose problem, up to typing, came before in the source), elsewhere (rows whose problem
        stands in another source, too), and ``in <name>`` for each benchmark: the share of *its* problems that stand in
        the source, typed alike or reworded.

    Raises:
        MathbError: no pool, or two pools or two benchmarks of one name.
    """
    for kind, sets in (("pool", pools), ("benchmark", benchmarks)):
        twice = [name for name, count in Counter(each.name for each in sets).items() if count > 1]
        if twice:
            raise MathbError(f"Two sets of the name {twice[0]!r} cannot be told apart; name each {kind} once.")
    if not pools:
        raise MathbError("There is no source to analyse; name at least one pool.")
    sources: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for pool in pools:
        for problem in pool:
            sources[pool.name, str((by and problem.meta.get(by)) or pool.name)].append(problem)
    standing: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for source, problems in sources.items():
        for problem in problems:
            standing[folded(problem.statement)].add(source)
    pairs = overlaps([problem for pool in pools for problem in pool], benchmarks)
    hits: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in pairs.itertuples():
        hits[row.problem].add((row.benchmark, row.benchmark_id))
    rows = []
    for (pool, source), problems in sources.items():
        keys = [folded(problem.statement) for problem in problems]
        types = Counter(answer_type(problem.gold) for problem in problems)
        there = set().union(*(hits[problem.key] for problem in problems))
        rows.append(
            {
                "pool": pool,
                "source": source,
                "rows": len(problems),
                "characters": median(len(problem.statement) for problem in problems),
                **{kind: types[kind] / len(problems) for kind in ANSWER_TYPES},
                "copies": len(keys) - len(set(keys)),
                "elsewhere": sum(len(standing[key]) > 1 for key in keys),
                **{f"in {b.name}": sum(name == b.name for name, _ in there) / max(len(b), 1) for b in benchmarks},
            }
        )
    return pd.DataFrame(rows)
