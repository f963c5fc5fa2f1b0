"""What became of attempts, problems and models, as sentences computed from their tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mathb_kit.sentences.formats import named_counts, percent

if TYPE_CHECKING:
    import pandas as pd


def counts_sentence(outcomes: pd.DataFrame) -> str:
    """What became of all attempts (n, c, no_answer, grader_failed, truncated)."""
    sums = outcomes[["n", "c", "no_answer", "grader_failed", "truncated"]].sum()
    correct, unanswered, cut = (percent(sums[name] / sums["n"]) for name in ("c", "no_answer", "truncated"))
    return (
        f"Of {sums['n']:,} attempts {correct} are correct; {unanswered} commit to no answer, {cut} end at the token "
        f"limit, and the grader could not decide {sums['grader_failed']:,}."
    )


def funnel_sentence(counts: pd.DataFrame) -> str:
    """From how many to how many, and the stage that dropped most (stage, kept, dropped)."""
    worst = counts.loc[counts["dropped"].idxmax()]
    return (
        f"Of {counts['kept'].iloc[0]:,} problems {counts['kept'].iloc[-1]:,} are left after {len(counts) - 1} stages; "
        f"'{worst['stage']}' drops most, {worst['dropped']:,}."
    )


def unsolved_sentence(table: pd.DataFrame) -> str:
    """Unsolved by each base, by any, by all (``unsolved by``, problems, of)."""
    sizes, of = table.set_index("unsolved by")["problems"], table["of"].iloc[0]
    bases = sizes.drop(["union", "intersection"])
    if len(bases) == 1:
        return f"Of {of:,} problems that met the sieve, {bases.index[0]} leaves {bases.iloc[0]:,} unsolved."
    return (
        f"Of {of:,} problems that met the sieve, {bases.idxmin()} leaves {bases.min():,} unsolved and {bases.idxmax()} "
        f"{bases.max():,}. At least one base misses {sizes['union']:,}; all miss {sizes['intersection']:,}."
    )


def overlap_sentence(shipped: Collection[str], sieved: Collection[str]) -> str:
    """Whether a set as shipped is the one that was found again."""
    here, there = set(sieved) - set(shipped), set(shipped) - set(sieved)
    if not here and not there:
        return f"The sieve finds the shipped set again: the same {len(set(shipped)):,} problems."
    return (
        f"The two differ: {len(here):,} problems are unsolved in this run only, {len(there):,} in the shipped set "
        "only. A smaller plan leaves more unsolved; other attempts leave others."
    )


def foreseen_sentence(foreseen: pd.DataFrame) -> str:
    """Whether fresh draws fell into the predicted intervals (model, low, high, ``solved by a fresh draw``)."""
    solved = foreseen["solved by a fresh draw"].astype(int)
    inside = solved.between(foreseen["low"], foreseen["high"])
    outside = "" if inside.all() else f" (not for {', '.join(foreseen.loc[~inside, 'model'])})"
    return (
        f"The fresh draw solves {named_counts(foreseen['model'], solved)}. It lies in the predicted interval for "
        f"{inside.sum()} of {len(inside)} models{outside}."
    )


def changes_sentence(changes: pd.DataFrame) -> str:
    """How pass@1 moved, and reach with it (name, base_pass_1, tuned_pass_1, change)."""
    lines = []
    for name, rows in changes.groupby("name", sort=False):
        gained, lost = ((rows["change"] == what).sum() for what in ("gained", "lost"))
        before, after = percent(rows["base_pass_1"].mean()), percent(rows["tuned_pass_1"].mean())
        lines.append(f"{name}: pass@1 from {before} to {after}, reach gains {gained} and loses {lost} problems.")
    return "\n".join(lines)


def modes_sentence(shares: pd.DataFrame) -> str:
    """The commonest mode of every model, and how much of it is correct (name, mode, share, correct_share)."""
    modes = []
    for name, rows in shares.groupby("name", sort=False):
        top = rows.loc[rows["share"].idxmax()]
        correct = percent(top["correct_share"] / top["share"])
        modes.append(f"{name} {top['mode']} ({percent(top['share'])}, {correct} of it correct)")
    return f"The commonest mode: {'; '.join(modes)}."


def verifiers_sentence(table: pd.DataFrame) -> str:
    """Who agrees most and least with a careful reader, and where all fail most (verifier, mode, agrees, of)."""
    run = table[table["of"] > 0]
    by = {column: run.groupby(column, sort=False)[["agrees", "of"]].sum() for column in ("verifier", "mode")}
    share = {column: sums["agrees"] / sums["of"] for column, sums in by.items()}
    best, worst, hardest = share["verifier"].idxmax(), share["verifier"].idxmin(), share["mode"].idxmin()
    return (
        f"{len(share['verifier'])} of {table['verifier'].nunique()} verifiers have run. {best} agrees with the reader "
        f"most often ({percent(share['verifier'][best])}), {worst} least ({percent(share['verifier'][worst])}); the "
        f"hardest kind for all of them is {hardest} ({percent(share['mode'][hardest])})."
    )
