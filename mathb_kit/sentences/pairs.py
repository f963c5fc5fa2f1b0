"""What a comparison of two models' outcomes shows, as sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mathb_kit.problems import set_and_id
from mathb_kit.sentences.formats import intervals_of, percent_with_interval, remark_of
from mathb_kit.sentences.judging import gains_sentence, judgement_sentence
from mathb_kit.sentences.separation import k_text

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.judging import PairComparison


def expansion_sentence(pair: PairComparison) -> str:
    """What tuning did to one attempt, and to what the base misses, beside the frozen base itself."""
    one, row = pair.differences.iloc[0], pair.expansion.iloc[-1]
    start = f"{pair.tuned} beside {pair.base} on {pair.on}: pass@1 {_moved(one)}; "
    if math.isnan(row["difference_low"]):
        return (
            f"{start}{row['k']:,} attempts of the base miss {row['missed']:.1f} problems in expectation, too few to "
            "say whether tuning reaches beyond it."
        )
    outcome = "not distinguishable from a frozen base"
    if row["difference_low"] > 0:
        outcome = "more than a frozen base"
    elif row["difference_high"] < 0:
        outcome = "less than a frozen base"
    shares = [percent_with_interval(*row[[who, f"{who}_low", f"{who}_high"]]) for who in ("tuned", "null")]
    return (
        f"{start}of what {row['k']:,} attempts of the base miss ({row['missed']:.1f} of {row['problems']:,} problems "
        f"in expectation), as many of {pair.tuned} reach {shares[0]} and other attempts of the frozen base "
        f"{shares[1]}: {outcome} "
        f"(difference {100 * row['difference']:+.1f} points, {100 * row['difference_low']:+.1f} to "
        f"{100 * row['difference_high']:+.1f}{remark_of(row['interval'])})."
    )


def pair_sentences(pair: PairComparison) -> list[str]:
    """What stands behind the headline, a sentence each."""
    counts = pair.reach.set_index("who")["problems"]
    missed = counts["tuned only"] + counts["neither"]
    reached = (
        f"In all attempts (k = {pair.n:,}) {pair.tuned} solves {counts['tuned only']} of the {missed} problems that "
        f"{pair.base} never solved, and never solves {counts['base only']} that {pair.base} did"
    )
    if pair.foreseen is not None and pair.judgement is None:
        seen = pair.foreseen
        reached += (
            f"; a fresh draw of {pair.base} would solve {seen['estimate']:.1f} of the {missed} ({seen['low']} to "
            f"{seen['high']}, forecast from its success rates)"
        )
    lines = [expansion_sentence(pair), f"{reached}."]
    if pair.judgement is not None:
        lines.append(judgement_sentence(pair.judgement))
    lines.append(f"Problem by problem: {gains_sentence(pair.gains)}.")
    lines.append(
        f"Of the {len(pair.newly_reached)} newly reached {_named(pair.newly_reached, 'gained')} and of the "
        f"{len(pair.no_longer_reached)} no longer reached {_named(pair.no_longer_reached, 'lost')} (tests over all "
        f"{len(pair.gains)} problems)."
    )
    lines.append(crossing_sentence(pair))
    if pair.unscored is not None:
        row = pair.unscored[pair.unscored["k"] == 1]
        lines += [
            f"{each.without_verdict:,} attempts of {each.who} have no verdict: pass@1 lies between "
            f"{100 * each.as_wrong:.1f} % (they count as wrong, as everywhere here) and {100 * each.as_correct:.1f} %."
            for each in row.itertuples()
        ]
    return lines


def intervals_sentence(pair: PairComparison) -> str:
    """What the tables' intervals are, and whose the samples."""
    return (
        f"Intervals are 95 %: of pass@k {intervals_of(pair.differences)}; of what is reached "
        f"{intervals_of(pair.expansion)}; of what is solved Clopper-Pearson. {pair.note}."
    )


def crossing_sentence(pair: PairComparison) -> str:
    """Where the base's curve overtakes the tuned model's, if it does."""
    crossing, n = pair.crossing, pair.n
    ends = f"{k_text(crossing['low'], n)} to {k_text(crossing['high'], n)}"
    if math.isnan(crossing["k"]):
        none = f"The two pass@k curves do not cross from {pair.tuned} to {pair.base} up to k = {n:,}"
        return f"{none}." if math.isnan(crossing["low"]) else f"{none}; a crossing at {ends} is not ruled out (95 %)."
    where = f"From k = {crossing['k']:.3g} on {pair.base} solves more"
    return f"{where} (95 %: {ends}, where the paired difference may be 0)."


def _moved(row: pd.Series) -> str:
    return (
        f"{100 * row['a']:.1f} to {100 * row['b']:.1f} % ({100 * row['estimate']:+.1f} points, "
        f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
    )


def _named(rows: pd.DataFrame, what: str) -> str:
    named = list(map(set_and_id, rows.loc[rows[what], "problem"]))
    verb = {"gained": "survive", "lost": "are lost beyond chance"}[what]
    return f"{len(named)} {verb}" + (f" ({', '.join(named)})" if named else "")
