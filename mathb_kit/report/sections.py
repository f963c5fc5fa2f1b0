"""What a run's page shows below its findings: the paper's numbers, the funnel, every problem, completions, the cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.evaluation import Evaluation
from mathb_kit.models import Model
from mathb_kit.problems import Problem, set_and_id
from mathb_kit.profiles import Profile
from mathb_kit.progress import clock
from mathb_kit.published import published
from mathb_kit.report.html import PageTable
from mathb_kit.report.status import beside_published
from mathb_kit.results import StudyResults
from mathb_kit.sampling import NotStored
from mathb_kit.sentences.findings import Finding
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

Evaluations = Mapping[tuple[str, str], Evaluation]

_PAPER = "MATH-Beyond"
READ_PROBLEMS = 2
_CONFIDENCE = (
    "How sure a published number is: primary (the paper's own page), stated (sources that are not the paper, as a rule "
    "several that agree), code, measured (on a published figure), secondary (one reader's transcription), inferred "
    "(computed from the others)."
)


def identity(model: Model) -> dict[str, Any]:
    """Name, source, revision and key; of a local checkpoint only the folder's name, as the path tells nothing."""
    source = Path(model.source).name if model.is_local else model.source
    return {"name": model.name, "source": source, "revision": model.revision, "key": model.key()}


def beside_the_paper(results: StudyResults, findings: Iterable[Finding]) -> dict[str, Any]:
    """A note, ours and published in pairs of tables, and ``like`` (or None): where like can be set beside like."""
    study = results.study
    if study.miniature:
        note = "Ours are tiny models on synthetic problems: the two sides are not comparable, only the questions are."
    else:
        note = "The two sides differ in sampling settings and grader; only like is set beside like, in the last table."
    pairs = []
    for finding in findings:
        ours = PageTable.of(*_tidy(finding.table, f"Ours, with 95 % intervals: {finding.question} ({study.note})"))
        pairs.append((ours, published_numbers(*finding.asked_by)))
    like = beside_published(results).query("ours.notna()")
    return {
        "note": f"{note} Published numbers are as published. {_CONFIDENCE}",
        "pairs": pairs,
        "like": PageTable.of(like, f"Like beside like ({study.note})", digits=2) if len(like) else None,
    }


def stages(results: StudyResults) -> PageTable | None:
    """The funnel, where the study has one and the store holds its attempts."""
    study = results.study
    try:
        return PageTable.of(results.stages.drop(columns="pool"),
                        f"Ours: from {study.pool} to {study.hard_set} ({study.note})")  # fmt: skip
    except NotStored:
        return None


def published_numbers(item: str, *metrics: str) -> PageTable:
    """Numbers of a figure or table of the paper, digits as printed, and who says so."""
    numbers = published()
    numbers = numbers[(numbers["paper"] == _PAPER) & (numbers["item"] == item) & numbers["metric"].isin(metrics)]
    values = numbers[["value", "decimals"]].itertuples(index=False, name=None)
    printed = ["not found" if value != value else f"{value:,.{decimals}f}" for value, decimals in values]
    sources = {source: mark for mark, source in enumerate(numbers["source"].unique(), 1)}
    marked = numbers["confidence"] + " [" + numbers["source"].map(sources).astype(str) + "]"
    table = numbers.assign(value=printed, confidence=marked)[["subject", "metric", "value", "confidence"]]
    named = " ".join(f"[{mark}] {source}." for source, mark in sources.items())
    table, caption = _tidy(table, f"Published: {_PAPER}, {item}")
    return PageTable.of(table, f"{caption}. {named}")


def _tidy(table: pd.DataFrame, caption: str) -> tuple[pd.DataFrame, str]:
    """Columns that say the same in every row go into the caption."""
    same = [name for name in table if len(table) > 1 and table[name].nunique(dropna=False) == 1]
    shared = "; ".join(f"{name}: {table[name].iloc[0]}" for name in same)
    table = table.drop(columns=same).rename(columns=lambda name: name.replace("_", " "))
    return table, f"{caption}. {shared}" if shared else caption


def by_problem(study: Profile, evaluations: Evaluations) -> pd.DataFrame:
    """One row per problem: set/id, gold, statement, and c of n for every model that met it."""
    import pandas as pd

    columns: dict[str, dict[str, str]] = {}
    for (model, _), evaluation in evaluations.items():
        outcomes = evaluation.outcomes
        counts = columns.setdefault(model, {})
        counts |= {key: f"{c:,} of {n:,}" for key, c, n in zip(outcomes["problem"], outcomes["c"], outcomes["n"])}
    problems = [problem for name in _sets(study) for problem in study.problems(name)]
    return pd.DataFrame(
        {
            "problem": [set_and_id(problem.key) for problem in problems],
            "gold": [problem.gold for problem in problems],
            "statement": [problem.statement for problem in problems],
            **{model: [counts.get(problem.key, "") for problem in problems] for model, counts in columns.items()},
        }
    )


