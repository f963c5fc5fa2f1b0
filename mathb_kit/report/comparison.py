"""Two models compared by their outcomes: for a terminal, as JSON, on a page, and as LaTeX for a paper."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.atomic import write_text
from mathb_kit.judging import PairComparison
from mathb_kit.judging.confounds import UNKNOWN
from mathb_kit.places import cards_root
from mathb_kit.plots.pairs import plot_beside_null
from mathb_kit.problems import set_and_id
from mathb_kit.provenance import provenance
from mathb_kit.report.html import PageTable, Picture, render
from mathb_kit.report.records import json_ready
from mathb_kit.report.separation import separation_record, separation_tables, worth_table
from mathb_kit.report.terminal import bullets, titled
from mathb_kit.sentences import (
    confounds_sentence,
    expansion_sentence,
    intervals_of,
    intervals_sentence,
    pair_headline,
    pair_sentences,
    percent_with_interval,
    separation_sentences,
    settings_sentence,
)
from mathb_kit.sentences.formats import signed_points

if TYPE_CHECKING:
    import pandas as pd


CONFOUNDS = "What else the difference may be made of: the same attempts read otherwise"
_LONGEST = 150  # characters of a file's name, which names of models may exceed


def comparison_text(pair: PairComparison) -> str:
    """For a terminal: the headline, the tables, then the fine print."""
    named = pair.gains[pair.gains["lost"] | (pair.gains["gained"] & (pair.gains["base_c"] == 0))]
    rows, left_out = beyond_table(pair)
    tables = [
        titled("pass@k, paired by problem", curves_table(pair)),
        titled(f"Reached, of what k attempts of {pair.base} miss", rows, *left_out),
        titled(f"What k attempts of {pair.tuned} are worth in attempts of {pair.base}", worth_table(pair.separation)),
        titled(f"Solved at least once in {pair.n:,} attempts", solved_table(pair)),
        titled(CONFOUNDS, confounds_table(pair.confounds, pair.base, pair.tuned)),
    ]
    if len(named):
        tables.append(titled("Newly reached or lost, beyond chance", _by_problem(named)))
    fine = [*pair_sentences(pair), *separation_sentences(pair.separation), confounds_sentence(pair.confounds)]
    fine += [settings_sentence(*pair.settings), intervals_sentence(pair)]
    title = f"{pair.tuned} beside {pair.base} on {pair.on}"
    return "\n\n".join([f"{title}\n{pair_headline(pair)}", *tables, f"In full\n{bullets(fine)}"])


def comparison_record(pair: PairComparison, origin: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything as JSON-ready values."""
    return {
        "headline": pair_headline(pair),
        "verdict": expansion_sentence(pair),
        "sentences": pair_sentences(pair),
        "base": pair.base, "tuned": pair.tuned, "on": pair.on, "note": pair.note, "n": pair.n,
        "expansion": json_ready(pair.expansion),
        "pass_at_k": json_ready(pair.differences),
        "crossing": json_ready(pair.crossing),
        "sharpening_or_expansion": separation_record(pair.separation),
        "reach": json_ready(pair.reach),
        "foreseen": None if pair.foreseen is None else json_ready(pair.foreseen.to_dict()),
        "redrawn": None if pair.judgement is None else json_ready(pair.judgement.to_frame()),
        "beside_redraws": None if pair.judgement is None else json_ready(asdict(pair.judgement.test)),
        "confounds": json_ready(pair.confounds),
        "settings": json_ready({"base": dict(pair.settings[0]), "tuned": dict(pair.settings[1])}),
        "gains": json_ready(pair.gains),
        "without_verdict": None if pair.unscored is None else json_ready(pair.unscored),
        "origin": json_ready(dict(origin or {})),
        "provenance": provenance(),
    }  # fmt: skip


