"""Sharpening or expansion, as sentences: what a rescaled base would reach, how many attempts tuning is worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mathb_kit.sentences.formats import percent, percent_with_interval, remark_of, signed_with_interval
from mathb_kit.statistics.support import FROZEN, LESS, TUNED

if TYPE_CHECKING:
    import pandas as pd

    from mathb_kit.judging.separation import Separation


def k_text(k: float, n: int) -> str:
    """A number of attempts: ``14.4``, ``< 1`` for 0, ``> 1,024`` for infinite, ``?`` where nobody knows."""
    if math.isnan(k):
        return "?"
    if k < 1:
        return "< 1"
    return f"> {n:,}" if math.isinf(k) else f"{k:,.0f}" if k >= 100 else f"{k:.3g}"


def separation_sentences(apart: Separation) -> list[str]:
    """A sentence for each thing that tells sharpening from expansion, as far as it is known."""
    lines = [sharpening_sentence(apart), _from_zero(apart)]
    lines += [equivalent_sentence(apart, name) for name in dict.fromkeys(apart.equivalents["set"])]
    if len(apart.support):
        lines += [support_sentence(apart, name) for name in dict.fromkeys(apart.support["set"])]
    if apart.spread is not None:
        lines += [_spread(apart, name, rows) for name, rows in apart.spread.groupby("set", sort=False)]
    return lines


def sharpening_sentence(apart: Separation) -> str:
    """What a base that is only sharper would reach of what the base missed, and how often one k would tell it apart."""
    null, told = apart.sharpening, "To be told apart from a frozen base at one k is not yet expansion"
    if null is None:
        return f"{told}: a base that is only sharper may be, too; what it would reach here cannot be told."
    verdict = "more than sharpening explains"
    if null.explains:
        verdict = "less than that" if null.reached < null.low else "no more than sharpening explains"
    elif null.fails:
        verdict = "more than that, but success rates here have not the shape it rests on, so that nothing follows"
    return (
        f"{told}: at one attempt {apart.tuned} is like {apart.base} with every success rate p made p^{null.power:.2g} "
        f"(pass@1 {percent(null.pass_1_base)} to {percent(null.pass_1_tuned)} on {apart.scaled_on}). That rescaled "
        f"base would reach {null.foreseen:.1f} of the {null.missed} missed problems ({null.low} to {null.high} in 95 % "
        f"of runs at k = {null.k:,}; the base itself {null.frozen:.1f}), and be told apart in "
        f"{percent(null.told_apart)} of runs. {apart.tuned} reaches {null.reached}: {verdict}."
    )


def _from_zero(apart: Separation) -> str:
    never, gained = apart.from_zero
    who = f"{apart.base} solved in none of its attempts here"
    return f"From nothing: of {never} problems that {who}, {gained} are gained by the exact test."


def equivalent_sentence(apart: Separation, name: str) -> str:
    """How many attempts of the base the tuned model's are worth."""
    parts, tokens = [], ""
    for row in apart.equivalents[apart.equivalents["set"] == name].itertuples():
        ends = f"{k_text(row.low, row.n)} to {k_text(row.high, row.n)}"
        parts.append(f"k = {row.k:,} equals the base at {k_text(row.base_k, row.n)} ({ends})")
        if not math.isnan(row.base_at_matched):
            tokens = (
                f" For as many tokens as {row.k:,} of its attempts take, the base has {k_text(row.matched_k, row.n)}: "
                f"difference {signed_with_interval(row.difference, row.difference_low, row.difference_high)}"
                f"{remark_of(row.interval)}."
            )
    return f"On {name}, {apart.tuned} at {', at '.join(parts)} (95 %).{tokens}"


def support_sentence(apart: Separation, name: str) -> str:
    """What became of the base's reach, beside what a frozen base does to its own."""
    table = apart.support[apart.support["set"] == name]
    tuned = table[table["who"] == TUNED].iloc[-1]
    kept = percent_with_interval(tuned["SRR"], tuned["SRR_low"], tuned["SRR_high"])
    new = percent_with_interval(tuned["NDR"], tuned["NDR_low"], tuned["NDR_high"])
    text = (
        f"Support on {name}, k = {tuned['k']:,}: {tuned['preserved']:.0f} kept, {tuned['shrunk']:.0f} lost, "
        f"{tuned['expanded']:.0f} new, {tuned['out']:.0f} in neither; retention (SRR) {kept}, discovery (NDR) {new}, "
        f"SDS {tuned['SDS']:.2f}, net change (NSCR) {tuned['NSCR']:+.2f}"
        f"{remark_of(tuned['interval'])}"
    )
    less = table[table["who"] == LESS]
    if not len(less):
        return f"{text}."
    row, frozen = less.iloc[-1], table[table["who"] == FROZEN].iloc[-1]
    change = " to ".join(f"{100 * row[f'NDR_{end}']:+.1f}" for end in ("low", "high"))
    return (
        f"{text}; at k = {row['k']:,} a frozen base has NDR {percent(frozen['NDR'])} over itself, the tuned model "
        f"{100 * row['NDR']:+.1f} points beside it ({change}{remark_of(row['interval'])})."
    )


def _spread(apart: Separation, name: str, rows: pd.DataFrame) -> str:
    entropy, differ = rows.iloc[0], rows.iloc[1]
    return (
        f"Answers on {name} (first {entropy['attempts']} attempts, {entropy['problems']} problems): entropy "
        f"{entropy['base']:.2f} to {entropy['tuned']:.2f} bits "
        f"({signed_with_interval(entropy['difference'], entropy['low'], entropy['high'], digits=2)}"
        f"{remark_of(entropy['interval'])}); two attempts disagree in {percent(differ['base'])} and "
        f"{percent(differ['tuned'])}."
    )
