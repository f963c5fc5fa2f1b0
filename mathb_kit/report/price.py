"""What a study costs before it is paid for: attempts, tokens, hours and disk, from declared assumptions."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.models.entries import hub_models
from mathb_kit.plan import Plan
from mathb_kit.problems.registry import registry
from mathb_kit.profiles import Profile
from mathb_kit.statistics.forecast import plan_cost
from mathb_kit.statistics.success_rates import beta_success_rates


def price_table(profile: Profile) -> pd.DataFrame:
    """The price of every model of a study.

    Returns:
        One row per model: model, kind, size, problems (over all its sets and draws), attempts (at most: every problem
        goes on to the plan's end; for the first base with those of the chance line), expected_attempts (the plan stops
        early, under the declared success rates), tokens_per_attempt, tokens_per_second, tokens, expected_tokens, hours,
        expected_hours (of one machine), bytes, expected_bytes. Expected values equal the others where no success rates
        are declared.

    Raises:
        MathbError: a model whose kind or size has no number in the profile's cost table.
    """
    cost, plan = profile.cost, profile.plan
    size_of = cache(lambda name: _size(profile, name))
    entries, rows = hub_models(), []
    for model in dict.fromkeys(model for model, _ in profile.evaluations):
        draws = profile.redraws if model in profile.tuned.values() else 1  # of the hard set, by what was tuned from
        sizes = {
            name: size_of(name) * (draws if name == profile.hard_set else 1)
            for who, name in profile.evaluations
            if who == model
        }
        guesses = profile.chance * sum(map(size_of, profile.sets)) if model == profile.bases[0] else 0
        entry = entries.get(model)
        kind, size = (entry.kind, entry.size) if entry else (None, None)
        rows.append(
            {
                "model": model,
                "kind": kind or "",
                "size": size or "",
                "problems": sum(sizes.values()),
                "attempts": sum(sizes.values()) * plan.n_max + guesses,
                "expected_attempts": guesses
                + sum(count * _attempts_expected(plan, cost.success_rates.get(name)) for name, count in sizes.items()),
                "tokens_per_attempt": _looked_up(cost.tokens_per_attempt, kind, model, "tokens_per_attempt"),
                "tokens_per_second": _looked_up(cost.tokens_per_second, size, model, "tokens_per_second"),
                "bytes_per_attempt": _looked_up(cost.bytes_per_attempt, kind, model, "bytes_per_attempt"),
            }
        )
    table = pd.DataFrame(rows)
    for prefix in ("", "expected_"):
        attempts = table[f"{prefix}attempts"]
        table[f"{prefix}tokens"] = attempts * table["tokens_per_attempt"]
        table[f"{prefix}hours"] = table[f"{prefix}tokens"] / table["tokens_per_second"] / 3600
        table[f"{prefix}bytes"] = attempts * table["bytes_per_attempt"]
    return table.drop(columns="bytes_per_attempt")


def price(profile: Profile) -> str:
    """The price in words, with and without the adaptive plan's early stops, and the assumptions behind it.

    Attempts that the store already has cost nothing and are not subtracted.
    """
    table, cost, plan = price_table(profile), profile.cost, profile.plan
    total = table.sum(numeric_only=True)
    lines = [
        f"{profile.name}: {profile.about}",
        f"  {len(profile.evaluations)} evaluations (a model on a set) of {total['problems']:,.0f} problems in all",
        f"  attempts at most {total['attempts']:,.0f}  ({plan.n_max:,} a problem; plan {plan}; {_more(profile)})",
        f"  tokens at most   {total['tokens'] / 1e6:,.1f} million  ({_in_words(cost.tokens_per_attempt)} an attempt)",
        f"  hours at most    {total['hours']:,.2f}  ({_in_words(cost.tokens_per_second)} tokens/s on {cost.on})",
        f"  disk at most     {total['bytes'] / 1e6:,.0f} MB  ({_in_words(cost.bytes_per_attempt)} bytes an attempt)",
    ]
    if cost.success_rates and not plan.is_fixed:
        rates = ", ".join(
            f"{name} Beta({a:g}, {b:g}) and {zero:.0%} never" for name, (a, b, zero) in cost.success_rates.items()
        )
        lines += [
            f"  expected, as the plan stops early: attempts {total['expected_attempts']:,.0f}, tokens "
            f"{total['expected_tokens'] / 1e6:,.1f} million, hours {total['expected_hours']:,.2f}, disk "
            f"{total['expected_bytes'] / 1e6:,.0f} MB",
            f"    success rates assumed: {rates}; every problem of the other sets to the end",
        ]
    lines.append(f"  assumptions: {cost.origin}")
    if isinstance(cost.tokens_per_second, dict):
        shown = pd.DataFrame(
            {
                "model": table["model"],
                "size": table["size"],
                "attempts": table["attempts"].map("{:,.0f}".format),
                "tokens (M)": (table["tokens"] / 1e6).map("{:,.0f}".format),
                "hours": table["hours"].map("{:,.1f}".format),
                "expected hours": table["expected_hours"].map("{:,.1f}".format),
            }
        )
        lines += ["", f"  on one {cost.on}, at most and expected:", *_indented(shown.to_string(index=False))]
    if profile.published:
        lines += ["", *_beside_the_paper(profile, table)]
    return "\n".join(lines)


def _more(profile: Profile) -> str:
    parts = [f"{profile.redraws} draws of a base on the hard set"] if profile.redraws > 1 else []
    if profile.chance:
        parts.append(f"{profile.chance:,} more by {profile.bases[0]} for what guessing is worth")
    return "; ".join(parts)


def price_record(profile: Profile) -> dict[str, Any]:
    """The price for scripts: profile, plan, evaluations, `price_table` with its totals, and the assumptions."""
    table = price_table(profile)
    total = table.drop(columns=["tokens_per_attempt", "tokens_per_second"]).sum(numeric_only=True).to_dict()
    return {
        "profile": profile.name, "about": profile.about, "plan": str(profile.plan),
        "evaluations": len(profile.evaluations), "total": total, "models": table, "machine": profile.cost.on,
        "assumptions": profile.cost.origin,
    }  # fmt: skip


def _beside_the_paper(profile: Profile, table: pd.DataFrame) -> list[str]:
    """What the published hours imply under our lengths, beside our rates; neither is fitted to the other."""
    paper = profile.published
    attempts = paper.models * paper.problems * paper.attempts
    tokens = attempts * table["tokens_per_attempt"].mean()
    ours = (table["tokens_per_attempt"] / table["tokens_per_second"]).sum() * paper.problems * paper.attempts / 3600
    return [
        f"  {paper.who} as published: more than {paper.hours:,.0f} {paper.on} hours; {paper.models} models x "
        f"{paper.problems} problems x {paper.attempts:,} = {attempts:,} attempts,",
        f"    {paper.hours * 3600 / attempts:,.1f} {paper.on} seconds each. With our tokens an attempt (mean "
        f"{table['tokens_per_attempt'].mean():,.0f}) that is {tokens / 1e9:,.1f} billion tokens and "
        f"{tokens / paper.hours / 3600:,.0f} tokens/s;",
        f"    our rates would take {ours:,.0f} hours ({tokens / ours / 3600:,.0f} tokens/s). Not fitted: lengths, "
        "engine and what else those hours hold are not known.",
    ]


def _size(profile: Profile, name: str) -> int:
    """The size of a set, from the registry where it says so: a price needs no download."""
    entry = None if profile.rehearsal else registry().get(name)
    rows = entry.rows if entry and entry.rows else len(profile.problems(name))
    return rows if profile.rehearsal else min(rows, profile.limit.get(name, rows))


@cache
def _attempts_expected(plan: Plan, rates: tuple[float, float, float] | None) -> float:
    """Expected attempts of one problem."""
    if rates is None or plan.is_fixed:
        return plan.n_max
    a, b, zero_mass = rates
    return float(plan_cost(beta_success_rates(a, b, zero_mass), plan, [plan.n_max], problems=1)["attempts"].iloc[0])


def _looked_up(numbers: float | dict[str, float], key: str | None, model: str, what: str) -> float:
    if not isinstance(numbers, dict):
        return numbers
    if key not in numbers:
        raise MathbError(f"The profile's cost table has no {what} for {key!r}, which {model} needs; add it.")
    return numbers[key]


def _in_words(numbers: float | dict[str, float]) -> str:
    if isinstance(numbers, dict):
        return ", ".join(f"{key} {number:,.0f}" for key, number in numbers.items())
    return f"{numbers:,.3g}" if numbers < 1000 else f"{numbers:,.0f}"


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
