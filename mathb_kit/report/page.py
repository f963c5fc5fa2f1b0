"""One page per run: the findings first, then every figure, every problem, completions to read, cost and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.profiles import Profile
from mathb_kit.provenance import provenance
from mathb_kit.report import html
from mathb_kit.report.findings import findings
from mathb_kit.study import study_evaluations

if TYPE_CHECKING:
    import pandas as pd

_READ_PROBLEMS, _READ_ATTEMPTS = 3, 2


def write_page(study: Profile, figures: Path, notebooks: Sequence[Path], path: Path) -> Path:
    """Write a self-contained page; what it says comes from the store and from the figures' own files.

    Args:
        study: the profile.
        figures: folder with ``name.png`` and ``name.txt`` (caption) files.
        notebooks: executed notebooks whose ``.html`` lies beside them, under the page's folder.
        path: where to write.
    """
    evaluations = study_evaluations(study, stored_only=True)
    pictures = {picture.stem: picture for picture in sorted(figures.glob("*.png"))}
    parts = [html.paragraph(study.note, "note")]
    for number, finding in enumerate(findings(study, evaluations), 1):
        parts.append(html.heading(f"{number}. {finding.question}"))
        parts += [html.paragraph(sentence, "finding") for sentence in finding.sentences]
        if finding.figure in pictures:
            parts.append(_picture(pictures.pop(finding.figure)))
        parts.append(html.details("The numbers behind it", html.table(_plain(finding.table), digits=4)))
    parts += [html.heading("More figures"), *map(_picture, pictures.values())] if pictures else []
    parts += [
        html.heading("Every problem"),
        html.table(
            _by_problem(study, evaluations),
            "Correct attempts of those made, by model. A plan stops early where a problem is solved often, so the "
            "numbers of attempts differ.",
            sortable="problems",
        ),
        html.heading("Completions to read"),
        *_completions(study, evaluations),
        html.heading("Notebooks"),
        _notebook_links(notebooks, path),
        html.heading("Cost and provenance"),
        html.table(_cost(evaluations), f"Plan: {study.plan}"),
        html.details("Provenance", html.preformatted(json.dumps(provenance(), indent=1))),
    ]
    path.write_text(html.page(f"{study.name}: {study.about}", *parts), encoding="utf-8")
    return path


def write_pictures(
    title: str, figures: Path, notebooks: Sequence[Path], path: Path, *before: str, **told: object
) -> Path:
    """The simpler page of a call that is no profile: its figures, notebooks and provenance. Arguments as above.

    Args:
        before: HTML that comes before the figures.
        told: more for the provenance.
    """
    parts = [
        *before,
        *map(_picture, sorted(figures.glob("*.png"))),
        html.heading("Notebooks"),
        _notebook_links(notebooks, path),
        html.details("Provenance", html.preformatted(json.dumps(provenance(**told), indent=1))),
    ]
    path.write_text(html.page(title, *parts), encoding="utf-8")
    return path


def every_caption_says(folder: Path, words: str, what: str) -> None:
    """MathbError naming the first figure whose caption lacks ``words``; ``what`` goes on after "does not say that"."""
    for picture in folder.glob("*.png"):
        caption = picture.with_suffix(".txt")
        if not caption.is_file() or words not in caption.read_text(encoding="utf-8"):
            raise MathbError(f"{picture} does not say that {what}.")


def _notebook_links(notebooks: Sequence[Path], path: Path) -> str:
    folder = path.parent.resolve()
    return html.links({each.stem: each.with_suffix(".html").relative_to(folder) for each in notebooks})


def _picture(picture: Path) -> str:
    note = picture.with_suffix(".txt")
    return html.picture(picture, note.read_text(encoding="utf-8").strip() if note.is_file() else picture.stem)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=lambda name: name.replace("_", " "))


def _by_problem(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> pd.DataFrame:
    """One row per problem: problem, gold, and c of n for every model that met it."""
    import pandas as pd

    columns: dict[str, dict[str, str]] = {}
    for (model, _), evaluation in evaluations.items():
        outcomes = evaluation.outcomes
        told = columns.setdefault(model, {})
        told |= {key: f"{c} of {n:,}" for key, c, n in zip(outcomes["problem"], outcomes["c"], outcomes["n"])}
    problems = [problem for name in _sets(study) for problem in study.problems(name)]
    table = pd.DataFrame({"problem": [problem.key for problem in problems], "gold": [p.gold for p in problems]})
    return table.assign(**{model: table["problem"].map(told).fillna("") for model, told in columns.items()})


def _completions(study: Profile, evaluations: Mapping[tuple[str, str], Evaluation]) -> list[str]:
    """The first attempts of every model at a few problems of the last set."""
    name = _sets(study)[-1]
    told = []
    for problem in study.problems(name)[:_READ_PROBLEMS]:
        answers = []
        for (model, of), evaluation in evaluations.items():
            if of != name or problem.key not in set(evaluation.outcomes["problem"]):
                continue
            for row in evaluation.completions(problem, _READ_ATTEMPTS).itertuples():
                answers.append(html.paragraph(f"{model}, attempt {row.index + 1}: {row.verdict}", "note"))
                answers.append(html.completion(row.text))
        told.append(html.details(f"{problem.key}, gold {problem.gold}", html.completion(problem.statement), *answers))
    return told


def _cost(evaluations: Mapping[tuple[str, str], Evaluation]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (model, name, len(each.outcomes), each.outcomes["n"].sum(), each.outcomes["tokens"].sum())
        for (model, name), each in evaluations.items()
    ]
    return pd.DataFrame(rows, columns=["model", "set", "problems", "attempts", "tokens"])


def _sets(study: Profile) -> list[str]:
    return [*study.sets, *([study.hard_set] if study.hard_set else [])]