def write_comparison(
    pair: PairComparison, folder: Path | None = None, origin: Mapping[str, Any] | None = None
) -> tuple[Path, Path]:
    """Write the comparison as a self-contained page and as JSON; paths of both.

    Args:
        pair: the comparison.
        folder: ``runs/cards`` by default.
        origin: of the samples, for the JSON.
    """
    folder = folder or cards_root()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{pair.tuned}-beside-{pair.base}-on-{pair.on}")
    if len(stem) > _LONGEST:
        stem = f"{stem[:_LONGEST]}-{hashlib.sha256(stem.encode()).hexdigest()[:12]}"
    record = comparison_record(pair, origin)
    data, page = folder / f"{stem}.json", folder / f"{stem}.html"
    write_text(data, json.dumps(record, indent=1, default=str) + "\n")
    named = pair.gains.sort_values(["gain_p", "loss_p"], kind="stable")
    caption = (
        f"Of the problems that k attempts of {pair.base} miss: the share that k attempts of {pair.tuned} reach, and k "
        f"other attempts of the frozen base ({pair.note}). Bands: 95 %, {intervals_of(pair.expansion)}."
    )
    rows, left_out = beyond_table(pair)
    text = render(
        "comparison.html",
        title=f"{pair.tuned} beside {pair.base} on {pair.on}",
        pair=pair,
        headline=pair_headline(pair),
        sentences=pair_sentences(pair),
        expansion=Picture.of(plot_beside_null(pair.expansion, base=pair.base, tuned=pair.tuned), caption),
        beside=PageTable.of(rows, " ".join([f"Reached, of what k attempts of {pair.base} miss. 95 %.", *left_out])),
        curves=PageTable.of(curves_table(pair), f"pass@k; 95 %: {intervals_of(pair.differences)}"),
        confounds=PageTable.of(confounds_table(pair.confounds, pair.base, pair.tuned), CONFOUNDS),
        told=[confounds_sentence(pair.confounds), settings_sentence(*pair.settings)],
        apart=separation_sentences(pair.separation),
        apart_tables=separation_tables(pair.separation),
        reach=PageTable.of(solved_table(pair), f"Solved at least once in {pair.n:,} attempts, 95 % Clopper-Pearson"),
        by_problem=PageTable.of(_by_problem(named), "Every problem, the clearest gains first", sortable=True),
        provenance=json.dumps({"origin": record["origin"], "here": record["provenance"]}, indent=1, default=str),
    )
    write_text(page, text)
    return page, data


def beyond_table(pair: PairComparison) -> tuple[pd.DataFrame, list[str]]:
    """What tuned model and frozen base reach of what k attempts of the base miss, in words, and what is left out.

    Left out are rows without an interval: there the base misses too few problems to say anything.
    """
    import pandas as pd

    kept = pair.expansion.dropna(subset=["difference_low", "difference_high"])
    few = [f"{k:,}" for k in pair.expansion["k"] if k not in set(kept["k"])]
    table = pd.DataFrame({"k": kept["k"].astype(int), "missed": kept["missed"].map("{:.1f}".format)})
    base, tuned = _names(pair)
    for who, name in (("tuned", tuned), ("null", f"{base}, frozen")):
        table[name] = [percent_with_interval(*ends) for ends in _ends(kept, who)]
    table["points"] = [signed_points(*ends) for ends in _ends(kept, "difference")]
    return table, [f"Too few are missed for an interval at k = {', '.join(few)}."] if few else []


def curves_table(pair: PairComparison) -> pd.DataFrame:
    """pass@k of both and their difference in points, in words."""
    import pandas as pd

    rows, names = pair.differences, _names(pair)
    return pd.DataFrame(
        {
            "k": rows["k"],
            names[0]: [f"{100 * share:.1f} %" for share in rows["a"]],
            names[1]: [f"{100 * share:.1f} %" for share in rows["b"]],
            "points": [signed_points(*ends) for ends in rows[["estimate", "low", "high"]].values],
        }
    )


def solved_table(pair: PairComparison) -> pd.DataFrame:
    """`PairComparison.reach` with intervals in words."""
    import pandas as pd

    rows = pair.reach
    shares = [percent_with_interval(*ends) for ends in rows[["share", "low", "high"]].values]
    return pd.DataFrame({"by": rows["who"], "problems": rows["problems"], "of": rows["of"], "share": shares})


def _names(pair: PairComparison) -> tuple[str, str]:
    """A model beside itself by name, in two draws, is called base and tuned."""
    return (pair.base, pair.tuned) if pair.base != pair.tuned else ("base", "tuned")


def _ends(rows: pd.DataFrame, name: str) -> list[list[float]]:
    return rows[[name, f"{name}_low", f"{name}_high"]].values.tolist()


def confounds_table(confounds: pd.DataFrame, base: str, tuned: str) -> pd.DataFrame:
    """`PairComparison.confounds` under the models' names; "explains" is what of the difference is gone under a reading.

    The last column says which readings are bounds, and what cannot be told. A model beside itself by name, in two
    draws, is called base and tuned.
    """
    names = {"base": base, "tuned": tuned} if base != tuned else {}
    remarks = confounds["about"].map(lambda about: about if about == UNKNOWN else "at most" * ("at most" in about))
    return confounds.drop(columns="about").assign(**{"": remarks}).rename(columns=names)