def completions(study: Profile, evaluations: Evaluations) -> list[dict[str, Any]]:
    """Problems to read: summary, statement, and attempts as pairs of a note and a text."""
    shown = []
    for name in _sets(study):
        met = {model: evaluation for (model, of), evaluation in evaluations.items() if of == name}
        problems = [each for each in study.problems(name) if _disagree(each, met.values())][:READ_PROBLEMS]
        keys = [problem.key for problem in problems]
        attempts = [_to_read(model, evaluation, keys) for model, evaluation in met.items()] if keys else []
        for problem in problems:
            summary = f"{set_and_id(problem.key)}, gold {problem.gold}"
            texts = [pair for by_key in attempts for pair in by_key[problem.key]]
            shown.append({"summary": summary, "statement": problem.statement, "attempts": texts})
    return shown


def _disagree(problem: Problem, evaluations: Iterable[Evaluation]) -> bool:
    solved = [c > 0 for each in evaluations for c in each.outcomes.loc[each.outcomes["problem"] == problem.key, "c"]]
    return any(solved) and not all(solved)


def _to_read(model: str, evaluation: Evaluation, keys: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """By problem, a model's first attempt and its first correct one, each with a note; none where it met it not."""
    graded = evaluation.verdicts[evaluation.verdicts["problem"].isin(keys)]
    right = graded[graded["verdict"] == Verdict.CORRECT].groupby("problem")["index"].agg(["min", "size"])
    tried = graded.groupby("problem").size()
    pairs: dict[str, list[tuple[str, str]]] = {key: [] for key in keys}
    if graded.empty:
        return pairs
    # One reading of the store for all of them: it takes a problem's attempts as a whole anyway.
    attempts = evaluation.first_attempts(int(right["min"].max() if len(right) else 0) + 1, list(tried.index))
    for row in attempts.sort_values(["problem", "index"]).itertuples():
        first, count = right.loc[row.problem] if row.problem in right.index else (0, 0)
        if row.index in (0, first):
            of = f"{count:,} of {tried[row.problem]:,} correct"
            pairs[row.problem].append((f"{model}, attempt {row.index + 1:,}: {row.verdict} ({of})", row.text))
    return pairs


def models(study: Profile) -> pd.DataFrame:
    import pandas as pd

    models = [identity(study.model(name)) | {"base": base} for name, base in _models_of(study).items()]
    table = pd.DataFrame(models)
    return table if table["revision"].notna().any() else table.drop(columns="revision")


def _models_of(study: Profile) -> dict[str, str]:
    return dict.fromkeys(study.bases, "") | study.tuned


def cost(study: Profile, evaluations: Evaluations, notebooks: Sequence[Path]) -> dict[str, Any]:
    """A note and a table."""
    import pandas as pd

    rows = []
    for (model, name), each in evaluations.items():
        used, fixed = each.outcomes["n"].sum(), len(each.outcomes) * study.plan.n_max
        rows.append((model, name, len(each.outcomes), used, fixed / used, each.outcomes["tokens"].sum()))
    table = pd.DataFrame(rows, columns=["model", "set", "problems", "attempts", "times fewer", "tokens"])
    seconds = [_seconds(notebook) for notebook in notebooks]
    wall = f" The notebooks took {clock(sum(seconds))} minutes." if seconds and all(seconds) else ""
    more = [f"the sieve of {study.pool}"] if study.pool else []
    more += [f"{study.redraws - 1} further draws of a base on {study.hard_set}"] if study.redraws > 1 else []
    more += ["the draw for chance"] if study.pool and study.chance else []
    beside = f"; {' and '.join(more)} {'come' if len(more) > 1 else 'comes'} on top" if more else ""
    caption = f"Times fewer: than {study.plan.n_max:,} attempts at every problem ({study.note})"
    return {
        "note": f"{table['attempts'].sum():,} attempts and {table['tokens'].sum():,} sampled tokens stand behind this "
                f"page{beside}. What the store had already was read, not sampled again.{wall}",
        "table": PageTable.of(table, caption, digits=1),
    }  # fmt: skip


def _seconds(notebook: Path) -> float:
    """How long an executed notebook took, 0 where it does not say."""
    if not notebook.is_file():
        return 0.0
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    return metadata.get("papermill", {}).get("duration") or 0.0


def _sets(study: Profile) -> list[str]:
    return [*study.sets, *([study.hard_set] if study.hard_set else [])]
