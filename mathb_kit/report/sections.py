"""What a run's page shows below its findings: the paper's numbers, the funnel, every problem, completions, the cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.evaluation import Evaluation
from mathb_kit.models import Model
from mathb_kit.problems import Problem
from mathb_kit.profiles import Profile
from mathb_kit.progress import clock
from mathb_kit.published import published
from mathb_kit.report import html
from mathb_kit.report.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

Evaluations = Mapping[tuple[str, str], Evaluation]

_PAPER = "MATH-Beyond"
_READ_PROBLEMS = 2
_CONFIDENCE = (
    "How sure a published number is: primary (the paper's own page), stated (sources that are not the paper, as a rule "
    "several that agree), code, measured (on a published figure), secondary (one reader's transcription), inferred "
    "(computed from the others)."
)


def identity(model: Model) -> dict[str, Any]:
    """Name, source, revision and key; of a local checkpoint only the folder's name, as the path tells nothing."""
    source = Path(model.source).name if model.is_local else model.source
    return {"name": model.name, "source": source, "revision": model.revision, "key": model.key()}


def beside_the_paper(study: Profile, found: Iterable[Finding]) -> list[str]:
    # Above this module: it reads what `reproduce` drew, and `reproduce` writes this page.
    from mathb_kit.report.status import beside_published

    if study.miniature:
        told = "Ours are tiny models on synthetic problems: the two sides are not comparable, only the questions are."
    else:
        told = "The two sides differ in sampling settings and grader; only like is set beside like, in the last table."
    parts = [html.paragraph(f"{told} Published numbers are as published. {_CONFIDENCE}")]
    for finding in found:
        ours = html.table(*_tidy(finding.table, f"Ours, with 95 % intervals: {finding.question} ({study.note})"))
        parts.append(html.side_by_side(ours, published_numbers(*finding.asked_by)))
    like = beside_published(study).query("ours.notna()")
    if len(like):
        parts.append(html.table(like, f"Like beside like ({study.note})", digits=2))
    return parts


def funnel(study: Profile, figures: Path) -> list[str]:
    import pandas as pd

    if not (path := figures / "02_funnel.csv").is_file():
        return [html.paragraph("Not drawn by this study."), published_numbers("Construction", "problems left")]
    stages = pd.read_csv(path, keep_default_na=False).drop(columns="pool")
    ours = html.table(stages, f"Ours: from {study.pool} to {study.hard_set} ({study.note})")
    return [html.side_by_side(ours, published_numbers("Construction", "problems left"))]


def published_numbers(item: str, *metrics: str) -> str:
    """Numbers of a figure or table of the paper, digits as printed, and who says so."""
    numbers = published()
    numbers = numbers[(numbers["paper"] == _PAPER) & (numbers["item"] == item) & numbers["metric"].isin(metrics)]
    values = numbers[["value", "decimals"]].itertuples(index=False, name=None)
    printed = ["not found" if value != value else f"{value:,.{decimals}f}" for value, decimals in values]
    sources = {source: mark for mark, source in enumerate(numbers["source"].unique(), 1)}
    marked = numbers["confidence"] + " [" + numbers["source"].map(sources).astype(str) + "]"
    table = numbers.assign(value=printed, confidence=marked)[["subject", "metric", "value", "confidence"]]
    told = " ".join(f"[{mark}] {source}." for source, mark in sources.items())
    table, caption = _tidy(table, f"Published: {_PAPER}, {item}")
    return html.table(table, f"{caption}. {told}")


def _tidy(table: pd.DataFrame, caption: str) -> tuple[pd.DataFrame, str]:
    """Columns that say the same in every row go into the caption."""
    same = [name for name in table if len(table) > 1 and table[name].nunique(dropna=False) == 1]
    told = "; ".join(f"{name}: {table[name].iloc[0]}" for name in same)
    table = table.drop(columns=same).rename(columns=lambda name: name.replace("_", " "))
    return table, f"{caption}. {told}" if told else caption