def comparison_latex(pair: PairComparison) -> str:
    """A table and a methods paragraph that an author can paste into a paper (packages: none beyond LaTeX's own)."""
    rows = []
    for row in pair.expansion.to_dict("records"):
        cells = [f"{row['k']}", f"{row['missed']:.1f}"]
        cells += [_share(row, name) for name in ("tuned", "null")] + [_share(row, "difference", signed=True)]
        rows.append(" & ".join(cells) + r" \\")
    body = "\n".join(rows)
    tuned, base, on, note = (_escaped(text) for text in (pair.tuned, pair.base, pair.on, pair.note))
    return f"""% made by mathb_kit: mathb compare --report
\\begin{{table}}
\\centering
\\begin{{tabular}}{{rrlll}}
\\hline
$k$ & missed & {tuned} & {base}, frozen & difference \\\\
\\hline
{body}
\\hline
\\end{{tabular}}
\\caption{{Of the problems of {on} that $k$ attempts of {base} miss (expected number), the share (\\%) that $k$ attempts
of {tuned} reach, beside the share that $k$ other attempts of the frozen {base} reach; 95\\,\\% intervals. {note}.}}
\\end{{table}}

\\paragraph{{Methods.}}
{_escaped(methods(pair))}
"""


def methods(pair: PairComparison) -> str:
    """Design, plan, null, tests, and what could not be seen, in words."""
    plans = list(dict.fromkeys([*pair.base_outcomes["plan"], *pair.tuned_outcomes["plan"]]))
    graders = list(dict.fromkeys([*pair.base_outcomes["grader"], *pair.tuned_outcomes["grader"]]))
    counts = pair.reach.set_index("who")["problems"]
    gained, lost = int(pair.gains["gained"].sum()), int(pair.gains["lost"].sum())
    truly_new, truly_gone = int(pair.newly_reached["gained"].sum()), int(pair.no_longer_reached["lost"].sum())
    known = "" if pair.judgement is not None else (
        f" With one draw of the base there is no observed null at k = {pair.n}: counts of newly reached problems there "
        "stand beside a forecast only."
    )  # fmt: skip
    seen = pair.gains["detectable_rate"][pair.gains["base_c"] == 0].dropna()
    power = (
        f" Against a problem that the base never solved, a gain shows with 80 % power from a success rate of "
        f"{100 * seen.iloc[0]:.2g} % on; smaller ones could not be seen."
        if len(seen) else ""
    )  # fmt: skip
    return (
        f"{pair.tuned} and {pair.base} were compared on all {counts.sum()} problems of {pair.on}, which neither draw "
        f"selected; plan: {', '.join(plans)} attempts per problem; verdicts: {', '.join(graders)}. Expansion at k <= "
        f"{pair.half} is the expected share, among problems that k attempts of the base miss, that k attempts of the "
        "other model reach; its null puts k further attempts of the same base in the other model's place (the mean "
        "over all disjoint blocks of its attempts, exact from the counts). Intervals resample problems (BCa bootstrap, "
        f"2,000 replicates) with both models at once.{known} Single problems were tested by "
        f"{pair.gains['test'].iloc[0]}, one-sided, with Benjamini-Hochberg at 5 % over all {len(pair.gains)} problems, "
        f"for gains and losses apart: {gained} gained, {lost} lost; of the {counts['tuned only']} problems that only "
        f"{pair.tuned} solved, {truly_new} are gains by that test, of the {counts['base only']} that only {pair.base} "
        f"solved, {truly_gone} are losses.{power} {confounds_sentence(pair.confounds)} "
        f"{settings_sentence(*pair.settings)}"
    )


def _share(row: Mapping[str, float], name: str, signed: bool = False) -> str:
    sign = "+" if signed else ""
    value, low, high = (f"{100 * row[f'{name}{end}']:{sign}.1f}" for end in ("", "_low", "_high"))
    if row[f"{name}_low"] != row[f"{name}_low"]:
        return f"${value}$"
    return f"${value}$ (${low}$ to ${high}$)"


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\textbackslash ")
    return re.sub(r"[&%$#_{}]", lambda match: "\\" + match[0], text).replace("~", r"\textasciitilde ").replace(
        "<=", r"$\le$"
    )


def counts_by_problem(gains: pd.DataFrame, base: str = "base") -> pd.DataFrame:
    """Problem by problem (``gains_by_problem``): correct attempts of base and tuned model, and how sure a gain is."""
    import pandas as pd

    return pd.DataFrame(
        {
            "problem": map(set_and_id, gains["problem"]),
            base: [f"{c} of {n:,}" for c, n in zip(gains["base_c"], gains["base_n"])],
            "tuned": [f"{c} of {n:,}" for c, n in zip(gains["tuned_c"], gains["tuned_n"])],
            "p (gain)": gains["gain_p"].map("{:.2g}".format),
        }
    )


def _by_problem(gains: pd.DataFrame) -> pd.DataFrame:
    gained, lost = (gains[what].map({True: what, False: ""}) for what in ("gained", "lost"))
    losses = gains["loss_p"].map("{:.2g}".format)
    return counts_by_problem(gains).assign(**{"p (loss)": losses, "change": gained + lost})
