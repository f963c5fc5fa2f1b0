"""What a difference of pass@k may be made of besides mathematics: endings, how answers are read, luck, length.

Each row is pass@k of the same attempts read otherwise, so it says how much of the difference hangs on that one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mathb_kit.evaluation import Evaluation
from mathb_kit.grading.stored import grade_texts, grader_of
from mathb_kit.outcomes import answer_counts
from mathb_kit.plan import Plan
from mathb_kit.statistics import chance_by_problem, chance_corrected, estimate_pass_at_k, outcome_bounds, pass_at_k
from mathb_kit.statistics.chance import whole_number
from mathb_kit.verdicts import Verdict

UNKNOWN = "cannot be told"
SHARE, GUESSING, LENGTH = "share", "guessing", "length"
COLUMNS = ["part", "base", "tuned", "difference", "explains", "about"]
CHANCE, BEYOND, MATCHED = "chance", "beyond chance", "matched tokens"

GradePairs = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class _Reading:
    """Another rule by which an attempt is correct, from columns that must be known of every attempt."""

    part: str
    about: str
    needs: tuple[str, ...]
    is_correct: Callable[[pd.DataFrame], pd.Series]


def _is(verdict: Verdict, column: str = "verdict") -> Callable[[pd.DataFrame], pd.Series]:
    return lambda rows: rows[column] == verdict


def _or(other: Callable[[pd.DataFrame], pd.Series]) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda rows: _is(Verdict.CORRECT)(rows) | other(rows)


_READINGS = (
    _Reading("truncated as correct", "truncation, at most", ("truncated",),
             _or(lambda rows: rows["truncated"].eq(True))),
    _Reading("by the first box", "extraction", ("first_box",), _is(Verdict.CORRECT, "first_box")),
    _Reading("by any box", "extraction", ("any_box",), _is(Verdict.CORRECT, "any_box")),
    _Reading("no answer as correct", "extraction, at most", ("first_box",),
             _or(_is(Verdict.NO_ANSWER))),
    _Reading("no verdict as correct", "grading, at most", (), _or(_is(Verdict.GRADER_FAILED))),
    _Reading("by the log's verdict", "grading", ("their_verdict",), lambda rows: rows["their_verdict"].eq(True)),
)  # fmt: skip
_SHARES = {"truncated": ("truncated",), "no answer": ("first_box",), "no verdict": ()}


def attempts_of(evaluation: Evaluation) -> pd.DataFrame:
    """The attempts that no verdict stopped: all of a fixed plan, the first round of an adaptive one.

    Returns:
        problem, index, gold, answer, verdict, truncated, tokens, and first_box and any_box: the verdicts under these
        policies (null where the text was dropped).
    """
    plan = evaluation.plan
    first = plan.n_max if plan.is_fixed else plan.rounds[0]
    kept = ["problem", "index", "gold", "answer", "verdict", "truncated", "tokens"]
    rows = evaluation.verdicts.loc[evaluation.verdicts["index"] < first, kept]
    texts = evaluation.draw.attempts(evaluation.outcomes["problem"], ["problem", "index", "text"], first)
    rows = rows.merge(texts, on=["problem", "index"], how="left")
    stop, there = evaluation.model.sampling.stop, rows["text"].notna()
    with grader_of(evaluation.draw.store) as grader:
        for policy in ("first_box", "any_box"):
            graded = grade_texts(rows[["gold", "text"]], grader, policy=policy, stop=stop)
            rows[policy] = graded["verdict"].where(there)
    return rows.drop(columns="text")


def confounds(base: Evaluation, tuned: Evaluation, k: int | None = None) -> pd.DataFrame:
    """`confounds_of_attempts` of two evaluations of the same problems; nothing is sampled."""
    with grader_of(tuned.draw.store) as grader:
        return confounds_of_attempts(attempts_of(base), attempts_of(tuned), k, grade_pairs=grader.grade_pairs)


def confounds_of_attempts(
    base: pd.DataFrame, tuned: pd.DataFrame, k: int | None = None, *, grade_pairs: GradePairs
) -> pd.DataFrame:
    """The pass@k of two models under other readings of the same attempts.

    Args:
        base, tuned: attempts at the same problems, as many at each whatever their verdicts: problem, index (from 0),
            gold, answer, verdict; perhaps truncated, tokens, first_box, any_box, their_verdict. What is null somewhere
            is not known.
        k: attempts allowed; at most, and by default, as many as every problem has.
        grade_pairs: ``Grader.grade_pairs``.

    Returns:
        part, base, tuned, difference (tuned less base), explains (of the difference as judged, what is gone under this
        reading: the two differences' difference), about. Rows: pass@k as judged; under each other reading; chance
        (each model's own answers held against other golds of the same magnitude, see `chance_by_problem`) and
        ``(pass@k - chance) / (1 - chance)`` on the problems that have one; pass@k at matched tokens (the longer-winded
        model gets so many fewer attempts); and shares of attempts. A part that these columns do not tell has ``about``
        "cannot be told".
    """
    arms = {"base": base, "tuned": tuned}
    n = min(int(rows.groupby("problem").size().min()) for rows in arms.values())
    k = min(k or n, n)
    arms = {who: rows[rows["index"] < n] for who, rows in arms.items()}
    judged = {who: _pass_at_k(rows, _is(Verdict.CORRECT)(rows), k) for who, rows in arms.items()}
    table = [_row(f"pass@{k:,} as judged", judged, "judged")]
    for reading in _READINGS:
        if not _known(arms, *reading.needs):
            if reading.needs != ("their_verdict",):  # what no log said is no part of this comparison
                table.append(_row(reading.part, {}, UNKNOWN))
            continue
        values = {who: _pass_at_k(rows, reading.is_correct(rows), k) for who, rows in arms.items()}
        table.append(_row(reading.part, values, reading.about, judged))
    table += _guessing(arms, k, judged, grade_pairs)
    table.append(_matched(arms, k, judged))
    columns = {"truncated": lambda rows: rows["truncated"].eq(True), "no answer": _is(Verdict.NO_ANSWER),
               "no verdict": _is(Verdict.GRADER_FAILED)}  # fmt: skip
    for name, needs in _SHARES.items():
        known = _known(arms, *needs)
        values = {who: float(columns[name](rows).mean()) for who, rows in arms.items()} if known else {}
        table.append(_row(f"share {name}", values, SHARE if known else UNKNOWN))
    return pd.DataFrame(table, columns=COLUMNS)


def confounds_of_counts(base: pd.DataFrame, tuned: pd.DataFrame, k: int) -> pd.DataFrame:
    """The same table from outcomes alone: what they bound, and which parts cannot be told without the attempts.

    Args:
        base, tuned: outcomes under plans of at least ``k`` attempts, perhaps with no_answer, truncated, grader_failed.
        k: attempts allowed.
    """
    arms = {"base": base, "tuned": tuned}
    judged = {who: float(estimate_pass_at_k(rows, [k])["estimate"].mean()) for who, rows in arms.items()}
    table = [_row(f"pass@{k:,} as judged", judged, "judged")]
    fixed = all(Plan.parse(text).is_fixed for rows in arms.values() for text in rows["plan"].unique())
    for reading in _READINGS[:-1]:
        if not reading.needs and fixed and _known(arms, "grader_failed"):
            most = {who: float(outcome_bounds(rows, [k])["as_correct"].iloc[0]) for who, rows in arms.items()}
            table.append(_row(reading.part, most, reading.about, judged))
        else:
            table.append(_row(reading.part, {}, UNKNOWN))
    table += [_row(part, {}, UNKNOWN) for part in (CHANCE, BEYOND, MATCHED)]
    for name, column in {"truncated": "truncated", "no answer": "no_answer", "no verdict": "grader_failed"}.items():
        known = _known(arms, column)
        values = {who: float(rows[column].sum() / rows["n"].sum()) for who, rows in arms.items()} if known else {}
        table.append(_row(f"share {name}", values, SHARE if known else UNKNOWN))
    return pd.DataFrame(table, columns=COLUMNS)


def _row(
    part: str, values: Mapping[str, float], about: str, judged: Mapping[str, float] | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {"part": part, "about": about, **values}
    if values:
        row["difference"] = values["tuned"] - values["base"]
        if judged is not None:
            row["explains"] = judged["tuned"] - judged["base"] - row["difference"]
    return row


def _known(arms: Mapping[str, pd.DataFrame], *columns: str) -> bool:
    return all(column in rows and rows[column].notna().all() for rows in arms.values() for column in columns)


def _pass_at_k(rows: pd.DataFrame, is_correct: pd.Series, k: int) -> float:
    """Mean over the problems, from as many attempts at each."""
    counts = is_correct.groupby(rows["problem"]).agg(["size", "sum"])
    return float(pass_at_k(counts["size"].to_numpy(), counts["sum"].to_numpy(), k).mean())


def _guessing(
    arms: Mapping[str, pd.DataFrame], k: int, judged: Mapping[str, float], grade_pairs: GradePairs
) -> list[dict[str, Any]]:
    """Chance, and what is beyond it, on the problems whose golds are whole numbers."""
    golds = arms["base"].drop_duplicates("problem").set_index("problem")["gold"] if _known(arms, "gold") else {}
    values = {whole_number(str(gold)) for gold in dict(golds).values()} - {None}
    if len(values) < 2:
        return [_row(part, {}, UNKNOWN) for part in (CHANCE, BEYOND)]
    chances, beyond = {}, {}
    for who, rows in arms.items():
        rows = rows.assign(model=who, draw="main")
        counts = rows.groupby("problem", sort=False).size().rename("n").reset_index()
        plans = counts["n"].map(lambda n: str(Plan.fixed(n)))
        outcomes = counts.assign(model=who, draw="main", c=0, plan=plans)
        by_problem = chance_by_problem(outcomes, answer_counts(rows), dict(golds), [k], grade_pairs)
        mine = rows[rows["problem"].isin(by_problem["problem"])]
        chances[who] = float(by_problem["estimate"].mean())
        beyond[who] = float(chance_corrected(_pass_at_k(mine, _is(Verdict.CORRECT)(mine), k), chances[who]))
    some = "" if len(by_problem) == len(golds) else f" ({len(by_problem)} of {len(golds)} problems)"
    return [
        _row(f"{CHANCE}{some}", chances, GUESSING),
        _row(f"{BEYOND}{some}", beyond, GUESSING, None if some else judged),
    ]


def _matched(arms: Mapping[str, pd.DataFrame], k: int, judged: Mapping[str, float]) -> dict[str, Any]:
    """pass@k where the longer-winded model has only as many attempts as its tokens allow, whole ones, one at least."""
    if not _known(arms, "tokens") or not all(rows["tokens"].sum() > 0 for rows in arms.values()):
        return _row(MATCHED, {}, UNKNOWN)
    lengths = {who: float(rows["tokens"].mean()) for who, rows in arms.items()}
    allowed = {who: max(1, round(k * min(lengths.values()) / length)) for who, length in lengths.items()}
    values = {who: _pass_at_k(rows, _is(Verdict.CORRECT)(rows), allowed[who]) for who, rows in arms.items()}
    return _row(f"{MATCHED}: k = {allowed['base']} and {allowed['tuned']}", values, LENGTH, judged)
