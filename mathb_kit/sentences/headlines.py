"""The one line above everything else: sharper or not, expansion or not, and the two numbers behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mathb_kit.sentences.formats import percent_with_interval, points_with_interval
from mathb_kit.sentences.judging import mean_count

if TYPE_CHECKING:
    from mathb_kit.judging import CheckpointJudgement, PairComparison


def checkpoint_headline(judged: CheckpointJudgement) -> str:
    """Of a checkpoint judged on what its base left unsolved.

    ``Sharper, no evidence of expansion: pass@1 +23.5 points (15.0 to 31.5); reach 0 of 26, a frozen base 2: -7.7 points
    (-20.1 to +4.7)``, and what forbids to read it so.
    """
    test = judged.judgement.test
    numbers = (
        f"reach {test.tuned:g} of {test.of}, a frozen base {mean_count(test)}: "
        f"{points_with_interval(test.difference, test.low, test.high)}"
    )
    words = _beyond(test.distinguishable, test.more)
    if judged.saturated:
        first = judged.ordinary().iloc[0]
        at = f" on {first['set']}" if len(judged.saturated) > 1 else ""
        ends = first["difference"], first["low"], first["high"]
        words, numbers = f"{_sharper(*ends[1:])}, {words}", f"pass@1{at} {_points(*ends)}; {numbers}"
    return "; ".join([f"{words[0].upper()}{words[1:]}: {numbers}", *checkpoint_caveats(judged)])


def checkpoint_caveats(judged: CheckpointJudgement) -> list[str]:
    """What stands in the way of reading a judgement as one of base and tuned model; mostly nothing."""
    base, tuned = judged.base.name, judged.tuned.name
    return [f"{base} is not the base of {tuned}, which is {judged.other_base}"] if judged.other_base else []


def pair_headline(pair: PairComparison) -> str:
    """Of two models on problems that neither chose.

    ``Sharper, no evidence of expansion: pass@1 +16.5 points (13.2 to 19.8); of what 64 attempts of the base miss it
    reaches 19.4 % (9.5 to 34.8), a frozen base 27.7 % (16.8 to 43.1)``
    """
    one, row = pair.differences.iloc[0], pair.expansion.iloc[-1]
    sharper = f"{_sharper(one['low'], one['high'])}, "
    start = f"pass@1 {_points(one['estimate'], one['low'], one['high'])}; "
    if math.isnan(row["difference_low"]):
        return (
            f"{sharper}too little left to expand into: {start}{row['k']:,} attempts of the base miss "
            f"{row['missed']:.1f} of {row['problems']:,} problems in expectation"
        )
    apart = row["difference_low"] > 0 or row["difference_high"] < 0
    shares = [percent_with_interval(*row[[who, f"{who}_low", f"{who}_high"]]) for who in ("tuned", "null")]
    return (
        f"{sharper}{_beyond(apart, row['difference'] > 0)}: {start}of what {row['k']:,} attempts of the base miss it "
        f"reaches {shares[0]}, a frozen base {shares[1]}"
    )


def _sharper(low: float, high: float) -> str:
    return "Sharper" if low > 0 else "Blunter" if high < 0 else "Neither sharper nor blunter"


def _beyond(apart: bool, more: bool) -> str:
    if not apart:
        return "no evidence of expansion"
    return "expansion" if more else "reaches less than its base"


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:+.1f} points ({100 * low:.1f} to {100 * high:.1f})"