def by_problem(study: Profile, evaluations: Evaluations) -> pd.DataFrame:
    """One row per problem: set/id, gold, c of n for every model that met it, and the statement."""
    import pandas as pd

    columns: dict[str, dict[str, str]] = {}
    for (model, _), evaluation in evaluations.items():
        outcomes = evaluation.outcomes
        told = columns.setdefault(model, {})
        told |= {key: f"{c:,} of {n:,}" for key, c, n in zip(outcomes["problem"], outcomes["c"], outcomes["n"])}
    problems = [problem for name in _sets(study) for problem in study.problems(name)]
    return pd.DataFrame(
        {
            "problem": [problem.key.partition("@")[0] for problem in problems],
            "gold": [problem.gold for problem in problems],
            **{model: [told.get(problem.key, "") for problem in problems] for model, told in columns.items()},
            "statement": [problem.statement for problem in problems],
        }
    )


def completions(study: Profile, evaluations: Evaluations) -> list[str]:
    parts = [
        html.paragraph(
            f"Of every set the first {_READ_PROBLEMS} problems that some model solved and another did not: each "
            "model's first attempt, and its first correct one."
        )
    ]
    for name in _sets(study):
        met = {model: evaluation for (model, of), evaluation in evaluations.items() if of == name}
        told_apart = [problem for problem in study.problems(name) if _disagree(problem, met.values())]
        for problem in told_apart[:_READ_PROBLEMS]:
            read = [part for model, evaluation in met.items() for part in _to_read(model, evaluation, problem)]
            summary = f"{problem.key.partition('@')[0]}, gold {problem.gold}"
            parts.append(html.details(summary, html.completion(problem.statement), *read))
    return parts


def _disagree(problem: Problem, evaluations: Iterable[Evaluation]) -> bool:
    solved = [c > 0 for each in evaluations for c in each.outcomes.loc[each.outcomes["problem"] == problem.key, "c"]]
    return any(solved) and not all(solved)


def _to_read(model: str, evaluation: Evaluation, problem: Problem) -> Iterable[str]:
    graded = evaluation.verdicts[evaluation.verdicts["problem"] == problem.key]
    if graded.empty:
        return
    right = graded.loc[graded["verdict"] == "correct", "index"]
    shown = {0, *right.nsmallest(1)}
    attempts = evaluation.completions(problem, max(shown) + 1)
    for row in attempts[attempts["index"].isin(shown)].itertuples():
        of = f"{len(right):,} of {len(graded):,} correct"
        yield html.paragraph(f"{model}, attempt {row.index + 1:,}: {row.verdict} ({of})", "note")
        yield html.completion(row.text)


def models(study: Profile) -> pd.DataFrame:
    import pandas as pd

    models = [identity(study.model(name)) | {"base": base} for name, base in _models_of(study).items()]
    table = pd.DataFrame(models)
    return table if table["revision"].notna().any() else table.drop(columns="revision")


def _models_of(study: Profile) -> dict[str, str]:
    return dict.fromkeys(study.bases, "") | study.tuned


def cost(study: Profile, evaluations: Evaluations, notebooks: Sequence[Path]) -> list[str]:
    import pandas as pd

    rows = []
    for (model, name), each in evaluations.items():
        used, fixed = each.outcomes["n"].sum(), len(each.outcomes) * study.plan.n_max
        rows.append((model, name, len(each.outcomes), used, fixed / used, each.outcomes["tokens"].sum()))
    table = pd.DataFrame(rows, columns=["model", "set", "problems", "attempts", "times fewer", "tokens"])
    seconds = [_seconds(notebook) for notebook in notebooks]
    wall = f" The notebooks took {clock(sum(seconds))} minutes." if seconds and all(seconds) else ""
    beside = f"; the sieve of {study.pool} and the draw for chance come on top" if study.pool else ""
    return [
        html.paragraph(
            f"{table['attempts'].sum():,} attempts and {table['tokens'].sum():,} sampled tokens stand behind this "
            f"page{beside}. What the store had already was read, not sampled again.{wall}"
        ),
        html.table(table, f"Times fewer: than {study.plan.n_max:,} attempts at every problem ({study.note})", digits=1),
    ]


def _seconds(notebook: Path) -> float:
    """How long an executed notebook took, 0 where it does not say."""
    if not notebook.is_file():
        return 0.0
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    return metadata.get("papermill", {}).get("duration") or 0.0


def _sets(study: Profile) -> list[str]:
    return [*study.sets, *([study.hard_set] if study.hard_set else [])]
