"""How much of pass@k a guesser would have: the closed form, and each model's own answers held against other golds.

"Uniform guessing" knows only how many values there are. A model knows more: it answers with numbers that look right.
Its answers to one problem are therefore graded against the golds of other problems of the same magnitude. What is
"correct" there is chance, at the model's own spread of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mathb_kit.errors import MathbError
from mathb_kit.outcomes import KEY, require_columns
from mathb_kit.plan import Plan
from mathb_kit.statistics.intervals import MEAN, mean_interval_of, raise_ends
from mathb_kit.statistics.pass_at_k import pass_at_k
from mathb_kit.verdicts import Verdict


def uniform_chance(values: int, k: ArrayLike) -> float | np.ndarray:
    """pass@k of guessing uniformly among so many values: ``1 - (1 - 1/values)^k``.

    AIME's golds are whole numbers from 0 to 999: 64 % at k = 1,024.
    """
    if values < 1 or np.any(np.asarray(k) < 1):
        raise MathbError(f"Uniform guessing needs at least one value and one attempt, not {values} and {k}.")
    if values == 1:
        return np.ones_like(k, dtype=float)[()]
    return -np.expm1(np.asarray(k) * np.log1p(-1 / values))


def chance_corrected(value: ArrayLike, chance: ArrayLike) -> float | np.ndarray:
    """``(value - chance) / (1 - chance)``: 0 at chance, 1 at everything solved, negative below chance.

    The form of Cohen's kappa (1960) and of the classical correction for guessing. NaN where chance is 1.
    """
    value, chance = np.asarray(value, dtype=float), np.asarray(chance, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(chance < 1, (value - chance) / (1 - chance), np.nan)[()]


def magnitude_strata(golds: Mapping[str, str]) -> pd.DataFrame:
    """Problems whose golds are whole numbers, grouped by sign and number of digits.

    A stratum without two different golds is merged with its neighbour (the next smaller magnitude, or the next larger
    at the lower end), because nothing in it could be exchanged.

    Args:
        golds: problem key to gold; golds that are no whole numbers are left out.

    Returns:
        problem, gold (text), value (Python int), stratum (number, from the most negative magnitude up).

    Raises:
        MathbError: fewer than two different whole numbers among the golds.
    """
    rows = [(problem, gold, value) for problem, gold in golds.items() if (value := whole_number(gold)) is not None]
    table = pd.DataFrame(rows, columns=["problem", "gold", "value"]).astype({"value": object})
    if table["value"].nunique() < 2:
        raise MathbError(
            f"Permuted golds need at least two different whole numbers; of these {len(golds)} golds "
            f"{table['value'].nunique()} qualify. Use uniform_chance with the number of possible answers instead."
        )
    magnitude = table["value"].map(lambda value: (len(str(abs(value)))) * (-1 if value < 0 else 1))
    groups: list[list[int]] = []
    for each in sorted(magnitude.unique()):
        alone = table.loc[magnitude == each, "value"].nunique() < 2
        if groups and (alone or table.loc[magnitude.isin(groups[-1]), "value"].nunique() < 2):
            groups[-1].append(each)
        else:
            groups.append([each])
    stratum = {each: number for number, group in enumerate(groups) for each in group}
    return table.assign(stratum=magnitude.map(stratum))


def chance_by_problem(
    outcomes: pd.DataFrame,
    counts: pd.DataFrame,
    golds: Mapping[str, str],
    ks: Sequence[int],
    grade_pairs: Callable[[pd.DataFrame], pd.DataFrame],
) -> pd.DataFrame:
    """pass@k of every problem's answers against the golds of other problems of the same magnitude.

    For problem i it is the mean, over the problems j of i's stratum whose gold differs from i's, of the unbiased
    pass@k with c the number of i's answers that are equal to j's gold.

    Args:
        outcomes: model, problem, draw, n, plan; fixed plans only. An adaptive plan stops by the true gold, which
            leaves more attempts where the answers are wrong.
        counts: every attempt of these outcomes, from ``answer_counts``.
        golds: problem key to gold.
        ks: numbers of attempts allowed, at most n.
        grade_pairs: ``Grader.grade_pairs``, or another function from pairs (gold, answer) to the same with a verdict.

    Returns:
        model, problem, draw, k, estimate, as_gold; only problems whose gold is a whole number. as_gold is the problem's
        other part in the mean over the set: how well others' answers hit its gold.

    Raises:
        MathbError: an adaptive plan, k above n, counts that do not belong to the outcomes, a problem without gold.
    """
    require_fixed(outcomes, max(ks, default=0), "The chance line")
    answered = counts_of(outcomes, counts)
    if unknown := sorted(set(outcomes["problem"]) - set(golds)):
        raise MathbError(f"Problem {unknown[0]} has no gold; hand in the golds of all problems with outcomes.")
    strata = magnitude_strata({problem: golds[problem] for problem in dict.fromkeys(outcomes["problem"])})
    given = answered[answered["answer"].notna()].merge(strata[["problem", "stratum", "value"]], on="problem")
    others = strata[["stratum", "problem", "gold", "value"]].rename(columns={"value": "other", "problem": "gold_of"})
    # Golds that several problems share count once per problem, but are graded once.
    crossed = given[["stratum", "answer"]].drop_duplicates().merge(others[["stratum", "gold"]].drop_duplicates())
    verdicts = grade_pairs(crossed[["gold", "answer"]].drop_duplicates(ignore_index=True))
    right = verdicts.loc[verdicts["verdict"] == Verdict.CORRECT, ["gold", "answer"]]
    hits = given.merge(right, on="answer").groupby([*KEY, "gold"])["count"].sum().rename("c").reset_index()

    pairs = outcomes[[*KEY, "n"]].merge(strata[["problem", "stratum", "value"]], on="problem")
    pairs = pairs.merge(others, on="stratum")
    pairs = pairs[pairs["value"] != pairs["other"]].merge(hits, on=[*KEY, "gold"], how="left")
    c = pairs["c"].fillna(0).to_numpy(dtype=np.int64)
    answered_by = ["model", "draw", "gold_of"]
    share = 1 / pairs.groupby(KEY, sort=False)["other"].transform("size")  # of a pair in its problem's mean
    frames = []
    for k in ks:
        hit = pairs[[*KEY, "gold_of"]].assign(estimate=share * pass_at_k(pairs["n"].to_numpy(), c, k))
        as_gold = hit.groupby(answered_by)["estimate"].sum().rename_axis(["model", "draw", "problem"]).rename("as_gold")
        estimate = hit.groupby(KEY, sort=False)["estimate"].sum().reset_index().assign(k=k)
        frames.append(estimate.join(as_gold, on=["model", "draw", "problem"]).fillna({"as_gold": 0.0}))
    table = pd.concat(frames, ignore_index=True)
    return table[[*KEY, "k", "estimate", "as_gold"]].sort_values([*KEY, "k"], ignore_index=True)


def chance_curve(by_problem: pd.DataFrame) -> pd.DataFrame:
    """Mean chance over the problems of each model and draw, with an interval over problems.

    Every problem is there twice, by its answers and by its gold, so the mean is a U-statistic: a problem drawn anew
    brings both. Its variance is that of the sum of the two parts (Hoeffding 1948, "A class of statistics with
    asymptotically normal distribution"; the same as leaving out a problem with its gold), and one over the answers
    alone would be too small by the luck of a few golds that are often hit.

    Args:
        by_problem: from ``chance_by_problem``.

    Returns:
        model, draw, k, estimate, low, high, problems, interval.
    """
    rows = []
    for (model, draw, k), values in by_problem.groupby(["model", "draw", "k"], sort=False):
        mean = values["estimate"].mean()
        both_parts = (values["estimate"] + values["as_gold"] - mean).to_numpy()
        rows.append((model, draw, k, mean, *mean_interval_of(both_parts), len(values), f"{MEAN}, with their golds"))
    columns = ["model", "draw", "k", "estimate", "low", "high", "problems", "interval"]
    curves = pd.DataFrame(rows, columns=columns).groupby(["model", "draw"], sort=False)
    return pd.concat([raise_ends(curve) for _, curve in curves], ignore_index=True)


def require_fixed(outcomes: pd.DataFrame, k: int, what: str) -> None:
    """MathbError unless every outcome comes from a fixed plan of at least k attempts."""
    require_columns(outcomes, [*KEY, "n", "c", "plan"], "outcomes")
    if k < 1:
        raise MathbError(f"{what} needs at least one k, of at least 1 and at most the plan's attempts; there is none.")
    for text in outcomes["plan"].unique():
        plan = Plan.parse(text)
        if not plan.is_fixed or plan.n_max < k:
            raise MathbError(
                f"{what} needs at least k = {k:,} attempts at every problem whatever the verdicts, not the plan "
                f"'{text}'; evaluate with Plan.fixed({k}) under a draw name of its own."
            )


def counts_of(outcomes: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """The answer counts of these outcomes, checked to hold exactly n attempts of each."""
    require_columns(counts, [*KEY, "answer", "count", "verdict"], "answer counts")
    kept = counts.merge(outcomes[KEY], on=KEY)
    totals = outcomes[[*KEY, "n"]].merge(kept.groupby(KEY)["count"].sum().reset_index(), on=KEY, how="left")
    if len(wrong := totals[totals["count"] != totals["n"]]):
        row = wrong.iloc[0]
        raise MathbError(
            f"Problem {row['problem']} of model {row['model']}, draw {row['draw']}, has {row['n']} attempts but "
            f"{0 if pd.isna(row['count']) else int(row['count'])} counted answers; count the answers of that draw with "
            "answer_counts, and give a fixed sample a draw of its own."
        )
    return kept


def whole_number(gold: str) -> int | None:
    """The whole number that a gold spells, else None."""
    from mathb_kit.grading.equivalence import read
    from mathb_kit.grading.numerals import read_number

    number = read_number(read(gold))
    if number is None or not number.bare or number.base != 10 or len(str(number.value)) > 1000:
        return None
    return int(number.value)
